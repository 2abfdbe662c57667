import type { AccountConnection, ConnectionGateway } from '../temporal/connection-gateway.ts';
import type { Log } from '../http/log.ts';
import { describeError } from '../errors/outage.ts';

export interface OwnerDeps {
  readonly connectionGateway: ConnectionGateway;
  readonly log: Log;
}

/** Not waited for, and never throws: what counts is stored, and the connection's workflow only knows it sooner. */
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
