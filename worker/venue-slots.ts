import { ApplicationFailure } from '@temporalio/common';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { FAILURE } from '../contracts/failures.ts';
import type { VenueId } from '../contracts/ids.ts';
import type { VenueShares } from '../domain/limits/venue-shares.ts';

const RETRY_AFTER_MS = 1_000;

/**
 * Runs an activity within its venue's share of the slots. When the share is taken, the attempt ends at once and Temporal
 * repeats it a moment later: the slot serves another venue.
 */
export function withinVenueShare(shares: VenueShares): ActivityInterceptorsFactory {
  return () => ({
    inbound: {
      async execute(input, next) {
        const { venueId } = input.args[0] as { readonly venueId: VenueId };
        const release = shares.tryTake(venueId);
        if (!release)
          throw ApplicationFailure.create({
            ...{ type: FAILURE.heldBack, message: 'the venue has its share of the receivers', category: 'BENIGN' },
            nextRetryDelay: RETRY_AFTER_MS,
          });
        try {
          return await next(input);
        } finally {
          release();
        }
      },
    },
  });
}
