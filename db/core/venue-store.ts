import { and, asc, eq, gt, inArray, isNull, sql } from 'drizzle-orm';
import { v7 as uuidv7 } from 'uuid';
import type { VenueId } from '../../contracts/ids.ts';
import { timeZoneOfStored } from '../../domain/schedule/time-zone.ts';
import { recordWith } from './audit-store.ts';
import type { AuditEntry, AuditOf } from './audit-store.ts';
import { toPage } from './page.ts';
import type { Page, PageRequest } from './page.ts';
import { isLapsed, isMadeBy } from './request-keys.ts';
import { venues } from '../schema/venues.ts';
import { queryBuilder, selectStatement } from './statement.ts';
import { readVenue, withReach, withVenue } from './venue-scope.ts';
import type { Database, Transaction, VenueReach } from './venue-scope.ts';

export interface Venue {
  readonly id: VenueId;
  readonly sourceId: string | null;
  readonly name: string;
  /** One of domain/schedule/time-zone-names.ts, or an earlier accepted name that `Intl` knows. */
  readonly timeZone: string;
  readonly currency: string;
  /** Set once it is being closed, which nothing takes back. */
  readonly closingSince: Date | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export type NewVenue = Pick<Venue, 'sourceId' | 'name' | 'timeZone' | 'currency'>;

export interface VenueStore {
  /**
   * Returns 'source-id-taken' when another venue has the same `sourceId`. A request creates at most one venue: repeated
   * under its key (request-keys.ts), it gets that venue as it is now.
   */
  create(venue: NewVenue, requestKey?: string | null, auditOf?: AuditOf<Venue>): Promise<Venue | 'source-id-taken'>;
  find(reach: VenueReach, id: VenueId): Promise<Venue | null>;
  list(reach: VenueReach, page: PageRequest): Promise<Page<Venue>>;
  update(
    id: VenueId,
    changes: Partial<Pick<Venue, 'name' | 'timeZone' | 'currency'>>,
    auditOf?: AuditOf<Venue>,
  ): Promise<Venue | null>;
  /** Marks the venue as closing; the audit row is written by the first who does. Null when there is no such venue. */
  beginClosing(id: VenueId, audit: AuditEntry): Promise<Venue | null>;
}

export function createVenueStore(db: Database): VenueStore {
  return {
    create: async (venue, requestKey = null, auditOf) => {
      for (;;) {
        const created = await tryCreate(db, { ...venue, requestKey }, auditOf);
        if (created) return created;
        if (requestKey === null) return 'source-id-taken';
        const own = await findByRequest(db, requestKey);
        if (own) return own;
        if (!(await freeLapsed(db, requestKey))) return 'source-id-taken';
      }
    },

    find: async (reach, id) => {
      if (reach !== '*' && reach.length === 1 && reach[0] === id) {
        const [row] = await readVenue(db, id, { statement: FIND, values: { id } });
        return row ? toVenue(row) : null;
      }
      return withReach(db, reach, async (tx) => {
        const [row] = await tx.select(COLUMNS).from(venues).where(eq(venues.id, id));
        return row ? toVenue(row) : null;
      });
    },

    list: (reach, page) =>
      withReach(db, reach, async (tx) =>
        toPage(await listVenues(tx, reach, page), page.limit, { item: toVenue, id: (row) => row.id }),
      ),

    update: (id, changes, auditOf) =>
      withVenue(db, id, async (tx) => {
        const [row] = await tx
          .update(venues)
          .set({
            ...changes,
            ...(changes.timeZone !== undefined && { earlierTimeZones: zonesBefore(changes.timeZone) }),
            updatedAt: new Date(),
          })
          .where(eq(venues.id, id))
          .returning(COLUMNS);
        return row ? recordWith(tx, toVenue(row), auditOf) : null;
      }),

    beginClosing: (id, audit) =>
      withVenue(db, id, async (tx) => {
        const [marked] = await tx
          .update(venues)
          .set({ closingSince: sql`now()`, updatedAt: sql`now()` })
          .where(and(eq(venues.id, id), isNull(venues.closingSince)))
          .returning(COLUMNS);
        if (marked) return recordWith(tx, toVenue(marked), () => audit);
        const [row] = await tx.select(COLUMNS).from(venues).where(eq(venues.id, id));
        return row ? toVenue(row) : null;
      }),
  };
}

/** A bound for a venue that changes its zone again and again: dates of the earliest are then told in the next. */
const MOST_EARLIER_ZONES = 20;

/** The zones before this one, which the venue is about to get. */
const zonesBefore = (next: string) => {
  const { timeZone: present, earlierTimeZones: earlier } = venues;
  return sql`case when ${present} = ${next} then ${earlier} else
    case when jsonb_array_length(${earlier}) >= ${MOST_EARLIER_ZONES} then ${earlier} - 0 else ${earlier} end
    || jsonb_build_array(jsonb_build_object('timeZone', ${present}, 'until', now())) end`;
};

const { id, sourceId, name, timeZone, currency, closingSince, createdAt, updatedAt } = venues;
const COLUMNS = { id, sourceId, name, timeZone, currency, closingSince, createdAt, updatedAt };

/** Of a venue that the caller is known to reach. */
const FIND = selectStatement(
  queryBuilder
    .select(COLUMNS)
    .from(venues)
    .where(eq(venues.id, sql.placeholder('id'))),
);

const toVenue = (row: Venue): Venue => ({ ...row, timeZone: timeZoneOfStored(row.timeZone) });

/**
 * Row-level security hides other venues too, but compares every venue with each of the token's. The condition lets the
 * index find them. Reads one row more than the page, which shows whether there is another.
 */
export const listVenues = (tx: Transaction, reach: VenueReach, { limit, after }: PageRequest) =>
  tx
    .select(COLUMNS)
    .from(venues)
    .where(
      and(
        reach === '*' ? undefined : inArray(venues.id, [...reach]),
        after === null ? undefined : gt(venues.id, after as VenueId),
      ),
    )
    .orderBy(asc(venues.id))
    .limit(limit + 1);

/** Null when a venue with the same `sourceId` or this request key exists. */
function tryCreate(
  db: Database,
  venue: NewVenue & { readonly requestKey: string | null },
  auditOf: AuditOf<Venue> | undefined,
): Promise<Venue | null> {
  const venueId = uuidv7() as VenueId;
  return withVenue(db, venueId, async (tx) => {
    const [row] = await tx
      .insert(venues)
      .values({ ...venue, id: venueId })
      .onConflictDoNothing()
      .returning(COLUMNS);
    return row ? recordWith(tx, toVenue(row), auditOf) : null;
  });
}

function findByRequest(db: Database, requestKey: string): Promise<Venue | null> {
  return withReach(db, '*', async (tx) => {
    const [row] = await tx.select(COLUMNS).from(venues).where(isMadeBy(venues, requestKey));
    return row ? toVenue(row) : null;
  });
}

/** False when nobody holds the key any more. */
function freeLapsed(db: Database, requestKey: string): Promise<boolean> {
  return withReach(db, '*', async (tx) => {
    const freed = await tx
      .update(venues)
      .set({ requestKey: null })
      .where(isLapsed(venues, requestKey))
      .returning({ id });
    return freed.length > 0;
  });
}
