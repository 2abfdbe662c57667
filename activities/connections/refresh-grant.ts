import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { GrantStatus, RefreshInput, RefreshResult, TokenActivities } from '../../contracts/connections.ts';
import { FAILURE } from '../../contracts/failures.ts';
import type { AuditEntry } from '../../db/core/audit-store.ts';
import type {
  ApprovedGrantRef,
  ConnectedGrant,
  LeaseAttempt,
  NewGrant,
  OAuthTokenStore,
} from '../../db/connections/oauth-token-store.ts';
import { describeRevocation } from '../../domain/grants/grant-advice.ts';
import type { Grant, OAuthAdapter } from '../../providers/oauth.ts';
import { isCircuitOpen } from '../../providers/limits/circuits.ts';
import { ProviderError, leavesOutcomeOpen } from '../../providers/provider-error.ts';
import { patientTimeout } from '../../providers/http/patient-timeout.ts';
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

/** Attempts of one round. The token manager starts the next round after a pause. */
const MAX_ATTEMPTS = 3;
/** Includes the wait for the account's budget. */
const CALL_TIMEOUT_MS = 15_000;
/**
 * The call's timeout plus the time to store its answer. The next process waits this long for a dead holder, and callers
 * wait 40 s for a token.
 */
const LEASE_MS = CALL_TIMEOUT_MS + 10_000;
const LEASE_POLL_MS = 250;
/**
 * Once the provider has rotated a token, the answer in memory is all that is left of the grant, so the database gets
 * this long to come back.
 */
const STORE_LIMIT_MS = 60_000;
const STORE_PAUSE_MS = 500;
/** The name by which Temporal knows this process too. */
const HOLDER = `${process.pid}@${hostname()}`;

/** The only place that refreshes tokens. Only `keepConnectionFresh` calls it. */
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

/** Starts over whenever another process was faster. */
async function refresh(deps: RefreshingDeps, input: RefreshInput): Promise<RefreshResult> {
  for (;;) {
    const before = await deps.tokens.find(input);
    if (!before || !isDue(before, input)) return answer(before);
    const result = await refreshOnce(deps, input, before);
    if (result !== 'overtaken') return result;
  }
}

async function refreshOnce(
  deps: RefreshingDeps,
  input: RefreshInput,
  before: ConnectedGrant,
): Promise<RefreshResult | 'overtaken'> {
  const adapter = deps.providers.oauth(input.provider, before.flow);
  if (!adapter)
    throw ApplicationFailure.nonRetryable(
      `${input.provider} is not set up here for the flow ${before.flow}`,
      FAILURE.unavailable,
    );
  // Uses the key service first: once the provider has rotated the token, only the database may still fail.
  const seal = await deps.sealer.prepare(grantSealContext(input));
  const opened = await openGrant(deps.vault, input, before);
  const taken = await takeLease(deps, { ...input, ...before, generation: before.generation });
  if (taken === null) return 'overtaken';
  const { lease, grant, earlierUnanswered } = taken;
  const attempt = { input, adapter, seal, opened, lease, grant, earlierUnanswered, flight: { sent: false } };
  if (!isDue(grant, input)) {
    await release(deps, attempt, null);
    return answer(grant);
  }
  return underLease(deps, attempt);
}

/**
 * Waits while another process has the lease, without holding a database connection. Returns null when the grant has
 * changed by then.
 */
async function takeLease({ tokens }: RefreshingDeps, grant: ApprovedGrantRef): Promise<TakenLease | null> {
  for (;;) {
    const attempt = await tokens.takeRefreshLease(grant, { holder: HOLDER, lengthMs: LEASE_MS });
    if (attempt.outcome === 'taken') return attempt;
    if (attempt.outcome === 'moved') return null;
    await Context.current().sleep(Math.min(attempt.forMs, LEASE_POLL_MS));
  }
}

type TakenLease = Extract<LeaseAttempt, { readonly outcome: 'taken' }>;

interface Attempt extends Omit<TakenLease, 'outcome'> {
  readonly input: RefreshInput;
  readonly adapter: OAuthAdapter;
  readonly seal: PreparedSeal;
  readonly opened: Grant;
  readonly flight: { sent: boolean };
}

async function underLease(deps: RefreshingDeps, attempt: Attempt): Promise<RefreshResult | 'overtaken'> {
  let brought: NewGrant;
  try {
    brought = await callProvider(deps, attempt);
  } catch (error) {
    if (error instanceof ProviderError && error.details.kind === 'needs-reauth') return refused(deps, attempt);
    await release(deps, attempt, error);
    throw error;
  }
  return store(deps, attempt, brought);
}

