import type { ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import {
  aCode,
  aGrant,
  adapterAt,
  canary,
  configAt,
  counted,
  oauthOf,
  refusalOf,
  sendJson,
  serve,
} from './oauth-world.ts';
import type { Asked } from './oauth-world.ts';

const DAY_MS = 24 * 3_600_000;

describe('an unusual but valid answer', () => {
  it('may have unknown fields', async () => {
    const { adapter } = await adapterAt('quickbooks', 'code', (_asked, res) => {
      sendJson(res, {
        access_token: 'a',
        token_type: 'Bearer',
        refresh_token: 'r',
        expires_in: 3600,
        x_refresh_token_expires_in: 8_726_400,
        x_refresh_token_hard_expires_in: 86_400,
        idToken: 'i',
        new_field: [1],
      });
    });
    const grant = await adapter.exchange(aCode(), counted());
    expect(grant).toMatchObject({ context: { realmId: '9130' }, scopes: ['com.intuit.quickbooks.accounting'] });
    expect(grant.hardExpiresAt!.getTime() - Date.now()).toBeLessThanOrEqual(DAY_MS);
  });

  it('from Intuit may omit the hard limit: it is five years then, and a refresh keeps the known one', async () => {
    const { adapter } = await adapterAt('quickbooks', 'code', (_asked, res) => {
      sendJson(res, {
        access_token: 'a',
        token_type: 'bearer',
        refresh_token: 'r',
        expires_in: 3600,
        x_refresh_token_expires_in: 8_726_400,
      });
    });
    const { hardExpiresAt } = await adapter.exchange(aCode(), counted());
    expect(Math.round((hardExpiresAt!.getTime() - Date.now()) / DAY_MS)).toBe(5 * 365);
    expect((await adapter.refresh!(aGrant(), counted())).hardExpiresAt).toEqual(aGrant().hardExpiresAt);
  });

  it('from a Stripe App may name another account in a refresh: the granted one is kept', async () => {
    const { adapter } = await adapterAt('stripe', 'app', (_asked, res) => {
      sendJson(res, {
        access_token: 'sk_test_b',
        refresh_token: 'rt_b',
        account_id: 'acct_1',
        scope: 'stripe_apps',
        token_type: 'bearer',
      });
    });
    expect(await adapter.refresh!(aGrant(), counted())).toMatchObject({
      context: { stripe_user_id: 'acct_1', livemode: 'false' },
      scopes: ['stripe_apps'],
    });
  });

  it.each([
    ['square', 'code'],
    ['square', 'pkce'],
    ['quickbooks', 'code'],
    ['stripe', 'app'],
  ] as const)(
    'may leave the refresh token out of a refresh: it stays the one it was: %s by %s',
    async (provider, flow) => {
      const { adapter } = await adapterAt(provider, flow, (_asked, res) => {
        sendJson(res, { access_token: 'a', token_type: 'bearer' });
      });
      expect((await adapter.refresh!(aGrant(), counted())).refreshToken?.expose()).toBe(canary('refresh'));
    },
  );

  it('from Mailchimp has no token type, an expiry of 0 and no scopes', async () => {
    const { adapter } = await adapterAt('mailchimp', 'code', ({ path }, res, url) => {
      sendJson(
        res,
        path === '/oauth2/metadata'
          ? { dc: 'us6', api_endpoint: url }
          : { access_token: 'a', expires_in: 0, scope: null, account_id: 'a1' },
      );
    });
    const grant = await adapter.exchange(aCode(), counted());
    expect(grant).toMatchObject({ refreshToken: null, accessExpiresAt: null });
    expect(await adapter.account(grant, counted())).toMatchObject({ context: { dc: 'us6' } });
  });

  it('from Stripe may come from live mode: the account is then a production account', async () => {
    const { adapter } = await adapterAt('stripe', 'app', (_asked, res) => {
      sendJson(res, { id: 'acct_1', object: 'account' });
    });
    expect(
      await adapter.account(aGrant({ context: { stripe_user_id: 'acct_1', livemode: 'true' } }), counted()),
    ).toMatchObject({ environment: 'production' });
  });
});

describe('an account other than the granted one', () => {
  it.each([
    ['stripe', 'connect', { id: 'acct_other', object: 'account' }],
    ['stripe', 'app', { id: 'acct_other', object: 'account' }],
    [
      'square',
      'code',
      { scopes: ['MERCHANT_PROFILE_READ'], merchant_id: 'M2', merchant: { id: 'M2', business_name: 'Other' } },
    ],
  ] as const)('is never taken for it: %s by %s', async (provider, flow, body) => {
    const { adapter } = await adapterAt(provider, flow, (_asked, res) => {
      sendJson(res, body);
    });
    expect(await refusalOf(adapter.account(aGrant(), counted()))).toMatchObject({
      kind: 'unexpected-response',
      code: 'another-account',
    });
  });
});

describe('Mailchimp’s data centre of an account', () => {
  const tokenThen =
    (metadata: object) =>
    ({ path }: Asked, res: ServerResponse) => {
      sendJson(res, path === '/oauth2/metadata' ? metadata : { access_token: canary('access'), expires_in: 0 });
    };

  it.each([
    ['another host', { dc: 'us6', api_endpoint: 'https://us6.api.mailchimp.com.evil.example' }],
    ['another data centre', { dc: 'us6', api_endpoint: 'https://us7.api.mailchimp.com' }],
    ['an address of this machine', { dc: 'us6', api_endpoint: 'http://127.0.0.1:8080' }],
    ['no TLS', { dc: 'us6', api_endpoint: 'http://us6.api.mailchimp.com' }],
    ['another port', { dc: 'us6', api_endpoint: 'https://us6.api.mailchimp.com:8443' }],
    ['a user in the address', { dc: 'us6', api_endpoint: 'https://us6.api.mailchimp.com@evil.example' }],
    ['no address', { dc: 'us6', api_endpoint: 'us6.api.mailchimp.com' }],
    ['a script', { dc: 'us6', api_endpoint: 'javascript:alert(1)' }],
    ['nothing', { dc: 'us6' }],
  ])('is not followed to %s', async (_what, metadata) => {
    const server = await serve(tokenThen(metadata));
    const config = configAt(server.url);
    const real = oauthOf({ ...config, mailchimp: { ...config.mailchimp, apiUrl: null } }, 'mailchimp', 'code');
    const grant = await real.exchange(aCode(), counted());
    expect(await refusalOf(real.account(grant, counted()))).toMatchObject({ kind: 'unexpected-response' });
    expect(server.asked()).toHaveLength(2);
  });

  it.each(['us6.evil.example/', 'evil.example#', '127.0.0.1:80/', 'us6@evil.example', '', 'US6', '..'])(
    'is refused when it names the data centre %j',
    async (dc) => {
      const server = await serve(tokenThen({ dc, api_endpoint: `https://${dc}.api.mailchimp.com` }));
      const config = configAt(server.url);
      const real = oauthOf({ ...config, mailchimp: { ...config.mailchimp, apiUrl: null } }, 'mailchimp', 'code');
      expect((await refusalOf(real.account(await real.exchange(aCode(), counted()), counted()))).kind).toMatch(
        /unexpected-response|needs-reauth/,
      );
      expect((await refusalOf(real.account(aGrant({ context: { dc } }), counted()))).code).toBe('no-data-centre');
    },
  );

  it.each([
    ['an outage', 503],
    ['a refusal', 403],
    ['a page', 404],
  ])('is not asked for with the exchange: %s costs no token', async (_what, status) => {
    let down = true;
    const { adapter } = await adapterAt('mailchimp', 'code', ({ path }, res, url) => {
      if (path === '/oauth2/metadata' && down) res.writeHead(status).end('down');
      else
        sendJson(
          res,
          path === '/oauth2/metadata'
            ? { dc: 'us6', api_endpoint: url }
            : { access_token: 'a', expires_in: 0, account_id: 'a1', account_name: 'News' },
        );
    });
    const grant = await adapter.exchange(aCode(), counted());
    expect(grant.context).toEqual({});
    expect(await refusalOf(adapter.account(grant, counted()))).toMatchObject({ httpStatus: status });
    down = false;
    expect(await adapter.account(grant, counted())).toMatchObject({ externalAccountId: 'a1', context: { dc: 'us6' } });
  });

  it('is accepted when it is Mailchimp’s own', async () => {
    const server = await serve(tokenThen({ dc: 'us6', api_endpoint: 'https://us6.api.mailchimp.com' }));
    const config = configAt(server.url);
    const real = oauthOf({ ...config, mailchimp: { ...config.mailchimp, apiUrl: null } }, 'mailchimp', 'code');
    const grant = await real.exchange(aCode(), counted());
    let made = 0;
    const calls = counted();
    // The second call would leave this machine.
    const work = real.account(grant, {
      ...calls,
      call: (request) => ((made += 1) === 1 ? request() : Promise.reject(new Error('asked the API'))),
    });
    await expect(work).rejects.toThrow('asked the API');
  });

  it('is replaced by the configured stand-in', async () => {
    const { adapter } = await adapterAt(
      'mailchimp',
      'code',
      tokenThen({ dc: 'us6', api_endpoint: 'https://us6.api.mailchimp.com' }),
    );
    expect(await refusalOf(adapter.account(await adapter.exchange(aCode(), counted()), counted()))).toMatchObject({
      kind: 'unexpected-response',
      code: 'foreign-api-endpoint',
    });
  });
});

describe('a refused call about the account', () => {
  it.each([
    [
      'quickbooks',
      401,
      { fault: { error: [{ code: '3200', message: canary('access') }], type: 'AUTHENTICATION' } },
      { kind: 'needs-reauth', code: '3200' },
    ],
    [
      'quickbooks',
      403,
      { Fault: { Error: [{ code: '3100', Message: canary('access') }] } },
      { kind: 'needs-reauth', code: '3100' },
    ],
    ['quickbooks', 403, {}, { kind: 'rejected' }],
    [
      'quickbooks',
      200,
      { Fault: { Error: [{ code: '6190', Message: 'x' }], type: 'ValidationFault' } },
      { kind: 'rejected', code: '6190' },
    ],
    [
      'quickbooks',
      200,
      {
        IntuitResponse: {
          Fault: {
            Error: [{ code: '6190', Message: canary('access'), Detail: canary('access') }],
            type: 'ValidationFault',
          },
        },
      },
      { kind: 'rejected', code: '6190' },
    ],
    [
      'quickbooks',
      200,
      {
        CompanyInfo: { CompanyName: 'x' },
        BatchItemResponse: [{ Fault: { Error: [{ code: '610', Detail: canary('access') }], type: 'ValidationFault' } }],
      },
      { kind: 'rejected', code: '610' },
    ],
    [
      'quickbooks',
      200,
      { Fault: { Error: [{ code: canary('access') }], type: `a fault of ${canary('access')}` } },
      { kind: 'rejected', code: undefined },
    ],
    [
      'quickbooks',
      200,
      {
        Fault: { Error: [{ code: '3200', Detail: `Token expired: ${canary('access')}` }], type: 'AuthenticationFault' },
      },
      { kind: 'needs-reauth', code: '3200' },
    ],
    [
      'quickbooks',
      200,
      { Fault: { Error: [{ code: '10000' }], type: 'SystemFault' } },
      { kind: 'unavailable', code: '10000' },
    ],
    [
      'quickbooks',
      200,
      { fault: { error: [{ code: '3001' }], type: 'THROTTLE' } },
      { kind: 'rate-limited', code: '3001' },
    ],
    [
      'quickbooks',
      200,
      { fault: { error: [{ code: '3100' }], type: 'SERVICE' } },
      { kind: 'unavailable', code: '3100' },
    ],
    [
      'quickbooks',
      400,
      {
        Fault: {
          Error: [{ code: '500', Message: 'Unsupported Operation', Detail: canary('access') }],
          type: 'ValidationFault',
        },
      },
      { kind: 'rejected', code: '500' },
    ],
    [
      'quickbooks',
      401,
      { fault: { error: [{ code: '3200', detail: `Token expired: ${canary('access')}` }], type: 'AUTHENTICATION' } },
      { kind: 'needs-reauth', code: '3200' },
    ],
    ['mailchimp', 401, { title: 'API Key Invalid', status: 401, detail: canary('access') }, { kind: 'needs-reauth' }],
    ['mailchimp', 403, { title: 'Forbidden', status: 403 }, { kind: 'needs-reauth', code: 'forbidden' }],
    ['mailchimp', 403, null, { kind: 'unavailable' }],
    [
      'square',
      401,
      { errors: [{ category: 'AUTHENTICATION_ERROR', code: 'ACCESS_TOKEN_REVOKED', detail: canary('access') }] },
      { kind: 'needs-reauth', code: 'ACCESS_TOKEN_REVOKED' },
    ],
    [
      'square',
      403,
      { errors: [{ category: 'AUTHENTICATION_ERROR', code: 'INSUFFICIENT_SCOPES' }] },
      { kind: 'rejected', code: 'INSUFFICIENT_SCOPES' },
    ],
  ] as const)('of %s with %i tells whether the owner has to act', async (provider, status, body, details) => {
    const { adapter } = await adapterAt(provider, 'code', (_asked, res) => {
      sendJson(res, body, status);
    });
    expect(await refusalOf(adapter.account(aGrant(), counted()))).toMatchObject({ httpStatus: status, ...details });
  });

  it('from a Stripe App that may not read accounts leaves the name empty', async () => {
    const { adapter } = await adapterAt('stripe', 'app', (_asked, res) => {
      sendJson(res, { error: { type: 'invalid_request_error', message: 'permission' } }, 403, {
        'request-id': 'req_1',
      });
    });
    expect(await adapter.account(aGrant(), counted())).toEqual({
      externalAccountId: 'acct_1',
      name: null,
      environment: 'sandbox',
      scopes: ['earlier'],
    });
  });

  it('from Stripe distinguishes a wrong platform key from a disconnected account', async () => {
    const gone = await adapterAt('stripe', 'connect', (_asked, res) => {
      sendJson(res, { error: { type: 'invalid_request_error', code: 'account_invalid', message: 'revoked' } }, 403);
    });
    expect(await refusalOf(gone.adapter.account(aGrant(), counted()))).toMatchObject({
      kind: 'needs-reauth',
      code: 'account_invalid',
    });
    const badKey = await adapterAt('stripe', 'connect', (_asked, res) => {
      sendJson(res, { error: { type: 'invalid_request_error', message: 'Invalid API Key' } }, 401);
    });
    expect(await refusalOf(badKey.adapter.account(aGrant(), counted()))).toMatchObject({
      kind: 'unavailable',
      code: 'invalid_client',
    });
  });
});
