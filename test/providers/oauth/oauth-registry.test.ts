import { describe, expect, it } from 'vitest';
import { ProviderError } from '../../../providers/provider-error.ts';
import { createTestProviders } from '../../support/test-providers.ts';
import { Secret } from '../../../vault/secret.ts';
import { NO_BUDGET, aGrant, configAt, refusalOf, sendJson, serve } from './oauth-world.ts';

describe('entered keys', () => {
  it.each([
    [
      'square',
      'EAAA_personal',
      { scopes: [], merchant_id: 'M1', merchant: { id: 'M1', business_name: 'Corner Café' } },
      { externalAccountId: 'M1', name: 'Corner Café', environment: 'sandbox' },
    ],
    [
      'mailchimp',
      '0123456789abcdef0123456789abcdef-us6',
      { account_id: 'a1', account_name: 'News' },
      { externalAccountId: 'a1', name: 'News', environment: 'production' },
    ],
  ] as const)('of %s are tested by asking whose they are', async (provider, key, body, account) => {
    const server = await serve((_asked, res) => {
      sendJson(res, body);
    });
    const providers = createTestProviders(configAt(server.url), NO_BUDGET);
    const session = providers.open(provider, { secretKey: new Secret(key), account: null, lane: 'interactive' });
    expect(await session.account()).toMatchObject(account);
    expect(server.asked().every(({ headers }) => headers.authorization === `Bearer ${key}`)).toBe(true);
    expect(providers.find(provider)?.capabilities.connect).toContain('api-key');
  });

  it('of Mailchimp are refused without a call when they have no data centre', async () => {
    const session = createTestProviders(configAt('http://127.0.0.1:1'), NO_BUDGET).open('mailchimp', {
      secretKey: new Secret('0123456789abcdef'),
      account: null,
      lane: 'interactive',
    });
    expect(await refusalOf(session.account())).toMatchObject({ kind: 'needs-reauth', code: 'no-data-centre' });
  });

  it.each(['mailchimp'] as const)('open no products of %s, which it does not sync', (provider) => {
    const adapter = createTestProviders(configAt('http://127.0.0.1:1'), NO_BUDGET).find(provider)!;
    expect(adapter.capabilities.resources.map(({ resource }) => resource)).not.toContain('products');
    for (const ask of [() => adapter.mapping('products'), () => adapter.pullPlan('products')])
      expect(ask).toThrow('products');
  });
});

describe('the registry', () => {
  const config = configAt('http://127.0.0.1:1');
  const integrationsOf = (given: Parameters<typeof createTestProviders>[0]) => {
    const providers = createTestProviders(given, NO_BUDGET);
    return Object.fromEntries(
      (['stripe', 'square', 'quickbooks', 'mailchimp', 'xero'] as const).map((provider) => [
        provider,
        providers.integration(provider),
      ]),
    );
  };

  it('lists the usable flows, the best first', () => {
    expect(integrationsOf(config)).toEqual({
      stripe: { configured: true, flows: ['connect', 'app'], environment: 'sandbox', missing: [] },
      square: { configured: true, flows: ['pkce', 'code'], environment: 'sandbox', missing: [] },
      quickbooks: { configured: true, flows: ['code'], environment: 'sandbox', missing: [] },
      mailchimp: { configured: true, flows: ['code'], environment: 'production', missing: [] },
      xero: { configured: true, flows: ['code'], environment: 'production', missing: [] },
    });
  });

  it('names the variables to set when nothing is configured', () => {
    const none = { configured: false, flows: [], environment: null };
    expect(
      integrationsOf({
        stripe: { ...config.stripe, secretKey: null },
        square: { ...config.square, appId: null },
        quickbooks: { ...config.quickbooks, clientId: null },
        mailchimp: { ...config.mailchimp, clientId: null },
        xero: { ...config.xero, clientId: null },
      }),
    ).toEqual({
      stripe: { ...none, missing: ['STRIPE_CLIENT_ID', 'STRIPE_SECRET_KEY'] },
      square: { ...none, missing: ['SQUARE_APP_ID', 'SQUARE_APP_SECRET'] },
      quickbooks: { ...none, missing: ['QUICKBOOKS_CLIENT_ID', 'QUICKBOOKS_CLIENT_SECRET'] },
      mailchimp: { ...none, missing: ['MAILCHIMP_CLIENT_ID', 'MAILCHIMP_CLIENT_SECRET'] },
      xero: { ...none, missing: ['XERO_CLIENT_ID', 'XERO_CLIENT_SECRET'] },
    });
  });

  it('has only PKCE for Square without a secret, only the App for Stripe without a platform, and no undeclared flow', () => {
    const providers = createTestProviders(
      {
        ...config,
        stripe: { ...config.stripe, clientId: null },
        square: { ...config.square, appSecret: null },
      },
      NO_BUDGET,
    );
    expect([providers.integration('square').flows, providers.integration('stripe').flows]).toEqual([['pkce'], ['app']]);
    expect([
      providers.oauth('square', 'code'),
      providers.oauth('stripe', 'connect'),
      providers.oauth('mailchimp', 'pkce'),
    ]).toEqual([null, null, null]);
  });

  it('derives Stripe’s environment from the platform’s key', () => {
    const live = createTestProviders({ stripe: { ...config.stripe, secretKey: new Secret('rk_live_1') } }, NO_BUDGET);
    expect(live.integration('stripe').environment).toBe('production');
  });

  it('counts every OAuth call against the budget, which a 429 lowers', async () => {
    const server = await serve((_asked, res) => {
      sendJson(res, {}, 429, { 'retry-after': '9' });
    });
    const seen: unknown[] = [];
    const providers = createTestProviders(configAt(server.url), {
      ...NO_BUDGET,
      reserve: (key) => Promise.resolve(seen.push(['reserve', key])).then(() => ({ granted: true, waitMs: 0 })),
      throttle: (key, { pauseMs }) => Promise.resolve(void seen.push(['throttle', key, pauseMs])),
    });
    let calls = 0;
    const through = providers.calls('quickbooks', {
      account: { environment: 'sandbox', externalAccountId: '9130' },
      lane: 'interactive',
      signal: new AbortController().signal,
      onCall: () => {
        calls += 1;
      },
    });
    const refused = await providers.oauth('quickbooks', 'code')!.refresh!(aGrant(), through).catch(
      (error: unknown) => error,
    );
    expect(refused).toBeInstanceOf(ProviderError);
    expect([seen, calls]).toEqual([
      [
        ['reserve', 'quickbooks/sandbox/9130'],
        ['throttle', 'quickbooks/sandbox/9130', 9_000],
      ],
      1,
    ]);
  });
});
