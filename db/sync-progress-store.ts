import { sql } from 'drizzle-orm';
import type { SyncCounts, SyncConnectionInput, SyncOutcome, SyncPhase, SyncProgress } from '../contracts/sync.ts';
import type { Checkpoint } from '../domain/checkpoint.ts';
import { withVenue } from './venue-scope.ts';
import type { Database, Transaction } from './venue-scope.ts';

/** A newer attempt at the run's chunk has begun, or the run has ended: whatever this one still holds must not be written. */
export class SupersededError extends Error {
  override readonly name = 'SupersededError';
  constructor() {
    super('a newer attempt has taken this run over');
  }
}

/** The run that one attempt works on. `fence` is that attempt's number: writes under an older one are refused. */
export interface RunScope extends SyncConnectionInput {
  readonly fence: number;
}

export interface RunState extends SyncProgress {
  readonly checkpoint: Checkpoint | null;
  readonly fence: number;
  readonly stopRequested: boolean;
  readonly startedAt: Date;
}

export interface Waiting {
  readonly what: string;
  readonly since: string;
  readonly until: string | null;
}

/** What one commit adds to a run. */
export interface ProgressDelta {
  readonly counts: Partial<SyncCounts>;
  readonly done: number;
  readonly providerCalls: number;
  readonly ratePerSecond: number;
  /** Null leaves the stored one. */
  readonly checkpoint: Checkpoint | null;
}

export interface RunEnd {
  readonly outcome: SyncOutcome;
  readonly error: { readonly code: string; readonly message: string; readonly nextAction: string } | null;
  /** New watermark of the sync when it completed. */
  readonly watermark: Date | null;
}

/** A run as the worker moves it. All methods are safe to repeat. */
export interface SyncProgressStore {
  /** `workflowRunId` is the workflow run at work: a reset and a continue-as-new change it. Opens a queued run, or reopens one that an operator has reset. Null when there is none, or another run of the sync is open. */
  begin(input: SyncConnectionInput, workflowRunId: string | null): Promise<RunState | null>;
  read(input: SyncConnectionInput): Promise<RunState | null>;
  watermark(input: SyncConnectionInput): Promise<Date | null>;
  countToPush(input: SyncConnectionInput): Promise<number>;
  /** Records that are tied to a living twin: what the next full listing will bring, as far as anyone knows before it. */
  countLinked(input: SyncConnectionInput): Promise<number>;
  /** The first checkpoint and total; keeps those of a run that has them. */
  plan(input: SyncConnectionInput, plan: { readonly checkpoint: Checkpoint; readonly total: number | null }): Promise<void>;
  setPhase(input: SyncConnectionInput, phase: SyncPhase): Promise<void>;
  /** Takes the run over: every earlier attempt is fenced off. Throws SupersededError when the run has ended. */
  takeOver(input: SyncConnectionInput, workflowRunId: string | null): Promise<RunState>;
  wait(scope: RunScope, waiting: Waiting): Promise<void>;
  requestStop(input: SyncConnectionInput): Promise<void>;
  finish(input: SyncConnectionInput, end: RunEnd): Promise<SyncProgress & { readonly outcome: SyncOutcome }>;
}

