import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { aProduct, createSquareSyncWorld } from './square-world.ts';
import type { SquareSyncWorld, SquareVenue } from './square-world.ts';

const PRODUCTS = { resource: 'products' } as const;
const UPSERT = '/v2/catalog/batch-upsert';

type Item = Readonly<Record<string, unknown>> & {
  readonly id: string;
  readonly type: string;
  readonly item_data?: Readonly<Record<string, unknown>>;
};

let world: SquareSyncWorld;
let venue: SquareVenue;
beforeAll(async () => {
  world = await createSquareSyncWorld();
});
afterAll(() => world.close());
beforeEach(async () => {
  venue = await world.aSquareVenue();
});

const item = async () => {
  const objects = await venue.merchant.objects<Item>('catalogue');
  return objects.find(({ type }) => type === 'ITEM')!;
};
const taxedHere = async () => {
  const [row] = await world.database.admin<{ taxable: boolean | null }[]>`
    select taxable from products where venue_id = ${venue.venueId}`;
  return row?.taxable;
};
const callsTo = async (path: string) => (await world.callsTo(venue, path)).length;

describe('a product of which the venue does not say whether it is taxed', () => {
  beforeEach(() => world.products.upsertMany(venue.venueId, [aProduct(0)]));

  it('is found to be written after a lost answer, although Square has decided', async () => {
    await world.square.fault({ kind: 'commit-then-fail', status: 503, match: { path: UPSERT }, times: 1 });
    const input = await world.open(venue, 'push', 'full', PRODUCTS);
    await world.begin(input);
    await expect(world.chunk(input)).rejects.toThrow();
    await world.square.send('POST', '/forget-idempotency-keys', { account: venue.merchant.id });
    const { admin } = world.database;
    await admin`update record_links set created_at = now() - interval '3 hours' where venue_id = ${venue.venueId}`;
    await admin`update products set updated_at = now() - interval '4 hours' where venue_id = ${venue.venueId}`;
    while ((await world.chunk(input)).status === 'more');
    expect((await world.finish(input)).counts).toMatchObject({ rejected: 0 });
    expect([await callsTo(UPSERT), await callsTo('/v2/catalog/batch-retrieve')]).toEqual([1, 0]);
    expect((await item()).item_data).toMatchObject({ is_taxable: true });
  });

  it('stays as the seller has made it, and the venue learns that by a pull', async () => {
    await world.sync(venue, 'push', 'full', PRODUCTS);
    const made = await item();
    await venue.merchant.put('catalogue', [{ ...made, item_data: { ...made.item_data, is_taxable: false } }]);
    await world.products.upsertMany(venue.venueId, [aProduct(0, { name: 'Renamed' })]);
    const { counts } = await world.sync(venue, 'push', 'full', PRODUCTS);
    expect(counts).toMatchObject({ updated: 1 });
    expect((await item()).item_data).toMatchObject({ name: 'Renamed', is_taxable: false });
    await world.sync(venue, 'pull', 'full', PRODUCTS);
    expect(await taxedHere()).toBe(false);
  });
});
