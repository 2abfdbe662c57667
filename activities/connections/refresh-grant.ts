import { setTimeout as delay } from 'node:timers/promises';
import { ApplicationFailure } from '@temporalio/common';
import type { GrantStatus, RefreshInput, RefreshResult, TokenActivities } from '../../contracts/connections.ts';
import { FAILURE } from '../../contracts/failures.ts';
import type { AuditEntry } from '../../db/core/audit-store.ts';
import type { ConnectedGrant, LockedGrant, NewGrant, OAuthTokenStore } from '../../db/connections/oauth-token-store.ts';
import { describeRevocation } from '../../domain/grants/grant-advice.ts';
import type { OAuthAdapter } from '../../providers/oauth.ts';
import { isCircuitOpen } from '../../providers/circuits.ts';
import { ProviderError, leavesOutcomeOpen } from '../../providers/provider-error.ts';
import type { Providers } from '../../providers/providers.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Opener, PreparedSeal, PreparingSealer } from '../../vault/vault.ts';
import { tellOwner } from './connection-owner.ts';
import { describe, finalAfter, toFailure } from '../failures.ts';
import { GONE, statusOf } from './grant-status.ts';
import { withHeartbeat } from '../heartbeat.ts';
import { grantSealContext, grantText, newGrant, openGrant } from './sealed-grant.ts';

export interface RefreshingDeps {
  readonly tokens: OAuthTokenStore;
  readonly providers: Providers;
  readonly vault: Opener;
  readonly sealer: PreparingSealer;
  readonly log: Logger;
}

/** Of one round; the token manager begins the next one after a pause. */
const MAX_ATTEMPTS = 3;
/** With the wait for the account's budget. */
const CALL_TIMEOUT_MS = 15_000;
/** A token in hand whose lock was lost is all that is left of the grant: the database gets this long to come back. */
const STORE_LATE_LIMIT_MS = 60_000;
const STORE_LATE_PAUSE_MS = 500;

/** The one place where a token is refreshed. Only `keepConnectionFresh` asks for it. */
export function createRefreshingActivities(deps: RefreshingDeps): Pick<TokenActivities, 'refreshGrant'> {
  return {
    async refreshGrant(input) {
      try {
        return await withHeartbeat(() => refresh(deps, input));
      } catch (error) {
        deps.log.warn(
          { connectionId: input.connectionId, provider: input.provider, cause: describe(error) },
          'a token could not be refreshed',
        );
        throw finalAfter(isCircuitOpen(error) ? 1 : MAX_ATTEMPTS, toFailure(error, false));
      }
    },
  };
}

/** How far a refresh has come: what it leaves behind when it fails depends on it. */
interface Flight {
  sent: boolean;
  /** The call, which goes on when the lock is lost: from its answer on the stored token may be worthless. */
  call: Promise<NewGrant> | null;
}

async function refresh(deps: RefreshingDeps, input: RefreshInput): Promise<RefreshResult> {
  const before = await deps.tokens.find(input);
  if (!before || !isDue(before, input)) return answer(before);
  const adapter = deps.providers.oauth(input.provider, before.flow);
  if (!adapter)
    throw ApplicationFailure.nonRetryable(
      `${input.provider} is not set up here for the flow ${before.flow}`,
      FAILURE.unavailable,
    );
  // First whatever the key service is needed for: once the provider has rotated the token, only the database may still fail.
  const seal = await deps.sealer.prepare(grantSealContext(input));
  await openGrant(deps.vault, input, before);
  const earlierLost = await deps.tokens.noteRefreshSent({ ...input, generation: before.generation });
  return underLock(deps, {
    input,
    adapter,
    seal,
    earlierLost,
    generation: before.generation,
    flight: { sent: false, call: null },
  });
}

async function underLock(deps: RefreshingDeps, attempt: Attempt): Promise<RefreshResult> {
  const { input, generation, flight, earlierLost } = attempt;
  try {
    const result = await deps.tokens.withLock(input, async (grant) =>
      isDue(grant, input) ? refreshLocked(deps, { ...attempt, grant }) : answer(grant),
    );
    return result ?? answer(null);
  } catch (error) {
    const brought = await flight.call?.catch(() => null);
    if (brought) return keep(deps, attempt, brought);
    if (!earlierLost && (!flight.sent || isDefinite(error))) {
      // A mark that stays only makes the next refresh more careful; the failure is what has to be told.
      await deps.tokens.forgetRefreshSent({ ...input, generation }).catch((failure: unknown) => {
        deps.log.warn(
          { connectionId: input.connectionId, provider: input.provider, cause: describe(failure) },
          'the mark of a refresh that was sent could not be taken back',
        );
      });
    }
    throw error;
  }
}

/** Somebody else may have refreshed it, the account's owner have approved anew, or it be known to be dead. */
const isDue = ({ generation, state }: ConnectedGrant, input: RefreshInput): boolean =>
  generation <= input.generation && (state === 'active' || state === 'degraded' || state === 'suspended');

function answer(grant: ConnectedGrant | null): RefreshResult {
  const status = grant ? statusOf(grant) : GONE;
  return { status: status.state === 'needs-reauth' ? 'needs-reauth' : 'refreshed', grant: status };
}

