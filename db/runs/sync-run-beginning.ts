import { sql } from 'drizzle-orm';
import type { SyncConnectionInput } from '../../contracts/sync.ts';
import type { Checkpoint } from '../../domain/sync/checkpoint.ts';
import type { Cursor } from '../../domain/sync/pull/pull-plan.ts';
import type { RecordKinds } from '../../records/registry.ts';
import { tableOf } from '../records/record-tables.ts';
import { coveredBy, inUse, linkOfRecord, needsPush } from './run-scope.ts';
import { toState } from './run-state.ts';
import type { RunRow, RunState } from './run-state.ts';
import { withVenue } from '../core/venue-scope.ts';
import type { Database, Transaction } from '../core/venue-scope.ts';

/** How a run begins: what there is to do, and where it stood when it was interrupted. */
export interface SyncRunBeginning {
  /**
   * Opens a queued run, or reopens one that an operator has reset. `workflowRunId` is the current workflow run: a reset
   * and a continue-as-new change it. Null when there is no such run, or another run of the sync is open.
   */
  begin(input: SyncConnectionInput, workflowRunId: string | null): Promise<RunState | null>;
  read(input: SyncConnectionInput): Promise<RunState | null>;
  /** How far earlier runs of the sync have come. */
  position(
    input: SyncConnectionInput,
  ): Promise<{ readonly watermark: Date | null; readonly feedCursor: Cursor | null }>;
  countToPush(input: SyncConnectionInput): Promise<number>;
  /** Number of records tied to a living remote record, as an estimate of what the next full listing returns. */
  countLinked(input: SyncConnectionInput): Promise<number>;
  /** Stores the first checkpoint and total; a run that has them keeps them. */
  plan(
    input: SyncConnectionInput,
    plan: { readonly checkpoint: Checkpoint; readonly total: number | null },
  ): Promise<void>;
}

export function beginningOf(db: Database, kinds: RecordKinds): SyncRunBeginning {
  return {
    begin: (input, workflowRunId) => withVenue(db, input.venueId, (tx) => begin(tx, input, workflowRunId)),

    read: (input) =>
      withVenue(db, input.venueId, async (tx) => {
        const [row] = await tx.execute<RunRow>(sql`select * from sync_runs where id = ${input.syncId}`);
        return row ? toState(row) : null;
      }),

    position: (input) =>
      withVenue(db, input.venueId, async (tx) => {
        const [row] = await tx.execute<{ at: string | null; feed_cursor: Cursor | null }>(sql`
          select watermark::text as at, feed_cursor from sync_cursors
          where connection_id = ${input.connectionId} and resource = ${input.resource}
            and (direction = ${input.direction} or (${input.direction} = 'both' and direction = 'pull'))
          order by watermark desc nulls last limit 1`);
        return { watermark: row?.at == null ? null : new Date(row.at), feedCursor: row?.feed_cursor ?? null };
      }),

    countToPush: (input) =>
      withVenue(db, input.venueId, async (tx) => {
        const [row] = await tx.execute<{ total: number }>(sql`
          select count(*)::int as total from ${tableOf(kinds.get(input.resource))} c
          ${linkOfRecord(input)}
          where (c.deleted_at is null or ${inUse}) and (${input.mode === 'full'} or ${needsPush}) and ${coveredBy(input)}`);
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
  };
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
  if (row && input.direction === 'both' && input.dryRun !== true) await startKeepingAgreed(tx, input);
  return row ? toState(row) : null;
}

/** From its first two-way run on, what the venue changes in agreed records is kept: see `keepAgreed`. */
const startKeepingAgreed = (tx: Transaction, { venueId, connectionId, resource }: SyncConnectionInput) =>
  tx.execute(sql`
    insert into sync_cursors (connection_id, resource, direction, venue_id) values (${connectionId}, ${resource}, 'both', ${venueId})
    on conflict (connection_id, resource, direction) do nothing`);
