import type postgres from 'postgres';
import type { VenueId } from '../../contracts/ids.ts';
import { prepareRepeated, RepeatedStatements } from './repeated-statements.ts';
import { run } from './statement.ts';
import type { Execution } from './statement.ts';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * Connections on which a read takes one round trip: BEGIN with the scope, the statement and COMMIT are sent together.
 * The driver allows that only on pools of one connection, because a larger one may send each to another connection.
 *
 * The scope ends with its transaction. A statement that comes to run outside of it, after a lost connection, fails on
 * the policies of its tables, and so does one whose scope could not be set.
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
    const begin = beginIn(venueId);
    const connection = this.#idle.pop();
    return connection ? this.#readOn(connection, begin, execution) : null;
  }

  async #readOn<Row>(
    connection: postgres.Sql,
    begin: string,
    { statement, values }: Execution<Row>,
  ): Promise<readonly Row[]> {
    const sent = [
      connection.unsafe(begin).execute(),
      run(connection, statement, values),
      connection.unsafe('commit').execute(),
    ] as const;
    void Promise.allSettled(sent).then(() => this.#idle.push(connection));
    const [, rows] = await Promise.all(sent);
    return rows;
  }

  async end(options?: Parameters<postgres.Sql['end']>[0]): Promise<void> {
    await Promise.all(this.#all.map((connection) => connection.end(options)));
  }
}

/** As text: a message of several statements takes no parameters. */
function beginIn(venueId: VenueId): string {
  if (!UUID.test(venueId)) throw new Error('A venue’s id is a UUID');
  return `begin read only; set local app.venue_id = '${venueId}'; set local app.venues = '${venueId}'`;
}
