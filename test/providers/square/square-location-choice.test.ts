import { describe, expect, it } from 'vitest';
import { createSquareWorld, readList, recordsOf } from './square-world.ts';

const world = createSquareWorld();

const AT = new Date(Date.now() - 86_400_000).toISOString();
const gbp = { amount: 500, currency: 'GBP' };
const at = (location: string, more: object = {}) => ({
  id: `at-${location}`,
  ...{ created_at: AT, updated_at: AT, location_id: location },
  ...more,
});
const COUNT = { catalog_object_type: 'ITEM_VARIATION', state: 'IN_STOCK', quantity: '2', calculated_at: AT };
const REQUESTS = [{ computed_amount_money: gbp }];

describe('a choice of locations', () => {
  it.each([
    ['transactions', 'payments', 'payments', { status: 'COMPLETED', total_money: gbp }],
    ['transactions', 'changed-payments', 'payments', { status: 'COMPLETED', total_money: gbp }],
    ['transactions', 'refunds', 'refunds', { status: 'COMPLETED', amount_money: gbp }],
    ['transactions', 'changed-refunds', 'refunds', { status: 'COMPLETED', amount_money: gbp }],
    ['transactions', 'disputes', 'disputes', { state: 'LOST', amount_money: gbp }],
    ['transactions', 'all-disputes', 'disputes', { state: 'LOST', amount_money: gbp }],
    ['invoices', 'invoices', 'invoices', { status: 'UNPAID', payment_requests: REQUESTS }],
    ['inventory', 'counts', 'counts', { ...COUNT, catalog_object_id: 'at' }],
    ['inventory', 'changed-counts', 'counts', { ...COUNT, catalog_object_id: 'at' }],
  ])(
    'limits %s (list %s) to the chosen locations, and reads nothing of one that is gone',
    async (resource, stream, kind, more) => {
      await world.merchant().openLocations('L2', 'L3');
      await world.merchant().put(kind, [at('L2', more), at('L3', more)]);
      const idsOf = async (chosen: readonly string[] | null) =>
        recordsOf(await readList(world.session(resource, chosen), { stream })).map(({ externalId }) =>
          externalId.replace(/[:]/g, '-'),
        );
      expect((await idsOf(null)).sort()).toEqual(['at-L2', 'at-L3']);
      expect(await idsOf(['L3', 'GONE'])).toEqual(['at-L3']);
      expect(await idsOf([])).toEqual([]);
    },
  );
});
