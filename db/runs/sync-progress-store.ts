import { sql } from 'drizzle-orm';
import type { SyncConnectionInput, SyncOutcome, SyncProgress } from '../../contracts/sync.ts';
import type { Checkpoint } from '../../domain/sync/checkpoint.ts';
import type { Cursor } from '../../domain/sync/pull/pull-plan.ts';
import type { ProviderAccountName } from '../../domain/sync/pull/source-id.ts';
import { noteUnmet } from './plan-items.ts';
import { SupersededError, claimRuns, lockRun } from './run-scope.ts';
import type { RunScope } from './run-scope.ts';
import { changePhase, toState } from './run-state.ts';
import type { RunRow, RunState } from './run-state.ts';
import { noteReprojectedByPasses } from '../mappings/reprojected.ts';
import { noteVanishedFields } from '../connections/unknown-field-store.ts';
import { announceRunEnd } from '../outgoing/announcements.ts';
import { recordWith } from '../core/audit-store.ts';
import type { AuditOf } from '../core/audit-store.ts';
import type { RecordKinds } from '../../records/registry.ts';
import { beginningOf } from './sync-run-beginning.ts';
import type { SyncRunBeginning } from './sync-run-beginning.ts';
import { waitingOf } from './sync-run-waiting.ts';
import type { SyncRunWaiting } from './sync-run-waiting.ts';
import { withVenue } from '../core/venue-scope.ts';
import type { Database, Transaction } from '../core/venue-scope.ts';

export interface RunEnd {
  readonly outcome: SyncOutcome;
  readonly error: { readonly code: string; readonly message: string; readonly nextAction: string } | null;
  /** For a dry run: the cost of carrying it out. */
  readonly plan: { readonly calls: number; readonly seconds: number } | null;
  /** New watermark of the sync if the run completed. */
  readonly watermark: Date | null;
  /** With a watermark: where the next run continues in a change feed that is read since a token. */
  readonly feedCursor?: Cursor | null;
  /** It completed and went through everything. */
  readonly wasFull?: boolean;
}

export type RunSummary = SyncProgress & { readonly outcome: SyncOutcome };

/** A run as the worker advances it. All methods are safe to repeat. */
export interface SyncProgressStore extends SyncRunBeginning, SyncRunWaiting {
  /** Takes the run over and fences off every earlier attempt. Throws SupersededError when the run has ended. */
  takeOver(input: SyncConnectionInput, workflowRunId: string | null): Promise<RunState & Pick<RunScope, 'account'>>;
  setTotal(scope: RunScope, total: number): Promise<void>;
  /** Moves the cursor and nothing else. Throws SupersededError. */
  moveTo(scope: RunScope, checkpoint: Checkpoint): Promise<void>;
  requestStop(input: SyncConnectionInput): Promise<void>;
  /** Ends the run. `auditOf` makes its audit row; a repeated step that has ended the run already adds none. */
  finish(input: SyncConnectionInput, end: RunEnd, auditOf?: AuditOf<RunSummary>): Promise<RunSummary>;
}

export function createSyncProgressStore(db: Database, kinds: RecordKinds): SyncProgressStore {
  return {
    ...beginningOf(db, kinds),
    ...waitingOf(db),
    takeOver: (input, workflowRunId) =>
      withVenue(db, input.venueId, async (tx) => {
        await claimRuns(tx, sql`id = ${input.syncId}`);
        const [row] = await tx.execute<RunRow & AccountRow>(sql`
          update sync_runs r set fence = r.fence + 1, workflow_run_id = coalesce(${workflowRunId}, r.workflow_run_id), updated_at = now()
          from connections n where r.id = ${input.syncId} and r.finished_at is null and n.id = r.connection_id
          returning r.*, n.environment, n.external_account_id`);
        if (!row) throw new SupersededError();
        return {
          ...toState(row),
          account: {
            provider: input.provider,
            environment: row.environment,
            externalAccountId: row.external_account_id,
          },
        };
      }),

    setTotal: (scope, total) =>
      withVenue(db, scope.venueId, async (tx) => {
        await lockRun(tx, scope);
        await tx.execute(
          sql`update sync_runs set total = greatest(done, ${total}), updated_at = now() where id = ${scope.syncId}`,
        );
      }),

    moveTo: (scope, checkpoint) =>
      withVenue(db, scope.venueId, async (tx) => {
        await lockRun(tx, scope);
        await tx.execute(
          sql`update sync_runs set checkpoint = ${JSON.stringify(checkpoint)}::jsonb, updated_at = now() where id = ${scope.syncId}`,
        );
      }),

    requestStop: (input) =>
      withVenue(db, input.venueId, async (tx) => {
        await tx.execute(
          sql`update sync_runs set stop_requested_at = coalesce(stop_requested_at, now()) where id = ${input.syncId} and finished_at is null`,
        );
      }),

    finish: (input, end, auditOf) => withVenue(db, input.venueId, (tx) => finish(tx, input, { ...end, auditOf })),
  };
}

interface AccountRow extends Record<string, unknown> {
  readonly environment: ProviderAccountName['environment'];
  readonly external_account_id: string;
}

