import type postgres from 'postgres';
import type { VenueId } from '../../contracts/ids.ts';
import { prepareRepeated, RepeatedStatements } from './repeated-statements.ts';
import { run, textOf } from './statement.ts';
import type { Execution } from './statement.ts';

/** A statement that sets what row-level security shows for the rest of its transaction. */
export interface Scope {
  readonly text: string;
  readonly parameters: readonly string[];
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Where exactly this venue is seen. Throws for what is no UUID: a list of ids would reach several venues. */
export function venueScope(text: string, venueId: VenueId): Scope {
  if (!UUID.test(venueId)) throw new Error('A venue’s id is a UUID');
  return { text, parameters: [venueId] };
}

/**
 * Connections on which a transaction takes one round trip: the statement that sets its scope, and those of the work, are
 * sent and answered together, as one implicit transaction.
 *
 * The scope ends with its transaction. After a statement that failed, none of those behind it runs, and nothing stays.
 */
export class ScopedConnections {
  readonly #all: readonly postgres.Sql[];
  /** The one that was used last is taken first, so that few connections are open at a low load. */
  readonly #idle: postgres.Sql[];

  /** `pools`: each of one connection. */
  constructor(pools: readonly postgres.Sql[]) {
    const statements = new RepeatedStatements();
    this.#all = pools.map((pool) => prepareRepeated(pool, statements));
    this.#idle = [...this.#all];
  }

  /** Returns the rows of `last`, before which the statements in `ahead` run. Null when no connection is idle. */
  tryRun<Row>(
    scope: Scope,
    last: Execution<Row>,
    ahead: readonly Execution<unknown>[] = [],
  ): Promise<readonly Row[]> | null {
    const connection = this.#idle.pop();
    return connection ? this.#runOn(connection, [scope, ...ahead.map(textOf)], last) : null;
  }

  async #runOn<Row>(
    connection: postgres.Sql,
    ahead: readonly Scope[],
    { statement, values }: Execution<Row>,
  ): Promise<readonly Row[]> {
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
