import type { ClientAuth } from 'openid-client';
import { z } from 'zod';
import type { Environment } from '../../contracts/providers.ts';
import { Secret } from '../../vault/secret.ts';
import { contextOf, dueWithin, expiry, optional, pageUrl, parseAnswer, refreshTokenOf, scopesOf } from '../grants.ts';
import type { Grant, GrantedAccount, OAuthAdapter, OAuthCalls } from '../oauth.ts';
import { ProviderError } from '../provider-error.ts';
import type { ProviderAdapter, SessionOptions } from '../provider.ts';
import { requestToken } from '../http/token-endpoint.ts';
import { CALL_TIMEOUT_MS, createTransport, word } from '../http/transport.ts';

export interface StripeOAuthConfig {
  readonly connectUrl: string;
  /** The page on which an App is installed, without its query. */
  readonly marketplaceUrl: string;
  /** The key of the Connect platform, or of the account that the App belongs to. */
  readonly secretKey: Secret;
  readonly connectClientId: string | null;
  readonly appClientId: string | null;
}

interface Parts {
  readonly apiUrl: string;
  readonly config: StripeOAuthConfig;
  readonly open: ProviderAdapter['open'];
}

const HOUR_S = 3_600;
const YEAR_S = 365 * 24 * HOUR_S;

/**
 * The answer of both kinds of exchange (https://docs.stripe.com/connect/oauth-reference and
 * https://docs.stripe.com/stripe-apps/api-authentication/oauth, read 2026-11-21). A refresh may omit the account.
 */
const tokenSchema = z.object({
  access_token: z.string().min(1),
  refresh_token: optional(z.string().min(1)),
  scope: optional(z.string()),
  livemode: optional(z.boolean()),
  stripe_user_id: optional(z.string().regex(/^acct_\w+$/)),
});

/** One flow per configured client id; none without the platform's key. */
export function stripeFlows(
  apiUrl: string,
  config: StripeOAuthConfig | null,
  open: ProviderAdapter['open'],
): readonly OAuthAdapter[] {
  if (!config) return [];
  const parts = { apiUrl, config, open };
  const { connectClientId, appClientId } = config;
  return [
    connectClientId === null ? [] : connectFlow(parts, connectClientId),
    appClientId === null ? [] : appFlow(parts, appClientId),
  ].flat();
}

/**
 * Stripe Connect. Its access token never expires and is not used: calls use the platform's key on behalf of the
 * connected account (https://docs.stripe.com/connect/authentication, read 2026-11-21).
 */
function connectFlow(parts: Parts, clientId: string): OAuthAdapter {
  const { config } = parts;
  const endpoint = { url: `${config.connectUrl}/oauth/token`, clientId, key: config.secretKey };
  const credential = (grant: Grant) => ({
    secretKey: config.secretKey,
    onBehalfOf: contextOf('stripe', grant, 'stripe_user_id'),
  });
  const account: OAuthAdapter['account'] = (grant, calls) =>
    accountOf(parts, { grant, calls, credential: credential(grant) });
  return {
    flow: 'connect',
    environment: environmentOf(config.secretKey),
    previousTokenGraceMs: 0,
    authorizationUrl: ({ state, redirectUri, scopes }) =>
      Promise.resolve(
        pageUrl(`${config.connectUrl}/oauth/authorize`, {
          response_type: 'code',
          client_id: clientId,
          scope: scopes?.join(' ') ?? 'read_write',
          state,
          redirect_uri: redirectUri,
        }),
      ),
    async exchange({ code }, calls) {
      const body = await requestStripeToken(
        { ...endpoint, calls },
        { grant_type: 'authorization_code', code: code.expose() },
      );
      const grant = grantOf(body);
      // Calls use the platform's key for this account: without the account there is no access.
      contextOf('stripe', grant, 'stripe_user_id');
      // The refresh token renews nothing that expires and only narrows scopes, so it is not kept.
      return { ...grant, refreshToken: null };
    },
    refresh: null,
    revoke: (grant, calls) => deauthorize({ config, clientId, grant, calls, stillThere: () => account(grant, calls) }),
    account,
    accountIdOf,
    credential,
    refreshAt: () => null,
  };
}

const accountIdOf = ({ context }: Grant): string | null => context['stripe_user_id'] ?? null;

/**
 * A Stripe App. A refresh token works once and lasts a year; an access token lasts an hour, which the answer does not
 * say.
 */
function appFlow(parts: Parts, clientId: string): OAuthAdapter {
  const { apiUrl, config } = parts;
  const endpoint = { url: `${apiUrl}/v1/oauth/token`, clientId, key: config.secretKey };
  const withLife = (grant: Grant, obtainedAt: Date): Grant => ({
    ...grant,
    accessExpiresAt: expiry(obtainedAt, HOUR_S),
    refreshExpiresAt: expiry(obtainedAt, YEAR_S),
  });
  const credential = ({ accessToken }: Grant) => ({ secretKey: accessToken });
  return {
    flow: 'app',
    environment: environmentOf(config.secretKey),
    previousTokenGraceMs: 0,
    authorizationUrl: ({ state, redirectUri }) =>
      Promise.resolve(pageUrl(config.marketplaceUrl, { client_id: clientId, redirect_uri: redirectUri, state })),
    async exchange({ code }, calls) {
      const askedAt = new Date();
      return withLife(
        grantOf(
          await requestStripeToken({ ...endpoint, calls }, { grant_type: 'authorization_code', code: code.expose() }),
        ),
        askedAt,
      );
    },
    async refresh(grant, calls) {
      const askedAt = new Date();
      const body = await requestStripeToken(
        { ...endpoint, calls },
        { grant_type: 'refresh_token', refresh_token: refreshTokenOf('stripe', grant) },
      );
      return withLife(grantOf(body, grant), askedAt);
    },
    // Only an uninstall by the account's owner ends the access.
    revoke: null,
    account: (grant, calls) =>
      accountOf(parts, { grant, calls, credential: credential(grant) }).catch((error: unknown) =>
        nameless(grant, error),
      ),
    accountIdOf,
    credential,
    refreshAt: dueWithin(HOUR_S * 1_000),
  };
}

