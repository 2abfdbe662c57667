import { count, ne } from 'drizzle-orm';
import type { VenueId } from '../../contracts/ids.ts';
import { VenueCapError, lockCount } from '../core/venue-cap.ts';
import { connections } from '../schema/connections/connections.ts';
import type { Transaction } from '../core/venue-scope.ts';

/**
 * Holds the venue's connections still until the transaction ends, and throws VenueCapError when there is no room for one more. A
 * disconnected one does not count: it stays as the memory of its records, and nobody can remove it.
 */
export async function requireRoomForConnection(tx: Transaction, venueId: VenueId, max: number): Promise<void> {
  await lockCount(tx, { venueId, what: 'connections' });
  const [row] = await tx.select({ count: count() }).from(connections).where(ne(connections.state, 'disconnected'));
  if ((row?.count ?? 0) >= max) throw new VenueCapError(max);
}
