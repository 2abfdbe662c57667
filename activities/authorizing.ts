import { setTimeout as delay } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { AuthorizationExchangeActivities, AuthorizationOutcome, AuthorizationRefusal, ExchangeInput, SealedText } from '../contracts/connections.ts';
import { FAILURE } from '../contracts/failures.ts';
import type { ConnectionId } from '../contracts/ids.ts';
import type { SealedSecret } from '../contracts/vault.ts';
import type { Attempt, AuthorizationStore } from '../db/authorization-store.ts';
import type { ConnectionStore } from '../db/connection-store.ts';
import type { OAuthTokenStore } from '../db/oauth-token-store.ts';
import { isDatabaseAway } from '../db/outage.ts';
import type { Grant, OAuthAdapter, OAuthCalls } from '../providers/oauth.ts';
import type { ProviderAccount } from '../providers/provider.ts';
import { ProviderError } from '../providers/provider-error.ts';
import type { Providers } from '../providers/providers.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Secret } from '../vault/secret.ts';
import type { Opener, PreparedSeal, PreparingSealer } from '../vault/vault.ts';
import { VaultError } from '../vault/vault-error.ts';
import { describe, toFailure } from './failures.ts';
import { withHeartbeat } from './heartbeat.ts';
import { grantSealContext, grantText, newGrant, sealGrant } from './sealed-grant.ts';

export interface AuthorizingDeps {
  readonly authorizations: AuthorizationStore;
  readonly connections: ConnectionStore;
  readonly tokens: OAuthTokenStore;
  readonly providers: Providers;
  readonly vault: Opener;
  readonly sealer: PreparingSealer;
  readonly log: Logger;
}

/** For all calls of an exchange together. What is left of the activity's time is for storing what they brought. */
const CALLS_TIMEOUT_MS = 20_000;
/** A grant in hand is lost when it is not stored: our own parts get this long to come back. */
const STORING_LIMIT_MS = 15_000;
const STORING_PAUSE_MS = 500;

export function createAuthorizingActivities(deps: AuthorizingDeps): AuthorizationExchangeActivities {
  return {
    async exchangeAuthorization(input) {
      const attempt = { ...input, attemptId: Context.current().info.workflowExecution?.workflowId ?? '' };
      try {
        return await withHeartbeat(() => exchange(deps, input, attempt));
      } catch (error) {
        deps.log.warn({ venueId: input.venueId, connectionId: input.connectionId, provider: input.provider, cause: describe(error) }, 'exchange of an authorisation code interrupted');
        throw toFailure(error, false);
      }
    },
  };
}

/**
 * A code works once. When the answer to it was lost, or its worker was before the grant was stored, the second try finds it spent: that
 * attempt to connect has failed, and says so. Throws what a later try may mend.
 */
async function exchange(deps: AuthorizingDeps, input: ExchangeInput, attempt: Attempt): Promise<AuthorizationOutcome> {
  const connected = await deps.authorizations.findConnected(attempt);
  if (connected !== null) return { outcome: 'connected', connectionId: connected };
  const refused = (code: AuthorizationRefusal): AuthorizationOutcome => ({ outcome: 'refused', connectionId: input.connectionId, code });

  const adapter = deps.providers.oauth(input.provider, input.flow);
  if (!adapter) throw ApplicationFailure.nonRetryable(`${input.provider} is not set up here for the flow ${input.flow}`, FAILURE.unavailable);
  const { prepared, ...secrets } = await openSecrets(deps, input);
  const databaseAheadMs = await deps.tokens.clockAheadMs();
  const signal = AbortSignal.any([Context.current().cancellationSignal, AbortSignal.timeout(CALLS_TIMEOUT_MS)]);
  const calls = deps.providers.calls(input.provider, { account: null, lane: 'interactive', signal });
  const granted = await obtain(adapter, { input, ...secrets }, calls);
  if (typeof granted === 'string') return refused(granted);

  if (granted.account.environment !== input.environment) return refused('environment-mismatch');
  const sealed = sealedOnce(deps, { attempt, prepared, grant: granted.grant });
  return keepTrying(async () => {
    const stored = await store(deps, attempt, { ...granted, adapter, databaseAheadMs, sealed });
    return stored.status === 'connected' ? { outcome: 'connected', connectionId: stored.connectionId } : refused(stored.code);
  });
}

/** `prepared`: what the code brings can be sealed whatever becomes of the key service meanwhile. */
async function openSecrets({ vault, sealer }: AuthorizingDeps, { venueId, connectionId, callback, sealedVerifier }: ExchangeInput) {
  const context = { venueId, connectionId, purpose: 'authorization' } as const;
  const [code, codeVerifier] = [await vault.open(unpack(callback.sealedCode), context), await vault.open(unpack(sealedVerifier), context)];
  return { code, codeVerifier, prepared: await sealer.prepare(grantSealContext({ venueId, connectionId })) };
}

