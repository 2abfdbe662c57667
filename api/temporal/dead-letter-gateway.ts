import type { VenueId } from '../../contracts/ids.ts';
import { retryStart } from '../../domain/dead-letters/retry-start.ts';
import type { RetryDeadLetters } from '../../domain/dead-letters/retry-start.ts';
import { callTemporal } from './temporal-gateway.ts';
import type { TemporalAccess } from './temporal-gateway.ts';

/** Retries of dead letters, as Temporal's workflows. */
export interface DeadLetterGateway {
  /**
   * Has the venue's marked entries retried. Resolves when Temporal has the request. Throws ApiError
   * `temporal-unavailable` within its deadline, and is safe to repeat.
   */
  retry(venueId: VenueId): Promise<void>;
}

export function createDeadLetterGateway(temporal: TemporalAccess): DeadLetterGateway {
  return {
    async retry(venueId) {
      await callTemporal(temporal, ({ workflow }) =>
        workflow.signalWithStart<RetryDeadLetters>(...retryStart(venueId)),
      );
    },
  };
}
