import { randomBytes } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { AUTHORIZATION_LIFE_MS } from '../../contracts/connections.ts';
import type { SealedText } from '../../contracts/connections.ts';
import type { ConnectionId, ConnectionRef, VenueId } from '../../contracts/ids.ts';
import type { ConnectionState, Environment, OAuthFlow, ProviderId } from '../../contracts/providers.ts';
import type { Connection, ConnectionStore } from '../../db/connections/connection-store.ts';
import type { AuditEntry } from '../../db/core/audit-store.ts';
import type { ConnectionActionsStore, NewConnecting } from '../../db/connections/connection-actions-store.ts';
import type { OAuthAdapter } from '../../providers/oauth.ts';
import type { Providers } from '../../providers/providers.ts';
import { Secret } from '../../vault/secret.ts';
import type { Sealer } from '../../vault/vault.ts';
import { VaultError } from '../../vault/vault-error.ts';
import { ApiError } from '../errors/api-error.ts';
import type { AuthorizationGateway } from '../temporal/authorization-gateway.ts';
import type { AuthorizationLinks } from './authorization-link.ts';
import { withinConnectionCap } from './venue-cap-problems.ts';
import { attemptOf } from './authorization-states.ts';
import type { AuthorizationStates } from './authorization-states.ts';
import { notFound } from '../errors/not-found.ts';

export interface AuthorizingDeps {
  readonly connections: ConnectionStore;
  readonly connectionActions: ConnectionActionsStore;
  readonly providers: Providers;
  readonly sealer: Sealer;
  readonly authorizationGateway: AuthorizationGateway;
  readonly states: AuthorizationStates;
  readonly links: AuthorizationLinks;
  readonly clock: () => Date;
  /** Without a trailing slash. Providers send account owners back to a path under it. */
  readonly publicUrl: string;
}

/** As the rules of consent-wishes.ts take them: owners may be sent to `returnUrl`. */
export interface AuthorizationWishes {
  /** `sub` of the caller. */
  readonly requestedBy: string;
  readonly scopes?: readonly string[] | undefined;
  readonly returnUrl?: string | undefined;
}

export interface NewAuthorization extends AuthorizationWishes {
  readonly provider: ProviderId;
  readonly environment: Environment;
  readonly flow?: OAuthFlow | undefined;
}

/** The link for the account owner, who must use one browser from the link to the outcome, and its expiry. */
export interface StartedAuthorization {
  readonly connection: Connection;
  readonly authorizationUrl: string;
  readonly expiresAt: Date;
}

const VAULT_RETRY_AFTER_MS = 5_000;
const APPROVE = 'Open the authorisation URL and approve at the provider.';

/**
 * Where the provider sends account owners back to. It is registered with the provider, so it carries nothing of an
 * attempt.
 */
const callbackUrl = (publicUrl: string, provider: ProviderId): string => `${publicUrl}/oauth/${provider}/callback`;

/** Starts to connect an account by its owner's consent. Throws ApiError; nothing is stored then. */
export async function connectByConsent(
  deps: AuthorizingDeps,
  venueId: VenueId,
  wanted: NewAuthorization & { readonly auditOf?: (connecting: NewConnecting) => AuditEntry },
): Promise<StartedAuthorization> {
  const { provider, environment, requestedBy } = wanted;
  const adapter = adapterFor(deps.providers, wanted);
  const ref = { venueId, connectionId: uuidv7() as ConnectionId };
  const attempt = {
    ref,
    provider,
    environment,
    adapter,
    requestedBy,
    reauthorize: false,
    scopes: wanted.scopes ?? null,
    returnUrl: wanted.returnUrl ?? null,
  };
  // Checked before the workflow starts, so that a venue without room starts none. The insertion decides between
  // concurrent requests.
  await withinConnectionCap(deps.connectionActions.requireRoom(venueId));
  const started = await startAttempt(deps, attempt);
  // Stored after the workflow has started: a connection without a workflow would be `connecting` for ever, while a
  // workflow without its connection ends by itself.
  const connecting = { ...ref, provider, environment, flow: adapter.flow, nextAction: APPROVE };
  await withinConnectionCap(deps.connectionActions.insertConnecting(connecting, wanted.auditOf?.(connecting)));
  const connection = await deps.connections.find(ref);
  if (!connection) throw new Error('the connection that was just stored is gone');
  return { ...started, connection };
}

/** States in which a connection has an account that it keeps. */
const REAUTHORIZABLE: readonly ConnectionState[] = ['active', 'degraded', 'needs-reauth', 'suspended'];

/**
 * Starts reauthorization by the owner of the same account. The connection stays as it is until then. Throws ApiError.
 */
