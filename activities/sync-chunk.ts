import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { FAILURE } from '../contracts/failures.ts';
import type { SyncChunkActivities, SyncChunkResult, SyncConnectionInput } from '../contracts/sync.ts';
import type { ConnectionStore } from '../db/connection-store.ts';
import type { PullStore } from '../db/pull-store.ts';
import type { PushStore } from '../db/push-store.ts';
import type { RunScope, RunState, SyncProgressStore } from '../db/sync-progress-store.ts';
import { ProviderError } from '../providers/provider-error.ts';
import type { ConcurrencyLease, Providers } from '../providers/providers.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Secret } from '../vault/secret.ts';
import type { Opener } from '../vault/vault.ts';
import { ChunkControl } from './chunk.ts';
import { describe, toFailure } from './failures.ts';
import { pullChunk } from './pull-chunk.ts';
import { pushChunk } from './push-chunk.ts';

export interface SyncChunkDeps {
  readonly connections: ConnectionStore;
  readonly progress: SyncProgressStore;
  readonly pulls: PullStore;
  readonly pushes: PushStore;
  readonly providers: Providers;
  readonly vault: Opener;
  readonly log: Logger;
  /** How long one chunk works before it hands back to the workflow. */
  readonly chunkMs: number;
}

/** After a chunk was asked to stop, calls in flight have this long to end before they are cut. */
const DRAIN_MS = 5_000;
const HEARTBEAT_EVERY_MS = 1_000;
const RENEW_LEASE_EVERY_MS = 20_000;
/** Answers nobody understands, in a row and without any progress, after which a person has to look. */
const MAX_UNEXPECTED_ATTEMPTS = 10;

export function createSyncChunkActivities(deps: SyncChunkDeps): SyncChunkActivities {
  return {
    async syncChunk(input) {
      const state = await deps.progress.takeOver(input, Context.current().info.workflowExecution?.runId ?? null).catch((error: unknown) => {
        throw toFailure(error, false);
      });
      const scope: RunScope = { ...input, fence: state.fence };
      const work = { control: null as ChunkControl | null };
      try {
        return await runChunk(deps, { scope, state, work });
      } catch (error) {
        const progressed = work.control?.progressed ?? false;
        deps.log.warn({ syncId: input.syncId, provider: input.provider, cause: describe(error), progressed }, 'sync chunk interrupted');
        await noteWaiting(deps, scope, error);
        throw giveUpOnNonsense(toFailure(error, progressed), progressed);
      }
    },
  };
}

interface Chunk {
  readonly scope: RunScope;
  readonly state: RunState;
  /** Filled in once work has begun, so that a failure knows how far it came. */
  readonly work: { control: ChunkControl | null };
}

async function runChunk(deps: SyncChunkDeps, chunk: Chunk): Promise<SyncChunkResult> {
  const { scope, state } = chunk;
  const { connection, secretKey } = await openConnection(deps, scope);
  const account = { provider: scope.provider, environment: connection.environment, externalAccountId: connection.account.id };
  const ratePerSecond = deps.providers.ratePerSecond(account);
  const lease = await deps.providers.lease(account, { holder: scope.syncId, slots: Math.max(2, Math.ceil(ratePerSecond / 4)) });
  const context = Context.current();
  const hardStop = new AbortController();
  const control = new ChunkControl({
    state,
    slots: lease.slots,
    ratePerSecond,
    deadlineMs: deps.chunkMs,
    cancelled: context.cancellationSignal,
    onProgress: (progress) => {
      context.heartbeat(progress);
    },
  });
  chunk.work.control = control;
  const watch = keepAlive({ context, control, lease, hardStop });
  try {
    const session = deps.providers.open(scope.provider, {
      secretKey,
      account,
      lane: 'bulk',
      signal: hardStop.signal,
      onCall: (durationMs) => {
        control.countCall(durationMs);
      },
    });
    await walk(deps, chunk, { control, session: session.resource(scope.resource) });
  } catch (error) {
    // Calls that were cut because the run was asked to stop are no failure of theirs.
    if (!hardStop.signal.aborted) throw error;
  } finally {
    watch.stop();
    await lease.release();
  }
  return conclude(deps, scope, control);
}

