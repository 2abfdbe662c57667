import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { MappingDefinition } from '../../../domain/mapping/mapping.ts';
import { aCustomer, createSyncWorld } from '../../support/worlds/sync-world.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';

let world: Awaited<ReturnType<typeof createSyncWorld>>;
let venue: TestVenue;

beforeAll(async () => {
  world = await createSyncWorld({ withProxy: true });
});
afterAll(() => world.close());

const DEFINITION: MappingDefinition = {
  fields: [
    { target: 'name', expression: 'name & " / " & metadata.tier', direction: 'both', policy: 'review' },
    {
      ...{ target: 'metadata.saison', source: 'metadata.season', direction: 'both', policy: 'review' },
      values: { summer: 'Sommer', winter: 'Winter' },
    },
  ],
};

interface StripeCustomer {
  readonly id: string;
  readonly name: string | null;
  readonly email: string | null;
  readonly phone: string | null;
  readonly metadata: Readonly<Record<string, string>>;
}
const remote = async () => (await world.stripe.customers<StripeCustomer>())[0]!;
const load = (fields: object) => world.customers.upsertMany(venue.venueId, [{ sourceId: 'c-0', ...fields }]);
const both = async () => {
  const run = await world.sync(venue, 'both', 'incremental');
  expect(run).toMatchObject({ outcome: 'completed', counts: { rejected: 0, conflicts: 0 } });
  return run.counts;
};
const editAtStripe = async (form: Readonly<Record<string, string>>) => {
  await world.stripe.clock(2_000);
  await world.callStripe('POST', `customers/${(await remote()).id}`, form);
};
/** The fields of each update that `work` has sent. */
async function sentBy(work: () => Promise<unknown>): Promise<readonly (readonly string[])[]> {
  const before = world.proxy.requests.length;
  await work();
  return world.proxy.requests
    .slice(before)
    .filter(({ method, path }) => method === 'POST' && path.startsWith('/v1/customers/'))
    .map(({ requestBody }) =>
      [...new Set([...new URLSearchParams(requestBody).keys()].map((key) => key.split('[')[0]!))].sort(),
    );
}
const ALL = ['address', 'email', 'metadata', 'name', 'phone'];

beforeEach(async () => {
  world.proxy.edit(null);
  await world.stripe.reset();
  venue = await world.aVenue();
  const ref = { ...venue, resource: 'customers' } as const;
  const proposed = await world.mappings.propose(ref, { definition: DEFINITION, createdBy: 'test' });
  await world.mappings.activate(ref, proposed?.version ?? 0);
  await world.customers.upsertMany(venue.venueId, [
    { ...aCustomer(0, 'Ada'), phone: '+1', metadata: { tier: 'gold', season: 'summer' } },
  ]);
  expect(await both()).toMatchObject({ created: 1 });
  expect(await remote()).toMatchObject({ name: 'Ada / gold', metadata: { saison: 'Sommer' } });
});

describe('an update under a mapping with an expression and a value map', () => {
  it.each([
    ['a field that no rule names', { email: 'new@example.com' }, ['email']],
    ['a field under a value map', { metadata: { tier: 'gold', season: 'winter' } }, ['metadata']],
    ['a field that an expression reads', { name: 'Grace' }, ['name']],
    [
      'a field that is sent and that an expression reads',
      { metadata: { tier: 'silver', season: 'summer' } },
      ['metadata', 'name'],
    ],
  ] as const)('sends only what changes: %s', async (_what, change, sent) => {
    await load(change);
    expect(await sentBy(both)).toEqual([sent]);
    expect(await sentBy(both)).toEqual([]);
  });

  it('leaves what somebody changes at the provider between reading and writing', async () => {
    await load({ email: 'new@example.com' });
    let pending = true;
    world.proxy.edit(async ({ path }) => {
      if (!pending || path !== '/v1/events') return;
      pending = false;
      await editAtStripe({ phone: '+44' });
    });
    expect(await sentBy(both)).toEqual([['email']]);
    expect(pending).toBe(false);
    expect(await remote()).toMatchObject({ email: 'new@example.com', phone: '+44', name: 'Ada / gold' });
  });

  it('sends the change of the venue alone where the provider has changed another field', async () => {
    await load({ email: 'new@example.com' });
    await editAtStripe({ phone: '+44' });
    expect(await sentBy(both)).toEqual([['email']]);
    expect(await remote()).toMatchObject({ email: 'new@example.com', phone: '+44', name: 'Ada / gold' });
  });

  it('sends the whole record where what the expression wrote was changed at the provider', async () => {
    await load({ email: 'new@example.com' });
    await editAtStripe({ name: 'Somebody else' });
    expect(await sentBy(both)).toEqual([ALL]);
    expect(await remote()).toMatchObject({ email: 'new@example.com', name: 'Ada / gold' });
  });
});
