import { calculatePKCECodeChallenge } from 'openid-client';
import type { SquareClient } from 'square';
import { z } from 'zod';
import { Secret } from '../../vault/secret.ts';
import { contextOf, dueWithin, expiry, optional, pageUrl, parseAnswer, refreshTokenOf } from '../grants.ts';
import type { Grant, OAuthAdapter, OAuthCalls } from '../oauth.ts';
import { ProviderError } from '../provider-error.ts';
import { createTransport, word } from '../http/transport.ts';
import { readSquareAccount } from './adapter.ts';
import type { SquareConfig } from './adapter.ts';
import { askSquare, createSquareClient } from './client.ts';
import type { SquareRefusal } from './client.ts';

/**
 * The scopes that a sync of all resources needs (https://developer.squareup.com/docs/oauth-api/square-permissions, read
 * 2026-11-21).
 */
const SCOPES = [
  'MERCHANT_PROFILE_READ',
  'ITEMS_READ',
  'ITEMS_WRITE',
  'CUSTOMERS_READ',
  'CUSTOMERS_WRITE',
  'INVENTORY_READ',
  'INVENTORY_WRITE',
  'ORDERS_READ',
  'PAYMENTS_READ',
  'DISPUTES_READ',
  'INVOICES_READ',
  'LOYALTY_READ',
];

/**
 * Square asks for a renewal at least every seven days
 * (https://developer.squareup.com/docs/oauth-api/refresh-revoke-limit-scope, read 2026-11-21).
 */
const RENEW_WITHIN_MS = 7 * 24 * 3_600_000;

/**
 * The lifetime of an access token when the answer does not tell it
 * (https://developer.squareup.com/docs/oauth-api/refresh-revoke-limit-scope, read 2026-11-21).
 */
const ACCESS_LIFE_S = 30 * 24 * 3_600;

const date = optional(z.iso.datetime({ offset: true }).transform((value) => new Date(value)));

/**
 * Expiries are dates, not lifetimes. Only PKCE's refresh token has one. Square calls every field optional (square
 * 46.0.0, ObtainTokenResponse).
 */
const tokenSchema = z.object({
  accessToken: z.string().min(1),
  expiresAt: date,
  merchantId: optional(z.string().min(1)),
  refreshToken: optional(z.string().min(1)),
  refreshTokenExpiresAt: date,
});

interface App {
  readonly id: string;
  readonly secret: Secret | null;
}

/** PKCE, and the code flow when the app's secret is set; none without an app. */
export function squareFlows(config: SquareConfig): readonly OAuthAdapter[] {
  const { app } = config;
  if (!app) return [];
  // PKCE first: a code that leaks before its exchange is useless in another attempt to connect.
  return [pkceFlow(config, app), ...(app.secret ? [codeFlow(config, app, app.secret)] : [])];
}

/**
 * With the app's secret the refresh token stays the same and never expires. Square takes a `code_verifier` in place of
 * the secret and not beside it, so this flow has no PKCE
 * (https://developer.squareup.com/reference/square/oauth-api/obtain-token, read 2026-11-28).
 */
function codeFlow(config: SquareConfig, app: App, secret: Secret): OAuthAdapter {
  const client = { clientId: app.id, clientSecret: secret.expose() };
  return {
    ...shared(config, app),
    flow: 'code',
    previousTokenGraceMs: Infinity,
    authorizationUrl: ({ state, redirectUri, scopes }) =>
      Promise.resolve(
        consentUrl(config, app, { scope: (scopes ?? SCOPES).join(' '), state, redirect_uri: redirectUri }),
      ),
    exchange: ({ code, redirectUri }, calls) =>
      obtainToken(config, {
        calls,
        request: { ...client, grantType: 'authorization_code', code: code.expose(), redirectUri },
      }),
    refresh: (grant, calls) =>
      obtainToken(config, {
        calls,
        request: { ...client, grantType: 'refresh_token', refreshToken: refreshTokenOf('square', grant) },
        before: grant,
      }),
  };
}

/** Without the secret a refresh token works once and lasts 90 days. */
function pkceFlow(config: SquareConfig, app: App): OAuthAdapter {
  const client = { clientId: app.id };
  return {
    ...shared(config, app),
    flow: 'pkce',
    previousTokenGraceMs: 0,
    authorizationUrl: async ({ state, redirectUri, scopes, codeVerifier }) =>
      consentUrl(config, app, {
        scope: (scopes ?? SCOPES).join(' '),
        state,
        redirect_uri: redirectUri,
        code_challenge: await calculatePKCECodeChallenge(codeVerifier.expose()),
      }),
    exchange: ({ code, redirectUri, codeVerifier }, calls) =>
      obtainToken(config, {
        calls,
        request: {
          ...client,
          grantType: 'authorization_code',
          code: code.expose(),
          redirectUri,
          codeVerifier: codeVerifier.expose(),
        },
      }),
    refresh: (grant, calls) =>
      obtainToken(config, {
        calls,
        request: { ...client, grantType: 'refresh_token', refreshToken: refreshTokenOf('square', grant) },
        before: grant,
      }),
  };
}

