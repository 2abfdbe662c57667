import { sql } from 'drizzle-orm';
import type { RetentionRule } from '../../contracts/retention.ts';
import type { Database } from './venue-scope.ts';

export interface RetentionPage {
  readonly removed: number;
  /** Where the next page begins. */
  readonly after: string | null;
  /** Whether there is a next page. */
  readonly more: boolean;
}

/**
 * Removes expired rows of every venue. The functions in the database decide which rows may go and how old they must be.
 */
export interface RetentionStore {
  /**
   * Removes one page of at most `limit` rows, in a transaction of its own. Throws when a rule's time is below the
   * minimum for its rows.
   */
  removePage(
    rule: RetentionRule,
    page: { readonly after: string | null; readonly limit: number },
  ): Promise<RetentionPage>;
}

export function createRetentionStore(db: Pick<Database, 'execute'>): RetentionStore {
  return {
    async removePage({ table, keptDays }, { after, limit }) {
      const [page] = await db.execute<{ removed: number; last: string | null; more: boolean | null }>(
        sql`select removed, last, more from ${sql.identifier(`remove_expired_${table}`)}(${keptDays}::integer, ${after}::text, ${limit}::integer)`,
      );
      return { removed: page?.removed ?? 0, after: page?.last ?? null, more: page?.more ?? false };
    },
  };
}
