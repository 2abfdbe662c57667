import { readdirSync } from 'node:fs';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrateDown, migrateUp } from '../../../db/core/migrate.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';
import { aConnection, aVenue } from '../builders.ts';

const quiet = () => undefined;
const BEFORE =
  Number(
    readdirSync('db/migrations')
      .find((name) => name.endsWith('.do.transaction-references.sql'))
      ?.slice(0, 4),
  ) - 1;

describe('the upgrade that makes transactions refer to one another by a foreign key', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());

  it('empties what names another venue’s transaction or none, and leaves the others', async () => {
    const { admin, db, ownerUrl: url } = database;
    const [ours, theirs] = [await aVenue(db), await aVenue(db)];
    const { id: connectionId } = await aConnection(db, ours);
    await migrateDown({ url, to: BEFORE, log: quiet });
    const insert = async (venueId: string, sourceId: string, related: string | null) => {
      const id = uuidv7();
      await admin`
        insert into transactions (id, venue_id, source_id, kind, occurred_at, amount_minor, currency, status, related_transaction_id)
        values (${id}, ${venueId}, ${sourceId}, 'payment', now(), 1, 'EUR', 'succeeded', ${related})`;
      return id;
    };
    const payment = await insert(ours, 'payment', null);
    const foreign = await insert(theirs, 'payment', null);
    await insert(ours, 'refund', payment);
    const crossed = await insert(ours, 'crossed', foreign);
    await insert(ours, 'dangling', uuidv7());
    await admin`
      insert into record_links (connection_id, resource, record_id, venue_id, external_id, state, record_version)
      values (${connectionId}, 'transactions', ${crossed}, ${ours}, 're_1', 'linked', 1)`;
    await migrateUp({ url, log: quiet });
    expect([
      ...(await admin`select source_id, related_transaction_id, version from transactions where venue_id = ${ours} order by source_id`),
    ]).toEqual([
      { source_id: 'crossed', related_transaction_id: null, version: 2 },
      { source_id: 'dangling', related_transaction_id: null, version: 2 },
      { source_id: 'payment', related_transaction_id: null, version: 1 },
      { source_id: 'refund', related_transaction_id: payment, version: 1 },
    ]);
    expect([...(await admin`select record_version from record_links where record_id = ${crossed}`)]).toEqual([
      { record_version: 2 },
    ]);
    expect([
      ...(await admin`select convalidated from pg_constraint where conname = 'transactions_related_transaction_fk'`),
    ]).toEqual([{ convalidated: true }]);
  }, 60_000);
});
