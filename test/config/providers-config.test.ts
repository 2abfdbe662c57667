import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { readApiConfig, readWorkerConfig } from '../../config/config.ts';
import type { Env } from '../../config/environment.ts';
import { PROVIDERS } from '../../providers/registry.ts';
import { problemsOf } from './problems-of.ts';
import { asRead } from './providers-as-read.ts';

const readApi = (env: Env) => readApiConfig(env, PROVIDERS);
const readWorker = (env: Env) => readWorkerConfig(env, PROVIDERS);

const COMPLETE: Env = {
  AWS_KMS_KEY_ID: 'alias/interlock',
  AWS_REGION: 'eu-central-1',
  DATABASE_URL: 'postgres://app:pw@127.0.0.1:5432/interlock',
  JWT_SECRET: 's'.repeat(32),
};
const ALL_APPS: Env = {
  STRIPE_CLIENT_ID: 'ca_connect',
  STRIPE_APP_CLIENT_ID: 'ca_app',
  STRIPE_SECRET_KEY: 'sk_test_canary',
  SQUARE_APP_ID: 'sandbox-sq0idb-1',
  SQUARE_APP_SECRET: 'canary-square',
  SQUARE_SANDBOX: 'true',
  QUICKBOOKS_CLIENT_ID: 'AB12',
  QUICKBOOKS_CLIENT_SECRET: 'canary-quickbooks',
  QUICKBOOKS_SANDBOX: 'true',
  MAILCHIMP_CLIENT_ID: '123456789012',
  MAILCHIMP_CLIENT_SECRET: 'canary-mailchimp',
  XERO_CLIENT_ID: 'ABCDEF0123456789ABCDEF0123456789',
  XERO_CLIENT_SECRET: 'canary-xero',
};

describe('the providers’ apps', () => {
  it('are unset by default, and use the real providers in production', () => {
    expect(asRead(readWorker(COMPLETE).providers)).toEqual({
      stripe: expect.objectContaining({
        apiUrl: 'https://api.stripe.com',
        requestsPerSecond: null,
        oauth: null,
      }) as unknown,
      square: { apiUrl: 'https://connect.squareup.com', environment: 'production', app: null },
      quickbooks: {
        apiUrl: 'https://quickbooks.api.intuit.com',
        authorizeUrl: 'https://appcenter.intuit.com/connect/oauth2',
        tokenUrl: 'https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer',
        revokeUrl: 'https://developer.api.intuit.com/v2/oauth2/tokens/revoke',
        environment: 'production',
        app: null,
      },
      mailchimp: { loginUrl: 'https://login.mailchimp.com', apiUrl: null, app: null },
      xero: {
        apiUrl: 'https://api.xero.com',
        authorizeUrl: 'https://login.xero.com/identity/connect/authorize',
        tokenUrl: 'https://identity.xero.com/connect/token',
        app: null,
      },
    });
  });

  it.each([
    ['api', readApi],
    ['worker', readWorker],
  ] as const)('are read by the %s, at the provider’s sandbox by default if it has one', (_process, read) => {
    const { stripe, square, quickbooks, mailchimp } = asRead(read({ ...COMPLETE, ...ALL_APPS }).providers);
    expect(stripe.oauth).toMatchObject({
      connectUrl: 'https://connect.stripe.com',
      marketplaceUrl: 'https://marketplace.stripe.com/oauth/v2/authorize',
      connectClientId: 'ca_connect',
      appClientId: 'ca_app',
    });
    expect(square).toMatchObject({
      apiUrl: 'https://connect.squareupsandbox.com',
      environment: 'sandbox',
      app: { id: 'sandbox-sq0idb-1' },
    });
    expect(quickbooks).toMatchObject({
      apiUrl: 'https://sandbox-quickbooks.api.intuit.com',
      environment: 'sandbox',
      app: { id: 'AB12' },
    });
    expect(mailchimp).toMatchObject({ app: { id: '123456789012' } });
    expect(
      [stripe.oauth?.secretKey, square.app?.secret, quickbooks.app?.secret, mailchimp.app?.secret].map((secret) =>
        secret?.expose(),
      ),
    ).toEqual(['sk_test_canary', 'canary-square', 'canary-quickbooks', 'canary-mailchimp']);
  });

  it('do not show their secrets when the configuration is printed', () => {
    const config = readWorker({ ...COMPLETE, ...ALL_APPS });
    expect(inspect(config, { depth: null, showHidden: true }) + JSON.stringify(config)).not.toContain('canary');
  });

  it('use PKCE when Square’s app has no secret', () => {
    expect(asRead(readWorker({ ...COMPLETE, SQUARE_APP_ID: 'sq0idp-1' }).providers).square.app).toEqual({
      id: 'sq0idp-1',
      secret: null,
    });
  });

  it.each([
    ['STRIPE_CLIENT_ID', 'STRIPE_SECRET_KEY'],
    ['STRIPE_APP_CLIENT_ID', 'STRIPE_SECRET_KEY'],
    ['SQUARE_APP_SECRET', 'SQUARE_APP_ID'],
    ['QUICKBOOKS_CLIENT_ID', 'QUICKBOOKS_CLIENT_SECRET'],
    ['QUICKBOOKS_CLIENT_SECRET', 'QUICKBOOKS_CLIENT_ID'],
    ['MAILCHIMP_CLIENT_ID', 'MAILCHIMP_CLIENT_SECRET'],
    ['MAILCHIMP_CLIENT_SECRET', 'MAILCHIMP_CLIENT_ID'],
  ])('are configured completely or not at all: %s needs %s', (given, missing) => {
    for (const read of [readApi, readWorker]) {
      expect(problemsOf(() => read({ ...COMPLETE, [given]: 'abc' }))).toEqual([
        expect.stringMatching(new RegExp(`^${missing} is missing, needed when ${given} is set\\. .*How to get it: `)),
      ]);
    }
  });

  it('accept a platform key alone, as the predecessor’s operators set it, and then offer no consent', () => {
    expect(asRead(readWorker({ ...COMPLETE, STRIPE_SECRET_KEY: 'sk_test_1' }).providers).stripe.oauth).toMatchObject({
      connectClientId: null,
      appClientId: null,
    });
  });

  it.each([
    ['STRIPE_SECRET_KEY', 'pk_live_publishable'],
    ['STRIPE_CLIENT_ID', 'ca_1&scope=x'],
    ['SQUARE_APP_ID', 'a b'],
    ['SQUARE_SANDBOX', 'yes'],
    ['QUICKBOOKS_TOKEN_URL', 'oauth.platform.intuit.com'],
    ['MAILCHIMP_API_URL', 'https://user:pw@127.0.0.1'],
  ])('are refused with %s=%s', (name, value) => {
    expect(problemsOf(() => readWorker({ ...COMPLETE, ...ALL_APPS, [name]: value }))).toEqual([
      expect.stringMatching(new RegExp(`^${name} is wrong\\. It must be `)),
    ]);
  });
});

