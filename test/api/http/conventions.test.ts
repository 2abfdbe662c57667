import { DrizzleQueryError } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { until } from '../../support/eventually.ts';
import { aToken, createApiWorld, PUBLIC_URL, WIDE_LIMITS } from '../api-world.ts';
import type { ApiWorld } from '../api-world.ts';

let api: ApiWorld;
beforeAll(async () => {
  api = await createApiWorld();
});
afterAll(() => api.close());

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe('every answer', () => {
  const paths = [
    '/health/live',
    '/health/ready',
    '/health/deep',
    '/openapi.json',
    '/docs',
    '/docs/errors',
    '/v1/venues',
    '/nowhere',
    '/v1/venues/x',
  ];

  it('has the request id that was sent if it is valid, and a new one otherwise', async () => {
    for (const path of paths) {
      expect(
        (await api.send('GET', path, { headers: { 'x-request-id': 'My-id_1.2' } })).headers.get('x-request-id'),
      ).toBe('My-id_1.2');
      for (const id of ['', 'with space', 'x'.repeat(129), 'a/b', 'id"']) {
        expect((await api.send('GET', path, { headers: { 'x-request-id': id } })).headers.get('x-request-id')).toMatch(
          UUID_V7,
        );
      }
    }
  });

  it('warns about the development keyring, hides the server software, and has browser security headers', async () => {
    for (const path of paths) {
      const { headers } = await api.send('GET', path);
      expect(headers.get('interlock-warning')).toBe('development-keyring');
      expect(headers.get('x-powered-by')).toBeNull();
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('content-security-policy')).toContain("default-src 'none'");
    }
  });

  it('has no warning with a real key service', async () => {
    const real = await createApiWorld({ config: { developmentKeyring: false } });
    expect((await real.send('GET', '/v1/venues')).headers.get('interlock-warning')).toBeNull();
    await real.close();
  });
});

