import type postgres from 'postgres';

/** Executions before a statement counts as repeated. Most of our statements are the same few dozen texts, over and over. */
const REPEATED_AFTER = 5;
/** The server keeps each once per connection, until the connection ends. */
const MAX_PREPARED = 128;
const MAX_COUNTED = 1_000;
const MAX_LENGTH = 20_000;

/**
 * Decides which statements to prepare. The driver sends an unprepared statement with parameters in two round trips,
 * because it asks for the parameter types each time (postgres 3.4.9, `describeFirst` in its connection.js, read
 * 2026-11-28), and a prepared one in one. The number is limited, because texts that vary with the length of a list
 * would fill the server's memory.
 */
export class RepeatedStatements {
  readonly #counts = new Map<string, number>();
  readonly #prepared = new Set<string>();

  /** Counts one execution. True when the statement is to be prepared from now on. */
  isRepeated(text: string): boolean {
    if (this.#prepared.has(text)) return true;
    if (this.#prepared.size >= MAX_PREPARED || text.length > MAX_LENGTH) return false;
    const count = (this.#counts.get(text) ?? 0) + 1;
    if (count < REPEATED_AFTER) {
      if (this.#counts.size >= MAX_COUNTED) this.#counts.clear();
      this.#counts.set(text, count);
      return false;
    }
    this.#counts.delete(text);
    this.#prepared.add(text);
    return true;
  }
}

/** Prepares the statements that are repeated. Statements under a savepoint stay unprepared: they are rare. */
export function prepareRepeated<Sql extends Pick<postgres.Sql, 'unsafe'>>(
  sql: Sql,
  statements: RepeatedStatements,
): Sql {
  const unsafe = sql.unsafe.bind(sql);
  const repeated: typeof sql.unsafe = (text, parameters, options) =>
    unsafe(text, parameters, {
      ...options,
      prepare:
        options?.prepare === true || (parameters !== undefined && parameters.length > 0 && statements.isRepeated(text)),
    });
  return Object.assign(sql, { unsafe: repeated });
}