async function finish(
  tx: Transaction,
  input: SyncConnectionInput,
  end: RunEnd & { readonly auditOf: AuditOf<RunSummary> | undefined },
): Promise<RunSummary> {
  // As `claimRuns`, so that the run ends after every commit of its attempts.
  const [open] = await tx.execute<RunRow>(sql`select * from sync_runs where id = ${input.syncId} for update`);
  if (!open) throw new SupersededError();
  // A repeated step whose first answer was lost: the run has ended as requested.
  if (open.finished_at !== null) return { ...toState(open), outcome: open.outcome ?? end.outcome };
  await changePhase(tx, input, 'finished');
  const [row] = await tx.execute<RunRow>(sql`
    update sync_runs set outcome = ${end.outcome}, awaiting = null, plan = coalesce(${end.plan && JSON.stringify(end.plan)}::jsonb, plan), error = ${end.error && JSON.stringify(end.error)}::jsonb, waiting_for = null,
      rate_per_second = round((done / greatest(1, extract(epoch from now() - coalesce(started_at, now()))))::numeric, 1),
      total = case when ${end.outcome.startsWith('completed')} then done else total end, fence = fence + 1, finished_at = now(), updated_at = now()
    where id = ${input.syncId} returning *`);
  if (input.planId !== undefined && end.outcome.startsWith('completed')) await noteUnmet(tx, input, input.planId);
  await logEnd(tx, input, end);
  return settleEnd(tx, input, { ...end, row: row ?? open });
}

/** Moves the cursor of a run that has ended, tells subscribers, and writes the audit row. */
async function settleEnd(
  tx: Transaction,
  input: SyncConnectionInput,
  { row, auditOf, ...end }: RunEnd & { readonly row: RunRow; readonly auditOf: AuditOf<RunSummary> | undefined },
): Promise<RunSummary> {
  const [watermark, wasFull] = [await watermarkOf(tx, input, end), await wasFullPass(tx, input, end)];
  const firstPass = wasFull && !(await hasFullPass(tx, input));
  await moveCursor(tx, row, { ...input, ...end, watermark, wasFull });
  if (wasFull) await noteReprojectedByPasses(tx, input);
  if (wasFull && end.outcome === 'completed' && input.direction !== 'push')
    await noteVanishedFields(tx, input, new Date(row.started_at));
  const state = { ...toState(row), outcome: end.outcome };
  await announceRunEnd(tx, input, { ...state, errorCode: end.error?.code ?? null, firstPass });
  return recordWith(tx, state, auditOf);
}

async function logEnd(tx: Transaction, input: SyncConnectionInput, { outcome, error }: RunEnd): Promise<void> {
  const { code, message } = error ?? { code: outcome, message: null };
  await tx.execute(sql`insert into sync_logs (venue_id, sync_id, level, action, code, message)
    values (${input.venueId}, ${input.syncId}, ${error ? 'error' : 'info'}, 'finished', ${code}, ${message})`);
}

const jsonOf = (cursor: Cursor | null) => (cursor === null ? null : JSON.stringify(cursor));

/** Whether everything that is chosen now was read: not when other accounts have been chosen since the run began, nor under another reach. */
async function wasFullPass(
  tx: Transaction,
  { syncId }: SyncConnectionInput,
  { wasFull = false }: RunEnd,
): Promise<boolean> {
  if (!wasFull) return false;
  const [row] = await tx.execute<{ same: boolean }>(sql`
    select r.accounts is not distinct from c.chosen_accounts and not ${reachChangedSince} as same
    from sync_runs r join connections c on c.id = r.connection_id where r.id = ${syncId}`);
  return row?.same === true;
}

/** Whether an earlier run of the sync went through everything. */
async function hasFullPass(tx: Transaction, input: SyncConnectionInput): Promise<boolean> {
  const rows = await tx.execute(sql`
    select from sync_cursors where connection_id = ${input.connectionId} and resource = ${input.resource}
      and direction = ${input.direction} and full_started_at is not null`);
  return rows.length > 0;
}

/** The connection's reach has been changed since run `r` began, so that its reading may lack what is let in now. */
const reachChangedSince = sql`exists (select from connection_reach h
  where h.connection_id = r.connection_id and h.resource = r.resource and h.updated_at > r.started_at)`;

/** The time up to which a run covers everything that is pulled now; null where that is not known. */
async function watermarkOf(
  tx: Transaction,
  { syncId, direction }: SyncConnectionInput,
  { watermark }: RunEnd,
): Promise<Date | null> {
  if (watermark === null || direction === 'push') return watermark;
  const [row] = await tx.execute<{ changed: boolean }>(
    sql`select ${reachChangedSince} as changed from sync_runs r where r.id = ${syncId}`,
  );
  return row?.changed === true ? null : watermark;
}

async function moveCursor(
  tx: Transaction,
  run: RunRow,
  {
    venueId,
    connectionId,
    resource,
    direction,
    watermark,
    feedCursor = null,
    wasFull = false,
  }: SyncConnectionInput & RunEnd,
): Promise<void> {
  if (watermark === null && !wasFull) return;
  const [startedAt, finishedAt] = wasFull
    ? [run.started_at, run.finished_at].map((at) => (at === null ? null : new Date(at).toISOString()))
    : [null, null];
  await tx.execute(sql`
    insert into sync_cursors (connection_id, resource, direction, venue_id, watermark, feed_cursor, full_started_at, full_finished_at)
    values (${connectionId}, ${resource}, ${direction}, ${venueId}, ${watermark?.toISOString() ?? null}::timestamptz, ${jsonOf(feedCursor)}::jsonb, ${startedAt ?? null}::timestamptz, ${finishedAt ?? null}::timestamptz)
    on conflict (connection_id, resource, direction) do update set watermark = coalesce(excluded.watermark, sync_cursors.watermark), feed_cursor = coalesce(excluded.feed_cursor, sync_cursors.feed_cursor),
      full_started_at = coalesce(excluded.full_started_at, sync_cursors.full_started_at), full_finished_at = coalesce(excluded.full_finished_at, sync_cursors.full_finished_at), updated_at = now()`);
}