const unpack = (text: SealedText) => new Uint8Array(Buffer.from(text, 'base64')) as SealedSecret;

interface Obtaining {
  readonly input: ExchangeInput;
  readonly code: Secret;
  readonly codeVerifier: Secret;
}

interface Granted {
  readonly grant: Grant;
  readonly account: ProviderAccount;
  /** By this process's clock. */
  readonly obtainedAt: Date;
}

async function obtain(adapter: OAuthAdapter, { input, code, codeVerifier }: Obtaining, calls: OAuthCalls): Promise<Granted | AuthorizationRefusal> {
  const grant = await orRefused(() => adapter.exchange({ code, codeVerifier, redirectUri: input.redirectUri, realmId: input.callback.realmId ?? null }, calls), 'code-refused');
  if (typeof grant === 'string') return grant;
  const obtainedAt = new Date();
  // A grant in hand: a second exchange could not bring it again.
  const account = await orRefused(() => keepTrying(() => adapter.account(grant, calls), calls.signal), 'permissions-missing');
  if (typeof account === 'string') return account;
  return { grant: { ...grant, scopes: account.scopes, context: { ...grant.context, ...account.context } }, account, obtainedAt };
}

async function orRefused<T>(work: () => Promise<T>, code: AuthorizationRefusal): Promise<T | AuthorizationRefusal> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ProviderError && (error.details.kind === 'needs-reauth' || error.details.kind === 'rejected')) return code;
    // Our own app’s credentials are wrong: no later try mends that, and somebody waits in a browser.
    if (error instanceof ProviderError && error.details.code === 'invalid_client') throw ApplicationFailure.nonRetryable(error.message, FAILURE.unavailable);
    throw error;
  }
}

type Stored = { readonly status: 'connected'; readonly connectionId: ConnectionId } | { readonly status: 'refused'; readonly code: AuthorizationRefusal };

type SealFor = (connectionId: ConnectionId) => Promise<SealedSecret>;

/** The grant sealed for a connection, once each: a prepared seal serves once, and storing may take several tries. */
function sealedOnce({ sealer }: AuthorizingDeps, { attempt, prepared, grant }: { readonly attempt: Attempt; readonly prepared: PreparedSeal; readonly grant: Grant }): SealFor {
  const done = new Map<ConnectionId, SealedSecret>();
  return async (connectionId) => {
    const known = done.get(connectionId);
    if (known) return known;
    const sealed = connectionId === attempt.connectionId ? await prepared(grantText(grant)) : await sealGrant(sealer, { venueId: attempt.venueId, connectionId }, grant);
    done.set(connectionId, sealed);
    return sealed;
  };
}

interface Storable extends Granted {
  readonly adapter: OAuthAdapter;
  readonly databaseAheadMs: number;
  readonly sealed: SealFor;
}

async function store({ authorizations, connections }: AuthorizingDeps, attempt: Attempt, { grant, account, sealed, ...obtained }: Storable): Promise<Stored> {
  const { venueId, provider, environment, reauthorize } = attempt;
  const known = reauthorize ? null : await connections.findByAccount(venueId, { provider, environment, externalAccountId: account.externalAccountId });
  let connectionId = known ?? attempt.connectionId;
  for (;;) {
    const stored = await authorizations.store(attempt, {
      account: { id: account.externalAccountId, name: account.name },
      connectionId,
      grant: { ...newGrant({ venueId, connectionId }, grant, { ...obtained, sealedTokens: await sealed(connectionId) }), authorizedBy: attempt.attemptId },
    });
    if (stored.status === 'refused') return stored;
    if (stored.status === 'connected') return { status: 'connected', connectionId };
    // Somebody connected the same account at the same moment. What is sealed for our id could not be opened under theirs.
    connectionId = stored.connectionId;
  }
}

/** Repeats what an outage of the provider, the key service or the database ended, for as long as there is time. */
async function keepTrying<T>(work: () => Promise<T>, signal: AbortSignal = AbortSignal.timeout(STORING_LIMIT_MS)): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!mayPass(error) || signal.aborted) throw error;
      await delay(STORING_PAUSE_MS);
    }
  }
}

const PASSING: ReadonlySet<string> = new Set(['unavailable', 'rate-limited', 'unexpected-response']);
const mayPass = (error: unknown): boolean =>
  isDatabaseAway(error) || (error instanceof VaultError && error.kind === 'key-service-unavailable') || (error instanceof ProviderError && PASSING.has(error.details.kind));
