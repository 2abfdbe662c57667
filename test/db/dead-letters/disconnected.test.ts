import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ConnectionRef } from '../../../contracts/ids.ts';
import { createDisconnectionStore } from '../../../db/connections/disconnection-store.ts';
import type { DisconnectionStore } from '../../../db/connections/disconnection-store.ts';
import { createAuditStore } from '../../../db/core/audit-store.ts';
import { withVenue } from '../../../db/core/venue-scope.ts';
import { addDeadLetters } from '../../../db/dead-letters/dead-letters.ts';
import type { NewDeadLetter } from '../../../db/dead-letters/dead-letters.ts';
import { createRetryStore } from '../../../db/dead-letters/retry-store.ts';
import { RECORD_KINDS } from '../../../records/registry.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';
import { aConnection, aVenue } from '../builders.ts';

let database: TestDatabase;
let store: DisconnectionStore;
let ref: ConnectionRef;
let other: ConnectionRef;
beforeAll(async () => {
  database = await createTestDatabase();
  store = createDisconnectionStore(database.db, createAuditStore(database.db), RECORD_KINDS);
});
afterAll(() => database.drop());
beforeEach(async () => {
  await database.admin`truncate venues, dead_letters cascade`;
  const venueId = await aVenue(database.db);
  const connect = async () => ({ venueId, connectionId: (await aConnection(database.db, venueId)).id });
  [ref, other] = [await connect(), await connect()];
  for (const connection of [ref, other]) await fail(connection);
});

/** Lists two objects that a pull could not store. */
const fail = ({ venueId, connectionId }: ConnectionRef) =>
  withVenue(database.db, venueId, (tx) => {
    const entry = (externalId: string): NewDeadLetter => ({
      ...{ venueId, connectionId, source: 'record', sourceKey: `${connectionId}/customers/object/${externalId}` },
      ...{ provider: 'stripe', resource: 'customers', direction: 'pull', externalId },
      ...{ code: 'not-storable', message: 'A field is too long.' },
    });
    return addDeadLetters(tx, [entry('cus_1'), entry('cus_2')]);
  });
const statesOf = async ({ connectionId }: ConnectionRef) =>
  (
    await database.admin<{ state: string }[]>`
      select state from dead_letters where connection_id = ${connectionId} order by source_key`
  ).map(({ state }) => state);

async function disconnect(records: 'keep' | 'delete'): Promise<void> {
  await store.begin(ref, null);
  await store.wipe(ref, { revocation: 'revoked', records, requestedBy: 'an-admin' });
  if (records === 'delete') await store.finish(ref, 'an-admin');
}

describe('the dead letters of a connection that is disconnected', () => {
  it('stay open when its records are kept, and are retried by themselves once it is connected again', async () => {
    await disconnect('keep');
    expect(await statesOf(ref)).toEqual(['open', 'open']);
    const retries = createRetryStore(database.db);
    expect(await retries.markCleared(100)).toBe(0);
    await database.admin`
      update connections set state = 'active', state_since = now() + interval '1 second' where id = ${ref.connectionId}`;
    expect(await retries.markCleared(100)).toBe(2);
    expect(await statesOf(ref)).toEqual(['retrying', 'retrying']);
  });

  it('are settled when its records are deleted, also those to be retried, and none of another connection', async () => {
    await database.admin`update dead_letters set state = 'retrying' where source_key like '%cus_2'`;
    await disconnect('delete');
    expect(await statesOf(ref)).toEqual(['resolved', 'resolved']);
    expect(await statesOf(other)).toEqual(['open', 'retrying']);
  });

  it('stay discarded when its records are deleted', async () => {
    await database.admin`update dead_letters set state = 'discarded', closed_at = now() where source_key like '%cus_2'`;
    await disconnect('delete');
    expect(await statesOf(ref)).toEqual(['resolved', 'discarded']);
  });
});
