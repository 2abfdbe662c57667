import { and, desc, eq, ne, sql } from 'drizzle-orm';
import type { ConnectionRef, SyncId, VenueId } from '../../contracts/ids.ts';
import type { Resource } from '../../contracts/providers.ts';
import type { FullPasses } from '../../domain/sync/full-pass.ts';
import type { SyncKey } from '../../contracts/sync.ts';
import { announceSchedulePause } from '../outgoing/announcements.ts';
import { lockCount } from '../core/venue-cap.ts';
import { connections } from '../schema/connections/connections.ts';
import { syncRuns } from '../schema/runs/sync-runs.ts';
import { readInstant } from '../core/instants.ts';
import { statement } from '../core/statement.ts';
import { readVenue, withVenue } from '../core/venue-scope.ts';
import type { Database } from '../core/venue-scope.ts';

/**
 * What we store about schedules. The schedules themselves are in Temporal, where operators can change them in the Web
 * UI.
 */
export interface ScheduleStore {
  /** Resources whose default schedule was created once, whether it still exists or not. */
  listScheduled(ref: ConnectionRef): Promise<readonly Resource[]>;
  /** Records that the resource gets no default schedule any more. */
  noteScheduled(ref: ConnectionRef, resource: Resource): Promise<void>;
  /** Counts schedules that are about to be made, and answers those for which the venue has room; what counts already has. */
  reserve(ref: ConnectionRef, resources: readonly Resource[]): Promise<readonly Resource[]>;
  /** A schedule is gone: it no longer counts. */
  release(ref: ConnectionRef, resource: Resource): Promise<void>;
  /** Tells subscribers that a person has paused the schedule: after the fact, because Temporal keeps the schedule. */
  announcePause(sync: SyncKey): Promise<void>;
  /** Full passes of every sync of the connection that completed or tried one. */
  listFullPasses(ref: ConnectionRef): Promise<readonly FullPasses[]>;
  /** The connection's newest run that `requestedBy` opened. */
  findOpenedBy(
    ref: ConnectionRef,
    requestedBy: string,
  ): Promise<{ readonly venueId: VenueId; readonly id: SyncId } | null>;
}

export function createScheduleStore(db: Database, maxPerVenue = Infinity): ScheduleStore {
  return {
    reserve: ({ venueId, connectionId }, resources) =>
      withVenue(db, venueId, async (tx) => {
        await lockCount(tx, { venueId, what: 'schedules' });
        const rows = await tx.select({ id: connections.id, live: LIVE }).from(connections).where(ne(LIVE, []));
        const counted = rows.find(({ id }) => id === connectionId)?.live ?? [];
        const room = Math.max(0, maxPerVenue - rows.reduce((sum, { live }) => sum + live.length, 0));
        const added = resources.filter((resource) => !counted.includes(resource)).slice(0, room);
        if (added.length > 0)
          await tx
            .update(connections)
            .set({ liveSchedules: [...counted, ...added] })
            .where(eq(connections.id, connectionId));
        return resources.filter((resource) => counted.includes(resource) || added.includes(resource));
      }),

    release: ({ venueId, connectionId }, resource) =>
      withVenue(db, venueId, async (tx) => {
        await tx
          .update(connections)
          .set({ liveSchedules: sql`${LIVE} - ${resource}::text` })
          .where(eq(connections.id, connectionId));
      }),

    announcePause: (sync) => withVenue(db, sync.venueId, (tx) => announceSchedulePause(tx, sync)),

    listScheduled: ({ venueId, connectionId }) =>
      withVenue(db, venueId, async (tx) => {
        const [row] = await tx
          .select({ resources: connections.scheduledResources })
          .from(connections)
          .where(eq(connections.id, connectionId));
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

    listFullPasses: async ({ venueId, connectionId }) => {
      const rows = await readVenue(db, venueId, { statement: FULL_PASSES, values: { connectionId } });
      return rows.map(
        ({ resource, direction, started_at: startedAt, finished_at: finishedAt, attempted_at: attemptedAt }) => ({
          ...{ resource, direction },
          ...{ startedAt: dateOf(startedAt), finishedAt: dateOf(finishedAt), attemptedAt: dateOf(attemptedAt) },
        }),
      );
    },

    findOpenedBy: ({ venueId, connectionId }, requestedBy) =>
      withVenue(db, venueId, async (tx) => {
        const isTheirs = and(eq(syncRuns.connectionId, connectionId), eq(syncRuns.requestedBy, requestedBy));
        const [row] = await tx
          .select({ venueId: syncRuns.venueId, id: syncRuns.id })
          .from(syncRuns)
          .where(isTheirs)
          .orderBy(desc(syncRuns.id))
          .limit(1);
        return row ?? null;
      }),
  };
}

const LIVE = connections.liveSchedules;

interface FullPassRow extends Record<string, unknown>, Pick<FullPasses, 'resource' | 'direction'> {
  readonly started_at: string | null;
  readonly finished_at: string | null;
  readonly attempted_at: string | null;
}

const FULL_PASSES = statement<FullPassRow>(sql`
  select resource, direction, completed.started_at, completed.finished_at, attempted.at as attempted_at
  from (select resource, direction, full_started_at as started_at, full_finished_at as finished_at from sync_cursors
    where connection_id = ${sql.placeholder('connectionId')} and full_started_at is not null) completed
  full join (select distinct on (resource, direction) resource, direction, created_at as at from sync_runs
    where connection_id = ${sql.placeholder('connectionId')} and mode = 'full' and not dry_run and window_from is null and window_to is null
    order by resource, direction, id desc) attempted using (resource, direction)
  order by resource, direction`);

const dateOf = (text: string | null) => (text === null ? null : readInstant(text));