describe('an error', () => {
  it('is problem details with every field of the contract', async () => {
    const answer = await api.send('POST', '/v1/venues', { json: { name: 7 }, headers: { 'x-request-id': 'req-1' } });
    expect(answer.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
    expect(answer.json).toEqual({
      type: `${PUBLIC_URL}/docs/errors#invalid-request`,
      title: 'The request is not valid',
      status: 400,
      code: 'invalid-request',
      detail: 'name: Expected string, received number, and 2 more.',
      requestId: 'req-1',
      errors: [
        { path: 'name', message: 'Expected string, received number' },
        { path: 'timeZone', message: 'Required' },
        { path: 'currency', message: 'Required' },
      ],
    });
  });

  it('on our side shows the caller only the request id, and the log everything except data', async () => {
    const failure = { query: 'select x', params: ['ada@example.com'], cause: new RangeError('inner') };
    vi.spyOn(api.venues, 'list').mockRejectedValueOnce(
      Object.assign(new Error('Failed query: select x\nparams: ada@example.com'), failure),
    );
    const answer = await api.send('GET', '/v1/venues', { headers: { 'x-request-id': 'boom-1' } });
    expect(answer.json).toEqual({
      type: `${PUBLIC_URL}/docs/errors#internal`,
      title: 'Something went wrong on our side',
      status: 500,
      code: 'internal',
      detail: 'Something went wrong on our side.',
      requestId: 'boom-1',
    });
    const line = api.logLines.find((entry) => entry.includes('boom-1') && entry.includes('unexpected error')) ?? '';
    expect(line).toContain('RangeError');
    expect(line).toContain('"route":"/v1/venues"');
    expect(line).not.toContain('ada@example.com');
  });

  it('of an unavailable database is 503 and shows nothing of it', async () => {
    const cause = Object.assign(new Error('connect ECONNREFUSED 10.0.0.1:5432'), { code: 'ECONNREFUSED' });
    vi.spyOn(api.venues, 'list').mockRejectedValueOnce(new DrizzleQueryError('select', [], cause));
    const answer = await api.send('GET', '/v1/venues');
    expect(answer).toMatchObject({ status: 503, json: { code: 'database-unavailable' } });
    expect(answer.text).not.toContain('10.0.0.1');
    expect(answer.headers.get('retry-after')).toBe('2');
  });
});

describe('the access log', () => {
  it('has one line per request with the path’s template, never the path or the query', async () => {
    const venueId = await api.aVenue();
    const before = api.logLines.length;
    await api.send('GET', `/v1/venues/${venueId}/records/customers?sourceId=private-key`, {
      headers: { 'x-request-id': 'logged-1' },
    });
    await api.send('POST', `/v1/venues/${venueId}/records/customers/batch`, {
      json: { records: [{ sourceId: 'p', email: 'ada@example.com', name: 'Ada Private' }] },
    });
    await until(() => api.logLines.length >= before + 2, { limitMs: 20_000, what: 'both requests are logged' });
    const lines = api.logLines.slice(before);
    expect(lines.map((line) => JSON.parse(line) as Record<string, unknown>)).toMatchObject([
      {
        requestId: 'logged-1',
        method: 'GET',
        route: '/v1/venues/{venueId}/records/customers',
        status: 200,
        subject: 'tester',
      },
      { method: 'POST', status: 200 },
    ]);
    for (const secret of ['private-key', 'ada@example.com', 'Ada Private', 'Bearer', 'eyJ'])
      expect(lines.join('\n')).not.toContain(secret);
  });
});

describe('our own rate limits', () => {
  it('show the remaining count on every answer, and answer 429 with Retry-After above it: per caller', async () => {
    const limited = await createApiWorld({
      config: { rateLimits: { ...WIDE_LIMITS, perCallerPerMinute: 3, perVenuePerMinute: 100 } },
    });
    const answers = [];
    for (let index = 0; index < 4; index += 1) answers.push(await limited.send('GET', '/v1/venues'));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 429]);
    expect(answers[0]?.headers.get('ratelimit')).toMatch(/^"caller"; r=2; t=\d+$/);
    expect(answers[0]?.headers.get('ratelimit-policy')).toMatch(/^"caller"; q=3; w=60/);
    expect(answers[3]?.json).toMatchObject({ code: 'rate-limited', status: 429 });
    expect(Number(answers[3]?.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await limited.send('GET', '/v1/venues', { token: await aToken({ sub: 'another' }) })).status).toBe(200);
    await limited.close();
  });

  it('apply to a venue across all its callers, and strangers do not use them up', async () => {
    const limited = await createApiWorld({
      config: { rateLimits: { ...WIDE_LIMITS, perCallerPerMinute: 100, perVenuePerMinute: 2 } },
    });
    const venueId = await limited.aVenue();
    const other = await limited.aVenue();
    const stranger = await aToken({ sub: 'stranger', venues: [other] });
    const get = async (sub: string) =>
      (await limited.send('GET', `/v1/venues/${venueId}`, { token: await aToken({ sub }) })).status;
    for (let index = 0; index < 5; index += 1)
      expect((await limited.send('GET', `/v1/venues/${venueId}`, { token: stranger })).status).toBe(404);
    expect([await get('a'), await get('b'), await get('c')]).toEqual([200, 200, 429]);
    expect((await limited.send('GET', `/v1/venues/${other}`, { token: stranger })).status).toBe(200);
    await limited.close();
  });
});

describe('health', () => {
  it('is live without a token', async () => {
    expect(await api.send('GET', '/health/live', { token: null })).toMatchObject({
      status: 200,
      json: { status: 'ok' },
    });
  });

  it('is ready when Postgres and Temporal answer, and otherwise names the one that does not', async () => {
    expect(await api.send('GET', '/health/ready', { token: null })).toMatchObject({
      status: 200,
      json: { status: 'ok', checks: { postgres: 'ok', temporal: 'ok' } },
    });
    api.gateway.away = true;
    expect(await api.send('GET', '/health/ready', { token: null })).toMatchObject({
      status: 503,
      json: { status: 'down', checks: { postgres: 'ok', temporal: 'down' } },
    });
    api.gateway.away = false;
  });

  it('answers although a service hangs, and checks it once for concurrent requests', async () => {
    let asked = 0;
    const hanging = await createApiWorld({
      deps: {
        pingDatabase: () => {
          asked += 1;
          return new Promise(() => undefined);
        },
      },
    });
    const answers = await Promise.all(Array.from({ length: 5 }, () => hanging.send('GET', '/health/ready')));
    expect(answers.map(({ status }) => status)).toEqual([503, 503, 503, 503, 503]);
    expect(asked).toBe(1);
    await hanging.close();
  });
});
