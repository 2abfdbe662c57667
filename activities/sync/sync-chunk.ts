import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { FAILURE } from '../../contracts/failures.ts';
import type { SyncChunkActivities, SyncChunkResult, SyncConnectionInput } from '../../contracts/sync.ts';
import type { MappingStore } from '../../db/mappings/mapping-store.ts';
import type { ReachStore } from '../../db/connections/reach-store.ts';
import type { PullStore } from '../../db/pull/pull-store.ts';
import type { PushStore } from '../../db/push/push-store.ts';
import type { SyncMissingStore } from '../../db/pull/sync-missing.ts';
import type { RunScope } from '../../db/runs/run-scope.ts';
import type { RunState } from '../../db/runs/run-state.ts';
import type { SyncProgressStore } from '../../db/runs/sync-progress-store.ts';
import { createFieldMapping } from '../../domain/mapping/field-mapping.ts';
import type { Expressions } from '../../expressions/expressions.ts';
import { isCircuitOpen } from '../../providers/limits/circuits.ts';
import { ProviderError } from '../../providers/provider-error.ts';
import type { ConcurrencyLease, Providers } from '../../providers/providers.ts';
import type { RecordKinds } from '../../records/registry.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { BulkThrottle } from './bulk-throttle.ts';
import { ChunkControl } from './chunk.ts';
import type { ChunkEnvironment } from './chunk.ts';
import type { Credentials, OpenedConnection } from '../connections/credentials.ts';
import { describe, finalAfter, interrupted, toFailure } from '../failures.ts';
import { withHeartbeat } from '../heartbeat.ts';
import { fieldMappingWithin, mappingWithin, sessionWithin } from './reach.ts';
import { pullChunk } from './pull/pull-chunk.ts';
import { pushChunk } from './push/push-chunk.ts';
import { previewPush } from './push/push-preview.ts';
import { noteOnRun, waitingOfTrouble } from '../trouble.ts';

export interface SyncChunkDeps {
  readonly credentials: Credentials;
  readonly progress: SyncProgressStore;
  readonly reach: Pick<ReachStore, 'find'>;
  readonly pulls: PullStore;
  readonly pushes: PushStore;
  readonly missing: SyncMissingStore;
  readonly mappings: Pick<MappingStore, 'find'>;
  readonly expressions: Pick<Expressions, 'evaluate'>;
  readonly kinds: RecordKinds;
  readonly providers: Providers;
  readonly log: Logger;
  /** How long one chunk works before it returns to the workflow. */
  readonly chunkMs: number;
  /**
   * Key by which other processes see that this one lives (`WorkerPresence`); without it, only missed heartbeats show
   * that it is gone.
   */
  readonly workerKey?: number;
  readonly bulkThrottle?: BulkThrottle;
}

/** After a chunk was asked to stop, running calls get this long before they are aborted. */
const DRAIN_MS = 5_000;
const LOOK_EVERY_MS = 1_000;
/** Also the time within which a second run on an account gets its share. */
const RENEW_LEASE_EVERY_MS = 5_000;

/** For bulk runs, whose pulls share what `bulkThrottle` allows. */
export const createBulkChunkActivities = (deps: SyncChunkDeps, bulkThrottle: BulkThrottle): SyncChunkActivities =>
  createSyncChunkActivities({ ...deps, pulls: bulkThrottle.pulls(deps.pulls), bulkThrottle });

export function createSyncChunkActivities(deps: SyncChunkDeps): SyncChunkActivities {
  return {
    async syncChunk(input) {
      const state = await deps.progress
        .takeOver(input, Context.current().info.workflowExecution?.runId ?? null)
        .catch(async (error: unknown) => {
          await noteOnRun(deps, input, error);
          throw toFailure(error, false, backoffMs(Context.current().info.attempt - 1));
        });
      const scope: RunScope = { ...input, fence: state.fence, account: state.account };
      const work: Chunk['work'] = { control: null, opened: null };
      try {
        return await runChunk(deps, { scope, state, work });
      } catch (thrown) {
        const progressed = work.control?.progressed ?? false;
        deps.log.warn(
          { syncId: input.syncId, provider: input.provider, cause: describe(thrown), progressed },
          'sync chunk interrupted',
        );
        const error = await replaceRefused(deps, { scope, state, work }, thrown);
        await noteTrouble(deps, { scope, state, work }, error);
        const failure = toFailure(error, progressed, pauseAfter(error, state));
        // The workflow waits until the circuit lets calls through, because no attempt before that can succeed.
        if (isCircuitOpen(error)) throw finalAfter(1, failure);
        const attempts = isPassing(error) ? state.failures + 1 : Context.current().info.attempt;
        throw giveUp(failure, { progressed, attempts });
      }
    },
  };
}

