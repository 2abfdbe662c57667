import { z } from 'zod';
import { Secret } from '../../vault/secret.ts';
import { contextOf, dueWithin, expiry, optional, pageUrl, parseAnswer, refreshTokenOf } from '../grants.ts';
import type { Grant, OAuthAdapter, OAuthCalls } from '../oauth.ts';
import { ProviderError } from '../provider-error.ts';
import { requestToken } from '../http/token-endpoint.ts';
import type { TokenEndpoint } from '../http/token-endpoint.ts';
import { createTransport, word } from '../http/transport.ts';
import { readCompany, realmOf } from './company.ts';
import type { QuickBooksConfig } from './company.ts';

const SCOPE = 'com.intuit.quickbooks.accounting';
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/**
 * The lifetime of every grant since October 2023, however much it is used
 * (https://blogs.intuit.com/2025/11/12/important-changes-to-refresh-token-policy/, read 2026-11-21).
 */
const HARD_LIFE_S = (5 * 365 * DAY_MS) / 1_000;

/**
 * The lifetimes of an access token and of an unused refresh token when the answer does not tell them
 * (https://developer.intuit.com/app/developer/qbo/docs/develop/authentication-and-authorization/faq, read 2026-11-28).
 */
const ACCESS_LIFE_S = HOUR_MS / 1_000;
const IDLE_LIFE_S = (100 * DAY_MS) / 1_000;

const seconds = optional(z.int().positive());

/** Lifetimes in seconds. The last one is told only when a header asks for it (intuit-oauth 4.2.4, CHANGELOG). */
const tokenSchema = z.object({
  access_token: z.string().min(1),
  expires_in: seconds,
  refresh_token: optional(z.string().min(1)),
  x_refresh_token_expires_in: seconds,
  x_refresh_token_hard_expires_in: seconds,
});

interface App {
  readonly id: string;
  readonly secret: Secret;
}

/** Empty without a configured app. */
export const quickbooksFlows = (config: QuickBooksConfig): readonly OAuthAdapter[] =>
  config.app ? [codeFlow(config, config.app)] : [];

function codeFlow(config: QuickBooksConfig, app: App): OAuthAdapter {
  const credential = (grant: Grant) => ({
    secretKey: grant.accessToken,
    onBehalfOf: contextOf('quickbooks', grant, 'realmId'),
  });
  return {
    flow: 'code',
    environment: config.environment,
    // The previous refresh token expires a day after the newest was issued (intuit-oauth 4.2.5, README, "Refresh
    // Token").
    previousTokenGraceMs: DAY_MS,
    authorizationUrl: ({ state, redirectUri, scopes }) =>
      Promise.resolve(
        pageUrl(config.authorizeUrl, {
          client_id: app.id,
          response_type: 'code',
          scope: scopes?.join(' ') ?? SCOPE,
          redirect_uri: redirectUri,
          state,
        }),
      ),
    async exchange({ code, redirectUri, parameters }, calls) {
      // Checked before the call, because without the company the code would be spent for nothing.
      const realm = realmOf(parameters['realmId']);
      return obtainToken(config, app, {
        calls,
        parameters: { grant_type: 'authorization_code', code: code.expose(), redirect_uri: redirectUri },
        context: { realmId: realm },
      });
    },
    refresh: (grant, calls) =>
      obtainToken(config, app, {
        calls,
        parameters: { grant_type: 'refresh_token', refresh_token: refreshTokenOf('quickbooks', grant) },
        context: grant.context,
        before: grant,
      }),
    revoke: (grant, calls) => revoke(config, app, { grant, calls }),
    async account(grant, calls) {
      return { ...(await readCompany(config, { ...credential(grant), ...calls })), scopes: grant.scopes };
    },
    accountIdOf: ({ context }) => context['realmId'] ?? null,
    credential,
    refreshAt: dueWithin(HOUR_MS),
  };
}

interface TokenRequest {
  readonly calls: OAuthCalls;
  readonly parameters: { readonly grant_type: string } & Readonly<Record<string, string>>;
  readonly context: Grant['context'];
  readonly before?: Grant;
}

async function obtainToken(
  config: QuickBooksConfig,
  app: App,
  { calls, parameters, context, before }: TokenRequest,
): Promise<Grant> {
  // Lifetimes count from the answer. Counting from the request ends them slightly early, never late.
  const askedAt = new Date();
  const endpoint: TokenEndpoint = {
    provider: 'quickbooks',
    url: config.tokenUrl,
    clientId: app.id,
    clientAuth: (...[, , , headers]) => {
      headers.set('authorization', basic(app));
    },
    headers: { 'x-include-refresh-token-hard-expires-in': 'true' },
  };
  const token = parseAnswer('quickbooks', tokenSchema, await requestToken(endpoint, calls, parameters));
  const known = { refreshToken: null, hardExpiresAt: expiry(askedAt, HARD_LIFE_S), scopes: [SCOPE], ...before };
  return {
    accessToken: new Secret(token.access_token),
    refreshToken: token.refresh_token ? new Secret(token.refresh_token) : known.refreshToken,
    accessExpiresAt: expiry(askedAt, token.expires_in ?? ACCESS_LIFE_S),
    refreshExpiresAt: expiry(askedAt, token.x_refresh_token_expires_in ?? IDLE_LIFE_S),
    hardExpiresAt: expiry(askedAt, token.x_refresh_token_hard_expires_in) ?? known.hardExpiresAt,
    scopes: known.scopes,
    context,
  };
}

/**
 * Revokes the refresh token, which also ends its access tokens. Intuit answers 400 without a code for a token that is
 * already revoked (https://github.com/intuit/oauth-jsclient/issues/71, read 2026-11-21).
 */
async function revoke(
  { revokeUrl }: QuickBooksConfig,
  app: App,
  { grant, calls }: { readonly grant: Grant; readonly calls: OAuthCalls },
): Promise<void> {
  const { status, body, requestId } = await createTransport({ provider: 'quickbooks', calls })(revokeUrl, {
    method: 'POST',
    headers: { authorization: basic(app), 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify({ token: refreshTokenOf('quickbooks', grant) }),
  });
  const code = word(body?.['error']);
  if (status < 300 || (status === 400 && code !== 'invalid_client')) return;
  throw new ProviderError({
    provider: 'quickbooks',
    kind: 'unavailable',
    httpStatus: status,
    code: status === 401 ? 'invalid_client' : code,
    requestId,
  });
}

/**
 * Encoded like Intuit's own client (intuit-oauth 4.2.5): without the encoding of RFC 6749 section 2.3.1, which
 * openid-client applies even to dashes.
 */
const basic = ({ id, secret }: App): string => `Basic ${Buffer.from(`${id}:${secret.expose()}`).toString('base64')}`;
