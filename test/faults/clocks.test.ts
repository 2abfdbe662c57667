import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { stripeSandboxOf } from '../support/sandbox/stripe-account.ts';
import { createSyncWorld } from '../support/worlds/sync-world.ts';
import { PROVIDER_SIDES } from './provider-side.ts';

const CHANGES = { mode: 'incremental', changed: 10, added: 5, removed: 3, faults: [] } as const;

let world: Awaited<ReturnType<typeof createSyncWorld>>;
beforeAll(async () => {
  world = await createSyncWorld();
});
afterAll(() => world.close());

/** A venue whose account was seeded and pulled in full while the provider's clock was `aheadS` ahead. */
async function pulledOnce(resource: keyof typeof PROVIDER_SIDES, aheadS: number) {
  const stripe = stripeSandboxOf(world.sandbox);
  await stripe.clock(aheadS * 1_000);
  const account = await stripe.addAccount();
  const venue = await world.aVenue(account.secretKey);
  const nowEpochS = () => Math.floor(Date.now() / 1_000) + aheadS;
  const side = PROVIDER_SIDES[resource];
  await side.seed(account, { records: 120, nowEpochS: nowEpochS() });
  await world.sync(venue, 'pull', 'full', { resource });
  return { account, venue, nowEpochS, side };
}

it.each([
  ['customers', -240],
  ['customers', -2],
  ['customers', 240],
  ['products', -240],
  ['products', 240],
  ['transactions', -240],
  ['transactions', 240],
] as const)(
  'an incremental pull of %s right after a full one misses no change when the provider’s clock is %i s ahead of ours',
  async (resource, aheadS) => {
    const { account, venue, nowEpochS, side } = await pulledOnce(resource, aheadS);
    for (const round of [1, 2]) {
      await side.change(account, CHANGES, nowEpochS());
      const { outcome } = await world.sync(venue, 'pull', 'incremental', { resource });
      expect(outcome, `round ${round}`).toBe('completed');
      await side.expectHeldOnce(world.database.admin, { ...venue, account });
    }
  },
);

it.each([
  ['customers', -240],
  ['customers', 0],
  ['customers', 20],
  ['customers', 240],
  ['products', 240],
  ['transactions', 240],
] as const)(
  'a full pull of %s right after an incremental one misses no change when the provider’s clock is %i s ahead of ours',
  async (resource, aheadS) => {
    const { account, venue, nowEpochS, side } = await pulledOnce(resource, aheadS);
    await side.change(account, CHANGES, nowEpochS());
    await world.sync(venue, 'pull', 'incremental', { resource });
    // Changes the same objects again; the change feed shows only the newest state.
    await side.change(account, CHANGES, nowEpochS());
    await sleep(1_100);
    await side.change(account, { ...CHANGES, changed: 0, added: 1, removed: 0 }, nowEpochS());
    await world.sync(venue, 'pull', 'full', { resource });
    await side.expectHeldOnce(world.database.admin, { ...venue, account });
  },
);
