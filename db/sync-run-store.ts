import { and, asc, desc, eq, gt, isNull, lt, sql } from 'drizzle-orm';
import { v7 as uuidv7 } from 'uuid';
import type { ConnectionId, RecordId, SyncId, VenueId } from '../contracts/ids.ts';
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
  readonly phase: SyncPhase;
  readonly outcome: SyncOutcome | null;
  readonly error: { readonly code: string; readonly message: string; readonly nextAction: string } | null;
  readonly waitingFor: { readonly what: string; readonly since: string; readonly until: string | null } | null;
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
}

export interface SyncLogFilter {
  readonly level?: SyncLogRow['level'] | undefined;
  readonly action?: SyncLogRow['action'] | undefined;
}

/** Runs as the API reads and opens them. What a run does to itself is in `sync-progress-store.ts`. */
export interface SyncRunStore {
  /** Opens a run, or finds the open one of the same connection, resource and direction (`joined`). Throws when the venue has no such connection. */
  openOrJoin(run: NewSyncRun): Promise<{ readonly run: SyncRun; readonly joined: boolean }>;
  find(venueId: VenueId, id: SyncId): Promise<SyncRun | null>;
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
        const row = await insertOrFind(tx, { ...run, id, workflowId: syncWorkflowId(run) });
        const joined = row.id !== id;
        if (!joined) await tx.insert(syncLogs).values({ venueId: run.venueId, syncId: id, level: 'info', action: 'phase', code: 'queued' });
        return { run: toSyncRun(row), joined };
      }),

    find: (venueId, id) =>
      withVenue(db, venueId, async (tx) => {
        const [row] = await tx.select().from(syncRuns).where(eq(syncRuns.id, id));
        return row ? toSyncRun(row) : null;
      }),

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

async function insertOrFind(tx: Transaction, run: typeof syncRuns.$inferInsert): Promise<Row> {
  // A foreign key looks past row-level security: it would accept another venue's connection.
  const [connection] = await tx.select({ id: connections.id }).from(connections).where(eq(connections.id, run.connectionId));
  if (!connection) throw new Error('The venue has no such connection');
  const [row] = await tx
    .insert(syncRuns)
    .values(run)
    .onConflictDoUpdate({
      target: [syncRuns.connectionId, syncRuns.resource, syncRuns.direction],
      targetWhere: isNull(syncRuns.finishedAt),
      // Changes nothing; "do nothing" would return no row, and the open run may finish before it is looked for.
      set: { updatedAt: sql`${syncRuns.updatedAt}` },
    })
    .returning();
  if (!row) throw new Error('An upsert returned no row');
  return row;
}

function toSyncRun(row: Row): SyncRun {
  const { id, venueId, connectionId, provider, resource, direction, mode, phase, outcome, error, waitingFor } = row;
  const { done, total, ratePerSecond, providerCalls, workflowId, workflowRunId, createdAt, startedAt, finishedAt, updatedAt } = row;
  return {
    ...{ id, venueId, connectionId, provider, resource, direction, mode, phase, outcome, error, waitingFor },
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
