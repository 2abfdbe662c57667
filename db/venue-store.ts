import type { VenueId } from '../contracts/ids.ts';
import type { Page, PageRequest } from './page.ts';
import type { VenueReach } from './venue-scope.ts';

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
