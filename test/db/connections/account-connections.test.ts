import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { v7 as uuidv7 } from 'uuid';
import type { ConnectionId, VenueId } from '../../../contracts/ids.ts';
import { createAccountConnections } from '../../../db/connections/account-connections.ts';
import type { AccountConnections, AccountRef } from '../../../db/connections/account-connections.ts';
import { connections } from '../../../db/schema/connections/connections.ts';
import { withReach } from '../../../db/core/venue-scope.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';
import { aVenue } from '../builders.ts';

describe('the connections of an account', () => {
  let database: TestDatabase;
  let store: AccountConnections;
  beforeAll(async () => {
    database = await createTestDatabase();
    store = createAccountConnections(database.db);
  });
  afterAll(() => database.drop());

  const account: AccountRef = { provider: 'square', environment: 'sandbox', externalAccountId: 'M1' };
  async function aGrant(
    venueId: VenueId,
    { state = 'active', ...changes }: Partial<AccountRef> & { readonly state?: string } = {},
  ) {
    const { provider, environment, externalAccountId } = { ...account, ...changes };
    const connectionId = uuidv7() as ConnectionId;
    await database.admin`insert into connections (id, venue_id, provider, environment, state, external_account_id, flow) values (${connectionId}, ${venueId}, ${provider}, ${environment}, ${state}, ${externalAccountId}, 'code')`;
    await database.admin`insert into oauth_tokens (connection_id, venue_id, sealed_tokens) values (${connectionId}, ${venueId}, ${Buffer.from('sealed')})`;
    return { venueId, connectionId };
  }

  it('are found in every venue, without those of other accounts', async () => {
    const venues = await Promise.all(Array.from({ length: 3 }, () => aVenue(database.db)));
    const ours = await Promise.all(venues.map((venueId) => aGrant(venueId)));
    const [venueId] = venues as [VenueId];
    await Promise.all([
      aGrant(venueId, { externalAccountId: 'M2' }),
      aGrant(venueId, { provider: 'stripe' }),
      aGrant(venueId, { environment: 'production' }),
    ]);
    const found = await store.findGranted(account);
    expect(found.toSorted((a, b) => a.connectionId.localeCompare(b.connectionId))).toEqual(
      ours.toSorted((a, b) => a.connectionId.localeCompare(b.connectionId)),
    );
  });

  it('give no access to a venue or its data', async () => {
    await expect(withReach(database.db, [], (tx) => tx.select().from(connections))).rejects.toThrow();
    await store.findGranted(account);
    await expect(withReach(database.db, [], (tx) => tx.select().from(connections))).rejects.toThrow();
  });

  it('can be queried by the application only', async () => {
    const [row] = await database.admin<{ allowed: string[] }[]>`
      select array_agg(grantee::regrole::text order by 1) as allowed from pg_proc p, aclexplode(p.proacl) where p.proname = 'connections_of_provider_account' and grantee <> p.proowner`;
    expect(row?.allowed).toEqual(['interlock_app']);
  });
});
