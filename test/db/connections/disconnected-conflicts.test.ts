import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ConnectionRef } from '../../../contracts/ids.ts';
import { createDisconnectionStore } from '../../../db/connections/disconnection-store.ts';
import type { DisconnectionStore } from '../../../db/connections/disconnection-store.ts';
import { createAuditStore } from '../../../db/core/audit-store.ts';
import { RECORD_KINDS } from '../../../records/registry.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';
import { aConnection, aVenue } from '../builders.ts';

let database: TestDatabase;
let store: DisconnectionStore;
beforeAll(async () => {
  database = await createTestDatabase();
  store = createDisconnectionStore(database.db, createAuditStore(database.db), RECORD_KINDS);
});
afterAll(() => database.drop());

/** A connection with a conflict about a record of the venue's own. */
async function aConflictOf(venueId: ConnectionRef['venueId']): Promise<ConnectionRef> {
  const { id: connectionId } = await aConnection(database.db, venueId);
  await database.admin`
    insert into merge_conflicts (id, venue_id, connection_id, resource, record_id, source_id, kind, fields)
    values (${randomUUID()}, ${venueId}, ${connectionId}, 'customers', ${randomUUID()}, 'own', 'fields', '[]')`;
  return { venueId, connectionId };
}

it('keeps no conflict with the provider’s values where records are deleted, and those of other connections', async () => {
  const venueId = await aVenue(database.db);
  const [deleted, kept, other] = [await aConflictOf(venueId), await aConflictOf(venueId), await aConflictOf(venueId)];
  for (const [ref, records] of [
    [deleted, 'delete'],
    [kept, 'keep'],
  ] as const) {
    await store.begin(ref, null);
    await store.wipe(ref, { revocation: 'revoked', records, requestedBy: 'an-admin' });
    if (records === 'delete') await store.finish(ref, 'an-admin');
  }
  const left = await database.admin<{ id: string }[]>`select connection_id as id from merge_conflicts`;
  expect(left.map(({ id }) => id).sort()).toEqual([kept.connectionId, other.connectionId].sort());
});