export async function reauthorize(
  deps: AuthorizingDeps,
  ref: ConnectionRef,
  wishes: AuthorizationWishes,
): Promise<StartedAuthorization> {
  const connection = await deps.connections.find(ref);
  if (!connection) throw notFound('connection-not-found');
  const { provider, environment, flow, state } = connection;
  if (state !== 'connecting' && !REAUTHORIZABLE.includes(state))
    throw new ApiError('connection-not-reauthorizable', `It is ${state}: connect the account again.`);
  if (flow === null)
    throw new ApiError(
      'connection-not-reauthorizable',
      'It has a secret key: send a valid one to PATCH …/connections/{connectionId}, or to POST …/connections, and it replaces the old one.',
    );
  const adapter = adapterFor(deps.providers, { provider, environment, flow });
  // A connection that was never approved has no account to keep, so any account may approve.
  const attempt = {
    ref,
    provider,
    environment,
    adapter,
    requestedBy: wishes.requestedBy,
    reauthorize: state !== 'connecting',
    scopes: wishes.scopes ?? null,
    returnUrl: wishes.returnUrl ?? null,
  };
  return { ...(await startAttempt(deps, attempt)), connection };
}

function adapterFor(
  providers: Providers,
  { provider, environment, flow }: Pick<NewAuthorization, 'provider' | 'environment' | 'flow'>,
): OAuthAdapter {
  const { flows, environment: configured, missing } = providers.integration(provider);
  const wanted = flow ?? flows[0];
  const adapter = wanted === undefined ? null : providers.oauth(provider, wanted);
  if (!adapter)
    throw notConfigured(wanted === undefined ? provider : `${provider}, flow ${wanted}`, { flows, missing });
  if (configured !== null && configured !== environment)
    throw new ApiError(
      'provider-not-configured',
      `The app at ${provider} is set up for ${configured} here, not for ${environment}.`,
    );
  return adapter;
}

function notConfigured(
  what: string,
  { flows, missing }: { readonly flows: readonly OAuthFlow[]; readonly missing: readonly string[] },
): ApiError {
  const remedy = flows.length > 0 ? `Flows that are: ${flows.join(', ')}.` : `Set ${missing.join(', ')}.`;
  return new ApiError('provider-not-configured', `No app is set up here for ${what}. ${remedy}`);
}

interface NewAttempt {
  readonly ref: ConnectionRef;
  readonly provider: ProviderId;
  readonly environment: Environment;
  readonly adapter: OAuthAdapter;
  readonly scopes: readonly string[] | null;
  readonly returnUrl: string | null;
  readonly reauthorize: boolean;
  readonly requestedBy: string;
}

async function startAttempt(
  deps: AuthorizingDeps,
  attempt: NewAttempt,
): Promise<Omit<StartedAuthorization, 'connection'>> {
  const { ref, provider, environment, adapter, scopes, returnUrl, requestedBy } = attempt;
  const state = deps.states.make();
  const codeVerifier = new Secret(randomToken());
  const redirectUri = callbackUrl(deps.publicUrl, provider);
  const expiresAt = new Date(deps.clock().getTime() + AUTHORIZATION_LIFE_MS);
  const authorizationUrl = await adapter.authorizationUrl({ state, redirectUri, codeVerifier, scopes });
  const sealedVerifier = await sealForAttempt(deps.sealer, codeVerifier, ref);
  const input = {
    ...ref,
    provider,
    environment,
    flow: adapter.flow,
    redirectUri,
    sealedVerifier,
    expiresAt: expiresAt.toISOString(),
    reauthorize: attempt.reauthorize,
    requestedBy,
  };
  await deps.authorizationGateway.begin(attemptOf(state), input, returnUrl);
  return { authorizationUrl: deps.links.linkTo(provider, authorizationUrl), expiresAt };
}

/** 256 bits, the length that RFC 7636 section 4.1 suggests for a verifier. */
const randomToken = (): string => randomBytes(32).toString('base64url');

/** Sealed because Temporal's histories hold it. Throws ApiError `vault-unavailable`. */
export async function sealForAttempt(sealer: Sealer, secret: Secret, ref: ConnectionRef): Promise<SealedText> {
  try {
    const { venueId, connectionId } = ref;
    return Buffer.from(await sealer.seal(secret, { venueId, connectionId, purpose: 'authorization' })).toString(
      'base64',
    );
  } catch (error) {
    if (!(error instanceof VaultError) || error.kind !== 'key-service-unavailable') throw error;
    throw new ApiError('vault-unavailable', 'The key service cannot be reached.', {
      cause: error,
      retryAfterMs: VAULT_RETRY_AFTER_MS,
    });
  }
}
