import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { objectsOf } from '../../support/sandbox/answer-editing-proxy.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';

describe('a time from a provider that cannot be stored', () => {
  let world: Awaited<ReturnType<typeof createSyncWorld>>;
  let venue: TestVenue;

  beforeAll(async () => {
    world = await createSyncWorld({ withProxy: true });
  });
  afterAll(() => world.close());
  beforeEach(async () => {
    world.proxy.edit(null);
    await world.stripe.reset();
    await world.stripe.limits({ requestsPerSecond: 0 });
    venue = await world.aVenue();
  });

  it.each([
    ['the year 10000', 253_402_300_800],
    ['the year 0', -62_167_219_200],
    ['a second that `Date` cannot represent', Number.MAX_SAFE_INTEGER],
  ])('is rejected with its charge, and the others are stored: %s', async (_, created) => {
    await world.stripe.seed({
      resource: 'charges',
      records: [1, 2, 3].map((amount) => ({ amount: amount * 100, currency: 'eur' })),
    });
    world.proxy.edit((answer) => {
      for (const object of objectsOf(answer)) {
        if (object['amount'] !== 200) continue;
        if ('created' in object) object['created'] = created;
        const movement = object['balance_transaction'];
        if (typeof movement === 'object' && movement !== null) Object.assign(movement, { created });
      }
    });
    const run = await world.sync(venue, 'pull', 'full', { resource: 'transactions' });
    expect(run).toMatchObject({ outcome: 'completed-with-rejections', counts: { created: 2 } });
    const rejections = (await world.logOf(venue, run.syncId)).filter(({ action }) => action === 'rejected');
    // The charge, and the movement of its balance.
    expect(rejections.map(({ code, message }) => `${code}: ${message}`)).toEqual([
      expect.stringMatching(/^unreadable: .*created: Too (big|small)/),
      expect.stringMatching(/^unreadable: .*created: Too (big|small)/),
    ]);
  });
});
