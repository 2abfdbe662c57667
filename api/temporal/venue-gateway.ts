import type { CloseVenueInput } from '../../contracts/venues.ts';
import { closingStart } from '../../domain/venues/closing.ts';
import type { closeVenue } from '../../workflows/venues/close-venue.ts';
import { callTemporal } from './temporal-gateway.ts';
import type { TemporalAccess } from './temporal-gateway.ts';

/** What Temporal does with a whole venue. */
export interface VenueGateway {
  /**
   * Starts the closing of the venue unless it is running; one that was stopped goes on with what is left. Throws ApiError
   * `temporal-unavailable` within its deadline, and is safe to repeat.
   */
  startClosing(closing: Pick<CloseVenueInput, 'venueId' | 'requestedBy' | 'requestId'>): Promise<void>;
}

export function createVenueGateway(temporal: TemporalAccess): VenueGateway {
  return {
    async startClosing(closing) {
      await callTemporal(temporal, ({ workflow }) => workflow.start<typeof closeVenue>(...closingStart(closing)));
    },
  };
}