describe('RETURN_URLS', () => {
  const read = (value: string, more: Env = {}) => readApi({ ...COMPLETE, ...more, RETURN_URLS: value }).returnUrls;

  it('is empty by default', () => {
    expect(readApi(COMPLETE).returnUrls).toEqual([]);
  });

  it('is a list of normalized URLs', () => {
    expect(
      read('https://App.Example , https://app.example:443/settings/, http://localhost:8080,http://[::1]:3000/x'),
    ).toEqual([
      'https://app.example/',
      'https://app.example/settings/',
      'http://localhost:8080/',
      'http://[::1]:3000/x',
    ]);
  });

  it.each([
    'http://app.example',
    'http://127.0.0.1.evil.example',
    'http://localhost.evil.example',
    'http://0.0.0.0',
    'http://169.254.169.254/',
    'https://user@app.example',
    'https://user:pw@app.example',
    'https://app.example/?next=',
    'https://app.example/?',
    'https://app.example/#',
    'javascript:alert(1)',
    'ftp://app.example',
    '//app.example',
    'app.example',
    'https://app.example,',
    'https://*',
  ])('refuses %s', (value) => {
    expect(problemsOf(() => read(value))).toEqual([
      expect.stringMatching(/^RETURN_URLS is wrong\. It must be https URLs/),
    ]);
  });

  it('accepts only https in production', () => {
    const production = { NODE_ENV: 'production', JWT_ISSUER: 'i', JWT_AUDIENCE: 'a', PUBLIC_URL: 'https://x.example' };
    expect(problemsOf(() => read('https://app.example,http://localhost', production))).toEqual([
      expect.stringMatching(/^RETURN_URLS holds an http URL, which is refused when NODE_ENV=production/),
    ]);
    expect(read('https://app.example', production)).toEqual(['https://app.example/']);
  });
});
