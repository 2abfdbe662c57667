import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kindOfFault } from '../../providers/http/error-table.ts';
import type { ErrorTable } from '../../providers/http/error-table.ts';
import { textAt } from '../../providers/items.ts';
import { MAILCHIMP_ERRORS } from '../../providers/mailchimp/errors.ts';
import { ProviderError } from '../../providers/provider-error.ts';
import { QUICKBOOKS_ERRORS } from '../../providers/quickbooks/errors.ts';
import { SQUARE_ERRORS } from '../../providers/square/errors.ts';
import { createTransport } from '../../providers/http/transport.ts';

const kindOf = (table: ErrorTable, status: number, json: unknown) => {
  const fault = table.faultIn(json, status);
  return fault === null ? null : kindOfFault(table, fault, status);
};
const square = (code: string, category = 'INVALID_REQUEST_ERROR') => ({ errors: [{ category, code }] });
const fault = (code: string, type: string) => ({ Fault: { Error: [{ code, Message: 'x' }], type } });

describe('an error table', () => {
  it.each([
    [SQUARE_ERRORS, 401, square('UNAUTHORIZED', 'AUTHENTICATION_ERROR'), 'needs-reauth'],
    [SQUARE_ERRORS, 403, square('INSUFFICIENT_SCOPES', 'AUTHENTICATION_ERROR'), 'rejected'],
    [SQUARE_ERRORS, 400, square('RATE_LIMITED', 'RATE_LIMIT_ERROR'), 'rate-limited'],
    [SQUARE_ERRORS, 400, square('VERSION_MISMATCH'), 'conflict'],
    [SQUARE_ERRORS, 400, square('SOMETHING_NEW', 'API_ERROR'), 'unavailable'],
    [SQUARE_ERRORS, 400, square('SOMETHING_NEW'), 'rejected'],
    [SQUARE_ERRORS, 401, {}, 'unexpected-response'],
    [SQUARE_ERRORS, 503, undefined, 'unavailable'],
    [SQUARE_ERRORS, 200, {}, null],
    [QUICKBOOKS_ERRORS, 200, fault('6240', 'ValidationFault'), 'rejected'],
    ...['6240', '6140', '2210', '6190', '6100', '6000'].map(
      (code) => [QUICKBOOKS_ERRORS, 500, fault(code, 'ValidationFault'), 'rejected'] as const,
    ),
    [QUICKBOOKS_ERRORS, 500, fault('6070', 'ValidationFault'), 'rejected'],
    [QUICKBOOKS_ERRORS, 500, fault('2500', 'ValidationFault'), 'rejected'],
    [QUICKBOOKS_ERRORS, 200, fault('3001', 'THROTTLE'), 'rate-limited'],
    [QUICKBOOKS_ERRORS, 403, fault('3001', 'THROTTLE'), 'rate-limited'],
    [QUICKBOOKS_ERRORS, 403, fault('3100', 'ApplicationAuthorizationFailed'), 'needs-reauth'],
    [QUICKBOOKS_ERRORS, 500, fault('3100', 'SERVICE'), 'unavailable'],
    [QUICKBOOKS_ERRORS, 200, { QueryResponse: {} }, null],
    [QUICKBOOKS_ERRORS, 400, '<html>', 'unexpected-response'],
    [MAILCHIMP_ERRORS, 403, { title: 'Forbidden' }, 'needs-reauth'],
    [MAILCHIMP_ERRORS, 403, undefined, 'unavailable'],
    [MAILCHIMP_ERRORS, 400, { title: 'Member Exists' }, 'rejected'],
    [MAILCHIMP_ERRORS, 429, [], 'rate-limited'],
  ] as const)('%#: decides by the body first and then by the status', (table, status, json, kind) => {
    expect(kindOf(table, status, json)).toBe(kind);
  });

  it('ignores inherited property names in a body', () => {
    for (const code of ['toString', '__proto__', 'constructor'])
      expect(kindOf(SQUARE_ERRORS, 400, square(code, code))).toBe('rejected');
  });
});

describe('the transport with an error table', () => {
  let answer: { status: number; body: string; headers?: Record<string, string> };
  const server = createServer((_request, response) => {
    response.writeHead(answer.status, answer.headers).end(answer.body);
  });
  beforeAll(() => new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready)));
  afterAll(() => new Promise((closed) => server.close(closed)));

  /** MYOB throttles with 403, BillionMail fails inside 200, Xero's day is used up with 429. */
  const MIXED: ErrorTable = {
    provider: 'square',
    faultIn(json, status) {
      const code = textAt(json, 'code');
      if (code !== null && code !== 'ok') return [code];
      return status < 300 ? null : json === undefined ? 'foreign' : [];
    },
    byCode: { RateLimitError: 'rate-limited', loggedOut: 'needs-reauth', day: { 429: 'quota-exhausted' } },
  };
  const calls = { call: <T>(request: () => Promise<T>) => request(), signal: new AbortController().signal };
  const ask = async (given: typeof answer) => {
    answer = given;
    const transport = createTransport({ provider: 'square', calls, errors: MIXED });
    return transport(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, {}).then(
      ({ status }) => status,
      (error: unknown) => (error instanceof ProviderError ? error.details : error),
    );
  };
  const json = (code: string) => JSON.stringify({ code });

  it.each([
    ['a throttle that comes as 403', { status: 403, body: json('RateLimitError') }, 'rate-limited'],
    ['a failure inside a success', { status: 200, body: json('loggedOut') }, 'needs-reauth'],
    ['a 429 that is over only tomorrow', { status: 429, body: json('day') }, 'quota-exhausted'],
    ['a 429 of any other kind', { status: 429, body: '{}' }, 'rate-limited'],
    ['a failing server that says who must log in', { status: 500, body: json('loggedOut') }, 'needs-reauth'],
    ['a proxy’s page', { status: 404, body: '<html>' }, 'unexpected-response'],
    ['a proxy’s challenge', { status: 401, body: '<html>', headers: { 'www-authenticate': 'Bearer' } }, 'needs-reauth'],
    ['a redirect', { status: 302, body: json('loggedOut'), headers: { location: '/' } }, 'unexpected-response'],
  ] as const)('throws %s as what it is', async (_what, given, kind) => {
    expect(await ask(given)).toMatchObject({ kind, httpStatus: given.status });
  });

  it('passes on the code and the provider’s retry delay', async () => {
    const details = await ask({ status: 429, body: json('day'), headers: { 'retry-after': '3600' } });
    expect(details).toMatchObject({ kind: 'quota-exhausted', code: 'day', retryAfterMs: 3_600_000 });
  });

  it('passes on a success', async () => {
    expect(await ask({ status: 200, body: json('ok') })).toBe(200);
  });
});
