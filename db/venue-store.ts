import { asc, eq, gt } from 'drizzle-orm';
import { v7 as uuidv7 } from 'uuid';
import type { VenueId } from '../contracts/ids.ts';
import { toPage } from './page.ts';
import type { Page, PageRequest } from './page.ts';
import { venues } from './schema/venues.ts';
import { withReach } from './venue-scope.ts';
import type { Database, VenueReach } from './venue-scope.ts';

export interface Venue {
  readonly id: VenueId;
  readonly sourceId: string | null;
  readonly name: string;
  readonly timeZone: string;
  readonly currency: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export type NewVenue = Pick<Venue, 'sourceId' | 'name' | 'timeZone' | 'currency'>;

export interface VenueStore {
  /** Returns 'source-id-taken' when another venue has the same `sourceId`. */
  create(venue: NewVenue): Promise<Venue | 'source-id-taken'>;
  find(reach: VenueReach, id: VenueId): Promise<Venue | null>;
  list(reach: VenueReach, page: PageRequest): Promise<Page<Venue>>;
  update(id: VenueId, changes: Partial<Pick<Venue, 'name' | 'timeZone' | 'currency'>>): Promise<Venue | null>;
}

export function createVenueStore(db: Database): VenueStore {
  return {
    create: (venue) => {
      const id = uuidv7() as VenueId;
      return withReach(db, [id], async (tx) => {
        const [row] = await tx.insert(venues).values({ ...venue, id }).onConflictDoNothing({ target: venues.sourceId }).returning();
        return row ?? 'source-id-taken';
      });
    },

    find: (reach, id) =>
      withReach(db, reach, async (tx) => {
        const [row] = await tx.select().from(venues).where(eq(venues.id, id));
        return row ?? null;
      }),

    list: (reach, { limit, after }) =>
      withReach(db, reach, async (tx) => {
        const rows = await tx
          .select()
          .from(venues)
          .where(after === null ? undefined : gt(venues.id, after as VenueId))
          .orderBy(asc(venues.id))
          .limit(limit + 1);
        return toPage(rows, limit, { item: (row) => row, id: (row) => row.id });
      }),

    update: (id, changes) =>
      withReach(db, [id], async (tx) => {
        const [row] = await tx.update(venues).set({ ...changes, updatedAt: new Date() }).where(eq(venues.id, id)).returning();
        return row ?? null;
      }),
  };
}
