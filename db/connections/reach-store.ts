import { and, eq, sql } from 'drizzle-orm';
import type { ConnectionRef } from '../../contracts/ids.ts';
import type { Resource } from '../../contracts/providers.ts';
import { recordWith } from '../core/audit-store.ts';
import type { AuditEntry } from '../core/audit-store.ts';
import { withVenue } from '../core/venue-scope.ts';
import type { Database, Transaction } from '../core/venue-scope.ts';
import { connectionReach } from '../schema/connections/connection-reach.ts';
import { connections } from '../schema/connections/connections.ts';
import { syncCursors } from '../schema/runs/sync-cursors.ts';

export interface ReachRef extends ConnectionRef {
  readonly resource: Resource;
}

/** What connections leave out. */
export interface ReachStore {
  /** Empty when nothing is left out. */
  excludedFields(ref: ReachRef): Promise<readonly string[]>;
  /**
   * Leaves these fields out from now on. The next scheduled pull is a full pass, which brings what is no longer left
   * out. The same again changes nothing and writes no audit row.
   */
  exclude(ref: ReachRef, fields: readonly string[], audit: AuditEntry): Promise<void>;
}

export function createReachStore(db: Database): ReachStore {
  return {
    excludedFields: (ref) => withVenue(db, ref.venueId, (tx) => read(tx, ref)),

    exclude: (ref, fields, audit) =>
      withVenue(db, ref.venueId, async (tx) => {
        const { venueId, connectionId, resource } = ref;
        // Serialises concurrent changes.
        await tx
          .select({ one: sql`1` })
          .from(connections)
          .where(eq(connections.id, connectionId))
          .for('update');
        const excludedFields = [...fields].sort();
        if (JSON.stringify(await read(tx, ref)) === JSON.stringify(excludedFields)) return;
        await tx
          .insert(connectionReach)
          .values({ venueId, connectionId, resource, excludedFields })
          .onConflictDoUpdate({
            target: [connectionReach.connectionId, connectionReach.resource],
            set: { excludedFields, updatedAt: sql`now()` },
          });
        await tx
          .update(syncCursors)
          .set({ fullStartedAt: null, fullFinishedAt: null })
          .where(
            and(
              eq(syncCursors.connectionId, connectionId),
              eq(syncCursors.resource, resource),
              eq(syncCursors.direction, 'pull'),
            ),
          );
        await recordWith(tx, undefined, () => audit);
      }),
  };
}

/** Inside the caller's transaction. */
async function read(tx: Transaction, { connectionId, resource }: ReachRef): Promise<readonly string[]> {
  const [row] = await tx
    .select({ fields: connectionReach.excludedFields })
    .from(connectionReach)
    .where(and(eq(connectionReach.connectionId, connectionId), eq(connectionReach.resource, resource)));
  return row?.fields ?? [];
}
