import { sql } from 'drizzle-orm';
import type {
  ArchivingCount,
  SyncConnectionInput,
  SyncCounts,
  SyncOutcome,
  SyncPhase,
  SyncProgress,
} from '../../contracts/sync.ts';
import type { Checkpoint } from '../../domain/sync/checkpoint.ts';
import { SupersededError } from './run-scope.ts';
import type { RunScope } from './run-scope.ts';
import type { Transaction } from '../core/venue-scope.ts';

export interface RunState extends SyncProgress {
  readonly checkpoint: Checkpoint | null;
  readonly fence: number;
  readonly stopRequested: boolean;
  /** Attempts in a row that ended for what the run waits for, with nothing committed in between. */
  readonly failures: number;
  /** What a person has allowed the run to archive; null while nobody has. */
  readonly approved: ArchivingCount | null;
  /** Of a dry run: calls that the run itself would take, as far as it came. */
  readonly plannedCalls: number;
  readonly startedAt: Date;
  /** Accounts of the grant that the run reads and writes, as they were chosen when it began; null: all. */
  readonly accounts: readonly string[] | null;
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

const NO_COUNTS: SyncCounts = { read: 0, created: 0, updated: 0, unchanged: 0, archived: 0, rejected: 0, conflicts: 0 };

/** Adds one commit's share to the run. The caller holds the lock. */
export async function addProgress(tx: Transaction, scope: RunScope, delta: ProgressDelta): Promise<SyncProgress> {
  const { read, created, updated, unchanged, archived, rejected, conflicts } = { ...NO_COUNTS, ...delta.counts };
  const plannedCalls = delta.plannedCalls ?? null;
  const [row] = await tx.execute<RunRow>(sql`
    update sync_runs set
      done = done + ${delta.done}, total = case when total < done + ${delta.done} then done + ${delta.done} else total end,
      read_count = read_count + ${read}, created_count = created_count + ${created}, updated_count = updated_count + ${updated},
      unchanged_count = unchanged_count + ${unchanged}, archived_count = archived_count + ${archived},
      rejected_count = rejected_count + ${rejected}, conflict_count = conflict_count + ${conflicts},
      provider_calls = provider_calls + ${delta.providerCalls}, rate_per_second = ${delta.ratePerSecond},
      plan = case when ${plannedCalls}::int is null then plan else jsonb_build_object('calls', coalesce((plan ->> 'calls')::bigint, 0) + ${plannedCalls}::int) end,
      checkpoint = coalesce(${delta.checkpoint && JSON.stringify(delta.checkpoint)}::jsonb, checkpoint), updated_at = now()
    where id = ${scope.syncId} returning *`);
  if (!row) throw new SupersededError();
  // What it waited for is over: not the attempt but its first success shows that.
  if (row.phase === 'waiting') await resume(tx, scope);
  // Heartbeats and histories carry it: numbers only, and not the checkpoint.
  const { done, total, counts, providerCalls } = toState(row);
  return { done, total, counts, providerCalls };
}

async function resume(tx: Transaction, scope: RunScope): Promise<void> {
  await tx.execute(sql`update sync_runs set waiting_for = null, error = null where id = ${scope.syncId}`);
  await changePhase(tx, scope, 'running');
}

/** Moves the run to a phase and says so in its log, once. */
export async function changePhase(tx: Transaction, input: SyncConnectionInput, phase: SyncPhase): Promise<void> {
  const changed = await tx.execute(
    sql`update sync_runs set phase = ${phase}, updated_at = now() where id = ${input.syncId} and phase <> ${phase} returning id`,
  );
  if (changed.length === 0) return;
  await tx.execute(
    sql`insert into sync_logs (venue_id, sync_id, level, action, code) values (${input.venueId}, ${input.syncId}, 'info', 'phase', ${phase})`,
  );
}

/** The columns of a raw query that `toState` reads. */
export interface RunRow extends Record<string, unknown> {
  readonly fence: number;
  readonly phase: SyncPhase;
  readonly waiting_for: { readonly failures?: number } | null;
  readonly outcome: SyncOutcome | null;
  readonly checkpoint: Checkpoint | null;
  readonly stop_requested_at: Date | string | null;
  readonly approved: ArchivingCount | null;
  readonly plan: { readonly calls: number } | null;
  readonly accounts: readonly string[] | null;
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
export function toState(row: RunRow): RunState {
  return {
    checkpoint: row.checkpoint,
    fence: row.fence,
    stopRequested: row.stop_requested_at !== null,
    failures: row.phase === 'waiting' ? (row.waiting_for?.failures ?? 0) : 0,
    approved: row.approved,
    plannedCalls: row.plan?.calls ?? 0,
    startedAt: new Date(row.started_at),
    accounts: row.accounts,
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