export function createSyncProgressStore(db: Database): SyncProgressStore {
  return {
    begin: (input, workflowRunId) => withVenue(db, input.venueId, (tx) => begin(tx, input, workflowRunId)),

    read: (input) =>
      withVenue(db, input.venueId, async (tx) => {
        const [row] = await tx.execute<RunRow>(sql`select * from sync_runs where id = ${input.syncId}`);
        return row ? toState(row) : null;
      }),

    watermark: (input) =>
      withVenue(db, input.venueId, async (tx) => {
        const [row] = await tx.execute<{ at: string }>(sql`
          select watermark::text as at from sync_cursors
          where connection_id = ${input.connectionId} and resource = ${input.resource} and direction = ${input.direction}`);
        return row ? new Date(row.at) : null;
      }),

    countToPush: (input) =>
      withVenue(db, input.venueId, async (tx) => {
        const [row] = await tx.execute<{ total: number }>(sql`
          select count(*)::int as total from customers c
          ${linkOfRecord(input)}
          where c.deleted_at is null and (${input.mode === 'full'} or ${needsPush})`);
        return row?.total ?? 0;
      }),

    countLinked: (input) =>
      withVenue(db, input.venueId, async (tx) => {
        const [row] = await tx.execute<{ total: number }>(sql`
          select count(*)::int as total from record_links
          where connection_id = ${input.connectionId} and resource = ${input.resource} and external_id is not null and state <> 'gone'`);
        return row?.total ?? 0;
      }),

    plan: (input, { checkpoint, total }) =>
      withVenue(db, input.venueId, async (tx) => {
        await tx.execute(sql`
          update sync_runs set checkpoint = ${JSON.stringify(checkpoint)}::jsonb, total = ${total}, updated_at = now()
          where id = ${input.syncId} and checkpoint is null`);
      }),

    setPhase: (input, phase) => withVenue(db, input.venueId, (tx) => changePhase(tx, input, phase)),

    takeOver: (input, workflowRunId) =>
      withVenue(db, input.venueId, async (tx) => {
        const [row] = await tx.execute<RunRow>(sql`
          update sync_runs set fence = fence + 1, waiting_for = null, workflow_run_id = coalesce(${workflowRunId}, workflow_run_id), updated_at = now()
          where id = ${input.syncId} and finished_at is null returning *`);
        if (!row) throw new SupersededError();
        if (row.phase === 'waiting') await changePhase(tx, input, 'running');
        return toState(row);
      }),

    wait: (scope, waiting) =>
      withVenue(db, scope.venueId, async (tx) => {
        await lockRun(tx, scope);
        await tx.execute(sql`update sync_runs set waiting_for = ${JSON.stringify(waiting)}::jsonb, updated_at = now() where id = ${scope.syncId}`);
        await changePhase(tx, scope, 'waiting');
      }),

    requestStop: (input) =>
      withVenue(db, input.venueId, async (tx) => {
        await tx.execute(sql`update sync_runs set stop_requested_at = coalesce(stop_requested_at, now()) where id = ${input.syncId} and finished_at is null`);
      }),

    finish: (input, end) => withVenue(db, input.venueId, (tx) => finish(tx, input, end)),
  };
}

async function begin(tx: Transaction, input: SyncConnectionInput, workflowRunId: string | null): Promise<RunState | null> {
  // A reset run takes its place only while no other run of the same sync is open: the unique index would refuse it.
  const [row] = await tx.execute<RunRow>(sql`
    update sync_runs set started_at = coalesce(started_at, now()), finished_at = null, outcome = null, error = null, waiting_for = null,
      stop_requested_at = null, workflow_run_id = coalesce(${workflowRunId}, workflow_run_id), updated_at = now()
    where id = ${input.syncId} and not exists (
      select from sync_runs other where other.connection_id = ${input.connectionId} and other.resource = ${input.resource}
        and other.direction = ${input.direction} and other.finished_at is null and other.id <> ${input.syncId})
    returning *`);
  return row ? toState(row) : null;
}

/**
 * Joins `l`, the link of record `c` with the connection, or nulls. Lateral with a limit, so that it is looked up record by record: for a
 * plain join, on tables that Postgres has not analysed yet, the planner takes a connection's links for one row and reads them all for
 * every record, which takes minutes where this takes a tenth of a second.
 */
export const linkOfRecord = ({ connectionId, resource }: Pick<SyncConnectionInput, 'connectionId' | 'resource'>) => sql`
  left join lateral (select * from record_links where connection_id = ${connectionId} and resource = ${resource} and record_id = c.id limit 1) l on true`;

/** Rows `c` (record) and `l` (link or null) of which the last agreed version is not the current one. */
export const needsPush = sql`(l.record_id is null or l.record_version <> c.version or l.state in ('pending', 'rejected'))`;

/** Locks the run for one commit. Throws SupersededError under an older fence. Returns whether someone asked the run to stop. */
export async function lockRun(tx: Transaction, scope: RunScope): Promise<{ readonly stopRequested: boolean }> {
  const [row] = await tx.execute<{ fence: number; stop: boolean; finished: boolean }>(sql`
    select fence, stop_requested_at is not null as stop, finished_at is not null as finished from sync_runs where id = ${scope.syncId} for update`);
  if (row?.fence !== scope.fence || row.finished) throw new SupersededError();
  return { stopRequested: row.stop };
}

