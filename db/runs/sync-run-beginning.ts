import { sql } from 'drizzle-orm';
import type { SyncConnectionInput } from '../../contracts/sync.ts';
import type { Checkpoint } from '../../domain/sync/checkpoint.ts';
import type { Cursor } from '../../domain/sync/pull/pull-plan.ts';
import type { RecordKinds } from '../../records/registry.ts';
import { tableOf } from '../records/record-tables.ts';
import { coveredBy, inUse, linkOfRecord, needsPush } from './run-scope.ts';
import { changePhase, toState } from './run-state.ts';
import type { RunRow, RunState } from './run-state.ts';
import { withVenue } from '../core/venue-scope.ts';
import type { Database, Transaction } from '../core/venue-scope.ts';

/** How a run begins: what there is to do, and where it stood when it was interrupted. */
export interface SyncRunBeginning {
  /**
   * Opens a queued run, or reopens one that an operator has reset, and estimates it unless it has its plan.
   * `workflowRunId` is the current workflow run: a reset and a continue-as-new change it. Null when there is no such
   * run, or another run of the sync is open.
   */
  begin(input: SyncConnectionInput, workflowRunId: string | null): Promise<RunState | null>;
  read(input: SyncConnectionInput): Promise<RunState | null>;
  position(input: SyncConnectionInput): Promise<SyncPosition>;
  countToPush(input: SyncConnectionInput): Promise<number>;
  /** Number of records tied to a living remote record, as an estimate of what the next full listing returns. */
  countLinked(input: SyncConnectionInput): Promise<number>;
  /**
   * Sets the run to work. Stores the first checkpoint and total, if they are given; a run that has them keeps them. Null
   * when there is no such run.
   */
  start(
    input: SyncConnectionInput,
    plan: { readonly checkpoint: Checkpoint; readonly total: number | null } | null,
  ): Promise<RunState | null>;
}

/** How far earlier runs of the sync have come. */
export interface SyncPosition {
  readonly watermark: Date | null;
  readonly feedCursor: Cursor | null;
  /** Whether the connection has read or written any record of this kind. */
  readonly hasLinks: boolean;
}

export function beginningOf(db: Database, kinds: RecordKinds): SyncRunBeginning {
  return {
    begin: (input, workflowRunId) => withVenue(db, input.venueId, (tx) => begin(tx, input, workflowRunId)),

    read: (input) => withVenue(db, input.venueId, (tx) => read(tx, input)),

    position: (input) =>
      withVenue(db, input.venueId, async (tx) => {
        // The attempts are always 0 or more. Without them no index fits, and the links of all venues would be read.
        const [row] = await tx.execute<{ at: string | null; feed_cursor: Cursor | null; has_links: boolean }>(sql`
          select c.watermark::text as at, c.feed_cursor, l.has_links from (select exists (
            select from record_links where connection_id = ${input.connectionId} and resource = ${input.resource} and write_attempt >= 0) as has_links) l
          left join lateral (
            select watermark, feed_cursor from sync_cursors
            where connection_id = ${input.connectionId} and resource = ${input.resource}
              and (direction = ${input.direction} or (${input.direction} = 'both' and direction = 'pull'))
            order by watermark desc nulls last limit 1) c on true`);
        return {
          watermark: row?.at == null ? null : new Date(row.at),
          feedCursor: row?.feed_cursor ?? null,
          hasLinks: row?.has_links !== false,
        };
      }),

    // In two parts, because a full push needs links only to know which deleted records are still in use.
    countToPush: (input) =>
      withVenue(db, input.venueId, async (tx) => {
        const records = sql`${tableOf(kinds.get(input.resource))} c`;
        const living =
          input.mode === 'full'
            ? sql`select from ${records} where c.deleted_at is null and ${coveredBy(input)}`
            : sql`select from ${records} ${linkOfRecord(input)} where c.deleted_at is null and ${needsPush} and ${coveredBy(input)}`;
        const deleted = sql`
          select from ${records} ${linkOfRecord(input)}
          where c.deleted_at is not null and ${inUse} and (${input.mode === 'full'} or ${needsPush}) and ${coveredBy(input)}`;
        const [row] = await tx.execute<{ total: number }>(sql`
          select (select count(*) from (${living}) as living)::int + (select count(*) from (${deleted}) as deleted)::int as total`);
        return row?.total ?? 0;
      }),

    countLinked: (input) =>
      withVenue(db, input.venueId, async (tx) => {
        const [row] = await tx.execute<{ total: number }>(sql`
          select count(*)::int as total from record_links
          where connection_id = ${input.connectionId} and resource = ${input.resource} and external_id is not null and state <> 'gone'`);
        return row?.total ?? 0;
      }),

    start: (input, plan) =>
      withVenue(db, input.venueId, async (tx) => {
        if (plan)
          await tx.execute(sql`
            update sync_runs set checkpoint = ${JSON.stringify(plan.checkpoint)}::jsonb, total = ${plan.total}, updated_at = now()
            where id = ${input.syncId} and checkpoint is null`);
        await changePhase(tx, input, 'running');
        return read(tx, input);
      }),
  };
}

async function read(tx: Transaction, input: SyncConnectionInput): Promise<RunState | null> {
  const [row] = await tx.execute<RunRow>(sql`select * from sync_runs where id = ${input.syncId}`);
  return row ? toState(row) : null;
}

async function begin(
  tx: Transaction,
  input: SyncConnectionInput,
  workflowRunId: string | null,
): Promise<RunState | null> {
  // The choice of accounts is taken once: a resumed run keeps the one it began with.
  // A reset run is reopened only while no other run of the sync is open, because the unique index would refuse it.
  const [row] = await tx.execute<RunRow>(sql`
    update sync_runs set started_at = coalesce(started_at, now()), finished_at = null, outcome = null, error = null, waiting_for = null, awaiting = null,
      accounts = case when checkpoint is null then (select chosen_accounts from connections where id = ${input.connectionId}) else accounts end,
      stop_requested_at = null, workflow_run_id = coalesce(${workflowRunId}, workflow_run_id), updated_at = now()
    where id = ${input.syncId} and not exists (
      select from sync_runs other where other.connection_id = ${input.connectionId} and other.resource = ${input.resource}
        and other.direction = ${input.direction} and other.dry_run = ${input.dryRun === true} and other.finished_at is null and other.id <> ${input.syncId})
    returning *`);
  if (row?.checkpoint === null) await changePhase(tx, input, 'estimating');
  if (row && input.direction === 'both' && input.dryRun !== true) await startKeepingAgreed(tx, input);
  return row ? toState(row) : null;
}

/** From its first two-way run on, what the venue changes in agreed records is kept: see `keepAgreed`. */
const startKeepingAgreed = (tx: Transaction, { venueId, connectionId, resource }: SyncConnectionInput) =>
  tx.execute(sql`
    insert into sync_cursors (connection_id, resource, direction, venue_id) values (${connectionId}, ${resource}, 'both', ${venueId})
    on conflict (connection_id, resource, direction) do nothing`);
