import type { VenueId } from '../../contracts/ids.ts';
import type { VenueStore } from '../../db/core/venue-store.ts';
import { reaches } from './caller.ts';
import type { Caller } from './caller.ts';
import { notFound } from '../errors/not-found.ts';

/** How long a venue's existence is cached, which saves most requests a query. */
const KNOWN_FOR_MS = 30_000;
const MAX_KNOWN = 10_000;

export interface VenueGate {
  /** Throws `venue-not-found` with the same text for a venue outside the token and for one that does not exist. */
  enter(caller: Caller, venueId: VenueId): Promise<void>;
}

export function createVenueGate(venues: VenueStore, clock: () => Date): VenueGate {
  const knownUntil = new Map<VenueId, number>();

  return {
    async enter(caller, venueId) {
      const now = clock().getTime();
      if (!reaches(caller, venueId)) throw notFound('venue-not-found');
      if ((knownUntil.get(venueId) ?? 0) > now) return;
      if (!(await venues.find([venueId], venueId))) {
        knownUntil.delete(venueId);
        throw notFound('venue-not-found');
      }
      if (knownUntil.size >= MAX_KNOWN) knownUntil.clear();
      knownUntil.set(venueId, now + KNOWN_FOR_MS);
    },
  };
}
