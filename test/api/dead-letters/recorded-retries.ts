import type { DeadLetterGateway } from '../../../api/temporal/dead-letter-gateway.ts';
import { ApiError } from '../../../api/errors/api-error.ts';
import type { VenueId } from '../../../contracts/ids.ts';

/** Remembers the venues whose retries were started; `away` simulates that Temporal is. */
export class RecordedRetries implements DeadLetterGateway {
  readonly started: VenueId[] = [];
  away = false;

  async retry(venueId: VenueId): Promise<void> {
    if (this.away) throw new ApiError('temporal-unavailable', 'The workflow service cannot be reached at the moment.');
    this.started.push(venueId);
  }
}
