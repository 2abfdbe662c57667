import { eq } from 'drizzle-orm';
import { serviceKeys } from '../schema/service-keys.ts';
import type { Database } from './venue-scope.ts';

/** The key that signs the states of attempts to connect. A migration generated it. */
export async function readStateKey(db: Database): Promise<Uint8Array> {
  const [row] = await db
    .select({ key: serviceKeys.key })
    .from(serviceKeys)
    .where(eq(serviceKeys.name, 'authorization-state'));
  if (!row) throw new Error('The key of authorization states is missing: run "node db/main.ts up"');
  return row.key;
}
