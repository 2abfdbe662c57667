import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import type { InventoryFields } from '../../../records/inventory.ts';
import type { MappableRecord } from '../../../providers/provider.ts';
import { writerOf } from '../../conformance/bench.ts';
import { allTime, createSquareWorld } from './square-world.ts';

const world = createSquareWorld();
const HOUR_MS = 3_600_000;
/** A stand-in's first stock was counted 37 s ago. */
const secondsAgo = (seconds: number) => Date.now() - seconds * 1_000;
const session = (locations: readonly string[] | null = null) => world.session('inventory', locations);
const writer = (locations: readonly string[] | null = null) => writerOf(session(locations));
const mapped = (record: MappableRecord) => world.adapter().mapping('inventory').toPayload(record);
const options = () => ({ idempotencyKey: randomUUID(), clearedMetadataKeys: [], externalState: null });

let product: string;
let location: string;
beforeEach(async () => {
  const [id = ''] = await world.merchant().seed('counts', 1);
  [product = '', location = ''] = id.split(':');
});

const aCount = (fields: Partial<InventoryFields> = {}, refs: MappableRecord['refs'] = { product }): MappableRecord => ({
  id: randomUUID(),
  sourceId: 'i-1',
  fields: {
    productSourceId: 'p-1',
    location,
    quantity: '5',
    countedAt: new Date().toISOString(),
    metadata: {},
    ...fields,
  },
  refs,
});
const update = (record: MappableRecord, locations: readonly string[] | null = null) =>
  writer(locations).update(`${product}:${location}`, mapped(record), options());
const sell = (occurredAtMs: number, quantity = '2') =>
  world.merchant().client.inventory.batchCreateChanges({
    idempotencyKey: randomUUID(),
    changes: [
      {
        type: 'ADJUSTMENT',
        adjustment: {
          ...{ catalogObjectId: product, fromLocationId: location, quantity },
          ...{ fromState: 'IN_STOCK', toState: 'SOLD', occurredAt: new Date(occurredAtMs).toISOString() },
        },
      },
    ],
  });
const quantityNow = async () =>
  ((await session().retrieve(`${product}:${location}`))?.fields as InventoryFields | undefined)?.quantity;
const sideEffects = () => world.merchant().objects('side-effects');
const sent = () => world.proxy().requests.filter(({ path }) => path === '/v2/inventory/changes/batch-create');

describe('a count that is written to Square', () => {
  it('keeps what was sold after it was counted, and the next pull takes the lower number', async () => {
    await sell(secondsAgo(10));
    const countedAt = new Date(secondsAgo(20)).toISOString();
    const written = await update(aCount({ quantity: '10', countedAt }));
    expect(await quantityNow()).toBe('8');
    const { records } = await session().listPage({ ...allTime, stream: 'counts' });
    expect(records[0]?.version).toBeGreaterThan(written.version);
  });

  it('is written again although Square had the same number before the sale', async () => {
    await update(aCount({ quantity: '5', countedAt: new Date(secondsAgo(20)).toISOString() }));
    await sell(secondsAgo(10));
    await update(aCount({ quantity: '5' }));
    expect(await quantityNow()).toBe('5');
  });

  it('of a week ago counts from the earliest time that Square takes', async () => {
    await update(aCount({ countedAt: new Date(Date.now() - 7 * 24 * HOUR_MS).toISOString() }));
    const { changes } = JSON.parse(sent().at(-1)?.requestBody ?? '{}') as {
      changes: { physical_count: { occurred_at: string } }[];
    };
    const ageMs = Date.now() - Date.parse(changes[0]?.physical_count.occurred_at ?? '');
    expect(ageMs).toBeGreaterThan(23 * HOUR_MS);
    expect(ageMs).toBeLessThan(24 * HOUR_MS);
  });

  it('has no effect where Square has it, also as 5.00000, and its repetition has none either', async () => {
    await update(aCount({ quantity: '5' }));
    const before = await sideEffects();
    for (const quantity of ['5', '5.00000']) await update(aCount({ quantity }));
    expect(await sideEffects()).toEqual(before);
  });

  it('of zero is written where nobody has ever counted, so that the record is there to be read', async () => {
    const never = { catalog_object_id: product, catalog_object_type: 'ITEM_VARIATION', state: 'IN_STOCK' };
    await world.merchant().openLocations('NEW');
    await world.merchant().put('counts', [
      {
        id: `${product}:NEW:IN_STOCK`,
        ...never,
        location_id: 'NEW',
        quantity: '0',
        calculated_at: '2026-11-01T10:00:00Z',
      },
    ]);
    expect(await session().retrieve(`${product}:NEW`)).toBeNull();
    await writer().create(mapped(aCount({ quantity: '0', location: 'NEW' })), options());
    expect(await session().retrieve(`${product}:NEW`)).toMatchObject({ fields: { quantity: '0' } });
  });

  it('leaves none where the record told of the stock before, and nothing else there', async () => {
    await world.merchant().openLocations('NEW', 'THIRD');
    const moved = aCount({ quantity: '4', location: 'NEW' });
    expect(await update(moved)).toMatchObject({ externalId: `${product}:NEW`, fields: { quantity: '4' } });
    expect(await quantityNow()).toBe('0');
    const before = await sideEffects();
    await writer().update(`${product}:THIRD`, mapped(aCount({ quantity: '0' })), options());
    expect(await sideEffects()).toEqual(before);
    expect(await session().retrieve(`${product}:THIRD`)).toBeNull();
  });

  it('is written where the product that the record told of before is gone', async () => {
    const [other = ''] = await world.merchant().seed('counts', 1);
    const [otherProduct = ''] = other.split(':');
    await world.merchant().client.catalog.object.delete({ objectId: product });
    const written = await update(aCount({ quantity: '4' }, { product: otherProduct }));
    expect(written).toMatchObject({ externalId: other, fields: { quantity: '4' } });
  });

  it('leaves what is at a location that is not chosen, and what it cannot be moved from', async () => {
    await world.merchant().openLocations('NEW');
    const had = await quantityNow();
    await update(aCount({ quantity: '4', location: 'NEW' }), ['NEW']);
    expect(await quantityNow()).toBe(had);
    await expect(update(aCount({ location: 'NEW' }), [location])).rejects.toMatchObject({
      details: { code: 'location-not-chosen' },
    });
    expect(await quantityNow()).toBe(had);
  });

  it('is rejected by its location where that is not chosen, and by Square where there is no such location', async () => {
    await expect(update(aCount(), ['ELSEWHERE'])).rejects.toMatchObject({
      details: { kind: 'rejected', code: 'location-not-chosen', field: 'location' },
    });
    await expect(update(aCount({ location: 'NOWHERE' }))).rejects.toMatchObject({
      details: { kind: 'rejected', httpStatus: 400, field: 'location_id' },
    });
  });

  it('is rejected where its product is gone at Square', async () => {
    await world.merchant().client.catalog.object.delete({ objectId: product });
    await expect(update(aCount({ quantity: '9' }))).rejects.toMatchObject({
      details: { kind: 'rejected', httpStatus: 404, code: 'NOT_FOUND' },
    });
  });

  it.each([
    ['without a product at Square', {}, { product: null }, 'productSourceId'],
    ['below zero', { quantity: '-1' }, undefined, 'quantity'],
    ['with six decimals', { quantity: '0.000001' }, undefined, 'quantity'],
  ])('%s names the field, before any call', (_, fields, refs, path) => {
    expect(mapped(aCount(fields, refs)).problems.map((problem) => problem.path)).toEqual([path]);
  });
});
