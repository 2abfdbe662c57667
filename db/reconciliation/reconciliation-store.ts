import { and, asc, desc, eq, getTableColumns, gt, isNull, lt } from 'drizzle-orm';
import type { ConnectionId, ConnectionRef, DiscrepancyId, ReconciliationId, VenueId } from '../../contracts/ids.ts';
import type { DiscrepancyKind, DiscrepancyState } from '../../contracts/reconciliation.ts';
import type { AuditOf } from '../core/audit-store.ts';
import { toPage } from '../core/page.ts';
import type { Page, PageRequest } from '../core/page.ts';
import { withVenue } from '../core/venue-scope.ts';
import type { Database } from '../core/venue-scope.ts';
import { discrepancies } from '../schema/reconciliation/discrepancies.ts';
import { reconciliations } from '../schema/reconciliation/reconciliations.ts';
import { findByRequest, openOrJoin } from './reconciliation-opening.ts';
import type { NewReconciliation, OpenedReconciliation, Reconciliation } from './reconciliation-opening.ts';

export type { Reconciliation };
/** A discrepancy with the connection whose reconciliation found it. */
export type Discrepancy = typeof discrepancies.$inferSelect & { readonly connectionId: ConnectionId };

const DISCREPANCY = { ...getTableColumns(discrepancies), connectionId: reconciliations.connectionId };

export interface DiscrepancyFilter {
  readonly kind?: DiscrepancyKind | undefined;
  readonly state?: DiscrepancyState | undefined;
}

/** Reconciliations as the API requests and shows them. */
export interface ReconciliationStore {
  /** Throws OtherDaysOpenError. */
  openOrJoin(wanted: NewReconciliation, auditOf?: AuditOf<Reconciliation>): Promise<OpenedReconciliation>;
  findByRequest(venueId: VenueId, requestKey: string): Promise<Reconciliation | null>;
  find(venueId: VenueId, id: ReconciliationId): Promise<Reconciliation | null>;
  setWorkflowRunId(venueId: VenueId, id: ReconciliationId, workflowRunId: string): Promise<void>;
  /** Newest first. */
  list(
    venueId: VenueId,
    filter: { readonly connectionId?: ConnectionId | undefined },
    page: PageRequest,
  ): Promise<Page<Reconciliation>>;
  listOpen(ref: ConnectionRef): Promise<readonly Reconciliation[]>;
  /** In the order in which they were found. */
  listDiscrepancies(
    venueId: VenueId,
    id: ReconciliationId,
    query: { readonly filter: DiscrepancyFilter; readonly page: PageRequest },
  ): Promise<Page<Discrepancy>>;
  findDiscrepancy(venueId: VenueId, id: DiscrepancyId): Promise<Discrepancy | null>;
}

export function createReconciliationStore(db: Database): ReconciliationStore {
  return {
    openOrJoin: (wanted, auditOf) => openOrJoin(db, wanted, auditOf),
    findByRequest: (venueId, requestKey) => withVenue(db, venueId, (tx) => findByRequest(tx, requestKey)),

    find: (venueId, id) =>
      withVenue(db, venueId, async (tx) => {
        const [row] = await tx.select().from(reconciliations).where(eq(reconciliations.id, id));
        return row ?? null;
      }),

    setWorkflowRunId: (venueId, id, workflowRunId) =>
      withVenue(db, venueId, async (tx) => {
        await tx.update(reconciliations).set({ workflowRunId }).where(eq(reconciliations.id, id));
      }),

    list: (venueId, { connectionId }, { limit, after }) =>
      withVenue(db, venueId, async (tx) => {
        const rows = await tx
          .select()
          .from(reconciliations)
          .where(
            and(
              // Repeats row-level security's condition because the index starts with the venue.
              eq(reconciliations.venueId, venueId),
              connectionId === undefined ? undefined : eq(reconciliations.connectionId, connectionId),
              after === null ? undefined : lt(reconciliations.id, after as ReconciliationId),
            ),
          )
          .orderBy(desc(reconciliations.id))
          .limit(limit + 1);
        return toPage(rows, limit, { item: (row) => row, id: (row) => row.id });
      }),

    listOpen: ({ venueId, connectionId }) =>
      withVenue(db, venueId, (tx) =>
        tx
          .select()
          .from(reconciliations)
          .where(and(eq(reconciliations.connectionId, connectionId), isNull(reconciliations.finishedAt))),
      ),

    listDiscrepancies: (venueId, id, { filter: { kind, state }, page: { limit, after } }) =>
      withVenue(db, venueId, async (tx) => {
        const rows = await tx
          .select(DISCREPANCY)
          .from(discrepancies)
          .innerJoin(reconciliations, eq(reconciliations.id, discrepancies.reconciliationId))
          .where(
            and(
              eq(discrepancies.reconciliationId, id),
              kind === undefined ? undefined : eq(discrepancies.kind, kind),
              state === undefined ? undefined : eq(discrepancies.state, state),
              after === null ? undefined : gt(discrepancies.id, after as DiscrepancyId),
            ),
          )
          .orderBy(asc(discrepancies.id))
          .limit(limit + 1);
        return toPage(rows, limit, { item: (row) => row, id: (row) => row.id });
      }),

    findDiscrepancy: (venueId, id) =>
      withVenue(db, venueId, async (tx) => {
        const [row] = await tx
          .select(DISCREPANCY)
          .from(discrepancies)
          .innerJoin(reconciliations, eq(reconciliations.id, discrepancies.reconciliationId))
          .where(eq(discrepancies.id, id));
        return row ?? null;
      }),
  };
}