interface Attempt {
  readonly input: RefreshInput;
  readonly adapter: OAuthAdapter;
  readonly seal: PreparedSeal;
  /** Of the token that is refreshed. */
  readonly generation: number;
  readonly flight: Flight;
  /** An earlier refresh with this token had no answer. */
  readonly earlierLost: boolean;
}

interface Refresh extends Attempt {
  readonly grant: LockedGrant;
}

async function refreshLocked(deps: RefreshingDeps, refresh: Refresh): Promise<RefreshResult> {
  const { input, grant, flight } = refresh;
  flight.call = callProvider(deps, refresh);
  const generation = grant.generation + 1;
  try {
    const brought = await flight.call;
    await grant.store(brought);
    await grant.record(entryOf(input, { action: 'credentials.refreshed', outcome: 'ok', generation }));
    return { status: 'refreshed', grant: statusOf({ ...grant, ...brought, generation }) };
  } catch (error) {
    if (error instanceof ProviderError && error.details.kind === 'needs-reauth') return refused(deps, refresh);
    throw error;
  }
}

async function callProvider(
  { providers, vault }: RefreshingDeps,
  { input, grant, adapter, seal, flight }: Refresh,
): Promise<NewGrant> {
  const databaseAheadMs = grant.now.getTime() - Date.now();
  const opened = await openGrant(vault, input, grant);
  if (!adapter.refresh)
    throw ApplicationFailure.nonRetryable(`a grant of ${input.provider} is not refreshed`, FAILURE.unavailable);
  // Not cut by a worker's shutdown: an answer that nobody waits for is a token lost.
  const signal = AbortSignal.timeout(CALL_TIMEOUT_MS);
  const { call } = providers.calls(input.provider, { account: grant, lane: 'interactive', signal });
  const noted: typeof call = (request) =>
    call(() => {
      flight.sent = true;
      return request();
    });
  try {
    const fresh = await adapter.refresh(opened, { signal, call: noted });
    return newGrant(input, fresh, {
      adapter,
      sealedTokens: await seal(grantText(fresh)),
      obtainedAt: new Date(),
      databaseAheadMs,
    });
  } catch (error) {
    if (signal.aborted && !(error instanceof ProviderError))
      throw new ProviderError({ provider: input.provider, kind: 'unavailable', code: 'timeout' });
    throw error;
  }
}

async function refused({ log }: RefreshingDeps, { input, grant, earlierLost }: Refresh): Promise<RefreshResult> {
  const why = earlierLost ? 'refresh-response-lost' : 'grant-refused';
  await grant.giveUp(describeRevocation(why));
  await grant.record(
    entryOf(input, { action: 'credentials.refreshed', outcome: 'refused', generation: grant.generation, why }),
  );
  log.error(
    { alert: 'grant-dead', why, venueId: input.venueId, connectionId: input.connectionId, provider: input.provider },
    'a connection needs its owner’s approval again',
  );
  return { status: 'needs-reauth', grant: statusOf({ ...grant, state: 'needs-reauth' }) };
}

/**
 * The provider looked at the request and refused it, so nothing was rotated. After anything else the token may have been: also after a refusal
 * that nobody can read, which may come from a proxy that has dropped the provider's answer.
 */
const isDefinite = (error: unknown): boolean => {
  if (!(error instanceof ProviderError) || error.details.kind === 'unexpected-response') return false;
  const { httpStatus } = error.details;
  return httpStatus !== undefined && httpStatus >= 400 && !leavesOutcomeOpen(httpStatus);
};

/** The lock is lost with the database's connection, the provider's answer is not: it is stored as soon as that is possible, unless something newer is there. */
async function keep(deps: RefreshingDeps, { input, generation }: Attempt, brought: NewGrant): Promise<RefreshResult> {
  const entry = entryOf(input, { action: 'credentials.refreshed', outcome: 'ok', generation: generation + 1 });
  const deadlineMs = performance.now() + STORE_LATE_LIMIT_MS;
  for (;;) {
    try {
      const stored = await deps.tokens.storeLate({ ...input, generation }, brought, entry);
      if (stored)
        deps.log.warn(
          { connectionId: input.connectionId, provider: input.provider },
          'a refreshed token was stored late',
        );
      break;
    } catch (error) {
      if (performance.now() > deadlineMs) throw error;
      await delay(STORE_LATE_PAUSE_MS);
    }
  }
  // This attempt may count as lost by now, and what the workflow has been told by another be out of date.
  await tellOwner(input, deps.providers.find(input.provider)?.capabilities.displayName ?? input.provider).catch(
    (error: unknown) => {
      deps.log.warn(
        { connectionId: input.connectionId, cause: describe(error) },
        'the connection’s owner could not be told of a token that was stored late',
      );
    },
  );
  return answer(await deps.tokens.find(input));
}

interface AuditEvent {
  readonly action: string;
  readonly outcome: AuditEntry['outcome'];
  readonly generation: GrantStatus['generation'];
  readonly why?: string;
}

function entryOf(
  { venueId, connectionId, provider }: RefreshInput,
  { action, outcome, generation, why }: AuditEvent,
): AuditEntry {
  return {
    venueId,
    actor: 'keepConnectionFresh',
    action,
    targetType: 'connection',
    targetId: connectionId,
    outcome,
    requestId: null,
    details: { provider, generation, ...(why !== undefined && { why }) },
  };
}
