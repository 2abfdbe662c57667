import { and, desc, eq, lt } from 'drizzle-orm';
import type { ConflictState } from '../../contracts/conflicts.ts';
import type { ConflictId, ConnectionId, VenueId } from '../../contracts/ids.ts';
import type { RecordKinds } from '../../records/registry.ts';
import type { AuditOf } from '../core/audit-store.ts';
import { recordWith } from '../core/audit-store.ts';
import { toPage } from '../core/page.ts';
import type { Page, PageRequest } from '../core/page.ts';
import { withVenue } from '../core/venue-scope.ts';
import type { Database, Transaction } from '../core/venue-scope.ts';
import type { FieldProblem } from '../records/record-writing.ts';
import { mergeConflicts } from '../schema/records/merge-conflicts.ts';
import type { Conflict, Resolution } from './conflict.ts';
import { settleConflict } from './settle-conflict.ts';

export interface ConflictFilter {
  readonly connectionId?: ConnectionId | undefined;
  readonly resource?: string | undefined;
  readonly state?: ConflictState | undefined;
}

export interface ConflictStore {
  /** Newest first. */
  list(venueId: VenueId, filter: ConflictFilter, page: PageRequest): Promise<Page<Conflict>>;
  find(venueId: VenueId, id: ConflictId): Promise<Conflict | null>;
  /**
   * Resolves an open conflict in one transaction with the venue's record; the next two-way run writes what the provider
   * lacks. Null when there is no open conflict with this id; problems when the record would be invalid.
   */
  resolve(
    ref: { readonly venueId: VenueId; readonly id: ConflictId },
    resolution: Resolution,
    auditOf?: AuditOf<Conflict>,
  ): Promise<Conflict | readonly FieldProblem[] | null>;
}

export function createConflictStore(db: Database, kinds: RecordKinds): ConflictStore {
  return {
    list: (venueId, { connectionId, resource, state }, { limit, after }) =>
      withVenue(db, venueId, async (tx) => {
        const rows = await tx
          .select()
          .from(mergeConflicts)
          .where(
            and(
              eq(mergeConflicts.venueId, venueId),
              after === null ? undefined : lt(mergeConflicts.id, after),
              connectionId === undefined ? undefined : eq(mergeConflicts.connectionId, connectionId),
              resource === undefined ? undefined : eq(mergeConflicts.resource, resource),
              state === undefined ? undefined : eq(mergeConflicts.state, state),
            ),
          )
          .orderBy(desc(mergeConflicts.id))
          .limit(limit + 1);
        return toPage(rows, limit, { item: (row) => row, id: (row) => row.id });
      }),

    find: (venueId, id) =>
      withVenue(db, venueId, async (tx) => {
        const [row] = await tx.select().from(mergeConflicts).where(eq(mergeConflicts.id, id));
        return row ?? null;
      }),

    resolve: ({ venueId, id }, resolution, auditOf) =>
      withVenue(db, venueId, (tx) => resolve({ tx, kinds }, id, { ...resolution, auditOf })),
  };
}

async function resolve(
  { tx, kinds }: { readonly tx: Transaction; readonly kinds: RecordKinds },
  id: ConflictId,
  resolution: Resolution & { readonly auditOf: AuditOf<Conflict> | undefined },
): Promise<Conflict | readonly FieldProblem[] | null> {
  const isOpen = and(eq(mergeConflicts.id, id), eq(mergeConflicts.state, 'open'));
  const [found] = await tx.select().from(mergeConflicts).where(isOpen);
  if (!found) return null;
  const problems = await settleConflict({ tx, kind: kinds.get(found.resource) }, found, resolution);
  if (problems.length > 0) return problems;
  const [row] = await tx
    .update(mergeConflicts)
    .set({
      ...{ state: 'resolved', resolution: resolution.take, resolvedBy: resolution.by },
      ...{ resolvedAt: new Date(), updatedAt: new Date() },
    })
    .where(isOpen)
    .returning();
  if (!row) return null;
  return recordWith(tx, row, resolution.auditOf);
}