async function walk(deps: SyncChunkDeps, { scope, state }: Chunk, tools: { control: ChunkControl; session: ReturnType<ReturnType<Providers['open']>['resource']> }): Promise<void> {
  const { checkpoint } = state;
  const mapping = deps.providers.find(scope.provider)?.mapping(scope.resource);
  if (!mapping || !checkpoint) throw ApplicationFailure.nonRetryable('the run has no plan', FAILURE.runUnavailable);
  const environment = { scope, mapping, ...tools };
  if (checkpoint.kind === 'push') await pushChunk({ ...environment, store: deps.pushes }, checkpoint);
  else if (checkpoint.kind !== 'done') await pullChunk({ ...environment, store: deps.pulls }, checkpoint);
}

async function conclude(deps: SyncChunkDeps, scope: RunScope, control: ChunkControl): Promise<SyncChunkResult> {
  const { cancellationSignal, cancellationDetails } = Context.current();
  const done = (await deps.progress.read(scope))?.checkpoint?.kind === 'done';
  if (done) return { ...control.progress, status: 'done' };
  if (control.stopRequested || cancellationDetails?.cancelRequested === true) return { ...control.progress, status: 'stopped' };
  // The worker is going down, or an operator has paused the activity: the next attempt goes on from the last committed page.
  if (cancellationSignal.aborted) throw ApplicationFailure.create({ type: 'Interrupted', message: 'the worker was asked to stop', nextRetryDelay: 100 });
  return { ...control.progress, status: 'more' };
}

async function openConnection({ connections, vault }: SyncChunkDeps, scope: SyncConnectionInput) {
  const connection = await connections.find(scope);
  if (!connection) throw ApplicationFailure.nonRetryable('the connection no longer exists', FAILURE.connectionGone);
  const stored = connection.state === 'active' || connection.state === 'degraded' ? await connections.findApiKey(scope) : null;
  if (!stored) throw ApplicationFailure.nonRetryable(`the connection is ${connection.state}`, FAILURE.needsReauth);
  const { venueId, connectionId } = scope;
  const secretKey: Secret = await vault.open(stored.sealedKey, { venueId, connectionId, purpose: 'provider-api-key' });
  return { connection, secretKey };
}

interface Watched {
  readonly context: Context;
  readonly control: ChunkControl;
  readonly lease: ConcurrencyLease;
  readonly hardStop: AbortController;
}

/** Heartbeats, keeps the lease, and cuts what still hangs a while after the chunk was asked to stop. */
function keepAlive({ context, control, lease, hardStop }: Watched): { stop(): void } {
  let stoppingSinceMs: number | null = null;
  const heartbeat = setInterval(() => {
    context.heartbeat(control.progress);
    const now = performance.now();
    if (control.stopRequested || context.cancellationSignal.aborted) stoppingSinceMs ??= now;
    if (stoppingSinceMs !== null && now - stoppingSinceMs > DRAIN_MS) hardStop.abort();
  }, HEARTBEAT_EVERY_MS);
  const renewal = setInterval(() => {
    // A lease that lapses costs others nothing worse than a little more traffic; the next renewal may succeed.
    lease.renew().catch(() => undefined);
  }, RENEW_LEASE_EVERY_MS);
  return {
    stop() {
      clearInterval(heartbeat);
      clearInterval(renewal);
    },
  };
}

/** Shows on the run why it stands still while Temporal waits before the next attempt. */
async function noteWaiting({ progress, log }: SyncChunkDeps, scope: RunScope, error: unknown): Promise<void> {
  if (!(error instanceof ProviderError)) return;
  const what = WAITING_FOR[error.details.kind];
  if (what === undefined) return;
  const now = Date.now();
  const until = error.details.retryAfterMs === undefined ? null : new Date(now + error.details.retryAfterMs).toISOString();
  await progress.wait(scope, { what, since: new Date(now).toISOString(), until }).catch((failure: unknown) => {
    log.warn({ syncId: scope.syncId, cause: describe(failure) }, 'could not note what the run waits for');
  });
}

const WAITING_FOR: Partial<Record<ProviderError['details']['kind'], string>> = {
  'rate-limited': 'rate-limit',
  'quota-exhausted': 'quota',
  unavailable: 'provider-unavailable',
  'unexpected-response': 'provider-unavailable',
};

function giveUpOnNonsense(failure: unknown, progressed: boolean): unknown {
  const attempts = Context.current().info.attempt;
  if (!(failure instanceof ApplicationFailure) || failure.type !== FAILURE.unexpectedResponse) return failure;
  if (progressed || attempts < MAX_UNEXPECTED_ATTEMPTS) return failure;
  return ApplicationFailure.nonRetryable(failure.message, FAILURE.unexpectedResponse);
}
