import { describe, expect, it } from 'vitest';
import { Secret } from '../../../vault/secret.ts';
import { createSquareWorld, readList, recordsOf } from './square-world.ts';

const world = createSquareWorld();
const AT = '2024-05-01T10:00:00.000Z';
const money = { amount: 500, currency: 'GBP' };
type WireObject = Readonly<Record<string, unknown>> & { readonly id: string };
const put = (kind: string, ...objects: readonly WireObject[]) => world.merchant().put(kind, objects);

/** Ids that a run reads which began with this choice. */
async function read(resource: string, stream: string, accounts: readonly string[] | null) {
  const session = world
    .adapter()
    .open({ secretKey: new Secret(world.merchant().token), call: (request) => request(), accounts })
    .resource(resource);
  return recordsOf(await readList(session, { stream }))
    .map(({ externalId }) => externalId)
    .sort();
}

const paymentAt = (id: string, location: string) => ({
  ...{ id, created_at: AT, updated_at: AT, status: 'COMPLETED', total_money: money, location_id: location },
});
const refundAt = (id: string, location: string) => ({
  ...{ id, created_at: AT, updated_at: AT, status: 'COMPLETED', amount_money: money, payment_id: 'P2' },
  location_id: location,
});
const disputeAt = (id: string, location: string) => ({
  ...{ id, created_at: AT, updated_at: AT, state: 'EVIDENCE_REQUIRED', amount_money: money, location_id: location },
  disputed_payment: { payment_id: 'P2' },
});
const countAt = (id: string, location: string) => ({
  ...{ id, catalog_object_id: id, catalog_object_type: 'ITEM_VARIATION', location_id: location },
  ...{ state: 'IN_STOCK', quantity: '3', calculated_at: AT },
});

describe('of a merchant’s locations, the chosen ones alone', () => {
  it.each([
    ['payments', 'transactions', ['payments', 'changed-payments'], paymentAt, (id: string) => id],
    ['refunds', 'transactions', ['refunds', 'changed-refunds'], refundAt, (id: string) => id],
    ['disputes', 'transactions', ['disputes', 'all-disputes'], disputeAt, (id: string) => id],
    [
      'counts',
      'inventory',
      ['counts', 'changed-counts'],
      countAt,
      (id: string, location: string) => `${id}:${location}`,
    ],
  ] as const)('are read for %s', async (kind, resource, streams, at, idOf) => {
    await put('locations', { id: 'L2' }, { id: 'L3' });
    await put(kind, at('A', 'L2'), at('B', 'L3'));
    const [inL2, inL3] = [idOf('A', 'L2'), idOf('B', 'L3')];
    for (const stream of streams) {
      expect(await read(resource, stream, null), stream).toEqual([inL2, inL3]);
      expect(await read(resource, stream, ['L3']), stream).toEqual([inL3]);
      // One that has gone has nothing, and is no error.
      expect(await read(resource, stream, ['L2', 'GONE']), stream).toEqual([inL2]);
      expect(await read(resource, stream, ['GONE']), stream).toEqual([]);
    }
  });
});
