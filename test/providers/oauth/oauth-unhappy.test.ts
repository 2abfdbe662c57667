import type { ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import type { AppProvider } from '../../support/test-providers.ts';
import type { OAuthAdapter } from '../../../providers/oauth.ts';
import {
  aCode,
  aGrant,
  aServer,
  adapterAt,
  canary,
  configAt,
  counted,
  oauthOf,
  refusalOf,
  sendJson,
} from './oauth-world.ts';

const FLOWS: readonly (readonly [AppProvider, OAuthAdapter['flow']])[] = [
  ['stripe', 'connect'],
  ['stripe', 'app'],
  ['square', 'code'],
  ['square', 'pkce'],
  ['quickbooks', 'code'],
  ['mailchimp', 'code'],
  ['xero', 'code'],
];

/**
 * Answers of proxies, outages and throttling, with their classification. None of them may cost a venue its connection.
 */
const BROKEN: readonly (readonly [
  string,
  (res: ServerResponse) => void,
  { readonly kind?: string; readonly httpStatus?: number; readonly retryAfterMs?: number; readonly code?: string },
])[] = [
  [
    'a web page with 200',
    (res) => res.writeHead(200, { 'content-type': 'text/html' }).end('<html>maintenance</html>'),
    { kind: 'unexpected-response', httpStatus: 200 },
  ],
  [
    'nothing with 200',
    (res) => res.writeHead(200, { 'content-type': 'application/json' }).end(),
    { kind: 'unexpected-response', httpStatus: 200 },
  ],
  [
    'a list',
    (res) => {
      sendJson(res, [{ access_token: canary('access') }]);
    },
    { kind: 'unexpected-response', httpStatus: 200 },
  ],
  [
    'half of the JSON',
    (res) => res.writeHead(200, { 'content-type': 'application/json' }).end(`{"access_token":"${canary('access')}`),
    { kind: 'unexpected-response', httpStatus: 200 },
  ],
  [
    'a body that is cut',
    (res) => {
      res
        .writeHead(200, { 'content-type': 'application/json', 'content-length': '500' })
        .write(`{"access_token":"${canary('access')}`, () => res.destroy());
    },
    { kind: 'unavailable', code: 'connection-failed' },
  ],
  ['a cut connection', (res) => res.destroy(), { kind: 'unavailable', code: 'connection-failed' }],
  [
    'a body without end',
    (res) => {
      res.writeHead(200, { 'content-type': 'application/json' });
      res.end(JSON.stringify({ access_token: canary('access').padEnd(2_000_000, 'x') }));
    },
    { kind: 'unexpected-response', httpStatus: 200 },
  ],
  [
    '503 with a page',
    (res) => res.writeHead(503, { 'content-type': 'text/html' }).end('<html>down</html>'),
    { kind: 'unavailable', httpStatus: 503 },
  ],
  [
    '408',
    (res) => {
      sendJson(res, { error: 'invalid_grant' }, 408);
    },
    { kind: 'unavailable', httpStatus: 408 },
  ],
  [
    '500 that says invalid_grant',
    (res) => {
      sendJson(res, { error: 'invalid_grant' }, 500);
    },
    { kind: 'unavailable', httpStatus: 500 },
  ],
  [
    '429 with Retry-After in seconds',
    (res) => {
      sendJson(res, { error: 'invalid_grant' }, 429, { 'retry-after': '7' });
    },
    { kind: 'rate-limited', httpStatus: 429, retryAfterMs: 7_000 },
  ],
  [
    '429 with a page',
    (res) => res.writeHead(429, { 'content-type': 'text/html' }).end('slow down'),
    { kind: 'rate-limited', httpStatus: 429 },
  ],
  [
    'a redirect',
    (res) => res.writeHead(302, { location: 'http://127.0.0.1:1/elsewhere' }).end(),
    { kind: 'unexpected-response', httpStatus: 302 },
  ],
  [
    '401 with a page',
    (res) =>
      res
        .writeHead(401, { 'content-type': 'text/html', 'www-authenticate': 'Basic realm="proxy"' })
        .end('<html>who are you</html>'),
    {},
  ],
  [
    '403 with a page',
    (res) => res.writeHead(403, { 'content-type': 'text/html' }).end('<html>no</html>'),
    { httpStatus: 403 },
  ],
  [
    '400 with a page',
    (res) => res.writeHead(400, { 'content-type': 'text/html' }).end('<html>bad</html>'),
    { kind: 'unexpected-response', httpStatus: 400 },
  ],
  [
    'an object of something else',
    (res) => {
      sendJson(res, { hello: 'world', secret: canary('access') });
    },
    { kind: 'unexpected-response' },
  ],
  [
    'an empty token',
    (res) => {
      sendJson(res, {
        access_token: '',
        refresh_token: '',
        token_type: 'bearer',
        expires_in: 3600,
        expires_at: 'soon',
        merchant_id: '',
      });
    },
    { kind: 'unexpected-response' },
  ],
];

describe.each(FLOWS)('%s by %s', (provider, flow) => {
  it.each(BROKEN)('treats %s in the exchange as no verdict, and asks once', async (_what, answer, details) => {
    const { adapter, server } = await adapterAt(provider, flow, (_asked, res) => {
      answer(res);
    });
    const calls = counted();
    const refused = await refusalOf(adapter.exchange(aCode(), calls));
    expect(refused).toMatchObject({ provider, ...details });
    expect(refused.kind).not.toMatch(/needs-reauth|rejected/);
    expect([calls.made(), server.asked().length]).toEqual([1, 1]);
  });

  it('is not refreshed by a broken answer, and asks once', async () => {
    for (const [, answer, details] of BROKEN) {
      const { adapter, server } = await adapterAt(provider, flow, (_asked, res) => {
        answer(res);
      });
      if (adapter.refresh) {
        const refused = await refusalOf(adapter.refresh(aGrant(), counted()));
        expect(refused).toMatchObject({ provider, ...details });
        expect(refused.kind).not.toMatch(/needs-reauth|rejected/);
        expect(server.asked()).toHaveLength(1);
      }
    }
  });

  // With the account's own token, Stripe's SDK reports a 401 of Stripe and one of a proxy alike; the following refresh
  // tells them apart.
  it.each(BROKEN.filter(([what]) => flow !== 'app' || what !== '401 with a page'))(
    'takes %s about the account for no verdict',
    async (_what, answer, { kind, httpStatus }) => {
      const { adapter } = await adapterAt(provider, flow, (_asked, res) => {
        answer(res);
      });
      const details = await refusalOf(adapter.account(aGrant(), counted()));
      expect(details.kind).not.toBe('needs-reauth');
      if (kind === 'rate-limited') expect(details).toMatchObject({ kind, httpStatus });
    },
  );

  it('stops waiting when aborted, with the given reason', async () => {
    const stop = new AbortController();
    const { adapter } = await adapterAt(provider, flow, () => {
      stop.abort(new Error('the worker goes down'));
    });
    await expect(adapter.exchange(aCode(), counted(stop.signal))).rejects.toThrow('the worker goes down');
  });

  it('sends nothing when already aborted', async () => {
    const { adapter, server } = await adapterAt(provider, flow, (_asked, res) => {
      sendJson(res, {});
    });
    await expect(adapter.exchange(aCode(), counted(AbortSignal.abort(new Error('stopped'))))).rejects.toThrow(
      'stopped',
    );
    expect(server.asked()).toEqual([]);
  });

  it('quotes nothing of an answer in an error, whichever field is missing', async () => {
    const whole: Readonly<Record<string, unknown>> = {
      access_token: canary('access'),
      token_type: 'bearer',
      refresh_token: canary('refresh'),
      expires_in: 3600,
      x_refresh_token_expires_in: 8_726_400,
      expires_at: '2026-12-21T12:00:00Z',
      merchant_id: 'M1',
      stripe_user_id: 'acct_1',
      livemode: false,
    };
    for (const missing of Object.keys(whole)) {
      const rest = Object.fromEntries(Object.entries(whole).filter(([name]) => name !== missing));
      const { adapter, server } = await adapterAt(provider, flow, ({ path }, res) => {
        sendJson(res, path.endsWith('metadata') ? { dc: 'us6', api_endpoint: server.url } : rest);
      });
      const outcome = await adapter.exchange(aCode(), counted()).then(
        () => 'granted',
        () => refusalOf(adapter.exchange(aCode(), counted())),
      );
      if (outcome !== 'granted') expect(outcome).toMatchObject({ kind: 'unexpected-response' });
    }
  });
});

const FORM_FLOWS = FLOWS.filter(([provider]) => provider !== 'square');

describe.each(FORM_FLOWS)('%s by %s, refused at its token endpoint', (provider, flow) => {
  it.each([
    ['invalid_grant', 400, { kind: 'needs-reauth', code: 'invalid_grant' }],
    ['invalid_client', 400, { kind: 'unavailable', code: 'invalid_client' }],
    ['invalid_client', 401, { kind: 'unavailable', code: 'invalid_client' }],
    ['unauthorized_client', 403, { kind: 'unavailable', code: 'invalid_client' }],
    ['invalid_request', 400, { kind: 'rejected', code: 'invalid_request' }],
  ])('tells whose fault it is: %s with %i', async (error, status, details) => {
    const { adapter } = await adapterAt(provider, flow, (_asked, res) => {
      sendJson(res, { error, error_description: `${canary('code')} is bad` }, status, {
        'www-authenticate': 'Basic realm="x"',
      });
    });
    expect(await refusalOf(adapter.exchange(aCode(), counted()))).toMatchObject({ httpStatus: status, ...details });
    if (adapter.refresh)
      expect(await refusalOf(adapter.refresh(aGrant(), counted()))).toMatchObject({ httpStatus: status, ...details });
  });

  it('drops an error code that is not a word', async () => {
    const { adapter } = await adapterAt(provider, flow, (_asked, res) => {
      sendJson(res, { error: `your token ${canary('code')} is unknown` }, 400);
    });
    expect(await refusalOf(adapter.exchange(aCode(), counted()))).toMatchObject({
      kind: 'unexpected-response',
      code: undefined,
    });
  });
});

describe.each([['code'], ['pkce']] as const)('square by %s, refused at its token endpoint', (flow) => {
  const error = (code: string, category = 'AUTHENTICATION_ERROR') => ({
    errors: [{ category, code, detail: canary('code') }],
  });

  it.each([
    ['a code or token it does not take', 401, error('UNAUTHORIZED'), { kind: 'needs-reauth', code: 'UNAUTHORIZED' }],
    [
      'an app it does not know',
      401,
      { message: 'Not Authorized', type: 'service.not_authorized' },
      { kind: 'unavailable', code: 'invalid_client' },
    ],
    ['a page of a proxy', 401, undefined, { kind: 'unexpected-response' }],
    [
      'a mistake of ours',
      400,
      error('MISSING_REQUIRED_PARAMETER', 'INVALID_REQUEST_ERROR'),
      { kind: 'rejected', code: 'MISSING_REQUIRED_PARAMETER' },
    ],
  ])('tells whose fault it is: %s', async (_what, status, body, details) => {
    const { adapter } = await adapterAt('square', flow, (_asked, res) => {
      sendJson(res, body, status);
    });
    expect(await refusalOf(adapter.exchange(aCode(), counted()))).toMatchObject({ httpStatus: status, ...details });
    expect(await refusalOf(adapter.refresh!(aGrant(), counted()))).toMatchObject({ httpStatus: status, ...details });
  });
});

describe('a provider that does not answer', () => {
  it.concurrent.each([
    ['stripe', 'app'],
    ['square', 'code'],
    ['quickbooks', 'code'],
  ] as const)(
    '%s by %s is given up',
    async (provider, flow) => {
      const server = await aServer(() => undefined);
      const refused = await refusalOf(oauthOf(configAt(server.url), provider, flow).refresh!(aGrant(), counted()));
      await server.close();
      expect(refused).toMatchObject({ kind: 'unavailable', code: 'timeout' });
    },
    30_000,
  );

  it.concurrent(
    'is given up in the middle of its answer',
    async () => {
      const server = await aServer((_asked, res) => {
        res.writeHead(200, { 'content-type': 'application/json' }).write('{"access_token":');
      });
      const refused = await refusalOf(oauthOf(configAt(server.url), 'square', 'pkce').refresh!(aGrant(), counted()));
      await server.close();
      expect(refused).toMatchObject({ kind: 'unavailable', code: 'timeout' });
    },
    30_000,
  );
});
