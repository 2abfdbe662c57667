import { and, asc, desc, eq, gt, isNull, lt, notInArray, sql } from 'drizzle-orm';
import type { SQL } from 'drizzle-orm';
import { v7 as uuidv7 } from 'uuid';
import type { ConnectionId, ConnectionRef, RecordId, SyncId, VenueId } from '../contracts/ids.ts';
import type { Direction, ProviderId, Resource, SyncMode } from '../contracts/providers.ts';
import { syncWorkflowId } from '../contracts/sync.ts';
import type { SyncCounts, SyncLogAction, SyncOutcome, SyncPhase } from '../contracts/sync.ts';
import { toPage } from './page.ts';
import type { Page, PageRequest } from './page.ts';
import { connections } from './schema/connections.ts';
import { syncLogs } from './schema/sync-logs.ts';
import { syncRuns } from './schema/sync-runs.ts';
import { withVenue } from './venue-scope.ts';
import type { Database, Transaction } from './venue-scope.ts';

export interface SyncRun {
  readonly id: SyncId;
  readonly venueId: VenueId;
  readonly connectionId: ConnectionId;
  readonly provider: ProviderId;
  readonly resource: Resource;
  readonly direction: Direction;
  readonly mode: SyncMode;
  readonly dryRun: boolean;
  readonly window: SyncWindow | null;
  /** The dry run whose plan this run carries out. */
  readonly planId: SyncId | null;
  /** Records that came out otherwise than that plan said. */
  readonly deviationCount: number;
  /** Of a dry run that has looked at everything: what carrying its plan out would take. */
  readonly plan: { readonly calls: number; readonly seconds: number } | null;
  readonly phase: SyncPhase;
  readonly outcome: SyncOutcome | null;
  readonly error: { readonly code: string; readonly message: string; readonly nextAction: string } | null;
  readonly waitingFor: { readonly what: string; readonly since: string; readonly until: string | null } | null;
  /** What waits for a person's approval. */
  readonly awaiting: { readonly archiving: number; readonly of: number } | null;
  readonly approvedAt: Date | null;
  readonly done: number;
  readonly total: number | null;
  readonly ratePerSecond: number;
  readonly counts: SyncCounts;
  readonly providerCalls: number;
  readonly workflowId: string;
  readonly workflowRunId: string | null;
  readonly createdAt: Date;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
  readonly updatedAt: Date;
}

/** Only what was created at the provider in [from, to); null is open. */
export interface SyncWindow {
  readonly from: Date | null;
  readonly to: Date | null;
}

export interface SyncLogRow {
  readonly seq: number;
  readonly at: Date;
  readonly level: 'info' | 'warn' | 'error';
  readonly action: SyncLogAction;
  readonly recordId: RecordId | null;
  readonly sourceId: string | null;
  readonly externalId: string | null;
  readonly code: string | null;
  readonly message: string | null;
}

export interface NewSyncRun {
  readonly venueId: VenueId;
  readonly connectionId: ConnectionId;
  readonly provider: ProviderId;
  readonly resource: Resource;
  readonly direction: Exclude<Direction, 'both'>;
  readonly mode: SyncMode;
  readonly requestedBy: string;
  readonly dryRun?: boolean;
  readonly window?: SyncWindow | null | undefined;
  /** The dry run to carry out. Without it a run takes the newest that is still good, if there is one. */
  readonly planId?: SyncId | undefined;
}

/** How long a plan may be carried out after its dry run has finished. */
export const PLAN_LIFETIME_MS = 86_400_000;

/** `planId` names no completed dry run of the same sync, mode and window, or another run of the sync or a day has come between. */
export class PlanNotUsableError extends Error {
  override readonly name = 'PlanNotUsableError';
  constructor() {
    super('the plan cannot be carried out');
  }
}

export interface SyncLogFilter {
  readonly level?: SyncLogRow['level'] | undefined;
  readonly action?: SyncLogRow['action'] | undefined;
}

/** Another run of the same sync is open: there can be only one. */
export class OtherRunOpenError extends Error {
  override readonly name = 'OtherRunOpenError';
  readonly openId: SyncId;

  constructor(openId: SyncId) {
    super('another run of the same sync is open');
    this.openId = openId;
  }
}

