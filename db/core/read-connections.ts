import type postgres from 'postgres';
import type { VenueId } from '../../contracts/ids.ts';
import { prepareRepeated, RepeatedStatements } from './repeated-statements.ts';
import { run } from './statement.ts';
import type { Execution } from './statement.ts';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * Sets the scope for the rest of the transaction. Read-only as well, because BEGIN, which could say so, and COMMIT would
 * each be answered by themselves, and wake this process for it.
 */
const SCOPE =
  "select set_config('app.venue_id', $1, true), set_config('app.venues', $1, true), set_config('transaction_read_only', 'on', true)";

/**
 * Connections on which a read takes one round trip: the statement that sets the scope, and the read itself, are sent and
 * answered together, as one implicit transaction.
 *
 * The scope ends with its transaction. A read whose scope could not be set does not run.
 */
export class ReadConnections {
  readonly #all: readonly postgres.Sql[];
  /** The one that was used last is taken first, so that few connections are open at a low load. */
  readonly #idle: postgres.Sql[];

  /** `pools`: each of one connection. */
  constructor(pools: readonly postgres.Sql[]) {
    const statements = new RepeatedStatements();
    this.#all = pools.map((pool) => prepareRepeated(pool, statements));
    this.#idle = [...this.#all];
  }

  /** Runs one statement where row-level security sees exactly one venue. Null when no connection is idle. */
  tryRead<Row>(venueId: VenueId, execution: Execution<Row>): Promise<readonly Row[]> | null {
    if (!UUID.test(venueId)) throw new Error('A venue’s id is a UUID');
    const connection = this.#idle.pop();
    return connection ? this.#readOn(connection, venueId, execution) : null;
  }

  async #readOn<Row>(
    connection: postgres.Sql,
    venueId: VenueId,
    { statement, values }: Execution<Row>,
  ): Promise<readonly Row[]> {
    const ahead = { text: SCOPE, parameters: [venueId] };
    try {
      return await run(
        { unsafe: (text, given, options) => connection.unsafe(text, given, { ...options, simple: false, ahead }) },
        statement,
        values,
      );
    } finally {
      this.#idle.push(connection);
    }
  }

  async end(options?: Parameters<postgres.Sql['end']>[0]): Promise<void> {
    await Promise.all(this.#all.map((connection) => connection.end(options)));
  }
}
