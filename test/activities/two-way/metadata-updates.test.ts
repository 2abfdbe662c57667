import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TestVenue } from '../../support/worlds/sync-world.ts';
import { aCustomer, createSyncWorld } from '../../support/worlds/sync-world.ts';

let world: Awaited<ReturnType<typeof createSyncWorld>>;
let venue: TestVenue;

beforeAll(async () => {
  world = await createSyncWorld({ withProxy: true });
});
afterAll(() => world.close());

type Metadata = Readonly<Record<string, string>>;
interface StripeCustomer {
  readonly id: string;
  readonly metadata: Metadata;
}
const remote = async () => (await world.stripe.customers<StripeCustomer>())[0]!;
const load = (fields: object) => world.customers.upsertMany(venue.venueId, [{ sourceId: 'c-0', ...fields }]);
const both = async () => {
  const run = await world.sync(venue, 'both', 'incremental');
  expect(run).toMatchObject({ outcome: 'completed', counts: { rejected: 0, conflicts: 0 } });
};
const editAtStripe = async (form: Metadata) => {
  await world.stripe.clock(2_000);
  await world.callStripe('POST', `customers/${(await remote()).id}`, form);
};

/** The metadata of each update that `work` has sent, without our two ids. */
async function metadataSentBy(work: () => Promise<unknown>): Promise<readonly Metadata[]> {
  const before = world.proxy.requests.length;
  await work();
  return world.proxy.requests
    .slice(before)
    .filter(({ method, path }) => method === 'POST' && path.startsWith('/v1/customers/'))
    .map(({ requestBody }) =>
      Object.fromEntries(
        [...new URLSearchParams(requestBody)].flatMap(([name, value]) => {
          const key = /^metadata\[(.+)\]$/.exec(name)?.[1];
          return key === undefined || /^interlock_(record|source)_id$/.test(key) ? [] : [[key, value]];
        }),
      ),
    );
}

const METADATA = { tier: 'gold', season: 'summer', seat: '12' };

beforeEach(async () => {
  world.proxy.edit(null);
  await world.stripe.reset();
  venue = await world.aVenue();
  await world.customers.upsertMany(venue.venueId, [
    { ...aCustomer(0, 'Ada'), marketingConsent: true, metadata: METADATA },
  ]);
  await both();
  expect(await remote()).toMatchObject({ metadata: { ...METADATA, interlock_marketing_consent: 'true' } });
});

describe('an update of a Stripe object’s metadata in a two-way run', () => {
  it.each<[string, object, Metadata]>([
    ['a changed value', { metadata: { ...METADATA, season: 'winter' } }, { season: 'winter' }],
    ['a new key', { metadata: { ...METADATA, hall: 'A' } }, { hall: 'A' }],
    ['a removed key, as an empty value', { metadata: { tier: 'gold', season: 'summer' } }, { seat: '' }],
    ['a field of ours that became null', { marketingConsent: null }, { interlock_marketing_consent: '' }],
    ['a field of ours that changed', { marketingConsent: false }, { interlock_marketing_consent: 'false' }],
  ])('sends only %s', async (_what, change, sent) => {
    await load(change);
    expect(await metadataSentBy(both)).toEqual([sent]);
    const wanted = Object.entries({ ...METADATA, interlock_marketing_consent: 'true', ...sent });
    const { metadata } = await remote();
    expect(Object.fromEntries(Object.entries(metadata).filter(([key]) => !/_(record|source)_id$/.test(key)))).toEqual(
      Object.fromEntries(wanted.filter(([, value]) => value !== '')),
    );
    expect(await metadataSentBy(both)).toEqual([]);
  });

  it('leaves a key that somebody changes at Stripe between reading and writing, and pulls it afterwards', async () => {
    await load({ metadata: { ...METADATA, season: 'winter' } });
    let pending = true;
    world.proxy.edit(async ({ path }) => {
      if (!pending || path !== '/v1/events') return;
      pending = false;
      await editAtStripe({ 'metadata[tier]': 'silver', 'metadata[note]': 'met' });
    });
    expect(await metadataSentBy(both)).toEqual([{ season: 'winter' }]);
    expect(pending).toBe(false);
    const merged = { tier: 'silver', season: 'winter', seat: '12', note: 'met' };
    expect(await remote()).toMatchObject({ metadata: merged });
    await both();
    const page = await world.database.admin<{ metadata: Metadata }[]>`
      select metadata from customers where venue_id = ${venue.venueId}`;
    expect(page).toEqual([{ metadata: merged }]);
  });
});