/** Stripe takes an API key in place of the client's own credentials. */
async function requestStripeToken(
  {
    url,
    clientId,
    key,
    calls,
  }: { readonly url: string; readonly clientId: string; readonly key: Secret; readonly calls: OAuthCalls },
  parameters: { readonly grant_type: string } & Readonly<Record<string, string>>,
) {
  const clientAuth: ClientAuth = (...[, , , headers]) => {
    headers.set('authorization', bearer(key));
  };
  return parseAnswer(
    'stripe',
    tokenSchema,
    await requestToken({ provider: 'stripe', url, clientId, clientAuth }, calls, parameters),
  );
}

function grantOf(body: z.output<typeof tokenSchema>, before?: Grant): Grant {
  const { access_token, refresh_token, scope, livemode, stripe_user_id } = body;
  const context = {
    ...before?.context,
    ...(stripe_user_id && { stripe_user_id }),
    ...(typeof livemode === 'boolean' && { livemode: String(livemode) }),
  };
  return {
    accessToken: new Secret(access_token),
    refreshToken: refresh_token ? new Secret(refresh_token) : (before?.refreshToken ?? null),
    accessExpiresAt: null,
    refreshExpiresAt: null,
    hardExpiresAt: null,
    scopes: scope ? scopesOf(scope) : (before?.scopes ?? []),
    context,
  };
}

/** Never an account other than the granted one. When the exchange did not name it, it is the token's own. */
async function accountOf(
  { open }: Parts,
  {
    grant,
    calls,
    credential,
  }: {
    readonly grant: Grant;
    readonly calls: OAuthCalls;
    readonly credential: Pick<SessionOptions, 'secretKey' | 'onBehalfOf'>;
  },
): Promise<GrantedAccount> {
  const { call, signal } = calls;
  const found = await open({
    ...credential,
    call,
    signal: AbortSignal.any([signal, AbortSignal.timeout(CALL_TIMEOUT_MS)]),
  }).account();
  const { stripe_user_id = found.externalAccountId } = grant.context;
  if (found.externalAccountId !== stripe_user_id)
    throw new ProviderError({
      provider: 'stripe',
      kind: 'unexpected-response',
      httpStatus: 200,
      code: 'another-account',
    });
  const { livemode } = grant.context;
  return {
    ...found,
    scopes: grant.scopes,
    context: { stripe_user_id },
    ...(livemode !== undefined && { environment: livemode === 'true' ? 'production' : 'sandbox' }),
  };
}

/**
 * An App whose manifest does not ask to read accounts is not told the account's name. The refusal proves that the token
 * is valid, provided that it comes from Stripe, whose answers all have a request id
 * (https://docs.stripe.com/api/request_ids, read 2026-11-21).
 */
function nameless(grant: Grant, error: unknown): GrantedAccount {
  if (!(error instanceof ProviderError)) throw error;
  const { kind, httpStatus, requestId } = error.details;
  if (kind !== 'rejected' || httpStatus !== 403 || requestId === undefined) throw error;
  return {
    externalAccountId: contextOf('stripe', grant, 'stripe_user_id'),
    name: null,
    environment: grant.context['livemode'] === 'true' ? 'production' : 'sandbox',
    scopes: grant.scopes,
  };
}

/**
 * Stripe says `invalid_client` both for an account that is not connected and for a client id that does not match the
 * key (https://docs.stripe.com/connect/oauth-reference, read 2026-11-21). Whether the account is still reachable tells
 * them apart.
 */
async function deauthorize({
  config,
  clientId,
  grant,
  calls,
  stillThere,
}: {
  readonly config: StripeOAuthConfig;
  readonly clientId: string;
  readonly grant: Grant;
  readonly calls: OAuthCalls;
  readonly stillThere: () => Promise<unknown>;
}): Promise<void> {
  const { status, body, requestId } = await createTransport({ provider: 'stripe', calls })(
    `${config.connectUrl}/oauth/deauthorize`,
    {
      method: 'POST',
      headers: { authorization: bearer(config.secretKey) },
      body: new URLSearchParams({ client_id: clientId, stripe_user_id: contextOf('stripe', grant, 'stripe_user_id') }),
    },
  );
  if (status < 300) return;
  const code = word(body?.['error']);
  if (code === 'invalid_client' && (await isGone(stillThere))) return;
  throw new ProviderError({
    provider: 'stripe',
    kind: 'unavailable',
    httpStatus: status,
    code: code ?? 'deauthorize-refused',
    requestId,
  });
}

async function isGone(stillThere: () => Promise<unknown>): Promise<boolean> {
  try {
    await stillThere();
    return false;
  } catch (error) {
    if (error instanceof ProviderError && error.details.code === 'account_invalid') return true;
    throw error;
  }
}

const bearer = (key: Secret): string => `Bearer ${key.expose()}`;

/** `sk_live_…`, `rk_live_…`: the key says which mode it belongs to (https://docs.stripe.com/keys, read 2026-11-21). */
const environmentOf = (key: Secret): Environment => (/^[a-z]+_live_/.test(key.expose()) ? 'production' : 'sandbox');
