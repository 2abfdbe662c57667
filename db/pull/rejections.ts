import type { VenueId } from '../../contracts/ids.ts';
import { causesOf, codesOf } from '../../domain/errors/error-codes.ts';
import { withVenue } from '../core/venue-scope.ts';
import type { Database, Transaction } from '../core/venue-scope.ts';

/** An item that the database refused, with the rule that it broke. */
export interface Refused<Item> {
  readonly item: Item;
  readonly reason: string;
}

interface Stored<Item, Result> {
  /** One result per part. */
  readonly results: readonly Result[];
  readonly refused: readonly Refused<Item>[];
}

/** Stores items with `apply`, which gets all of them, or parts of them when the transaction is repeated. */
export type StoreEach = <Item, Result>(
  items: readonly Item[],
  apply: (tx: Transaction, part: readonly Item[]) => Promise<Result>,
) => Promise<Stored<Item, Result>>;

/**
 * Runs `work` in one transaction, as `withVenue` does. When a statement fails because of its input, the transaction is
 * repeated, and each `storeEach` halves its items down to those at fault: they are refused and everything else is
 * stored. An item costs at most two attempts, and a transaction without such a failure nothing extra.
 */
export const withRefusals = <T>(
  db: Database,
  venueId: VenueId,
  work: (tx: Transaction, storeEach: StoreEach) => Promise<T>,
): Promise<T> => withRefusalsIn((inside) => withVenue(db, venueId, inside), work);

/** As `withRefusals`, in a transaction that `run` makes. */
export async function withRefusalsIn<T>(
  run: (inside: (tx: Transaction) => Promise<T>) => Promise<T>,
  work: (tx: Transaction, storeEach: StoreEach) => Promise<T>,
): Promise<T> {
  try {
    return await run((tx) => work(tx, async (items, apply) => ({ results: [await apply(tx, items)], refused: [] })));
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return run((tx) => work(tx, (items, apply) => bisect(tx, items, apply)));
  }
}

async function bisect<Item, Result>(
  tx: Transaction,
  items: readonly Item[],
  apply: (tx: Transaction, part: readonly Item[]) => Promise<Result>,
): Promise<Stored<Item, Result>> {
  if (items.length === 0) return { results: [], refused: [] };
  try {
    // Uses a savepoint.
    return { results: [await tx.transaction((savepoint) => apply(savepoint, items))], refused: [] };
  } catch (error) {
    if (!isRefusal(error)) throw error;
    const [item] = items;
    if (items.length === 1 && item !== undefined) return { results: [], refused: [{ item, reason: reasonOf(error) }] };
    const middle = Math.ceil(items.length / 2);
    const first = await bisect(tx, items.slice(0, middle), apply);
    const second = await bisect(tx, items.slice(middle), apply);
    return { results: [...first.results, ...second.results], refused: [...first.refused, ...second.refused] };
  }
}

/**
 * SQLSTATE classes of statements that always fail for their input: cardinality, data, integrity constraints, program
 * limits such as an index row's size, and exceptions raised by triggers.
 * https://www.postgresql.org/docs/18/errcodes-appendix.html (2025-09-25)
 */
const REFUSALS = /^((21|22|23|54)[0-9A-Z]{3}|P0001)$/;

const isRefusal = (error: unknown): boolean => codesOf(error).some((code) => REFUSALS.test(code));

/** The broken rule, by our own names. Never the message, because it quotes the row. */
function reasonOf(error: unknown): string {
  const code = codesOf(error).find((one) => REFUSALS.test(one)) ?? 'unknown';
  const names = [wordOf(error, 'column_name'), wordOf(error, 'constraint_name')].filter((name) => name !== null);
  return [`SQLSTATE ${code}`, ...names].join(', ');
}

/** A detail that Postgres sends with an error, from anywhere in the chain of causes. */
function wordOf(error: unknown, name: 'column_name' | 'constraint_name'): string | null {
  const words = causesOf(error).map((cause) => (cause as unknown as Readonly<Record<string, unknown>>)[name]);
  return words.find((word): word is string => typeof word === 'string' && /^\w{1,63}$/.test(word)) ?? null;
}
