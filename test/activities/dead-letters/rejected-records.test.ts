import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TestVenue } from '../../support/worlds/sync-world.ts';
import { aCustomer, createSyncWorld } from '../../support/worlds/sync-world.ts';
import { objectsOf } from '../../support/sandbox/answer-editing-proxy.ts';

type World = Awaited<ReturnType<typeof createSyncWorld>>;

let world: World;
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

interface Letter {
  readonly state: string;
  readonly attempts: number;
  readonly code: string;
  readonly message: string;
  readonly direction: string;
  readonly record_id: string | null;
  readonly external_id: string | null;
  readonly history: readonly { readonly syncId?: string }[];
}
const letters = ({ venueId }: TestVenue = venue) =>
  world.database.admin<Letter[]>`select * from dead_letters where venue_id = ${venueId} order by external_id, id`;

/** Makes `phone` of a customer with this name unreadable in every answer. */
const spoil = (name: string) => {
  world.proxy.edit((answer) => {
    for (const object of objectsOf(answer)) if (object['name'] === name) object['phone'] = { number: 'secret-number' };
  });
};
const seed = (count: number) =>
  world.stripe.seed({
    resource: 'customers',
    records: Array.from({ length: count }, (_, index) => ({ name: `Customer ${index}` })),
  });
const load = (email: string, version = 0) =>
  world.customers.upsertMany(venue.venueId, [{ ...aCustomer(0, `Customer ${version}`), email }]);
/** Stripe's stand-in refuses a customer whose e-mail address is none. */
const REFUSED = 'not-an-address';

describe('a record that the provider refuses', () => {
  it('has one entry however many pushes it fails, with the run of each failure', async () => {
    await world.load(venue, 3, 1);
    await load(REFUSED);
    const runs = [
      await world.sync(venue, 'push', 'incremental'),
      await world.sync(venue, 'push', 'incremental'),
      await world.sync(venue, 'push', 'full'),
    ];
    expect(runs.map(({ counts }) => counts.rejected)).toEqual([1, 1, 1]);
    const [letter, ...others] = await letters();
    expect(others).toEqual([]);
    expect(letter).toMatchObject({ state: 'open', attempts: 3, direction: 'push', external_id: null });
    expect(letter?.record_id).not.toBeNull();
    expect(letter?.history.map(({ syncId }) => syncId)).toEqual(runs.map(({ syncId }) => syncId));
    expect(JSON.stringify(letter)).not.toContain(REFUSED);
  });

  it('is resolved by the push that writes it after the venue has mended it', async () => {
    await load(REFUSED);
    await world.sync(venue, 'push', 'incremental');
    await load('mended@example.com', 1);
    await world.sync(venue, 'push', 'incremental');
    expect(await letters()).toMatchObject([{ state: 'resolved' }]);
  });

  it('stays discarded while it fails as before, and is open again once the venue has changed it in vain', async () => {
    await load(REFUSED);
    await world.sync(venue, 'push', 'incremental');
    await world.database.admin`update dead_letters set state = 'discarded', closed_at = now()`;
    await world.sync(venue, 'push', 'incremental');
    expect(await letters()).toMatchObject([{ state: 'discarded', attempts: 2 }]);
    await load(REFUSED, 1);
    await world.sync(venue, 'push', 'incremental');
    expect(await letters()).toMatchObject([{ state: 'open', attempts: 3 }]);
  });

  it('is listed for its own venue only', async () => {
    const other = await world.aVenue();
    await load(REFUSED);
    await world.sync(venue, 'push', 'incremental');
    await world.sync(other, 'push', 'incremental');
    expect(await letters()).toHaveLength(1);
    expect(await letters(other)).toEqual([]);
  });

  it('is not listed by a dry run', async () => {
    await load(REFUSED);
    await world.sync(venue, 'push', 'incremental', { dryRun: true });
    expect(await letters()).toEqual([]);
  });
});

describe('an object that a pull cannot store', () => {
  it('has one entry however many pulls it fails, named by the provider’s id', async () => {
    await seed(5);
    spoil('Customer 3');
    const [odd] = (await world.stripe.customers<{ id: string; name: string }>()).filter(
      ({ name }) => name === 'Customer 3',
    );
    await world.sync(venue, 'pull', 'full');
    await world.sync(venue, 'pull', 'full');
    const found = await letters();
    expect(found).toMatchObject([
      { state: 'open', attempts: 2, code: 'unreadable', direction: 'pull', external_id: odd?.id, record_id: null },
    ]);
    expect(JSON.stringify(found)).not.toContain('secret-number');
  });

  it('is resolved by the pull that stores it', async () => {
    await seed(5);
    spoil('Customer 3');
    await world.sync(venue, 'pull', 'full');
    world.proxy.edit(null);
    await world.sync(venue, 'pull', 'full');
    expect(await letters()).toMatchObject([{ state: 'resolved', attempts: 1 }]);
  });

  it('is not listed by a dry run, nor resolved by one', async () => {
    await seed(5);
    spoil('Customer 3');
    await world.sync(venue, 'pull', 'full', { dryRun: true });
    expect(await letters()).toEqual([]);
    await world.sync(venue, 'pull', 'full');
    world.proxy.edit(null);
    await world.sync(venue, 'pull', 'full', { dryRun: true });
    expect(await letters()).toMatchObject([{ state: 'open' }]);
  });

  it('is counted once in each of several hundred that fail together, without slowing into one statement for each', async () => {
    await seed(300);
    world.proxy.edit((answer) => {
      for (const object of objectsOf(answer)) object['phone'] = { number: 1 };
    });
    await world.sync(venue, 'pull', 'full');
    await world.sync(venue, 'pull', 'full');
    const found = await letters();
    expect(found).toHaveLength(300);
    expect(new Set(found.map(({ attempts }) => attempts))).toEqual(new Set([2]));
  });
});
