import type { VenueId } from '../../contracts/ids.ts';
import type { Log } from '../http/log.ts';
import type { DeadLetterGateway } from '../temporal/dead-letter-gateway.ts';

/** Call it after entries are marked. Never throws: retries that start nobody are found by the sweep. */
export type StartRetries = (venueId: VenueId) => Promise<void>;

export const createRetryStarter =
  (gateway: DeadLetterGateway, log: Log): StartRetries =>
  async (venueId) => {
    try {
      await gateway.retry(venueId);
    } catch (error) {
      log.warn(
        { venueId, cause: error instanceof Error ? error.name : 'unknown' },
        'the retry of dead letters could not be started: the sweep starts it',
      );
    }
  };
