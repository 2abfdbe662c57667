import { Context } from '@temporalio/activity';
import type { SyncId } from '../../contracts/ids.ts';
import type { SyncMode } from '../../contracts/providers.ts';
import type { OpenScheduledRunResult, ScheduledSyncInput, SchedulingActivities } from '../../contracts/sync.ts';
import type { ConnectionStore } from '../../db/connections/connection-store.ts';
import type { ScheduleStore } from '../../db/runs/schedule-store.ts';
import { syncInputOf } from '../../db/runs/sync-input.ts';
import type { SyncRunStore } from '../../db/runs/sync-run-store.ts';
import { isUsable } from '../../domain/grants/usable-connection.ts';
import { DEFAULT_FULL_EVERY_MS, fullPassDueAt } from '../../domain/sync/full-pass.ts';
import { guarded } from '../failures.ts';

export interface SchedulingDeps {
  readonly connections: ConnectionStore;
  readonly runs: SyncRunStore;
  readonly schedules: ScheduleStore;
}

/** The database activities of a Schedule's workflow. */
export function createSchedulingActivities(deps: SchedulingDeps): SchedulingActivities {
  return {
    openScheduledRun: (input) => guarded(() => open(deps, input)),
  };
}

async function open(deps: SchedulingDeps, key: ScheduledSyncInput): Promise<OpenScheduledRunResult> {
  const { workflowExecution, attempt } = Context.current().info;
  const requestedBy = `schedule:${workflowExecution?.runId ?? ''}`;
  // First of all: a run that a lost attempt has opened needs its workflow, whatever state its connection has now.
  const opened = attempt > 1 ? await deps.schedules.findOpenedBy(key, requestedBy) : null;
  return opened ? again(deps, key, opened.id) : first(deps, key, requestedBy);
}

async function again(
  { runs }: SchedulingDeps,
  { venueId }: ScheduledSyncInput,
  id: SyncId,
): Promise<OpenScheduledRunResult> {
  const run = await runs.find(venueId, id);
  // Over already: somebody requested the same sync, and it ran meanwhile.
  return run && !run.finishedAt ? { run: syncInputOf(run), skipped: null } : nothing('already-running');
}

async function first(
  { connections, runs, schedules }: SchedulingDeps,
  key: ScheduledSyncInput,
  requestedBy: string,
): Promise<OpenScheduledRunResult> {
  const connection = await connections.find(key);
  if (!connection) return nothing('connection-gone');
  if (!isUsable(connection)) return nothing('connection-not-active');
  const { venueId, connectionId, provider, resource, direction } = key;
  const deadLettersOnly = key.deadLettersOnly === true;
  const mode = deadLettersOnly ? 'incremental' : await modeOf(schedules, key);
  const { run, joined } = await runs.openOrJoin({
    venueId,
    connectionId,
    provider,
    resource,
    direction,
    mode,
    requestedBy,
    deadLettersOnly,
  });
  // A run that covers something else is left to whoever has opened it.
  if (run.deadLettersOnly !== deadLettersOnly) return nothing('already-running');
  // An open run that has not begun may have lost its starter. Temporal rejects a second start, so trying is safe.
  return joined && run.startedAt ? nothing('already-running') : { run: syncInputOf(run), skipped: null };
}

/** Full when the last full pass is old enough, because it finds what the change feed misses. */
async function modeOf(schedules: ScheduleStore, key: ScheduledSyncInput): Promise<SyncMode> {
  const passes = await schedules.listFullPasses(key);
  const last =
    passes.find(({ resource, direction }) => resource === key.resource && direction === key.direction) ?? null;
  const dueAt = fullPassDueAt(key, key.fullEveryMs === undefined ? DEFAULT_FULL_EVERY_MS : key.fullEveryMs, last);
  return dueAt !== null && dueAt.getTime() <= Date.now() ? 'full' : 'incremental';
}

const nothing = (skipped: OpenScheduledRunResult['skipped']): OpenScheduledRunResult => ({ run: null, skipped });
