import { sql } from 'drizzle-orm';
import type { Database } from '../core/venue-scope.ts';

/** Removes connections that were never approved, of every venue: an hour after their attempt has ended. Answers how many. */
export async function deleteUnapprovedConnections(db: Pick<Database, 'execute'>): Promise<number> {
  const [row] = await db.execute<{ count: string }>(sql`select delete_unapproved_connections() as count`);
  return Number(row?.count ?? 0);
}
