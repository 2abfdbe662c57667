import { POOLS } from '../../config/limit-variables.ts';
import type { VenueId } from '../../contracts/ids.ts';
import { VenueShares } from '../../domain/limits/venue-shares.ts';
import { watchPool } from '../../telemetry/metrics.ts';
import { ApiError } from '../errors/api-error.ts';

const RETRY_AFTER_MS = 5_000;

export interface AtomicLoadSlots {
  /**
   * Runs an atomic load, which holds a database connection for as long as its caller sends. Throws `too-many-loads`
   * while the venue, or all venues together, have their maximum running.
   */
  run<T>(venueId: VenueId, load: () => Promise<T>): Promise<T>;
}

export function createAtomicLoadSlots(perVenue: number): AtomicLoadSlots {
  const shares = new VenueShares({ total: POOLS.atomicLoads, perVenue });
  watchPool('atomic-loads', shares);
  return {
    async run(venueId, load) {
      const release = shares.tryTake(venueId);
      if (!release)
        throw new ApiError(
          'too-many-loads',
          'As many atomic loads as this venue, or this process, may have are at work.',
          { retryAfterMs: RETRY_AFTER_MS },
        );
      try {
        return await load();
      } finally {
        release();
      }
    },
  };
}
