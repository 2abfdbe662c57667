import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { VenueId } from '../../../contracts/ids.ts';
import { MAX_PAGE_BYTES } from '../../../db/core/page.ts';
import type { Page } from '../../../db/core/page.ts';
import { withVenue } from '../../../db/core/venue-scope.ts';
import { createRecordStore, longPageQuery } from '../../../db/records/record-store.ts';
import type { RecordStore, StoredRecord } from '../../../db/records/record-store.ts';
import { customers } from '../../../records/customers.ts';
import type { CustomerFields } from '../../../records/customers.ts';
import { listRecords } from '../../support/list-records.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';
import { aVenue } from '../builders.ts';
import type { PlanNode, QueryPlan } from '../core/query-plan.ts';

const ALL = { includeDeleted: true };
/** A record of about this size fills a seventeenth of a page. */
const LARGE = { metadata: { text: 'x'.repeat(60_000) } };

let database: TestDatabase;
let store: RecordStore<CustomerFields>;
let venueId: VenueId;
beforeAll(async () => {
  database = await createTestDatabase();
  store = createRecordStore(database.db, customers);
});
beforeEach(async () => {
  venueId = await aVenue(database.db);
});
afterAll(() => database.drop());

/** Stores as many records as there are sizes, in this order. */
async function fill(fields: readonly object[]): Promise<readonly string[]> {
  const records = fields.map((some, index) => ({ sourceId: `c${String(index).padStart(3, '0')}`, ...some }));
  for (const record of records) await store.upsertMany(venueId, [record]);
  return records.map(({ sourceId }) => sourceId);
}

async function walk(limit: number): Promise<readonly Page<StoredRecord<CustomerFields>>[]> {
  const pages: Page<StoredRecord<CustomerFields>>[] = [];
  for (let after: string | null | undefined; after !== null; after = pages.at(-1)?.next ?? null)
    pages.push(await listRecords(store, venueId, { filter: ALL, page: { limit, after: after ?? null } }));
  return pages;
}

const sourceIdsOf = (pages: readonly Page<{ readonly sourceId: string }>[]): readonly string[] =>
  pages.flatMap(({ data }) => data.map(({ sourceId }) => sourceId));

describe('a page of records', () => {
  it('shows each record as a read of it does, with its members in the same order', async () => {
    await fill([{ name: 'Zoë "Z" \\ \u2028 東京', email: 'z@example.com', metadata: { 'a"b': '\n' } }, {}]);
    const { data } = await store.list(venueId, ALL, { limit: 50, after: null });
    for (const json of data) {
      const listed = JSON.parse(json) as StoredRecord;
      expect(JSON.stringify(listed)).toBe(JSON.stringify(await store.find(venueId, listed.id)));
    }
    expect(data).toHaveLength(2);
  });

  it('writes a sourceId as JSON.stringify does, whatever its characters are', async () => {
    const ascii = Array.from({ length: 127 }, (_, index) => String.fromCharCode(index + 1));
    const sourceIds = [...ascii.map((character) => `a${character}b`), '\u2028\u2029', '\ufeff東京', '😀', '{}","'];
    await store.upsertMany(
      venueId,
      sourceIds.map((sourceId) => ({ sourceId })),
    );
    const { data } = await store.list(venueId, ALL, { limit: 200, after: null });
    const listed = new Set(data.map((json) => /"sourceId":(.*),"version":1,/s.exec(json)?.[1]));
    expect(listed).toEqual(new Set(sourceIds.map((sourceId) => JSON.stringify(sourceId))));
  });

  it.each([0, 1, 20, 21, 22, 23, 50])(
    'goes on to the next until all of %i are listed, with any limit',
    async (count) => {
      const expected = await fill(Array.from({ length: count }, () => ({})));
      for (const limit of [1, 20, 21, 22, 49, 50, 200]) {
        const pages = await walk(limit);
        expect(sourceIdsOf(pages), `limit ${limit}`).toEqual(expected);
        expect(pages, `limit ${limit}`).toHaveLength(Math.max(1, Math.ceil(count / limit)));
      }
    },
  );

  it.each([
    ['large records', Array.from({ length: 60 }, () => LARGE)],
    ['large records before small ones', Array.from({ length: 60 }, (_, index) => (index < 15 ? LARGE : {}))],
    ['small records before large ones', Array.from({ length: 60 }, (_, index) => (index < 30 ? {} : LARGE))],
  ])('ends early and goes on where it ended, for %s', async (_case, sizes) => {
    const expected = await fill(sizes);
    const pages = await walk(200);
    expect(sourceIdsOf(pages)).toEqual(expected);
    expect(pages.length).toBeGreaterThan(1);
    for (const { data, next, isCut } of pages) {
      expect(JSON.stringify(data).length).toBeLessThan(2 * MAX_PAGE_BYTES);
      expect(isCut).toBe(next !== null);
    }
  });

  it.each([60_000, 30_000])('of records of %i bytes is made from at most twice the rows that fit', async (bytes) => {
    await fill(Array.from({ length: 120 }, () => ({ metadata: { text: 'x'.repeat(bytes) } })));
    const [row] = await withVenue(database.db, venueId, (tx) =>
      tx.execute<QueryPlan>(
        sql`explain (analyze, format json) ${longPageQuery(customers, { includeDeleted: true, rows: 201 })}`,
      ),
    );
    // The links of a record are read by a step of their own, once for each record whose text is made.
    expect(Math.max(...loopsOf(row!['QUERY PLAN'][0].Plan))).toBeLessThanOrEqual(2 * Math.ceil(MAX_PAGE_BYTES / bytes));
  });
});

const loopsOf = (node: PlanNode): number[] => [node['Actual Loops'], ...(node.Plans ?? []).flatMap(loopsOf)];