/** Runs as the API reads and opens them. What a run does to itself is in `sync-progress-store.ts`. */
export interface SyncRunStore {
  /**
   * Opens a run, or finds the open one of the same connection, resource and direction (`joined`); dry runs are apart. A run that is not dry
   * takes on the plan of a dry run. Throws PlanNotUsableError, and when the venue has no such connection any more.
   */
  openOrJoin(run: NewSyncRun): Promise<{ readonly run: SyncRun; readonly joined: boolean }>;
  find(venueId: VenueId, id: SyncId): Promise<SyncRun | null>;
  /** Every run of the connection that is not over. */
  listOpen(ref: ConnectionRef): Promise<readonly SyncRun[]>;
  /**
   * Takes up a run that has failed or was cancelled, at its last committed page. Null when the run is not over, has completed, or is not there.
   * Throws OtherRunOpenError.
   */
  reopen(venueId: VenueId, id: SyncId): Promise<SyncRun | null>;
  /** Newest first. */
  list(venueId: VenueId, filter: { readonly connectionId?: ConnectionId | undefined }, page: PageRequest): Promise<Page<SyncRun>>;
  /** Oldest first; `after` is a `seq`. */
  listLog(venueId: VenueId, id: SyncId, query: { readonly filter: SyncLogFilter; readonly page: PageRequest }): Promise<Page<SyncLogRow>>;
  setWorkflowRunId(venueId: VenueId, id: SyncId, workflowRunId: string): Promise<void>;
}

export function createSyncRunStore(db: Database): SyncRunStore {
  return {
    openOrJoin: (run) =>
      withVenue(db, run.venueId, async (tx) => {
        const id = uuidv7() as SyncId;
        const row = await insertOrFind(tx, run, id);
        const joined = row.id !== id;
        if (!joined && run.planId !== undefined && row.planId === null) throw new PlanNotUsableError();
        if (!joined) await logQueued(tx, row);
        return { run: toSyncRun(row), joined };
      }),

    find: (venueId, id) =>
      withVenue(db, venueId, async (tx) => {
        const [row] = await tx.select().from(syncRuns).where(eq(syncRuns.id, id));
        return row ? toSyncRun(row) : null;
      }),

    listOpen: ({ venueId, connectionId }) =>
      withVenue(db, venueId, async (tx) => {
        const rows = await tx.select().from(syncRuns).where(and(eq(syncRuns.connectionId, connectionId), isNull(syncRuns.finishedAt)));
        return rows.map(toSyncRun);
      }),

    reopen: async (venueId, id) => {
      const attempt = () => withVenue(db, venueId, (tx) => reopen(tx, id));
      try {
        return await attempt();
      } catch (error) {
        // Another run was opened between the look and the change: the second look finds it.
        if (!isUniqueViolation(error)) throw error;
        return attempt();
      }
    },

    list: (venueId, { connectionId }, { limit, after }) =>
      withVenue(db, venueId, async (tx) => {
        const ofConnection = connectionId === undefined ? undefined : eq(syncRuns.connectionId, connectionId);
        const older = after === null ? undefined : lt(syncRuns.id, after as SyncId);
        const rows = await tx.select().from(syncRuns).where(and(ofConnection, older)).orderBy(desc(syncRuns.id)).limit(limit + 1);
        return toPage(rows, limit, { item: toSyncRun, id: (row) => row.id });
      }),

    listLog: (venueId, id, { filter, page }) =>
      withVenue(db, venueId, async (tx) => {
        const wanted = and(
          eq(syncLogs.syncId, id),
          filter.level === undefined ? undefined : eq(syncLogs.level, filter.level),
          filter.action === undefined ? undefined : eq(syncLogs.action, filter.action),
          page.after === null ? undefined : gt(syncLogs.seq, Number(page.after)),
        );
        const rows = await tx.select(LOG_COLUMNS).from(syncLogs).where(wanted).orderBy(asc(syncLogs.seq)).limit(page.limit + 1);
        return toPage(rows, page.limit, { item: (row) => row, id: (row) => String(row.seq) });
      }),

    setWorkflowRunId: (venueId, id, workflowRunId) =>
      withVenue(db, venueId, async (tx) => {
        await tx.update(syncRuns).set({ workflowRunId, updatedAt: sql`now()` }).where(eq(syncRuns.id, id));
      }),
  };
}

type Row = typeof syncRuns.$inferSelect;

const { seq, at, level, action, recordId, sourceId, externalId, code, message } = syncLogs;
const LOG_COLUMNS = { seq, at, level, action, recordId, sourceId, externalId, code, message };