/**
 * Best effort: a lease that stays expires by itself, and a mark that stays only makes the next refresh more careful.
 * The original failure is the one to report.
 */
async function release(deps: RefreshingDeps, { input, lease, earlierUnanswered, flight }: Attempt, error: unknown) {
  const unsent = !earlierUnanswered && (!flight.sent || isDefinite(error));
  await deps.tokens.releaseRefresh(lease, { unsent }).catch((failure: unknown) => {
    deps.log.warn(
      { connectionId: input.connectionId, provider: input.provider, cause: describe(failure) },
      'the lease of a refresh could not be released',
    );
  });
}

/** False when the token was refreshed by another process, replaced by a new approval, or is known to be dead. */
const isDue = ({ generation, state }: ConnectedGrant, input: RefreshInput): boolean =>
  generation <= input.generation && (state === 'active' || state === 'degraded' || state === 'suspended');

function answer(grant: ConnectedGrant | null): RefreshResult {
  const status = grant ? statusOf(grant) : GONE;
  return { status: status.state === 'needs-reauth' ? 'needs-reauth' : 'refreshed', grant: status };
}

async function callProvider(
  { providers }: RefreshingDeps,
  { input, grant, opened, adapter, seal, flight }: Attempt,
): Promise<NewGrant> {
  const databaseAheadMs = grant.now.getTime() - Date.now();
  if (!adapter.refresh)
    throw ApplicationFailure.nonRetryable(`a grant of ${input.provider} is not refreshed`, FAILURE.unavailable);
  // Not aborted by a worker's shutdown, because an unread answer is a lost token.
  const { signal } = patientTimeout(CALL_TIMEOUT_MS);
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

async function refused(
  { tokens, log }: RefreshingDeps,
  { input, grant, lease, earlierUnanswered }: Attempt,
): Promise<RefreshResult | 'overtaken'> {
  const why = earlierUnanswered ? 'refresh-response-lost' : 'grant-refused';
  const entry = entryOf(input, {
    action: 'credentials.refreshed',
    outcome: 'refused',
    generation: lease.generation,
    why,
  });
  // The refusal may only mean that the current holder of the lease has rotated the token, so that holder decides.
  if (!(await tokens.giveUpRefresh(lease, describeRevocation(why), entry))) return 'overtaken';
  log.error(
    { alert: 'grant-dead', why, venueId: input.venueId, connectionId: input.connectionId, provider: input.provider },
    'a connection needs its owner’s approval again',
  );
  return { status: 'needs-reauth', grant: statusOf({ ...grant, state: 'needs-reauth' }) };
}

/**
 * Whether the provider itself refused the request, so that nothing was rotated. After anything else the token may have
 * been rotated, even after an unreadable refusal, which may come from a proxy that dropped the provider's answer.
 */
const isDefinite = (error: unknown): boolean => {
  if (!(error instanceof ProviderError) || error.details.kind === 'unexpected-response') return false;
  const { httpStatus } = error.details;
  return httpStatus !== undefined && httpStatus >= 400 && !leavesOutcomeOpen(httpStatus);
};

/** Retries while the database is away, and while another process holds the lease that this one has lost. */
async function store(deps: RefreshingDeps, attempt: Attempt, brought: NewGrant): Promise<RefreshResult> {
  const { input, lease } = attempt;
  const entry = entryOf(input, { action: 'credentials.refreshed', outcome: 'ok', generation: lease.generation + 1 });
  const deadlineMs = performance.now() + STORE_LIMIT_MS;
  for (let delayed = false; ; delayed = true) {
    let failure: unknown = new Error('the lease of a refresh is held by another process');
    try {
      const stored = await deps.tokens.storeRefreshed(lease, brought, entry);
      if (stored.outcome === 'moved') return answer(await deps.tokens.find(input));
      if (stored.outcome === 'stored') {
        if (delayed || stored.late) await tellOfLateToken(deps, input);
        return answer(stored.grant);
      }
    } catch (error) {
      failure = error;
    }
    if (performance.now() > deadlineMs) throw failure;
    await delay(STORE_PAUSE_MS);
  }
}

/**
 * Tells the token manager, because this attempt may count as lost by now and the workflow may have an outdated result
 * from another.
 */
async function tellOfLateToken({ log, providers }: RefreshingDeps, input: RefreshInput): Promise<void> {
  log.warn({ connectionId: input.connectionId, provider: input.provider }, 'a refreshed token was stored late');
  const providerName = providers.find(input.provider)?.capabilities.displayName ?? input.provider;
  await tellOwner(input, providerName).catch((error: unknown) => {
    log.warn(
      { connectionId: input.connectionId, cause: describe(error) },
      'the connection’s owner could not be told of a token that was stored late',
    );
  });
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
