import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FAILURE } from '../../../contracts/failures.ts';
import type { SyncConnectionInput } from '../../../contracts/sync.ts';
import { createQuickBooksSyncWorld } from './quickbooks-world.ts';
import type { QuickBooksSyncWorld, QuickBooksVenue } from './quickbooks-world.ts';

let world: QuickBooksSyncWorld;
let venue: QuickBooksVenue;
beforeAll(async () => {
  world = await createQuickBooksSyncWorld();
});
afterAll(() => world.close());
beforeEach(async () => {
  venue = await world.aQuickBooksVenue();
  const names = Array.from({ length: 60 }, (_, index) => ({ sourceId: `c-${index}`, name: `Customer ${index}` }));
  await world.customers.upsertMany(venue.venueId, names);
});

const begun = async (direction: 'push' | 'pull') => {
  const input = await world.open(venue, direction, 'full', { resource: 'customers' });
  await world.begin(input);
  return input;
};
const ending = (input: SyncConnectionInput) => world.chunk(input).catch((error: unknown) => error);
const batches = async () => (await venue.company.calls()).filter(({ path }) => path.endsWith('/batch')).length;

describe('a company whose QuickBooks subscription has ended', () => {
  it.each(['push', 'pull'] as const)('ends a %s as refused for the whole account', async (direction) => {
    const input = await begun(direction);
    await world.quickbooks.fault({ kind: 'status', status: 400, code: '6190', body: 'inside-success' });
    expect(await ending(input)).toMatchObject({ type: FAILURE.rejected, nonRetryable: true });
    await world.quickbooks.clearFaults();
    // No batch is cut in halves for it, and no record is rejected.
    expect(await batches()).toBeLessThanOrEqual(2);
    expect(await world.logOf(venue, input.syncId)).toEqual([]);
  });

  it('has its records written by the next run once it is renewed', async () => {
    await world.quickbooks.fault({ kind: 'status', status: 400, code: '6190', body: 'inside-success' });
    const input = await begun('push');
    await ending(input);
    await world.finish(input, 'failed');
    await world.quickbooks.clearFaults();
    expect(await world.sync(venue, 'push', 'full', { resource: 'customers' })).toMatchObject({
      ...{ outcome: 'completed', counts: { created: 60, rejected: 0 } },
    });
  });
});
