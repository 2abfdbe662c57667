import { sql } from 'drizzle-orm';
import type { SyncCounts, SyncConnectionInput, SyncOutcome, SyncPhase, SyncProgress, WaitingFor } from '../contracts/sync.ts';
import type { BlastRadius } from '../domain/blast-radius.ts';
import type { Checkpoint } from '../domain/checkpoint.ts';
import { noteUnmet } from './plan-items.ts';
import { tableOf } from './record-tables.ts';
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
  readonly approved: boolean;
  /** Of a dry run: calls that the run itself would take, as far as it came. */
  readonly plannedCalls: number;
  readonly startedAt: Date;
}

export interface Waiting {
  readonly what: WaitingFor;
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
  /** Of a dry run: calls that the run itself would take. */
  readonly plannedCalls?: number;
}

export interface RunEnd {
  readonly outcome: SyncOutcome;
  readonly error: { readonly code: string; readonly message: string; readonly nextAction: string } | null;
  /** Of a dry run: what carrying it out would take. */
  readonly plan: { readonly calls: number; readonly seconds: number } | null;
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
  /** As `wait`, by the workflow itself while no attempt is at work. */
  park(input: SyncConnectionInput, waiting: Waiting): Promise<void>;
  /** Shows that a person has to approve, and of what. Throws SupersededError. */
  awaitApproval(scope: RunScope, awaiting: BlastRadius): Promise<void>;
  approve(input: SyncConnectionInput, by: string): Promise<void>;
  setTotal(scope: RunScope, total: number): Promise<void>;
  /** Moves the cursor and nothing else. Throws SupersededError. */
  moveTo(scope: RunScope, checkpoint: Checkpoint): Promise<void>;
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
          select count(*)::int as total from ${tableOf(input.resource)} c
          ${linkOfRecord(input)}
          where (c.deleted_at is null or ${inUse}) and (${input.mode === 'full'} or ${needsPush})`);
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
          update sync_runs set fence = fence + 1, workflow_run_id = coalesce(${workflowRunId}, workflow_run_id), updated_at = now()
          where id = ${input.syncId} and finished_at is null returning *`);
        if (!row) throw new SupersededError();
        return toState(row);
      }),

    wait: (scope, waiting) =>
      withVenue(db, scope.venueId, async (tx) => {
        await lockRun(tx, scope);
        await wait(tx, scope, waiting);
      }),

    park: (input, waiting) =>
      withVenue(db, input.venueId, async (tx) => {
        const [open] = await tx.execute(sql`select from sync_runs where id = ${input.syncId} and finished_at is null for update`);
        if (open) await wait(tx, input, waiting);
      }),

    awaitApproval: (scope, awaiting) =>
      withVenue(db, scope.venueId, async (tx) => {
        await lockRun(tx, scope);
        const waiting: Waiting = { what: 'approval', since: new Date().toISOString(), until: null };
        await tx.execute(sql`
          update sync_runs set awaiting = ${JSON.stringify(awaiting)}::jsonb, waiting_for = ${JSON.stringify(waiting)}::jsonb, updated_at = now() where id = ${scope.syncId}`);
        await changePhase(tx, scope, 'awaiting-approval');
      }),

    approve: (input, by) =>
      withVenue(db, input.venueId, async (tx) => {
        await tx.execute(sql`
          update sync_runs set approved_at = now(), approved_by = ${by}, awaiting = null, waiting_for = null, updated_at = now()
          where id = ${input.syncId} and finished_at is null and approved_at is null`);
        await changePhase(tx, input, 'running');
      }),

    setTotal: (scope, total) =>
      withVenue(db, scope.venueId, async (tx) => {
        await lockRun(tx, scope);
        await tx.execute(sql`update sync_runs set total = greatest(done, ${total}), updated_at = now() where id = ${scope.syncId}`);
      }),

    moveTo: (scope, checkpoint) =>
      withVenue(db, scope.venueId, async (tx) => {
        await lockRun(tx, scope);
        await tx.execute(sql`update sync_runs set checkpoint = ${JSON.stringify(checkpoint)}::jsonb, updated_at = now() where id = ${scope.syncId}`);
      }),

    requestStop: (input) =>
      withVenue(db, input.venueId, async (tx) => {
        await tx.execute(sql`update sync_runs set stop_requested_at = coalesce(stop_requested_at, now()) where id = ${input.syncId} and finished_at is null`);
      }),

    finish: (input, end) => withVenue(db, input.venueId, (tx) => finish(tx, input, end)),
  };
}

