import { and, asc, desc, eq, getTableColumns, gt, isNull, lt, sql } from 'drizzle-orm';
import type { ConnectionId, ConnectionRef, RecordId, SyncId, VenueId } from '../../contracts/ids.ts';
import type { Direction, ProviderId, Resource, SyncMode } from '../../contracts/providers.ts';
import type { ArchivingCount, SyncCounts, SyncLogAction, SyncOutcome, SyncPhase } from '../../contracts/sync.ts';
import type { AuditOf } from '../core/audit-store.ts';
import { toPage } from '../core/page.ts';
import type { Page, PageRequest } from '../core/page.ts';
import { syncLogs } from '../schema/runs/sync-logs.ts';
import { syncRuns } from '../schema/runs/sync-runs.ts';
import { findByRequest, openOrJoin, reopen } from './sync-run-opening.ts';
import type { NewSyncRun, Opening, SyncWindow } from './sync-run-opening.ts';
import { ListStatements, queryBuilder, selectStatement } from '../core/statement.ts';
import type { Operand } from '../core/statement.ts';
import { readVenue, withVenue } from '../core/venue-scope.ts';
import type { Database } from '../core/venue-scope.ts';

export interface SyncRun {
  readonly id: SyncId;
  readonly venueId: VenueId;
  readonly connectionId: ConnectionId;
  readonly provider: ProviderId;
  readonly resource: Resource;
  readonly direction: Direction;
  readonly mode: SyncMode;
  readonly dryRun: boolean;
  /** It covers only the records of dead letters that are to be retried. */
  readonly deadLettersOnly: boolean;
  readonly window: SyncWindow | null;
  /** The dry run whose plan this run carries out. */
  readonly planId: SyncId | null;
  /** Records whose outcome differed from that plan. */
  readonly deviationCount: number;
  /** For a dry run that has read everything: the cost of carrying its plan out. */
  readonly plan: { readonly calls: number; readonly seconds: number } | null;
  readonly phase: SyncPhase;
  readonly outcome: SyncOutcome | null;
  readonly error: { readonly code: string; readonly message: string; readonly nextAction: string } | null;
  readonly waitingFor: { readonly what: string; readonly since: string; readonly until: string | null } | null;
  /** What a person has to approve. */
  readonly awaiting: ArchivingCount | null;
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

export interface SyncRunFilter {
  readonly connectionId?: ConnectionId | undefined;
}

export interface SyncLogFilter {
  readonly level?: SyncLogRow['level'] | undefined;
  readonly action?: SyncLogRow['action'] | undefined;
}

/** Runs as the API reads and opens them. `sync-progress-store.ts` has what a run's own steps write. */
export interface SyncRunStore {
  /**
   * Opens a run, or returns the open one of the same connection, resource and direction (`joined`); dry runs are
   * separate. A run that is not dry carries out the plan of a dry run. A request opens at most one run: repeated, it
   * gets the same run, which may be over by then. Throws PlanNotUsableError, and when the venue no longer has the
   * connection. `auditOf` is called only when this call opened the run.
   */
  openOrJoin(run: NewSyncRun, auditOf?: AuditOf<SyncRun>): Promise<{ readonly run: SyncRun } & Opening>;
  /** The run that the request has opened, open or over; null once its Idempotency-Key has expired. */
  findByRequest(venueId: VenueId, requestKey: string): Promise<SyncRun | null>;
  find(venueId: VenueId, id: SyncId): Promise<SyncRun | null>;
  /** All open runs of the connection. */
  listOpen(ref: ConnectionRef): Promise<readonly SyncRun[]>;
  /**
   * Reopens a run that failed or was cancelled, at its last committed page. Null when the run is open, has completed,
   * or does not exist. Throws OtherRunOpenError.
   */
  reopen(venueId: VenueId, id: SyncId, auditOf?: AuditOf<SyncRun>): Promise<SyncRun | null>;
  /** Newest first. */
  list(venueId: VenueId, filter: SyncRunFilter, page: PageRequest): Promise<Page<SyncRun>>;
  /** Oldest first; `after` is a `seq`. */
  listLog(
    venueId: VenueId,
    id: SyncId,
    query: { readonly filter: SyncLogFilter; readonly page: PageRequest },
  ): Promise<Page<SyncLogRow>>;
  /** The `seq` of the run's newest log row; 0 when it has none. */
  newestLogSeq(venueId: VenueId, id: SyncId): Promise<number>;
  setWorkflowRunId(venueId: VenueId, id: SyncId, workflowRunId: string): Promise<void>;
}

export function createSyncRunStore(db: Database): SyncRunStore {
  return {
    openOrJoin: async (run, auditOf) => {
      const { row, joined, fresh } = await openOrJoin(db, run, auditOf && ((opened) => auditOf(toSyncRun(opened))));
      return { run: toSyncRun(row), joined, fresh };
    },

    findByRequest: (venueId, requestKey) =>
      withVenue(db, venueId, async (tx) => {
        const row = await findByRequest(tx, requestKey);
        return row && toSyncRun(row);
      }),

    find: async (venueId, id) => {
      const [row] = await readVenue(db, venueId, { statement: FIND, values: { id } });
      return row ? toSyncRun(row) : null;
    },

    listOpen: ({ venueId, connectionId }) =>
      withVenue(db, venueId, async (tx) => {
        const rows = await tx
          .select()
          .from(syncRuns)
          .where(and(eq(syncRuns.connectionId, connectionId), isNull(syncRuns.finishedAt)));
        return rows.map(toSyncRun);
      }),

    reopen: async (venueId, id, auditOf) => {
      const row = await reopen(db, { venueId, id }, auditOf && ((reopened) => auditOf(toSyncRun(reopened))));
      return row && toSyncRun(row);
    },

    list: async (venueId, { connectionId }, { limit, after }) => {
      const rows = await readVenue(db, venueId, LISTS.for({ connectionId, after, rows: limit + 1 }));
      return toPage(rows, limit, { item: toSyncRun, id: (row) => row.id });
    },

    listLog: async (venueId, id, { filter: { level, action }, page: { limit, after } }) => {
      const rows = await readVenue(db, venueId, LOGS.for({ id, level, action, after, rows: limit + 1 }));
      return toPage(rows, limit, { item: (row) => row, id: (row) => String(row.seq) });
    },

    newestLogSeq: (venueId, id) =>
      withVenue(db, venueId, async (tx) => {
        const [row] = await tx
          .select({ seq: syncLogs.seq })
          .from(syncLogs)
          .where(eq(syncLogs.syncId, id))
          .orderBy(desc(syncLogs.seq))
          .limit(1);
        return row?.seq ?? 0;
      }),

    setWorkflowRunId: (venueId, id, workflowRunId) =>
      withVenue(db, venueId, async (tx) => {
        await tx
          .update(syncRuns)
          .set({ workflowRunId, updatedAt: sql`now()` })
          .where(eq(syncRuns.id, id));
      }),
  };
}

type Columns = typeof syncRuns._.columns;
/** What a run keeps for itself: its checkpoint may be large. */
const OWN = [
  'checkpoint',
  'fence',
  'approved',
  'approvedBy',
  'requestedBy',
  'requestKey',
  'stopRequestedAt',
] as const satisfies readonly (keyof Columns)[];
const SHOWN = Object.fromEntries(
  Object.entries(getTableColumns(syncRuns)).filter(([name]) => !OWN.some((own) => own === name)),
) as unknown as Omit<Columns, (typeof OWN)[number]>;

const FIND = selectStatement(
  queryBuilder
    .select(SHOWN)
    .from(syncRuns)
    .where(eq(syncRuns.id, sql.placeholder('id'))),
);

interface RunPage {
  readonly connectionId?: Operand<ConnectionId>;
  readonly after?: Operand<SyncId>;
  readonly rows: Operand<number>;
}

/** A page of runs, newest first. */
export const selectPage = ({ connectionId, after, rows }: RunPage) =>
  queryBuilder
    .select(SHOWN)
    .from(syncRuns)
    .where(and(connectionId && eq(syncRuns.connectionId, connectionId), after && lt(syncRuns.id, after)))
    .orderBy(desc(syncRuns.id))
    .limit(rows);

const LISTS = new ListStatements((given) => selectStatement(selectPage({ ...given, rows: sql.placeholder('rows') })));

type Row = Omit<typeof syncRuns.$inferSelect, (typeof OWN)[number]>;

const { seq, at, level, action, recordId, sourceId, externalId, code, message } = syncLogs;
const LOG_COLUMNS = { seq, at, level, action, recordId, sourceId, externalId, code, message };

const LOGS = new ListStatements(({ level: ofLevel, action: ofAction, after }) =>
  selectStatement(
    queryBuilder
      .select(LOG_COLUMNS)
      .from(syncLogs)
      .where(
        and(
          eq(syncLogs.syncId, sql.placeholder('id')),
          ofLevel && eq(syncLogs.level, ofLevel),
          ofAction && eq(syncLogs.action, ofAction),
          after && gt(syncLogs.seq, after),
        ),
      )
      .orderBy(asc(syncLogs.seq))
      .limit(sql.placeholder('rows')),
  ),
);

/** Columns that a run shows as they are stored. */
const SHOWN_AS_STORED = [
  'id',
  'venueId',
  'connectionId',
  'provider',
  'resource',
  'direction',
  'mode',
  'dryRun',
  'deadLettersOnly',
  'planId',
  'deviationCount',
  'plan',
  'phase',
  'outcome',
  'error',
  'waitingFor',
  'awaiting',
  'approvedAt',
  'done',
  'total',
  'ratePerSecond',
  'providerCalls',
  'workflowId',
  'workflowRunId',
  'createdAt',
  'startedAt',
  'finishedAt',
  'updatedAt',
] as const satisfies readonly (keyof Row & keyof SyncRun)[];

/** Leaves out what the run's worker stores in its row, such as the checkpoint. */
function toSyncRun(row: Row): SyncRun {
  const stored: Record<string, unknown> = {};
  for (const name of SHOWN_AS_STORED) stored[name] = row[name];
  return {
    ...(stored as Pick<Row, (typeof SHOWN_AS_STORED)[number]>),
    window: row.windowFrom || row.windowTo ? { from: row.windowFrom, to: row.windowTo } : null,
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
