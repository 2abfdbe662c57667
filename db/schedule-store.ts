import { and, desc, eq, sql } from 'drizzle-orm';
import type { ConnectionRef, SyncId, VenueId } from '../contracts/ids.ts';
import type { Resource } from '../contracts/providers.ts';
import { connections } from './schema/connections.ts';
import { syncRuns } from './schema/sync-runs.ts';
import { withVenue } from './venue-scope.ts';
import type { Database } from './venue-scope.ts';

/** What we remember of schedules. The schedules themselves are Temporal's: operators change them in its Web UI. */
export interface ScheduleStore {
  /** Resources whose default schedule has been made once, whether it is still there or not. */
  listScheduled(ref: ConnectionRef): Promise<readonly Resource[]>;
  /** From now on the resource gets no default schedule any more. */
  noteScheduled(ref: ConnectionRef, resource: Resource): Promise<void>;
  /** The newest run of the connection that `requestedBy` opened. */
  findOpenedBy(ref: ConnectionRef, requestedBy: string): Promise<{ readonly venueId: VenueId; readonly id: SyncId } | null>;
}

export function createScheduleStore(db: Database): ScheduleStore {
  return {
    listScheduled: ({ venueId, connectionId }) =>
      withVenue(db, venueId, async (tx) => {
        const [row] = await tx.select({ resources: connections.scheduledResources }).from(connections).where(eq(connections.id, connectionId));
        return row?.resources ?? [];
      }),

    noteScheduled: ({ venueId, connectionId }, resource) =>
      withVenue(db, venueId, async (tx) => {
        const known = connections.scheduledResources;
        await tx
          .update(connections)
          .set({ scheduledResources: sql`${known} || ${JSON.stringify([resource])}::jsonb` })
          .where(and(eq(connections.id, connectionId), sql`not ${known} @> ${JSON.stringify([resource])}::jsonb`));
      }),

    findOpenedBy: ({ venueId, connectionId }, requestedBy) =>
      withVenue(db, venueId, async (tx) => {
        const isTheirs = and(eq(syncRuns.connectionId, connectionId), eq(syncRuns.requestedBy, requestedBy));
        const [row] = await tx.select({ venueId: syncRuns.venueId, id: syncRuns.id }).from(syncRuns).where(isTheirs).orderBy(desc(syncRuns.id)).limit(1);
        return row ?? null;
      }),
  };
}
