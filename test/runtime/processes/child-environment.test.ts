import { describe, expect, test } from 'vitest';
import { readApiConfig, readWorkerConfig } from '../../../config/config.ts';
import { serviceEnvironment, webhooksUrl } from '../../../runtime/processes/child-environment.ts';
import { PROVIDERS } from '../../../providers/registry.ts';
import type { SandboxSettings } from '../../../runtime/start/sandbox.ts';
import type { RunningStandIn } from '../../../sandbox/core/stand-in.ts';
import { STAND_INS } from '../../../sandbox/stand-ins.ts';
import type { Secret } from '../../../vault/secret.ts';
import { asRead } from '../../config/providers-as-read.ts';
import type { Env } from '../../../runtime/start/home.ts';

const readApi = (env: Env) => readApiConfig(env, PROVIDERS);
const readWorker = (env: Env) => readWorkerConfig(env, PROVIDERS);

const app = (name: string) => ({
  apiUrl: `http://127.0.0.1:1/${name}`,
  controlUrl: `http://127.0.0.1:2/${name}`,
  clientId: `${name}-id`,
  clientSecret: `${name}-secret`,
});
/** As the stand-ins themselves tell it. */
const settingsOf = (running: Readonly<Record<string, object>>): SandboxSettings =>
  Object.fromEntries(STAND_INS.map((standIn) => [standIn.id, standIn.settings(running[standIn.id] as RunningStandIn)]));
const at = (path: string) => `http://127.0.0.1:1/${path}`;

const addresses = {
  databaseUrl: 'postgres://localhost/interlock',
  temporalAddress: '127.0.0.1:7233',
  temporalUiUrl: null,
  apiPort: 3000,
  workerHealthPort: 3001,
  sandboxSettings: settingsOf({
    stripe: {
      apiUrl: at('stripe'),
      controlUrl: at('c'),
      secretKey: 'sk_test_account',
      webhookSecret: 'whsec_x',
      connectUrl: at('connect'),
      marketplaceUrl: at('market'),
      connectClientId: 'ca_connect',
      appClientId: 'ca_app',
      platformKey: 'sk_test_platform',
    },
    square: { ...app('square'), webhookSecret: 'square-key' },
    quickbooks: { ...app('quickbooks'), authorizeUrl: at('authorize'), tokenUrl: at('token'), revokeUrl: at('revoke') },
    mailchimp: app('mailchimp'),
    xero: { ...app('xero'), authorizeUrl: at('authorize'), tokenUrl: at('token') },
  }),
};
const secrets = {
  jwtSecret: 'j'.repeat(48),
  encryptionKey: Buffer.alloc(32).toString('base64'),
  databasePassword: 'p'.repeat(16),
};

const environment = (env: Env = {}) => serviceEnvironment(env, addresses, secrets);

describe('the provider settings of api and worker', () => {
  test('name every stand-in and our app there, in variables that both processes read', () => {
    for (const read of [readApi, readWorker]) {
      const { stripe, square, quickbooks, mailchimp, xero } = asRead(read(environment()).providers);
      expect(stripe).toMatchObject({
        apiUrl: at('stripe'),
        oauth: {
          connectUrl: at('connect'),
          marketplaceUrl: at('market'),
          connectClientId: 'ca_connect',
          appClientId: 'ca_app',
        },
      });
      expect(square).toMatchObject({ apiUrl: at('square'), environment: 'sandbox', app: { id: 'square-id' } });
      expect(quickbooks).toMatchObject({
        apiUrl: at('quickbooks'),
        authorizeUrl: at('authorize'),
        tokenUrl: at('token'),
        revokeUrl: at('revoke'),
        environment: 'sandbox',
        app: { id: 'quickbooks-id' },
      });
      expect(mailchimp).toMatchObject({
        apiUrl: at('mailchimp'),
        loginUrl: at('mailchimp'),
        app: { id: 'mailchimp-id' },
      });
      expect(xero).toMatchObject({
        apiUrl: at('xero'),
        authorizeUrl: at('authorize'),
        tokenUrl: at('token'),
        app: { id: 'xero-id' },
      });
    }
  });

  test.each([
    [
      'SQUARE_APP_ID',
      'sq0idp-real',
      ['SQUARE_APP_SECRET', 'SQUARE_WEBHOOK_SIGNATURE_KEY', 'SQUARE_API_URL', 'SQUARE_SANDBOX'],
    ],
    ['QUICKBOOKS_SANDBOX', 'true', ['QUICKBOOKS_CLIENT_ID', 'QUICKBOOKS_CLIENT_SECRET', 'QUICKBOOKS_TOKEN_URL']],
    ['MAILCHIMP_CLIENT_ID', '123', ['MAILCHIMP_CLIENT_SECRET', 'MAILCHIMP_LOGIN_URL', 'MAILCHIMP_API_URL']],
    [
      'STRIPE_SECRET_KEY',
      'sk_test_real',
      ['STRIPE_CLIENT_ID', 'STRIPE_WEBHOOK_SECRET', 'STRIPE_APP_CLIENT_ID', 'STRIPE_CONNECT_URL'],
    ],
    ['STRIPE_API_URL', 'https://api.stripe.com', ['STRIPE_SECRET_KEY', 'STRIPE_CLIENT_ID', 'STRIPE_CONNECT_URL']],
  ])(
    'leave a provider’s settings alone when the user set its %s: no secret reaches a stand-in, no invented one a provider',
    (name, value, absent) => {
      const given = environment({ [name]: value });
      expect(given[name]).toBe(value);
      for (const other of absent) expect(given[other]).toBeUndefined();
    },
  );

  test('include the webhook secrets of the stand-ins, which only the API reads', () => {
    const read = (from: typeof readApi | typeof readWorker) => {
      const { stripe, square } = from(environment()).providers;
      return [stripe?.['webhookSecret'], square?.['webhookSignatureKey']].map(
        (secrets) => (secrets as readonly Secret[] | null)?.map((secret) => secret.expose()) ?? null,
      );
    };
    const api = read(readApi);
    expect(api).toEqual([['whsec_x'], ['square-key']]);
    const worker = read(readWorker);
    expect(worker).toEqual([null, null]);
  });

  test.each<Env>([{}, { HOST: '0.0.0.0' }, { HOST: '::1' }, { PUBLIC_URL: 'https://interlock.test/under/' }])(
    'let stand-ins send webhooks to the exact address that the API expects: %o',
    (env) => {
      expect(webhooksUrl(env, addresses.apiPort)).toBe(`${readApi(environment(env)).publicUrl}/webhooks`);
    },
  );

  test('treat an empty variable as absent', () => {
    expect(environment({ SQUARE_APP_ID: '' })['SQUARE_APP_ID']).toBe('square-id');
  });
});
