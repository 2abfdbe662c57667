import type postgres from 'postgres';
import type { VenueId } from '../../contracts/ids.ts';
import { ScopedConnections, venueScope } from './scoped-connections.ts';
import type { Execution } from './statement.ts';

/**
 * Sets the scope for the rest of the transaction. Read-only as well, because BEGIN, which could say so, and COMMIT would
 * each be answered by themselves, and wake this process for it.
 */
const SCOPE =
  "select set_config('app.venue_id', $1, true), set_config('app.venues', $1, true), set_config('transaction_read_only', 'on', true)";

/** Connections on which a read takes one round trip. A read whose scope could not be set does not run. */
export class ReadConnections {
  readonly #connections: ScopedConnections;

  /** `pools`: each of one connection. */
  constructor(pools: readonly postgres.Sql[]) {
    this.#connections = new ScopedConnections(pools);
  }

  /** Runs one statement where row-level security sees exactly one venue. Null when no connection is idle. */
  tryRead<Row>(venueId: VenueId, execution: Execution<Row>): Promise<readonly Row[]> | null {
    return this.#connections.tryRun(venueScope(SCOPE, venueId), execution);
  }

  end(options?: Parameters<postgres.Sql['end']>[0]): Promise<void> {
    return this.#connections.end(options);
  }
}
