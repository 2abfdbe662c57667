import { and, eq, isNull, notInArray, sql } from 'drizzle-orm';
import { v7 as uuidv7 } from 'uuid';
import type { ConnectionRef, ReconciliationId } from '../../contracts/ids.ts';
import type { ProviderId } from '../../contracts/providers.ts';
import { recordWith } from '../core/audit-store.ts';
import type { AuditOf } from '../core/audit-store.ts';
import { isLapsed, isMadeBy } from '../core/request-keys.ts';
import { isUniqueViolation } from '../core/unique-violation.ts';
import { withVenue } from '../core/venue-scope.ts';
import type { Database, Transaction } from '../core/venue-scope.ts';
import { connections } from '../schema/connections/connections.ts';
import { reconciliations } from '../schema/reconciliation/reconciliations.ts';

/** A row of the table, which the API shows. */
export type Reconciliation = typeof reconciliations.$inferSelect;

export interface NewReconciliation extends ConnectionRef {
  readonly provider: ProviderId;
  readonly fromDay: string;
  readonly toDay: string;
  readonly timeZone: string;
  readonly requestedBy: string;
  readonly workflowId: string;
  /** Digest of the request, if it may be repeated; see request-keys.ts. */
  readonly requestKey: string | null;
}

export interface OpenedReconciliation {
  readonly reconciliation: Reconciliation;
  /** It belongs to another request. */
  readonly joined: boolean;
  /** This call opened it. */
  readonly fresh: boolean;
}

/** The connection has an open reconciliation of other days, and there can be only one. */
export class OtherDaysOpenError extends Error {
  override readonly name = 'OtherDaysOpenError';
  constructor() {
    super('a reconciliation of other days is open');
  }
}

/** Opens a reconciliation or joins the open one of the same days. Throws OtherDaysOpenError. */
export async function openOrJoin(
  db: Database,
  wanted: NewReconciliation,
  auditOf?: AuditOf<Reconciliation>,
): Promise<OpenedReconciliation> {
  const { venueId, requestKey } = wanted;
  const attempt = () => withVenue(db, venueId, (tx) => tryOpen(tx, wanted, auditOf));
  try {
    return await attempt();
  } catch (error) {
    if (requestKey === null || !isUniqueViolation(error)) throw error;
    // A duplicate of this request has opened one that is over already, or the key is of one from before it expired.
    const own = await withVenue(db, venueId, async (tx) => {
      const found = await findByRequest(tx, requestKey);
      if (!found)
        await tx.update(reconciliations).set({ requestKey: null }).where(isLapsed(reconciliations, requestKey));
      return found;
    });
    return own ? { reconciliation: own, joined: false, fresh: false } : attempt();
  }
}

/** The reconciliation that this request has opened; null when there is none. */
export async function findByRequest(tx: Transaction, requestKey: string): Promise<Reconciliation | null> {
  const [row] = await tx.select().from(reconciliations).where(isMadeBy(reconciliations, requestKey));
  return row ?? null;
}

async function tryOpen(
  tx: Transaction,
  wanted: NewReconciliation,
  auditOf: AuditOf<Reconciliation> | undefined,
): Promise<OpenedReconciliation> {
  const id = uuidv7() as ReconciliationId;
  const row = await insertOrFind(tx, wanted, id);
  if (row.id === id) return { reconciliation: await recordWith(tx, row, auditOf), joined: false, fresh: true };
  const own = wanted.requestKey === null ? null : await findByRequest(tx, wanted.requestKey);
  if (own) return { reconciliation: own, joined: false, fresh: false };
  if (row.fromDay !== wanted.fromDay || row.toDay !== wanted.toDay) throw new OtherDaysOpenError();
  return { reconciliation: row, joined: true, fresh: false };
}

async function insertOrFind(tx: Transaction, wanted: NewReconciliation, id: ReconciliationId): Promise<Reconciliation> {
  // Locked, so that a concurrent disconnection finds this reconciliation among those to cancel.
  const usable = and(
    eq(connections.id, wanted.connectionId),
    notInArray(connections.state, ['disconnecting', 'disconnected']),
  );
  const [connection] = await tx
    .select({ accounts: connections.chosenAccounts })
    .from(connections)
    .where(usable)
    .for('share');
  if (!connection) throw new Error('The venue has no such connection');
  const [row] = await tx
    .insert(reconciliations)
    .values({ ...wanted, id, accounts: connection.accounts })
    .onConflictDoUpdate({
      target: [reconciliations.connectionId],
      targetWhere: isNull(reconciliations.finishedAt),
      // Changes nothing. DO NOTHING would return no row, and the open one may finish before it is looked up.
      set: { updatedAt: sql`${reconciliations.updatedAt}` },
    })
    .returning();
  if (!row) throw new Error('An upsert returned no row');
  return row;
}
