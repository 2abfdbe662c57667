import { v7 as uuidv7 } from 'uuid';
import type { ConnectionId, VenueId } from '../../contracts/ids.ts';
import type { SealedSecret } from '../../contracts/vault.ts';
import { createConnectionStore } from '../../db/connections/connection-store.ts';
import type { Connection, NewApiKeyConnection } from '../../db/connections/connection-store.ts';
import type { NewSyncRun } from '../../db/runs/sync-run-opening.ts';
import { createVenueStore } from '../../db/core/venue-store.ts';
import type { NewVenue } from '../../db/core/venue-store.ts';
import type { Database } from '../../db/core/venue-scope.ts';

export async function aVenue(db: Database, venue: Partial<NewVenue> = {}): Promise<VenueId> {
  const created = await createVenueStore(db).create({
    sourceId: null,
    name: 'Corner Shop',
    timeZone: 'Europe/London',
    currency: 'GBP',
    ...venue,
  });
  if (created === 'source-id-taken') throw new Error('sourceId is taken');
  return created.id;
}

export const aNewConnection = (
  venueId: VenueId,
  connection: Partial<NewApiKeyConnection> = {},
): NewApiKeyConnection => ({
  venueId,
  connectionId: uuidv7() as ConnectionId,
  provider: 'stripe',
  environment: 'sandbox',
  account: { id: `acct_${uuidv7()}`, name: 'Corner Shop' },
  scopes: ['customers:write'],
  sealedKey: Uint8Array.from([1, 2, 3]) as SealedSecret,
  ...connection,
});

export const aConnection = (db: Database, venueId: VenueId): Promise<Connection> =>
  createConnectionStore(db).saveWithApiKey(aNewConnection(venueId));

export const aNewRun = (connection: Connection, run: Partial<NewSyncRun> = {}): NewSyncRun => ({
  venueId: connection.venueId,
  connectionId: connection.id,
  provider: 'stripe',
  resource: 'customers',
  direction: 'push',
  mode: 'incremental',
  requestedBy: 'alice',
  ...run,
});