async function wait(tx: Transaction, input: SyncConnectionInput, waiting: Waiting): Promise<void> {
  // A run that still waits for the same thing has waited since it began to.
  await tx.execute(sql`
    update sync_runs set updated_at = now(), rate_per_second = 0,
      waiting_for = case when waiting_for ->> 'what' = ${waiting.what} then waiting_for || jsonb_build_object('until', ${waiting.until}::text)
        else ${JSON.stringify(waiting)}::jsonb end
    where id = ${input.syncId}`);
  await changePhase(tx, input, 'waiting');
}

async function begin(tx: Transaction, input: SyncConnectionInput, workflowRunId: string | null): Promise<RunState | null> {
  // A reset run takes its place only while no other run of the same sync is open: the unique index would refuse it.
  const [row] = await tx.execute<RunRow>(sql`
    update sync_runs set started_at = coalesce(started_at, now()), finished_at = null, outcome = null, error = null, waiting_for = null,
      stop_requested_at = null, workflow_run_id = coalesce(${workflowRunId}, workflow_run_id), updated_at = now()
    where id = ${input.syncId} and not exists (
      select from sync_runs other where other.connection_id = ${input.connectionId} and other.resource = ${input.resource}
        and other.direction = ${input.direction} and other.dry_run = ${input.dryRun === true} and other.finished_at is null and other.id <> ${input.syncId})
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

/** The twin of link `l` is in use at the provider, as far as we know. */
export const inUse = sql`(l.external_id is not null and l.state not in ('gone', 'archived'))`;

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
      plan = case when ${delta.plannedCalls ?? null}::int is null then plan
        else jsonb_build_object('calls', coalesce((plan ->> 'calls')::bigint, 0) + ${delta.plannedCalls ?? 0}::int) end,
      checkpoint = coalesce(${delta.checkpoint && JSON.stringify(delta.checkpoint)}::jsonb, checkpoint), updated_at = now()
    where id = ${scope.syncId} returning *`);
  if (!row) throw new SupersededError();
  // What it waited for is over: not the attempt but its first success shows that.
  if (row.phase === 'waiting') await resume(tx, scope);
  return toState(row);
}

async function resume(tx: Transaction, scope: RunScope): Promise<void> {
  await tx.execute(sql`update sync_runs set waiting_for = null where id = ${scope.syncId}`);
  await changePhase(tx, scope, 'running');
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
    update sync_runs set outcome = ${end.outcome}, awaiting = null, plan = coalesce(${end.plan && JSON.stringify(end.plan)}::jsonb, plan), error = ${end.error && JSON.stringify(end.error)}::jsonb, waiting_for = null,
      rate_per_second = round((done / greatest(1, extract(epoch from now() - coalesce(started_at, now()))))::numeric, 1),
      total = case when ${end.outcome.startsWith('completed')} then done else total end, fence = fence + 1, finished_at = now(), updated_at = now()
    where id = ${input.syncId} returning *`);
  if (input.planId !== undefined && end.outcome.startsWith('completed')) await noteUnmet(tx, input, input.planId);
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
  readonly approved_at: Date | string | null;
  readonly plan: { readonly calls: number } | null;
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
    approved: row.approved_at !== null,
    plannedCalls: row.plan?.calls ?? 0,
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
