import { z } from 'zod';
import { Secret } from '../../vault/secret.ts';
import { contextOf, dueWithin, expiry, optional, pageUrl, parseAnswer, refreshTokenOf, scopesOf } from '../grants.ts';
import type { Grant, GrantedAccount, OAuthAdapter, OAuthCalls } from '../oauth.ts';
import { ProviderError } from '../provider-error.ts';
import { requestToken } from '../http/token-endpoint.ts';
import { createTransport } from '../http/transport.ts';
import { ENVIRONMENT, listOrganisations } from './organisation.ts';
import type { XeroConfig } from './organisation.ts';

const DAY_S = 86_400;

/**
 * An access token lasts 30 minutes, and a refresh token 60 days from its last use. Each refresh gives a new one; the
 * previous one works for another 30 minutes (https://developer.xero.com/faq/oauth2, read 2026-11-29).
 */
const ACCESS_LIFE_S = 30 * 60;
const IDLE_LIFE_S = 60 * DAY_S;
const GRACE_MS = 30 * 60_000;
const REFRESH_AFTER_MS = 15 * 60_000;

/**
 * Granular scopes, which apps made since 2026-03-02 have alone
 * (https://developer.xero.com/faq/granular-scopes, read 2026-11-29).
 */
export const XERO_SCOPES = [
  'offline_access',
  'accounting.contacts',
  'accounting.invoices',
  'accounting.payments.read',
  'accounting.banktransactions.read',
  'accounting.settings',
  'accounting.reports.profitandloss.read',
  'accounting.reports.balancesheet.read',
];

const tokenSchema = z.object({
  access_token: z.string().min(1),
  expires_in: optional(z.int().positive()),
  refresh_token: optional(z.string().min(1)),
  scope: optional(z.string()),
});
const claimsSchema = z.object({ authentication_event_id: z.string().min(1) });

interface App {
  readonly id: string;
  readonly secret: Secret;
}

/** Empty without a configured app. */
export const xeroFlows = (config: XeroConfig): readonly OAuthAdapter[] =>
  config.app ? [codeFlow(config, config.app)] : [];

function codeFlow(config: XeroConfig, app: App): OAuthAdapter {
  return {
    flow: 'code',
    environment: ENVIRONMENT,
    previousTokenGraceMs: GRACE_MS,
    authorizationUrl: ({ state, redirectUri, scopes }) =>
      Promise.resolve(
        pageUrl(config.authorizeUrl, {
          response_type: 'code',
          client_id: app.id,
          redirect_uri: redirectUri,
          scope: (scopes ?? XERO_SCOPES).join(' '),
          state,
        }),
      ),
    exchange: ({ code, redirectUri }, calls) =>
      obtainToken(config, app, {
        calls,
        parameters: { grant_type: 'authorization_code', code: code.expose(), redirect_uri: redirectUri },
      }),
    refresh: (grant, calls) => refresh(config, app, { grant, calls }),
    revoke: (grant, calls) => disconnect(config, app, { grant, calls }),
    account: (grant, calls) => accountOf(config, grant, calls),
    accountIdOf: ({ context }) => context['tenantId'] ?? null,
    credential: (grant) => ({ secretKey: grant.accessToken, onBehalfOf: contextOf('xero', grant, 'tenantId') }),
    // Half of its life is left for an outage.
    refreshAt: dueWithin(REFRESH_AFTER_MS),
  };
}

interface Using {
  readonly grant: Grant;
  readonly calls: OAuthCalls;
}

const refresh = (config: XeroConfig, app: App, { grant, calls }: Using): Promise<Grant> =>
  obtainToken(config, app, {
    calls,
    parameters: { grant_type: 'refresh_token', refresh_token: refreshTokenOf('xero', grant) },
    before: grant,
  });

interface TokenRequest {
  readonly calls: OAuthCalls;
  readonly parameters: { readonly grant_type: string } & Readonly<Record<string, string>>;
  readonly before?: Grant;
}

