import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ConnectionId, RecordId, VenueId } from '../../../contracts/ids.ts';
import { createRecordStore } from '../../../db/records/record-store.ts';
import { toDocuments } from '../../../db/records/record-writing.ts';
import { customers } from '../../../records/customers.ts';
import { until } from '../../support/eventually.ts';
import { listRecords } from '../../support/list-records.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';
import { aConnection, aVenue } from '../builders.ts';

describe('the agreed version of a record in a two-way sync', () => {
  let database: TestDatabase;
  let venueId: VenueId;
  let connectionId: ConnectionId;
  let recordId: RecordId;
  const store = () => createRecordStore(database.db, customers);
  const load = (name: string) => store().upsertMany(venueId, [{ sourceId: 'c1', name }]);
  const loadAtomically = (name: string) => {
    const documents = (async function* () {
      yield await Promise.resolve(toDocuments([{ sourceId: 'c1', name }]));
    })();
    return store().upsertAll(venueId, { documents, mayWrite: () => true, limit: 10 });
  };
  const patch = (name: string) => store().update({ venueId, id: recordId }, { name });
  const link = (connection: ConnectionId, recordVersion: number) => database.admin`
    insert into record_links (connection_id, resource, record_id, venue_id, external_id, record_version, state)
    values (${connection}, 'customers', ${recordId}, ${venueId}, ${connection}, ${recordVersion}, 'linked')`;
  const runBothWays = (connection: ConnectionId, resource = 'customers') => database.admin`
    insert into sync_cursors (connection_id, resource, direction, venue_id) values (${connection}, ${resource}, 'both', ${venueId})`;
  const kept = () =>
    database.admin<
      { connection_id: string; name: string | null }[]
    >`select connection_id, venue ->> 'name' as name from agreed_records where venue_id = ${venueId} order by connection_id`;

  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());
  beforeEach(async () => {
    venueId = await aVenue(database.db);
    connectionId = (await aConnection(database.db, venueId)).id;
    await load('Agreed');
    const { data } = await listRecords(store(), venueId, {
      filter: { includeDeleted: false },
      page: { limit: 1, after: null },
    });
    recordId = data[0]!.id;
  });

  it.each<[string, (name: string) => Promise<unknown>]>([
    ['a load', load],
    ['an atomic load', loadAtomically],
    ['a PATCH', patch],
  ])('is kept when %s changes the record, and not replaced by later changes', async (_how, write) => {
    await runBothWays(connectionId);
    await link(connectionId, 1);
    await write('Agreed');
    expect(await kept()).toEqual([]);
    await write('Changed');
    await write('Changed again');
    expect(await kept()).toEqual([{ connection_id: connectionId, name: 'Agreed' }]);
  });

  it.each<[string, (name: string) => Promise<unknown>]>([
    ['a load', load],
    ['an atomic load', loadAtomically],
    ['a PATCH', patch],
    ['a deletion', () => store().remove(venueId, recordId)],
  ])('is the one that another writer is about to agree on when %s meets it', async (_how, write) => {
    await runBothWays(connectionId);
    await link(connectionId, 1);
    const writing: Promise<unknown>[] = [];
    await database.admin.begin(async (other) => {
      await other`update customers set name = 'Agreed since', version = 2 where id = ${recordId}`;
      await other`update record_links set record_version = 2 where record_id = ${recordId}`;
      writing.push(write('Changed'));
      await until(() => database.someoneWaits(), { limitMs: 20_000, what: 'the writer waits for the other one' });
    });
    await Promise.all(writing);
    expect(await kept()).toEqual([{ connection_id: connectionId, name: 'Agreed since' }]);
  });

  it('is kept when the record is deleted, and not replaced when it is restored', async () => {
    await runBothWays(connectionId);
    await link(connectionId, 1);
    await store().remove(venueId, recordId);
    await load('Restored');
    expect(await kept()).toEqual([{ connection_id: connectionId, name: 'Agreed' }]);
  });

  it('is not kept for a record that had changed since it was agreed', async () => {
    await load('Changed before');
    await runBothWays(connectionId);
    await link(connectionId, 1);
    await load('Changed');
    expect(await kept()).toEqual([]);
  });

  it('is kept for the connections and resources that run both ways, and for no others', async () => {
    const other = (await aConnection(database.db, venueId)).id;
    const third = (await aConnection(database.db, venueId)).id;
    await Promise.all([runBothWays(connectionId), runBothWays(third), runBothWays(other, 'products')]);
    for (const each of [connectionId, other, third]) await link(each, 1);
    await load('Changed');
    expect((await kept()).map((row) => row.connection_id).sort()).toEqual([connectionId, third].sort());
  });
});
