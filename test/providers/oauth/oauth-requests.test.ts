import type { ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import type { AppProvider } from '../../support/test-providers.ts';
import type { OAuthAdapter } from '../../../providers/oauth.ts';
import { Secret } from '../../../vault/secret.ts';
import {
  APP_SECRET,
  PLATFORM_KEY,
  aCode,
  aGrant,
  adapterAt,
  canary,
  configAt,
  counted,
  oauthOf,
  refusalOf,
  sendJson,
} from './oauth-world.ts';
import type { Asked } from './oauth-world.ts';

const REDIRECT_URI = 'https://interlock.example/oauth/x/callback';

const formOf = ({ body }: Asked) => Object.fromEntries(new URLSearchParams(body));
const jsonOf = ({ body }: Asked): unknown => JSON.parse(body);

describe('the authorization URL', () => {
  const request = {
    state: 'st&te',
    redirectUri: REDIRECT_URI,
    codeVerifier: new Secret('dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'),
    scopes: null,
  };
  const pageOf = async (
    provider: AppProvider,
    flow: OAuthAdapter['flow'],
    over: Partial<typeof request> | { readonly scopes: readonly string[] } = {},
  ) => {
    const url = new URL(
      await oauthOf(configAt('https://provider.example'), provider, flow).authorizationUrl({ ...request, ...over }),
    );
    return { at: `${url.origin}${url.pathname}`, ...Object.fromEntries(url.searchParams) };
  };

  it.each([
    [
      'stripe',
      'connect',
      {
        at: 'https://provider.example/oauth/authorize',
        response_type: 'code',
        client_id: 'ca_connect',
        scope: 'read_write',
      },
    ],
    ['stripe', 'app', { at: 'https://provider.example/oauth/v2/authorize', client_id: 'ca_app' }],
    [
      'quickbooks',
      'code',
      {
        at: 'https://provider.example/connect/oauth2',
        response_type: 'code',
        client_id: 'qb-app',
        scope: 'com.intuit.quickbooks.accounting',
      },
    ],
    [
      'mailchimp',
      'code',
      { at: 'https://provider.example/oauth2/authorize', response_type: 'code', client_id: 'mc-app' },
    ],
    [
      'xero',
      'code',
      {
        at: 'https://provider.example/identity/connect/authorize',
        response_type: 'code',
        client_id: 'xero-app',
        scope:
          'offline_access accounting.contacts accounting.invoices accounting.payments.read accounting.banktransactions.read accounting.settings accounting.reports.profitandloss.read accounting.reports.balancesheet.read',
      },
    ],
  ] as const)('is the one of %s by %s', async (provider, flow, page) => {
    expect(await pageOf(provider, flow)).toEqual({ ...page, redirect_uri: REDIRECT_URI, state: 'st&te' });
  });

  it('of Square has all scopes that a sync needs, or the requested ones', async () => {
    expect(await pageOf('square', 'code')).toEqual({
      at: 'https://provider.example/oauth2/authorize',
      client_id: 'sq-app',
      scope:
        'MERCHANT_PROFILE_READ ITEMS_READ ITEMS_WRITE CUSTOMERS_READ CUSTOMERS_WRITE INVENTORY_READ INVENTORY_WRITE ORDERS_READ PAYMENTS_READ DISPUTES_READ INVOICES_READ LOYALTY_READ',
      redirect_uri: REDIRECT_URI,
      state: 'st&te',
    });
    expect(await pageOf('square', 'code', { scopes: ['ITEMS_READ'] })).toMatchObject({ scope: 'ITEMS_READ' });
  });

  it('carries the challenge of RFC 7636’s own example, and never the verifier', async () => {
    const page = await pageOf('square', 'pkce');
    expect(page).toMatchObject({ code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM' });
    expect(JSON.stringify(page)).not.toContain(request.codeVerifier.expose());
  });

  it('makes a Square production seller sign in again', async () => {
    const config = configAt('https://provider.example');
    const production = oauthOf({ ...config, square: { ...config.square, sandbox: false } }, 'square', 'code');
    expect(new URL(await production.authorizationUrl(request)).searchParams.get('session')).toBe('false');
  });
});

describe('a request to a token endpoint', () => {
  const nothing = (_asked: Asked, res: ServerResponse) => {
    sendJson(res, {}, 400);
  };
  const askedBy = async (
    provider: AppProvider,
    flow: OAuthAdapter['flow'],
    work: (adapter: OAuthAdapter) => Promise<unknown>,
  ): Promise<Asked> => {
    const { adapter, server } = await adapterAt(provider, flow, nothing);
    await work(adapter).catch(() => undefined);
    return server.asked()[0]!;
  };
  const exchange = (adapter: OAuthAdapter) => adapter.exchange(aCode(), counted());
  const refresh = (adapter: OAuthAdapter) => adapter.refresh!(aGrant(), counted());

  it.each([
    ['connect', '/oauth/token'],
    ['app', '/v1/oauth/token'],
  ] as const)('of Stripe by %s comes with the platform’s key', async (flow, path) => {
    const asked = await askedBy('stripe', flow, exchange);
    expect(asked).toMatchObject({
      method: 'POST',
      path,
      headers: {
        authorization: `Bearer ${PLATFORM_KEY}`,
        'content-type': expect.stringMatching(/^application\/x-www-form-urlencoded/) as string,
      },
    });
    expect(formOf(asked)).toEqual({ grant_type: 'authorization_code', code: canary('code') });
  });

  it('of a Stripe App replaces the refresh token', async () => {
    expect(formOf(await askedBy('stripe', 'app', refresh))).toEqual({
      grant_type: 'refresh_token',
      refresh_token: canary('refresh'),
    });
  });

  it('of Square is JSON, with the secret in the code flow and the verifier in PKCE', async () => {
    const common = {
      client_id: 'sq-app',
      grant_type: 'authorization_code',
      code: canary('code'),
      redirect_uri: REDIRECT_URI,
    };
    expect(jsonOf(await askedBy('square', 'code', exchange))).toEqual({ ...common, client_secret: APP_SECRET });
    expect(jsonOf(await askedBy('square', 'pkce', exchange))).toEqual({
      ...common,
      code_verifier: canary('verifier').padEnd(43, 'x'),
    });
    const again = { client_id: 'sq-app', grant_type: 'refresh_token', refresh_token: canary('refresh') };
    expect(jsonOf(await askedBy('square', 'code', refresh))).toEqual({ ...again, client_secret: APP_SECRET });
    expect(jsonOf(await askedBy('square', 'pkce', refresh))).toEqual(again);
  });

  it('of QuickBooks uses Basic authentication and asks for the hard limit', async () => {
    for (const [work, form] of [
      [exchange, { grant_type: 'authorization_code', code: canary('code'), redirect_uri: REDIRECT_URI }],
      [refresh, { grant_type: 'refresh_token', refresh_token: canary('refresh') }],
    ] as const) {
      const asked = await askedBy('quickbooks', 'code', work);
      expect(asked.headers).toMatchObject({
        'x-include-refresh-token-hard-expires-in': 'true',
        authorization: `Basic ${Buffer.from(`qb-app:${APP_SECRET}`).toString('base64')}`,
      });
      expect(formOf(asked)).toEqual(form);
    }
  });

  it('of Mailchimp holds the client’s secret', async () => {
    expect(formOf(await askedBy('mailchimp', 'code', exchange))).toEqual({
      grant_type: 'authorization_code',
      code: canary('code'),
      redirect_uri: REDIRECT_URI,
      client_id: 'mc-app',
      client_secret: APP_SECRET,
    });
  });
});

describe('a revocation', () => {
  it('of Stripe Connect is complete only when the account is unreachable', async () => {
    const refused = { error: 'invalid_client', error_description: 'not connected' };
    const gone = await adapterAt('stripe', 'connect', ({ path }, res) => {
      sendJson(
        res,
        path === '/oauth/deauthorize' ? refused : { error: { type: 'invalid_request_error', code: 'account_invalid' } },
        path === '/oauth/deauthorize' ? 401 : 403,
      );
    });
    await gone.adapter.revoke!(aGrant(), counted());
    const wrongApp = await adapterAt('stripe', 'connect', ({ path }, res) => {
      sendJson(
        res,
        path === '/oauth/deauthorize' ? refused : { id: 'acct_1', object: 'account' },
        path === '/oauth/deauthorize' ? 401 : 200,
      );
    });
    expect(await refusalOf(wrongApp.adapter.revoke!(aGrant(), counted()))).toMatchObject({
      kind: 'unavailable',
      code: 'invalid_client',
    });
  });

  it('of Square names the merchant and uses the app’s secret', async () => {
    const { adapter, server } = await adapterAt('square', 'code', (_asked, res) => {
      sendJson(res, { success: true });
    });
    await adapter.revoke!(aGrant(), counted());
    expect(server.asked()[0]).toMatchObject({
      method: 'POST',
      path: '/oauth2/revoke',
      headers: { authorization: `Client ${APP_SECRET}` },
    });
    expect(jsonOf(server.asked()[0]!)).toEqual({ client_id: 'sq-app', merchant_id: 'M1' });
  });

  it('of Square is unavailable without the app’s secret', () => {
    const config = configAt('http://127.0.0.1:1');
    expect(oauthOf({ ...config, square: { ...config.square, appSecret: null } }, 'square', 'pkce').revoke).toBeNull();
  });

  it('of QuickBooks sends the refresh token and accepts an empty answer', async () => {
    const { adapter, server } = await adapterAt('quickbooks', 'code', (_asked, res) => res.writeHead(200).end());
    await adapter.revoke!(aGrant(), counted());
    expect(jsonOf(server.asked()[0]!)).toEqual({ token: canary('refresh') });
  });

  it.each([
    ['stripe', 'connect'],
    ['square', 'code'],
    ['quickbooks', 'code'],
  ] as const)('of %s by %s is not done while the provider is down', async (provider, flow) => {
    const { adapter } = await adapterAt(provider, flow, (_asked, res) => res.writeHead(503).end('down'));
    expect(await refusalOf(adapter.revoke!(aGrant(), counted()))).toMatchObject({
      kind: 'unavailable',
      httpStatus: 503,
    });
  });
});