async function insertOrFind(tx: Transaction, { window, planId, ...run }: NewSyncRun, id: SyncId): Promise<Row> {
  // A foreign key looks past row-level security: it would accept another venue's connection. Locked, so that whoever disconnects it
  // meanwhile finds this run among those to cancel.
  const usable = and(eq(connections.id, run.connectionId), notInArray(connections.state, ['disconnecting', 'disconnected']));
  const [connection] = await tx.select({ id: connections.id }).from(connections).where(usable).for('share');
  if (!connection) throw new Error('The venue has no such connection');
  const [row] = await tx
    .insert(syncRuns)
    .values({ ...run, id, workflowId: syncWorkflowId(run), windowFrom: window?.from ?? null, windowTo: window?.to ?? null, planId: planFor({ ...run, window, planId }) })
    .onConflictDoUpdate({
      target: [syncRuns.connectionId, syncRuns.resource, syncRuns.direction, syncRuns.dryRun],
      targetWhere: isNull(syncRuns.finishedAt),
      // Changes nothing; "do nothing" would return no row, and the open run may finish before it is looked for.
      set: { updatedAt: sql`${syncRuns.updatedAt}` },
    })
    .returning();
  if (!row) throw new Error('An upsert returned no row');
  return row;
}

/**
 * The newest plan that still holds: of a completed dry run of the same sync, mode and window, with no run of the sync at work since it began.
 * Null for a dry run.
 */
function planFor({ connectionId, resource, direction, mode, dryRun, window, planId }: NewSyncRun): SQL<SyncId | null> | null {
  if (dryRun) return null;
  return sql<SyncId | null>`(
    select plan.id from sync_runs plan
    where plan.connection_id = ${connectionId} and plan.resource = ${resource} and plan.direction = ${direction} and plan.mode = ${mode}
      and plan.dry_run and plan.outcome in ('completed', 'completed-with-rejections')
      and plan.window_from is not distinct from ${instantOf(window?.from)} and plan.window_to is not distinct from ${instantOf(window?.to)}
      and plan.finished_at > now() - ${PLAN_LIFETIME_MS} * interval '1 millisecond'
      and ${planId === undefined ? sql`true` : sql`plan.id = ${planId}`}
      and not exists (
        select from sync_runs other where other.connection_id = plan.connection_id and other.resource = plan.resource and other.direction = plan.direction
          and not other.dry_run and (other.finished_at is null or other.finished_at > plan.created_at))
    order by plan.id desc limit 1)`;
}

const instantOf = (date: Date | null | undefined) => sql`${date?.toISOString() ?? null}::timestamptz`;

async function reopen(tx: Transaction, id: SyncId): Promise<SyncRun | null> {
  const [run] = await tx.select().from(syncRuns).where(eq(syncRuns.id, id)).for('update');
  if (run?.outcome !== 'failed' && run?.outcome !== 'cancelled') return null;
  const { connectionId, resource, direction, dryRun } = run;
  const same = and(eq(syncRuns.connectionId, connectionId), eq(syncRuns.resource, resource), eq(syncRuns.direction, direction), eq(syncRuns.dryRun, dryRun));
  const [other] = await tx.select({ id: syncRuns.id }).from(syncRuns).where(and(same, isNull(syncRuns.finishedAt)));
  if (other) throw new OtherRunOpenError(other.id);
  const afresh = { phase: 'queued', outcome: null, error: null, waitingFor: null, awaiting: null, stopRequestedAt: null, finishedAt: null } as const;
  const [row] = await tx.update(syncRuns).set({ ...afresh, ratePerSecond: 0, updatedAt: sql`now()` }).where(eq(syncRuns.id, id)).returning();
  if (!row) throw new Error('A locked row is gone');
  await logQueued(tx, row);
  return toSyncRun(row);
}

const isUniqueViolation = (error: unknown) => error instanceof Error && (error.cause as { readonly code?: unknown } | undefined)?.code === '23505';

async function logQueued(tx: Transaction, { venueId, id }: Row): Promise<void> {
  await tx.insert(syncLogs).values({ venueId, syncId: id, level: 'info', action: 'phase', code: 'queued' });
}

function toSyncRun(row: Row): SyncRun {
  const { id, venueId, connectionId, provider, resource, direction, mode, dryRun, planId, deviationCount, plan, phase, outcome, error, waitingFor, awaiting, approvedAt } = row;
  const { done, total, ratePerSecond, providerCalls, workflowId, workflowRunId, createdAt, startedAt, finishedAt, updatedAt } = row;
  return {
    ...{ id, venueId, connectionId, provider, resource, direction, mode, dryRun, planId, deviationCount, plan, phase, outcome, error, waitingFor, awaiting, approvedAt },
    window: row.windowFrom || row.windowTo ? { from: row.windowFrom, to: row.windowTo } : null,
    ...{ done, total, ratePerSecond, providerCalls, workflowId, workflowRunId, createdAt, startedAt, finishedAt, updatedAt },
    counts: {
      read: row.readCount,
      created: row.createdCount,
      updated: row.updatedCount,
      unchanged: row.unchangedCount,
      archived: row.archivedCount,
      rejected: row.rejectedCount,
      conflicts: row.conflictCount,
    },
  };
}