interface Chunk {
  readonly scope: RunScope;
  readonly state: RunState;
  /** Set once work has begun, so that a failure knows how far it came. */
  readonly work: { control: ChunkControl | null; opened: OpenedConnection | null };
}

async function runChunk(deps: SyncChunkDeps, chunk: Chunk): Promise<SyncChunkResult> {
  const { scope, state } = chunk;
  const [opened, settings] = await Promise.all([openConnection(deps, scope), readSettings(deps, scope)]);
  const { account, credential } = (chunk.work.opened = opened);
  const ratePerSecond = deps.providers.ratePerSecond(account);
  const context = Context.current();
  const task =
    deps.workerKey === undefined ? undefined : { workerKey: deps.workerKey, token: context.info.base64TaskToken };
  const holder = { holder: scope.syncId, task };
  const lease = await deps.providers.lease(account, { ...holder, slots: Math.max(2, Math.ceil(ratePerSecond / 4)) });
  const hardStop = new AbortController();
  const control = new ChunkControl({
    state,
    lease,
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
      ...credential,
      account,
      accounts: state.accounts,
      holder,
      lane: 'bulk',
      signal: hardStop.signal,
      onCall: (durationMs) => {
        control.countCall(durationMs);
      },
    });
    const resource = session.resource(scope.resource);
    const tools = { control, account: session, session: deps.bulkThrottle?.session(resource) ?? resource };
    await withHeartbeat(
      () => walk(deps, chunk, { ...tools, settings }),
      () => control.progress,
    );
  } catch (error) {
    // Calls aborted because the run was asked to stop are no failures.
    if (!hardStop.signal.aborted) throw error;
  } finally {
    watch.stop();
    // The lease expires by itself: a failed release must neither fail a completed chunk nor hide why one failed.
    await lease.release().catch((error: unknown) => {
      deps.log.warn(
        { syncId: scope.syncId, provider: scope.provider, cause: describe(error) },
        'the lease of a chunk could not be released',
      );
    });
  }
  return conclude(deps, scope, control);
}

type Settings = Awaited<ReturnType<typeof readSettings>>;

/** What the venue has chosen for the records. */
async function readSettings({ mappings, reach }: SyncChunkDeps, scope: RunScope) {
  const [mapping, reached] = await Promise.all([mappings.find(scope), reach.find(scope)]);
  return { mapping, reach: reached };
}

async function walk(
  deps: SyncChunkDeps,
  { scope, state }: Chunk,
  { settings, ...tools }: Pick<ChunkEnvironment, 'control' | 'account' | 'session'> & { readonly settings: Settings },
): Promise<void> {
  const { checkpoint: first } = state;
  const adapter = deps.providers.find(scope.provider);
  if (!adapter || !first) throw ApplicationFailure.nonRetryable('the run has no plan', FAILURE.runUnavailable);
  const mapping = adapter.mapping(scope.resource);
  const kind = deps.kinds.get(scope.resource);
  const { excludedFields: excluded, historyFromEpochS, zones } = settings.reach;
  const reach = { kind, excluded };
  const fieldMapping = fieldMappingWithin(createFieldMapping(kind, settings.mapping, mapping.holdings), reach);
  const environment = {
    ...{ scope: { ...scope, mapping: fieldMapping }, mapping: mappingWithin(mapping, { ...reach, zones }) },
    ...{ fieldMapping, historyFromEpochS },
    ...{ expressions: deps.expressions, progress: deps.progress, approved: state.approved },
    ...{ ...tools, session: sessionWithin(tools.session, reach) },
  };
  const readFirst = async () => {
    const plan = adapter.pullPlan(scope.resource);
    return first.kind === 'pull'
      ? pullChunk({ ...environment, plan, pulls: deps.pulls, missing: deps.missing }, first)
      : first;
  };
  const checkpoint = await readFirst();
  if (checkpoint?.kind !== 'push' || tools.control.stopping) return;
  const { writer } = tools.session;
  if (!writer)
    throw ApplicationFailure.nonRetryable(`${scope.provider} takes no ${scope.resource}`, FAILURE.runUnavailable);
  if (scope.dryRun === true) await previewPush({ ...environment, store: deps.pushes }, checkpoint);
  else await pushChunk({ ...environment, writer, store: deps.pushes, pulls: deps.pulls }, checkpoint);
}

async function conclude(deps: SyncChunkDeps, scope: RunScope, control: ChunkControl): Promise<SyncChunkResult> {
  const { cancellationSignal, cancellationDetails } = Context.current();
  const done = (await deps.progress.read(scope))?.checkpoint?.kind === 'done';
  if (done) return { ...control.progress, status: 'done' };
  if (control.awaiting) return { ...control.progress, status: 'needs-approval', awaiting: control.awaiting };
  if (control.stopRequested || cancellationDetails?.cancelRequested === true)
    return { ...control.progress, status: 'stopped' };
  // The worker is shutting down, or an operator has paused the activity: the next attempt resumes from the last
  // committed page.
  if (cancellationSignal.aborted) throw interrupted();
  return { ...control.progress, status: 'more' };
}

