import { ApiError } from '../../../api/errors/api-error.ts';
import type { VenueGateway } from '../../../api/temporal/venue-gateway.ts';
import type { CloseVenueInput } from '../../../contracts/venues.ts';

/** Remembers the closings that were started; `away` simulates that Temporal is. */
export class RecordedClosings implements VenueGateway {
  readonly started: Pick<CloseVenueInput, 'venueId' | 'requestedBy' | 'requestId'>[] = [];
  away = false;

  async startClosing(closing: Pick<CloseVenueInput, 'venueId' | 'requestedBy' | 'requestId'>): Promise<void> {
    if (this.away) throw new ApiError('temporal-unavailable', 'The workflow service cannot be reached at the moment.');
    this.started.push(closing);
  }
}