/** Adds one commit's share to the run. The caller holds the lock. */
export async function addProgress(tx: Transaction, scope: RunScope, delta: ProgressDelta): Promise<SyncProgress> {
  const { read = 0, created = 0, updated = 0, unchanged = 0, archived = 0, rejected = 0, conflicts = 0 } = delta.counts;
  const [row] = await tx.execute<RunRow>(sql`
    update sync_runs set
      done = done + ${delta.done}, total = case when total < done + ${delta.done} then done + ${delta.done} else total end,
      read_count = read_count + ${read}, created_count = created_count + ${created}, updated_count = updated_count + ${updated},
      unchanged_count = unchanged_count + ${unchanged}, archived_count = archived_count + ${archived},
      rejected_count = rejected_count + ${rejected}, conflict_count = conflict_count + ${conflicts},
      provider_calls = provider_calls + ${delta.providerCalls}, rate_per_second = ${delta.ratePerSecond},
      checkpoint = coalesce(${delta.checkpoint && JSON.stringify(delta.checkpoint)}::jsonb, checkpoint), updated_at = now()
    where id = ${scope.syncId} returning *`);
  if (!row) throw new SupersededError();
  return toState(row);
}

async function changePhase(tx: Transaction, input: SyncConnectionInput, phase: SyncPhase): Promise<void> {
  const changed = await tx.execute(sql`update sync_runs set phase = ${phase}, updated_at = now() where id = ${input.syncId} and phase <> ${phase} returning id`);
  if (changed.length === 0) return;
  await tx.execute(sql`insert into sync_logs (venue_id, sync_id, level, action, code) values (${input.venueId}, ${input.syncId}, 'info', 'phase', ${phase})`);
}

async function finish(tx: Transaction, input: SyncConnectionInput, end: RunEnd) {
  const [open] = await tx.execute<RunRow>(sql`select * from sync_runs where id = ${input.syncId} for update`);
  if (!open) throw new SupersededError();
  // A repeat of the step after its answer was lost: the run has ended as it was asked to.
  if (open.finished_at !== null) return { ...toState(open), outcome: open.outcome ?? end.outcome };
  await changePhase(tx, input, 'finished');
  const [row] = await tx.execute<RunRow>(sql`
    update sync_runs set outcome = ${end.outcome}, error = ${end.error && JSON.stringify(end.error)}::jsonb, waiting_for = null,
      rate_per_second = round((done / greatest(1, extract(epoch from now() - coalesce(started_at, now()))))::numeric, 1),
      total = case when ${end.outcome.startsWith('completed')} then done else total end, fence = fence + 1, finished_at = now(), updated_at = now()
    where id = ${input.syncId} returning *`);
  await logEnd(tx, input, end);
  await moveWatermark(tx, input, end.watermark);
  return { ...toState(row ?? open), outcome: end.outcome };
}

async function logEnd(tx: Transaction, input: SyncConnectionInput, { outcome, error }: RunEnd): Promise<void> {
  const { code, message } = error ?? { code: outcome, message: null };
  await tx.execute(sql`insert into sync_logs (venue_id, sync_id, level, action, code, message)
    values (${input.venueId}, ${input.syncId}, ${error ? 'error' : 'info'}, 'finished', ${code}, ${message})`);
}

async function moveWatermark(tx: Transaction, input: SyncConnectionInput, watermark: Date | null): Promise<void> {
  if (watermark === null) return;
  await tx.execute(sql`
    insert into sync_cursors (connection_id, resource, direction, venue_id, watermark)
    values (${input.connectionId}, ${input.resource}, ${input.direction}, ${input.venueId}, ${watermark.toISOString()}::timestamptz)
    on conflict (connection_id, resource, direction) do update set watermark = excluded.watermark, updated_at = now()`);
}

interface RunRow extends Record<string, unknown> {
  readonly fence: number;
  readonly phase: SyncPhase;
  readonly outcome: SyncOutcome | null;
  readonly checkpoint: Checkpoint | null;
  readonly stop_requested_at: Date | string | null;
  readonly started_at: Date | string;
  readonly finished_at: Date | string | null;
  readonly done: string;
  readonly total: string | null;
  readonly read_count: string;
  readonly created_count: string;
  readonly updated_count: string;
  readonly unchanged_count: string;
  readonly archived_count: string;
  readonly rejected_count: string;
  readonly conflict_count: string;
  readonly provider_calls: string;
}

// bigint columns arrive as strings from a raw query.
function toState(row: RunRow): RunState {
  return {
    checkpoint: row.checkpoint,
    fence: row.fence,
    stopRequested: row.stop_requested_at !== null,
    startedAt: new Date(row.started_at),
    done: Number(row.done),
    total: row.total === null ? null : Number(row.total),
    counts: {
      read: Number(row.read_count),
      created: Number(row.created_count),
      updated: Number(row.updated_count),
      unchanged: Number(row.unchanged_count),
      archived: Number(row.archived_count),
      rejected: Number(row.rejected_count),
      conflicts: Number(row.conflict_count),
    },
    providerCalls: Number(row.provider_calls),
  };
}
