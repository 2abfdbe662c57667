import { describe, expect, it } from 'vitest';
import { allTime, createSquareWorld, readList, recordsOf } from './square-world.ts';

const world = createSquareWorld();
const inventory = () => world.session('inventory');
const all = async (stream = 'counts') => recordsOf(await readList(inventory(), { stream }));

const AT = '2026-11-01T10:00:00.000Z';
const aCount = (object: string, quantity: unknown, more: object = {}) => ({
  id: `${object}:L1:IN_STOCK`,
  ...{ catalog_object_id: object, catalog_object_type: 'ITEM_VARIATION', state: 'IN_STOCK' },
  ...{ location_id: 'L1', quantity, calculated_at: AT },
  ...more,
});
const aChange = (id: string, object: string, location = 'L1') => ({
  id,
  type: 'PHYSICAL_COUNT',
  physical_count: {
    id,
    catalog_object_id: object,
    location_id: location,
    quantity: '0',
    occurred_at: AT,
    created_at: AT,
  },
});
const anAdjustment = (id: string, object: string, to: string) => ({
  id,
  type: 'ADJUSTMENT',
  adjustment: { id, catalog_object_id: object, to_location_id: to, quantity: '1', occurred_at: AT, created_at: AT },
});
const quantities = async () => (await all()).map(({ externalId, fields }) => [externalId, fields?.['quantity']]);

describe('a page of counts', () => {
  it('rejects unreadable counts, and counts of other things, by their own ids', async () => {
    await world
      .merchant()
      .put('counts', [
        aCount('NUMBER', 7),
        aCount('WORD', 'many'),
        aCount('ITEM', '3', { catalog_object_type: 'ITEM' }),
        aCount('WELL', '2.5'),
      ]);
    const page = await inventory().listPage({ ...allTime, stream: 'counts' });
    expect(page.records).toMatchObject([{ externalId: 'WELL:L1', fields: { quantity: '2.5' } }]);
    expect(page.rejections?.map(({ externalId }) => externalId).sort()).toEqual(['ITEM:L1', 'NUMBER:L1', 'WORD:L1']);
    expect(page.rejections?.every(({ message }) => !message.includes('many'))).toBe(true);
    expect(page.positions).toHaveLength(4);
  });

  it('has a zero only when the history shows a count at that location', async () => {
    await world
      .merchant()
      .put('counts', [
        aCount('NEVER', '0'),
        aCount('SOLD', '0'),
        aCount('ELSEWHERE', '0.00'),
        aCount('MOVED', '0'),
        aCount('FULL', '4'),
      ]);
    await world
      .merchant()
      .put('changes', [aChange('1', 'SOLD'), aChange('2', 'ELSEWHERE', 'L2'), anAdjustment('3', 'MOVED', 'L1')]);
    expect((await quantities()).sort()).toEqual([
      ['FULL:L1', '4'],
      ['MOVED:L1', '0'],
      ['SOLD:L1', '0'],
    ]);
    expect(await inventory().retrieve('NEVER:L1')).toBeNull();
    expect(await inventory().retrieve('SOLD:L1')).toMatchObject({ externalId: 'SOLD:L1' });
  });

  it('finds a rare variation’s history behind more than a page of a busy one', async () => {
    await world.merchant().put('counts', [aCount('BUSY', '0'), aCount('RARE', '0'), aCount('NEVER', '0')]);
    const busy = Array.from({ length: 1_200 }, (_, index) =>
      aChange(String(index).padStart(6, '0'), 'BUSY', index % 2 ? 'L1' : 'L2'),
    );
    await world.merchant().put('changes', [...busy, aChange('999999', 'RARE')]);
    expect((await quantities()).map(([id]) => id).sort()).toEqual(['BUSY:L1', 'RARE:L1']);
  });

  it('requests no history without a zero', async () => {
    await world.merchant().seed('counts', 3);
    const before = world.proxy().requests.length;
    expect(await quantities()).toHaveLength(3);
    expect(world.proxy().requests.length - before).toBe(1);
  });
});

describe('a count of Square', () => {
  it('is a variation’s stock at a location, versioned by the time of its last change', async () => {
    await world.merchant().put('counts', [aCount('V', '12.34500')]);
    expect(await all()).toEqual([
      {
        externalId: 'V:L1',
        version: Date.parse(AT),
        changedAtMs: Date.parse(AT),
        deleted: false,
        recordId: null,
        fields: { productSourceId: null, location: 'L1', quantity: '12.34500', countedAt: AT, metadata: {} },
        refs: { product: 'V' },
      },
    ]);
  });

  it('in a state other than in stock is ignored', async () => {
    await world.merchant().put('counts', [aCount('V', '5', { id: 'V:L1:SOLD', state: 'SOLD' })]);
    expect(await all()).toEqual([]);
  });

  it('is in the change feed only after a change', async () => {
    const [first = ''] = await world.merchant().seed('counts', 5);
    const sinceS = Math.floor(Date.now() / 1_000) - 5;
    const [object = '', location = ''] = first.split(':');
    await world.merchant().client.inventory.batchCreateChanges({
      idempotencyKey: 'k',
      changes: [
        {
          type: 'PHYSICAL_COUNT',
          physicalCount: {
            ...{ catalogObjectId: object, locationId: location, state: 'IN_STOCK', quantity: '99' },
            occurredAt: new Date().toISOString(),
          },
        },
      ],
    });
    const told = recordsOf(await readList(inventory(), { stream: 'changed-counts', fromEpochS: sinceS }));
    expect(told).toMatchObject([{ externalId: first, fields: { quantity: '99' } }]);
  });
});
