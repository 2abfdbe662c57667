import type { AccountConnection, ConnectionGateway } from '../temporal/connection-gateway.ts';
import type { Log } from '../http/log.ts';
import { describeError } from '../errors/outage.ts';

export interface OwnerDeps {
  readonly connectionGateway: ConnectionGateway;
  readonly log: Log;
}

/** Not awaited, and never throws: the state is stored, and the token manager only learns of it sooner this way. */
export function tellOwner(
  { connectionGateway, log }: OwnerDeps,
  { venueId, connectionId, provider }: AccountConnection,
): void {
  connectionGateway.lookAgain({ venueId, connectionId, provider }).catch((error: unknown) => {
    log.warn(
      { venueId, connectionId, error: describeError(error) },
      'the connection’s workflow could not be told of a change: it shows the old state until it next looks',
    );
  });
}
