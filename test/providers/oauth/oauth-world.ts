import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { onTestFinished } from 'vitest';
import type { Budget } from '../../../providers/limits/budget.ts';
import type { CodeExchange, Grant, OAuthAdapter, OAuthCalls } from '../../../providers/oauth.ts';
import { ProviderError } from '../../../providers/provider-error.ts';
import { createTestProviders } from '../../support/test-providers.ts';
import type { TestSettings } from '../../support/test-providers.ts';
import { Secret } from '../../../vault/secret.ts';
import type { AppProvider } from '../../support/test-providers.ts';

/** Every secret that goes into a call. None may appear in an error. */
const CANARY = 'canary7f3a';
export const canary = (name: string) => `${CANARY}_${name}`;
export const APP_SECRET = canary('app_secret');
export const PLATFORM_KEY = `sk_test_${canary('platform')}`;

/** Limits nothing and stores nothing. */
export const NO_BUDGET: Budget = {
  reserve: () => Promise.resolve({ granted: true, waitMs: 0 }),
  reserveMany: (_key, { slots }) =>
    Promise.resolve({ granted: true, dueInMs: Array<number>(slots).fill(0), slotMs: 0 }),
  throttle: () => Promise.resolve(),
  admit: () => Promise.resolve({ granted: true, waitMs: 0 }),
  learn: () => Promise.resolve(),
  acquireLease: () => Promise.resolve(null),
  renewLease: () => Promise.resolve(null),
  releaseLease: () => Promise.resolve(),
};

/** All apps are configured, with one address. */
export function configAt(url: string): Required<TestSettings> {
  const secret = new Secret(APP_SECRET);
  return {
    stripe: {
      apiUrl: url,
      requestsPerSecond: null,
      connectUrl: url,
      marketplaceUrl: `${url}/oauth/v2/authorize`,
      secretKey: new Secret(PLATFORM_KEY),
      clientId: 'ca_connect',
      appClientId: 'ca_app',
    },
    square: { apiUrl: url, sandbox: true, appId: 'sq-app', appSecret: secret },
    quickbooks: {
      apiUrl: url,
      authorizeUrl: `${url}/connect/oauth2`,
      tokenUrl: `${url}/oauth2/v1/tokens/bearer`,
      revokeUrl: `${url}/v2/oauth2/tokens/revoke`,
      sandbox: true,
      clientId: 'qb-app',
      clientSecret: secret,
    },
    mailchimp: { loginUrl: url, apiUrl: url, clientId: 'mc-app', clientSecret: secret },
    xero: {
      apiUrl: url,
      authorizeUrl: `${url}/identity/connect/authorize`,
      tokenUrl: `${url}/connect/token`,
      clientId: 'xero-app',
      clientSecret: secret,
    },
  };
}

export function oauthOf(config: TestSettings, provider: AppProvider, flow: OAuthAdapter['flow']): OAuthAdapter {
  const adapter = createTestProviders(config, NO_BUDGET).oauth(provider, flow);
  if (!adapter) throw new Error(`${provider} has no flow ${flow}`);
  return adapter;
}

export interface Counted extends OAuthCalls {
  made(): number;
}

export function counted(signal = new AbortController().signal): Counted {
  let made = 0;
  return {
    signal,
    made: () => made,
    call(request) {
      made += 1;
      return request();
    },
  };
}

export const aCode = (over: Partial<CodeExchange> = {}): CodeExchange => ({
  code: new Secret(canary('code')),
  codeVerifier: new Secret(canary('verifier').padEnd(43, 'x')),
  redirectUri: 'https://interlock.example/oauth/x/callback',
  parameters: { realmId: '9130' },
  ...over,
});

/** A grant after an earlier exchange. */
export const aGrant = (over: Partial<Grant> = {}): Grant => ({
  accessToken: new Secret(canary('access')),
  refreshToken: new Secret(canary('refresh')),
  accessExpiresAt: new Date('2026-11-21T12:00:00Z'),
  refreshExpiresAt: new Date('2027-02-01T12:00:00Z'),
  hardExpiresAt: new Date('2031-11-21T12:00:00Z'),
  scopes: ['earlier'],
  context: { realmId: '9130', dc: 'us6', stripe_user_id: 'acct_1', merchant_id: 'M1', livemode: 'false' },
  ...over,
});

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** A server with prepared answers that remembers its requests. */
export async function aServer(answer: (asked: Asked, res: ServerResponse, req: IncomingMessage) => void) {
  const asked: Asked[] = [];
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      const url = new URL(req.url ?? '/', 'http://server');
      const one = {
        method: req.method ?? '',
        path: url.pathname,
        query: url.searchParams,
        headers: req.headers,
        body: Buffer.concat(chunks).toString('utf8'),
      };
      asked.push(one);
      answer(one, res, req);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: (): readonly Asked[] => asked,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

type Answer = (asked: Asked, res: ServerResponse, url: string) => void;

/** A server that knows its own address, closed when the test ends. */
export async function serve(answer: Answer) {
  const server = await aServer((asked, res) => {
    answer(asked, res, server.url);
  });
  onTestFinished(() => server.close());
  return server;
}

export async function adapterAt(provider: AppProvider, flow: OAuthAdapter['flow'], answer: Answer) {
  const server = await serve(answer);
  return { adapter: oauthOf(configAt(server.url), provider, flow), server };
}

export function sendJson(
  res: ServerResponse,
  body: unknown,
  status = 200,
  headers: Readonly<Record<string, string>> = {},
): void {
  res.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

/** The ProviderError with which the work ends. Any other outcome, or a secret anywhere in the error, fails the test. */
export async function refusalOf(work: Promise<unknown>): Promise<ProviderError['details']> {
  const outcome: unknown = await work.then(
    (value) => ({ value }),
    (error: unknown) => error,
  );
  const shown = `${inspect(outcome, { depth: null, showHidden: true })} ${JSON.stringify(outcome)} ${outcome instanceof Error ? (outcome.stack ?? '') : ''}`;
  if (shown.includes(CANARY)) throw new Error('a secret is in the error');
  if (outcome instanceof ProviderError) return outcome.details;
  throw new Error('no ProviderError but something else', { cause: outcome });
}
