import fc from 'fast-check';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { VenueId } from '../../../contracts/ids.ts';
import { withVenue } from '../../../db/core/venue-scope.ts';
import { stepsOf } from '../../../db/records/few-records-store.ts';
import { createRecordStore } from '../../../db/records/record-store.ts';
import type { RecordStore } from '../../../db/records/record-store.ts';
import { recordTable } from '../../../db/records/record-tables.ts';
import { toDocuments } from '../../../db/records/record-writing.ts';
import { customers } from '../../../records/customers.ts';
import { products } from '../../../records/products.ts';
import type { RecordKind } from '../../../records/record-kind.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';
import { listRecords } from '../../support/list-records.ts';
import { aVenue } from '../builders.ts';
import { gatherNoStatistics, rowsRead } from '../core/query-plan.ts';
import type { QueryPlan } from '../core/query-plan.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const ALL = { filter: { includeDeleted: true }, page: { limit: 200, after: null } };
/** More than a few, which are written step by step. They change no other record. */
const FILLING = Array.from({ length: 11 }, (_, nth) => ({ sourceId: `filling-${nth}`, name: 'Filling' }));

const asStored = async (store: RecordStore, venueId: VenueId) =>
  (await listRecords(store, venueId, ALL)).data
    .filter(({ sourceId }) => !sourceId.startsWith('filling'))
    .map(({ id, venueId: _venue, createdAt: _created, updatedAt: _updated, ...fields }) => ({
      hasId: id !== '',
      ...fields,
    }));

describe.each<[string, RecordKind, fc.Arbitrary<object>]>([
  [
    'customers, which need no field',
    customers,
    fc.record(
      {
        name: fc.constantFrom('Ann', 'Bo', null),
        marketingConsent: fc.constantFrom(true, false, null),
        metadata: fc.constantFrom({}, { a: 'b' }, null),
      },
      { requiredKeys: [] },
    ),
  ],
  [
    'products, which need a name and a price with its currency',
    products,
    fc.record(
      {
        name: fc.constantFrom('Tea', 'Cake', null),
        amountMinor: fc.constantFrom(100, 250, null),
        currency: fc.constantFrom('GBP', null),
        active: fc.constantFrom(true, false, null),
      },
      { requiredKeys: [] },
    ),
  ],
])('a few %s', (_name, kind, changes) => {
  it('become the same, with the same verdicts, as among many records', async () => {
    const store = createRecordStore(database.db, kind) as RecordStore;
    const batch = fc.uniqueArray(fc.tuple(fc.constantFrom('p', 'q', 'r', 'S', 'ß'), changes), {
      selector: ([sourceId]) => sourceId,
      minLength: 1,
    });
    await fc.assert(
      fc.asyncProperty(fc.array(batch, { minLength: 1, maxLength: 5 }), async (batches) => {
        const [few, many] = [await aVenue(database.db), await aVenue(database.db)];
        for (const given of batches) {
          const records = given.map(([sourceId, fields]) => ({ ...fields, sourceId }));
          const verdicts = await store.upsertMany(few, records);
          expect(verdicts).toEqual((await store.upsertMany(many, [...records, ...FILLING])).slice(0, records.length));
        }
        expect(await asStored(store, few)).toEqual(await asStored(store, many));
      }),
      { numRuns: 40 },
    );
  });

  it('of one key that twenty writers send at once are created once, and lose no writer’s field', async () => {
    const store = createRecordStore(database.db, kind) as RecordStore;
    const venueId = await aVenue(database.db);
    const first = await Promise.all(
      Array.from({ length: 20 }, () => store.upsertMany(venueId, [{ sourceId: 'one', name: 'Same' }])),
    );
    expect(first.flat().toSorted()).toEqual(['created', ...Array.from({ length: 19 }, () => 'unchanged')]);
    for (let round = 0; round < 10; round += 1) {
      const [name, metadata] = [`Name ${round}`, { round: String(round) }];
      await Promise.all([
        store.upsertMany(venueId, [{ sourceId: 'one', name }]),
        store.upsertMany(venueId, [{ sourceId: 'one', metadata }]),
      ]);
      expect((await store.findBySourceIds(venueId, ['one']))[0]).toMatchObject({
        name,
        metadata,
        version: 3 + 2 * round,
      });
    }
  });

  it('in opposite orders never wait for one another in a circle', async () => {
    const store = createRecordStore(database.db, kind) as RecordStore;
    const venueId = await aVenue(database.db);
    const sourceIds = ['a', 'b', 'c', 'd', 'e'];
    const writes = Array.from({ length: 40 }, (_, nth) => {
      const ordered = nth % 2 === 0 ? sourceIds : sourceIds.toReversed();
      return store.upsertMany(
        venueId,
        ordered.map((sourceId) => ({ sourceId, name: `Name ${nth}` })),
      );
    });
    expect((await Promise.all(writes)).flat()).toHaveLength(200);
  });
});

describe('the steps of a write of few records', () => {
  const table = recordTable(customers);
  let venueId: VenueId;
  beforeAll(() => gatherNoStatistics(database.admin, 'customers', 'record_links'));
  beforeEach(async () => {
    await database.admin`truncate customers cascade`;
    venueId = await aVenue(database.db);
  });
  const FILL = sql`insert into customers (id, venue_id, source_id, name)
    select gen_random_uuid(), current_setting('app.venue_id')::uuid, 'c-' || n, 'Customer ' || n from generate_series(1, 20000) n
    on conflict do nothing`;

  it.each(['before', 'after'])(
    'read no more than they find by plans that were made %s the table was filled',
    async (made) => {
      const documents = toDocuments(['c-7', 'c-9000', 'nobody'].map((sourceId) => ({ sourceId, name: 'Other' })));
      const text = JSON.stringify(documents);
      const given: Readonly<Record<string, string>> = { documents: text, keys: text, venueId };
      await withVenue(database.eventDb, venueId, async (tx) => {
        if (made === 'after') await tx.execute(FILL);
        const steps = Object.entries(stepsOf(table));
        const explain = async ([name, { parameters }]: (typeof steps)[number]) => {
          const values = parameters.map((parameter) =>
            'name' in parameter ? (given[parameter.name] ?? '') : parameter.value,
          );
          const list = values.map((value) => `'${String(value)}'`).join(', ');
          const [row] = await tx.execute<QueryPlan>(
            sql.raw(`explain (analyze, format json) execute few_${made}_${name}(${list})`),
          );
          return Math.max(...rowsRead(row!['QUERY PLAN'][0].Plan));
        };
        for (const [name, { text: query }] of steps)
          await tx.execute(sql.raw(`prepare few_${made}_${name} as ${query}`));
        for (const step of steps) await explain(step);
        if (made === 'before') await tx.execute(FILL);
        for (const step of steps) expect(await explain(step)).toBeLessThanOrEqual(6);
      });
    },
  );
});