/** Its token may have to be refreshed first. Runs that a schedule or an event has started were checked by nobody. */
const openConnection = ({ credentials }: SyncChunkDeps, scope: SyncConnectionInput): Promise<OpenedConnection> =>
  withHeartbeat(() => credentials.open(scope, scope));

/** Handles refused credentials: when newer ones exist, the attempt is repeated soon. */
async function replaceRefused(
  { credentials }: SyncChunkDeps,
  { scope, work }: Chunk,
  error: unknown,
): Promise<unknown> {
  const { opened, control } = work;
  if (!(error instanceof ProviderError) || error.details.kind !== 'needs-reauth' || !opened) return error;
  try {
    const replaced = await withHeartbeat(
      () => credentials.replaceRefused(scope, opened),
      () => control?.progress,
    );
    return replaced
      ? ApplicationFailure.create({
          type: FAILURE.tokenRenewed,
          message: 'the token has been renewed',
          nextRetryDelay: 100,
        })
      : error;
  } catch (failure) {
    return failure;
  }
}

interface Watched {
  readonly context: Context;
  readonly control: ChunkControl;
  readonly lease: ConcurrencyLease;
  readonly hardStop: AbortController;
}

/** Renews the lease, and aborts calls that still hang a while after the chunk was asked to stop. */
function keepAlive({ context, control, lease, hardStop }: Watched): { stop(): void } {
  let stoppingSinceMs: number | null = null;
  const look = setInterval(() => {
    const now = performance.now();
    if (control.stopRequested || context.cancellationSignal.aborted) stoppingSinceMs ??= now;
    if (stoppingSinceMs !== null && now - stoppingSinceMs > DRAIN_MS) hardStop.abort();
  }, LOOK_EVERY_MS);
  const renewal = setInterval(() => {
    // An expired lease only costs other runs some traffic, and the next renewal may succeed.
    lease.renew().catch(() => undefined);
  }, RENEW_LEASE_EVERY_MS);
  return {
    stop() {
      clearInterval(look);
      clearInterval(renewal);
    },
  };
}

/** Shows on the run why it does not progress. */
async function noteTrouble({ progress, log }: SyncChunkDeps, { scope }: Chunk, error: unknown): Promise<void> {
  const waiting = waitingOfTrouble(error);
  try {
    if (waiting !== null) await progress.wait(scope, waiting);
  } catch (failure) {
    log.warn({ syncId: scope.syncId, cause: describe(failure) }, 'could not note what the run waits for');
  }
}

const PASSES_SOON: ReadonlySet<ProviderError['details']['kind']> = new Set([
  'rate-limited',
  'unavailable',
  'unexpected-response',
]);
const isPassing = (error: unknown) => error instanceof ProviderError && PASSES_SOON.has(error.details.kind);
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 120_000;

/** Doubles with each failure in a row: of the provider's failures when the provider fails, otherwise of all. */
const pauseAfter = (error: unknown, { failures }: RunState) =>
  backoffMs(isPassing(error) ? failures : Context.current().info.attempt - 1);
/** The pause after this many failures in a row. */
export const backoffMs = (earlier: number) => Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(earlier, 20));

/**
 * Ends the activity after some attempts in a row without progress, so that no worker or retry is spent meanwhile. The
 * workflow then waits, or fails when the answers cannot be understood.
 */
function giveUp(
  failure: unknown,
  { progressed, attempts }: { readonly progressed: boolean; readonly attempts: number },
): unknown {
  if (!(failure instanceof ApplicationFailure)) return failure;
  // A used-up window stays so until its date, whatever happened before: the run waits for it in the workflow.
  if (progressed && failure.type !== FAILURE.quotaExhausted) return failure;
  const mostAttempts = MOST_ATTEMPTS[failure.type ?? ''];
  if (mostAttempts === undefined || attempts < mostAttempts) return failure;
  return ApplicationFailure.create({
    message: failure.message,
    ...(failure.type != null && { type: failure.type }),
    nonRetryable: true,
    details: failure.details ?? [],
  });
}

/** Attempts in a row after which waiting is left to the workflow, by type of failure. */
export const MOST_ATTEMPTS: Readonly<Partial<Record<string, number>>> = {
  [FAILURE.unexpectedResponse]: 10,
  // Together with the pauses between them, these take some minutes.
  [FAILURE.unavailable]: 8,
  [FAILURE.rateLimited]: 8,
  // Each attempt has asked the key service three times.
  [FAILURE.keyServiceUnavailable]: 5,
  [FAILURE.quotaExhausted]: 1,
};