function shared(config: SquareConfig, app: App) {
  return {
    environment: config.environment,
    // Square asks for the app's secret here, which the PKCE flow alone does not have.
    revoke: app.secret
      ? (grant: Grant, calls: OAuthCalls) => revoke(config, { id: app.id, secret: app.secret }, { grant, calls })
      : null,
    async account(grant, calls) {
      const account = await readSquareAccount(config, grant.accessToken, calls);
      const { merchant_id = account.externalAccountId } = grant.context;
      if (account.externalAccountId === merchant_id) return { ...account, context: { merchant_id } };
      throw new ProviderError({
        provider: 'square',
        kind: 'unexpected-response',
        httpStatus: 200,
        code: 'another-account',
      });
    },
    accountIdOf: ({ context }) => context['merchant_id'] ?? null,
    credential: ({ accessToken }) => ({ secretKey: accessToken }),
    refreshAt: dueWithin(RENEW_WITHIN_MS),
  } satisfies Partial<OAuthAdapter>;
}

/**
 * `session=false` makes the seller sign in, because the browser may be signed in to another seller's account. Square's
 * sandbox ignores it (https://developer.squareup.com/docs/oauth-api/create-urls-for-square-authorization, read
 * 2026-11-21).
 */
function consentUrl(
  { apiUrl, environment }: SquareConfig,
  { id }: App,
  parameters: Readonly<Record<string, string>>,
): string {
  return pageUrl(`${apiUrl}/oauth2/authorize`, {
    client_id: id,
    ...parameters,
    ...(environment === 'production' && { session: 'false' }),
  });
}

interface TokenRequest {
  readonly calls: OAuthCalls;
  readonly request: Parameters<SquareClient['oAuth']['obtainToken']>[0];
  readonly before?: Grant;
}

/** Square's token endpoint takes JSON, which the SDK writes. The answer has no scopes: `account` asks for them. */
async function obtainToken({ apiUrl }: SquareConfig, { calls, request, before }: TokenRequest): Promise<Grant> {
  const client = await createSquareClient(apiUrl, null, calls);
  const askedAt = new Date();
  const token = parseAnswer(
    'square',
    tokenSchema,
    await askSquare(calls, () => client.oAuth.obtainToken(request), refusedGrant),
  );
  return {
    accessToken: new Secret(token.accessToken),
    refreshToken: token.refreshToken ? new Secret(token.refreshToken) : (before?.refreshToken ?? null),
    accessExpiresAt: token.expiresAt ?? expiry(askedAt, ACCESS_LIFE_S),
    refreshExpiresAt: token.refreshTokenExpiresAt ?? null,
    hardExpiresAt: null,
    scopes: before?.scopes ?? [],
    context: { ...before?.context, ...(token.merchantId && { merchant_id: token.merchantId }) },
  };
}

/**
 * A rejected code or token gets 401 and a list of errors; an unknown app gets 401 from Square's gateway without a list.
 * Both are undocumented and were seen against the real service in September 2026.
 */
function refusedGrant({ status, code, readable }: SquareRefusal): ProviderError {
  const details = { provider: 'square', httpStatus: status } as const;
  if (!readable) return new ProviderError({ ...details, kind: 'unexpected-response' });
  if (status === 401 && code === undefined)
    return new ProviderError({ ...details, kind: 'unavailable', code: 'invalid_client' });
  if (status === 401) return new ProviderError({ ...details, kind: 'needs-reauth', code });
  return new ProviderError({ ...details, kind: code === undefined ? 'unexpected-response' : 'rejected', code });
}

/**
 * Revokes every token that this app holds for the merchant. It names the merchant, because the access token may have
 * expired.
 */
async function revoke(
  { apiUrl }: SquareConfig,
  { id, secret }: App,
  { grant, calls }: { readonly grant: Grant; readonly calls: OAuthCalls },
): Promise<void> {
  const { status, body, requestId } = await createTransport({ provider: 'square', calls })(`${apiUrl}/oauth2/revoke`, {
    method: 'POST',
    headers: { authorization: `Client ${secret?.expose() ?? ''}`, 'content-type': 'application/json' },
    body: JSON.stringify({ client_id: id, merchant_id: contextOf('square', grant, 'merchant_id') }),
  });
  // A proxy's page has a status too: only Square's own answer confirms the revocation.
  if (body?.['success'] === true || (status === 404 && body !== null)) return;
  throw new ProviderError({
    provider: 'square',
    kind: 'unavailable',
    httpStatus: status,
    code: status === 401 ? 'invalid_client' : word(body?.['type']),
    requestId,
  });
}
