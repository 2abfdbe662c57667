import { and, eq, ne, sql } from 'drizzle-orm';
import type { ConnectionRef } from '../../contracts/ids.ts';
import type { Resource } from '../../contracts/providers.ts';
import { recordWith } from '../core/audit-store.ts';
import type { AuditEntry } from '../core/audit-store.ts';
import { withVenue } from '../core/venue-scope.ts';
import type { Database, Transaction } from '../core/venue-scope.ts';
import { connectionReach } from '../schema/connections/connection-reach.ts';
import { connections } from '../schema/connections/connections.ts';
import { readUnknownFields } from './unknown-field-store.ts';
import type { StoredUnknownField } from './unknown-field-store.ts';
import { syncCursors } from '../schema/runs/sync-cursors.ts';
import { venues } from '../schema/venues.ts';
import { businessDays } from '../../domain/reconciliation/business-days.ts';
import type { VenueZones } from '../../domain/schedule/earlier-zones.ts';
import { timeZoneOfStored } from '../../domain/schedule/time-zone.ts';

export interface ReachRef extends ConnectionRef {
  readonly resource: Resource;
}

/** What a connection leaves out of the records of one kind. */
export interface Reach {
  readonly excludedFields: readonly string[];
  /** The day in the venue's time zone before which no history is pulled, `YYYY-MM-DD`; null: all of it is. */
  readonly historyFrom: string | null;
}

export interface StoredReach extends Reach {
  /** When that day begins. */
  readonly historyFromEpochS: number | null;
  /** The venue's. */
  readonly zones: VenueZones;
}

/** What connections leave out. */
export interface ReachStore {
  find(ref: ReachRef): Promise<StoredReach>;
  /** Fields of the provider's objects that the adapter has no meaning for; at most `MAX_UNKNOWN_FIELDS`. */
  unknownFields(ref: ReachRef): Promise<readonly StoredUnknownField[]>;
  /**
   * Leaves this out from now on. Where more history is to be pulled than before, the next pull reads everything;
   * otherwise the next scheduled one does, which brings fields that are no longer left out. Nothing stored is deleted.
   * The same again changes nothing and writes no audit row.
   */
  change(ref: ReachRef, reach: Reach, audit: AuditEntry): Promise<void>;
}

export function createReachStore(db: Database): ReachStore {
  return {
    find: (ref) => withVenue(db, ref.venueId, (tx) => read(tx, ref)),
    unknownFields: (ref) => withVenue(db, ref.venueId, (tx) => readUnknownFields(tx, ref)),

    change: (ref, reach, audit) =>
      withVenue(db, ref.venueId, async (tx) => {
        const { venueId, connectionId, resource } = ref;
        // Serialises concurrent changes.
        await tx
          .select({ one: sql`1` })
          .from(connections)
          .where(eq(connections.id, connectionId))
          .for('update');
        const { historyFrom } = reach;
        const excludedFields = [...reach.excludedFields].sort();
        const before = await read(tx, ref);
        if (
          JSON.stringify([before.excludedFields, before.historyFrom]) === JSON.stringify([excludedFields, historyFrom])
        )
          return;
        await tx
          .insert(connectionReach)
          .values({ venueId, connectionId, resource, excludedFields, historyFrom })
          .onConflictDoUpdate({
            target: [connectionReach.connectionId, connectionReach.resource],
            set: { excludedFields, historyFrom, includedSince: INCLUDED_SINCE, updatedAt: sql`now()` },
          });
        await tx
          .update(syncCursors)
          .set({
            ...{ fullStartedAt: null, fullFinishedAt: null },
            ...(isEarlier(historyFrom, before.historyFrom) && { watermark: null, feedCursor: null }),
          })
          .where(
            and(
              eq(syncCursors.connectionId, connectionId),
              eq(syncCursors.resource, resource),
              ne(syncCursors.direction, 'push'),
            ),
          );
        await recordWith(tx, undefined, () => audit);
      }),
  };
}

/** What it was, with the fields that were left out until now. */
const INCLUDED_SINCE = sql`(
  select connection_reach.included_since || coalesce(jsonb_object_agg(f.name, now()), '{}')
  from jsonb_array_elements_text(connection_reach.excluded_fields) f(name)
  where not excluded.excluded_fields ? f.name)`;

/** Days compare as texts. */
const isEarlier = (day: string | null, than: string | null): boolean => than !== null && (day === null || day < than);

/** Inside the caller's transaction. */
async function read(tx: Transaction, { venueId, connectionId, resource }: ReachRef): Promise<StoredReach> {
  const [row] = await tx
    .select({
      excludedFields: connectionReach.excludedFields,
      historyFrom: connectionReach.historyFrom,
      timeZone: venues.timeZone,
      earlier: venues.earlierTimeZones,
    })
    .from(venues)
    .leftJoin(
      connectionReach,
      and(
        eq(connectionReach.venueId, venues.id),
        eq(connectionReach.connectionId, connectionId),
        eq(connectionReach.resource, resource),
      ),
    )
    .where(eq(venues.id, venueId));
  const { excludedFields, historyFrom = null, timeZone = 'UTC', earlier = [] } = row ?? {};
  return {
    excludedFields: excludedFields ?? [],
    historyFrom,
    zones: {
      timeZone: timeZoneOfStored(timeZone),
      earlier: earlier.map((one) => ({ ...one, timeZone: timeZoneOfStored(one.timeZone) })),
    },
    historyFromEpochS: historyStart(historyFrom, timeZone),
  };
}

/** When the day before which no history is pulled begins. */
export const historyStart = (day: string | null, timeZone: string): number | null =>
  day === null ? null : startOf(day, timeZone);

/** A day that a zone has skipped begins as in UTC. */
const startOf = (day: string, timeZone: string): number =>
  businessDays(timeZoneOfStored(timeZone), day, day).span?.fromEpochS ?? Date.parse(day) / 1_000;
