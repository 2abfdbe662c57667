import type { VenueId } from '../../contracts/ids.ts';
import type { VenueStore } from '../../db/core/venue-store.ts';
import { ApiError } from '../errors/api-error.ts';
import { reaches } from './caller.ts';
import type { Caller } from './caller.ts';
import { notFound } from '../errors/not-found.ts';

/** How long a venue's existence is cached, which saves most requests a query. */
const KNOWN_FOR_MS = 30_000;
/** How long another process may go on to accept changes of a venue: shorter than a closing waits at its start. */
const OPEN_FOR_MS = 1_000;
/** From this age on it is looked up while changes go on, so that none of a busy venue waits for it. */
const LOOK_AGAIN_AFTER_MS = OPEN_FOR_MS / 2;
const MAX_KNOWN = 10_000;

export interface VenueGate {
  /** Throws `venue-not-found` with the same text for a venue outside the token and for one that does not exist. */
  enter(caller: Caller, venueId: VenueId): Promise<void>;
  /** For a caller that has entered. Throws `venue-closing` for a venue that is being closed. */
  requireOpen(venueId: VenueId): Promise<void>;
  /** The venue was changed here: makes the next request look. */
  forget(venueId: VenueId): void;
}

interface Known {
  readonly readAtMs: number;
  readonly closing: boolean;
}

export function createVenueGate(venues: VenueStore, clock: () => Date): VenueGate {
  const known = new Map<VenueId, Known>();

  const looking = new Set<VenueId>();
  let forgotten = 0;

  async function look(venueId: VenueId, nowMs: number): Promise<Known> {
    const forgottenBefore = forgotten;
    const venue = await venues.find([venueId], venueId);
    if (!venue) {
      known.delete(venueId);
      throw notFound('venue-not-found');
    }
    if (known.size >= MAX_KNOWN) known.clear();
    const read = { readAtMs: nowMs, closing: venue.closingSince !== null };
    // What was read before a change says nothing about later requests.
    if (forgotten === forgottenBefore) known.set(venueId, read);
    return read;
  }

  /** A failure is left to the request that has to wait for the answer. */
  function lookAhead(venueId: VenueId, nowMs: number): void {
    if (looking.has(venueId)) return;
    looking.add(venueId);
    const done = () => looking.delete(venueId);
    look(venueId, nowMs).then(done, done);
  }

  /** What was read at most `maxAgeMs` ago. */
  function recent(venueId: VenueId, nowMs: number, maxAgeMs: number): Known | null {
    const last = known.get(venueId);
    return last && nowMs - last.readAtMs < maxAgeMs ? last : null;
  }

  return {
    async enter(caller, venueId) {
      if (!reaches(caller, venueId)) throw notFound('venue-not-found');
      const nowMs = clock().getTime();
      const last = recent(venueId, nowMs, KNOWN_FOR_MS);
      // A venue that is being closed may be gone at any moment.
      if (last === null || last.closing) await look(venueId, nowMs);
    },

    async requireOpen(venueId) {
      const nowMs = clock().getTime();
      const last = recent(venueId, nowMs, OPEN_FOR_MS);
      const { closing } = last ?? (await look(venueId, nowMs));
      if (last !== null && nowMs - last.readAtMs >= LOOK_AGAIN_AFTER_MS) lookAhead(venueId, nowMs);
      if (closing) throw new ApiError('venue-closing', 'The venue is being closed, and takes no more changes.');
    },

    forget: (venueId) => {
      known.delete(venueId);
      forgotten += 1;
    },
  };
}