async function obtainToken(config: XeroConfig, app: App, { calls, parameters, before }: TokenRequest): Promise<Grant> {
  // Lifetimes count from the answer. Counting from the request ends them slightly early, never late.
  const askedAt = new Date();
  const endpoint = {
    provider: 'xero',
    url: config.tokenUrl,
    clientId: app.id,
    clientAuth: (...[, , , headers]: readonly [unknown, unknown, unknown, Headers]) => {
      headers.set('authorization', basic(app));
    },
  };
  const token = parseAnswer('xero', tokenSchema, await requestToken(endpoint, calls, parameters));
  const scopes = scopesOf(token.scope);
  return {
    accessToken: new Secret(token.access_token),
    refreshToken: token.refresh_token ? new Secret(token.refresh_token) : (before?.refreshToken ?? null),
    accessExpiresAt: expiry(askedAt, token.expires_in ?? ACCESS_LIFE_S),
    refreshExpiresAt: expiry(askedAt, IDLE_LIFE_S),
    hardExpiresAt: null,
    scopes: scopes.length > 0 ? scopes : (before?.scopes ?? XERO_SCOPES),
    context: before?.context ?? {},
  };
}

/**
 * The organisation that was approved: the token opens all that the user ever connected, and names this consent. A consent
 * for several organisations at once is refused, because each has limits, webhooks and records of its own
 * (docs/decisions/0098-a-xero-connection-is-one-organisation.md).
 */
async function accountOf(config: XeroConfig, grant: Grant, calls: OAuthCalls): Promise<GrantedAccount> {
  const known = grant.context['tenantId'];
  const authEventId = known === undefined ? authEventIn(grant.accessToken) : null;
  const all = await listOrganisations(config, { token: grant.accessToken, authEventId, calls });
  const approved = known === undefined ? all : all.filter(({ tenantId }) => tenantId === known);
  const [organisation, ...others] = approved;
  if (!organisation)
    throw new ProviderError({
      provider: 'xero',
      kind: 'needs-reauth',
      httpStatus: 200,
      code: 'organisation-disconnected',
    });
  if (others.length > 0)
    throw new ProviderError({ provider: 'xero', kind: 'rejected', httpStatus: 200, code: 'several-organisations' });
  const { tenantId, connectionId, name } = organisation;
  return {
    ...{ externalAccountId: tenantId, name, environment: ENVIRONMENT, scopes: grant.scopes },
    context: { tenantId, connectionId },
  };
}

/** The consent that a token is from; null when its claims cannot be read. */
function authEventIn(accessToken: Secret): string | null {
  try {
    const [, claims = ''] = accessToken.expose().split('.');
    const { data } = claimsSchema.safeParse(JSON.parse(Buffer.from(claims, 'base64url').toString('utf8')));
    return data?.authentication_event_id ?? null;
  } catch {
    return null;
  }
}

/**
 * Ends the connection of this organisation, which then no longer counts towards what the app pays for. The token is not
 * revoked, because that would end every organisation of the same user
 * (https://developer.xero.com/documentation/guides/oauth2/auth-flow, read 2026-11-29).
 */
async function disconnect(config: XeroConfig, app: App, { grant, calls }: Using): Promise<void> {
  // A disconnection may come long after the access token has expired.
  const fresh = await nullWhenGone(refresh(config, app, { grant, calls }));
  if (fresh === null) return;
  for (const connectionId of await connectionsOf(config, fresh, calls)) {
    const { status, requestId } = await createTransport({ provider: 'xero', calls })(
      `${config.apiUrl}/connections/${encodeURIComponent(connectionId)}`,
      { method: 'DELETE', headers: { authorization: `Bearer ${fresh.accessToken.expose()}` } },
    );
    if (status >= 300 && status !== 404)
      throw new ProviderError({ provider: 'xero', kind: 'unavailable', httpStatus: status, requestId });
  }
}

/** Null when the grant has ended. */
async function nullWhenGone(refreshed: Promise<Grant>): Promise<Grant | null> {
  try {
    return await refreshed;
  } catch (error) {
    if (error instanceof ProviderError && error.details.kind === 'needs-reauth') return null;
    throw error;
  }
}

/** The connection of the grant; of a grant whose account was never asked for, all that its consent has made. */
async function connectionsOf(config: XeroConfig, grant: Grant, calls: OAuthCalls): Promise<readonly string[]> {
  const { connectionId } = grant.context;
  if (connectionId !== undefined) return [connectionId];
  const authEventId = authEventIn(grant.accessToken);
  if (authEventId === null) return [];
  const approved = await listOrganisations(config, { token: grant.accessToken, authEventId, calls });
  return approved.map((organisation) => organisation.connectionId);
}

const basic = ({ id, secret }: App): string => `Basic ${Buffer.from(`${id}:${secret.expose()}`).toString('base64')}`;
