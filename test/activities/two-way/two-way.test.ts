import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ConflictId } from '../../../contracts/ids.ts';
import type { MergePolicy } from '../../../contracts/records.ts';
import type { SyncMode } from '../../../contracts/providers.ts';
import { createConflictStore } from '../../../db/conflicts/conflict-store.ts';
import { RECORD_KINDS } from '../../../records/registry.ts';
import { listRecords } from '../../support/list-records.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';
import { aCustomer, createSyncWorld } from '../../support/worlds/sync-world.ts';

type World = Awaited<ReturnType<typeof createSyncWorld>>;
interface StripeCustomer {
  readonly id: string;
  readonly name: string | null;
  readonly phone: string | null;
  readonly email: string | null;
  readonly metadata: Readonly<Record<string, string>>;
}

let world: World;
let venue: TestVenue;

const both = (mode: SyncMode = 'incremental') => world.sync(venue, 'both', mode);
const load = (fields: object) => world.customers.upsertMany(venue.venueId, [{ sourceId: 'c-0', ...fields }]);
const remote = async () => (await world.stripe.customers<StripeCustomer>())[0]!;
const record = async () =>
  (
    await listRecords(world.customers, venue.venueId, {
      filter: { includeDeleted: true },
      page: { limit: 5, after: null },
    })
  ).data[0]!;
const editAtStripe = async (form: Readonly<Record<string, string>>) => {
  await world.stripe.clock(2_000);
  await world.callStripe('POST', `customers/${(await remote()).id}`, form);
};
const conflicts = () =>
  world.database.admin<
    { kind: string; fields: { field: string; agreed: unknown; venue: unknown; provider: unknown }[]; state: string }[]
  >`select kind, fields, state from merge_conflicts where venue_id = ${venue.venueId} order by id`;
const setPolicy = (policy: MergePolicy, more: object = {}) => world.database.admin`
  insert into field_mappings (connection_id, resource, version, venue_id, definition, active, created_by)
  values (${venue.connectionId}, 'customers', 1, ${venue.venueId}, ${world.database.admin.json({ policy, fields: [], ...more })}, true, 'test')`;
const writes = async () => (await world.stripe.calls()).filter(({ written }) => written).length;
/** Five idle runs: nothing is written at either side. */
const settles = async () => {
  const [before, { version }] = [await writes(), await record()];
  for (const mode of ['incremental', 'full', 'incremental', 'full', 'incremental'] as const)
    expect((await both(mode)).counts).toMatchObject({ created: 0, updated: 0, archived: 0, rejected: 0 });
  expect(await writes()).toBe(before);
  expect((await record()).version).toBe(version);
};

beforeAll(async () => {
  world = await createSyncWorld();
});
afterAll(() => world.close());
beforeEach(async () => {
  await world.stripe.reset();
  venue = await world.aVenue();
});

describe('a two-way run', () => {
  beforeEach(async () => {
    await world.customers.upsertMany(venue.venueId, [aCustomer(0, 'Ada')]);
    expect(await both('full')).toMatchObject({ outcome: 'completed', counts: { created: 1 } });
  });

  it('carries changes of different fields to the other side, in one run', async () => {
    await load({ name: 'Ada Lovelace', metadata: { tier: 'gold', season: 'winter' } });
    await editAtStripe({ phone: '+44 20', 'metadata[note]': 'met' });
    expect((await both()).counts).toMatchObject({ updated: 2, conflicts: 0, rejected: 0 });
    expect(await record()).toMatchObject({
      name: 'Ada Lovelace',
      phone: '+44 20',
      metadata: { tier: 'gold', season: 'winter', note: 'met' },
    });
    expect(await remote()).toMatchObject({
      name: 'Ada Lovelace',
      phone: '+44 20',
      metadata: { season: 'winter', note: 'met' },
    });
    await settles();
  });

  it('creates at the venue what the provider created, and the other way round', async () => {
    await world.callStripe('POST', 'customers', { name: 'From Stripe' });
    await world.customers.upsertMany(venue.venueId, [aCustomer(1, 'From the venue')]);
    expect((await both()).counts).toMatchObject({ created: 2 });
    expect((await world.stripe.customers<StripeCustomer>()).map(({ name }) => name).sort()).toEqual([
      'Ada',
      'From Stripe',
      'From the venue',
    ]);
    await settles();
  });

  it('agrees when both sides made the same change', async () => {
    await load({ name: 'Same' });
    await editAtStripe({ name: 'Same' });
    const before = await writes();
    expect((await both()).counts).toMatchObject({ conflicts: 0 });
    expect(await writes()).toBe(before);
    await settles();
  });

  it('opens a conflict without a policy: the field stays as it is on each side and the others travel', async () => {
    await load({ name: 'Venue', phone: '+1' });
    await editAtStripe({ name: 'Stripe', email: 'new@example.com' });
    const run = await both();
    expect(run.counts).toMatchObject({ conflicts: 1 });
    expect(await conflicts()).toEqual([
      {
        kind: 'fields',
        state: 'open',
        fields: [{ field: 'name', agreed: 'Ada', venue: 'Venue', provider: 'Stripe' }],
      },
    ]);
    expect(await record()).toMatchObject({ name: 'Venue', phone: '+1', email: 'new@example.com' });
    expect(await remote()).toMatchObject({ name: 'Stripe', phone: '+1', email: 'new@example.com' });
    const log = await world.logOf(venue, run.syncId);
    expect(log).toContainEqual(
      expect.objectContaining({ action: 'conflict', code: 'conflict-open', level: 'warn' }) as object,
    );
    expect(JSON.stringify(log)).not.toMatch(/Venue"|Stripe"|\bAda\b/);
    await settles();
    expect(await conflicts()).toMatchObject([{ state: 'open', fields: [{ field: 'name' }] }]);
  });

  it('lets other fields travel while a conflict is open', async () => {
    await load({ name: 'Venue' });
    await editAtStripe({ name: 'Stripe' });
    await both();
    await load({ phone: '+2' });
    await editAtStripe({ email: 'later@example.com' });
    await both();
    expect(await record()).toMatchObject({ name: 'Venue', phone: '+2', email: 'later@example.com' });
    expect(await remote()).toMatchObject({ name: 'Stripe', phone: '+2', email: 'later@example.com' });
    await settles();
  });

  it.each(['venue', 'stripe'] as const)('closes a conflict when the %s takes the other value', async (side) => {
    await load({ name: 'Venue' });
    await editAtStripe({ name: 'Stripe' });
    await both();
    if (side === 'venue') await load({ name: 'Stripe' });
    else await editAtStripe({ name: 'Venue' });
    await both();
    expect(await conflicts()).toMatchObject([{ state: 'resolved' }]);
    expect((await record()).name).toBe((await remote()).name);
    await settles();
  });

  it.each<[MergePolicy, string]>([
    ['venue', 'Venue'],
    ['provider', 'Stripe'],
  ])('settles a field that both sides changed by the policy %s', async (policy, name) => {
    await setPolicy(policy);
    await load({ name: 'Venue' });
    await editAtStripe({ name: 'Stripe' });
    const run = await both();
    expect(run.counts).toMatchObject({ conflicts: 1 });
    expect(await world.logOf(venue, run.syncId)).toContainEqual(
      expect.objectContaining({ action: 'conflict', code: 'conflict-settled' }) as object,
    );
    expect([(await record()).name, (await remote()).name]).toEqual([name, name]);
    expect(await conflicts()).toEqual([]);
    await settles();
  });

  it('settles each field by its own policy', async () => {
    await setPolicy('review', {
      fields: [
        { source: 'name', target: 'name', policy: 'venue' },
        { source: 'phone', target: 'phone', policy: 'provider' },
      ],
    });
    await load({ name: 'Venue', phone: '+1', email: 'venue@example.com' });
    await editAtStripe({ name: 'Stripe', phone: '+2', email: 'stripe@example.com' });
    await both();
    expect(await conflicts()).toMatchObject([{ fields: [{ field: 'email' }] }]);
    expect(await record()).toMatchObject({ name: 'Venue', phone: '+2', email: 'venue@example.com' });
    expect(await remote()).toMatchObject({ name: 'Venue', phone: '+2', email: 'stripe@example.com' });
  });

  it('settles each key of the metadata by its own policy, and those without a rule by that of the mapping', async () => {
    await setPolicy('review', {
      fields: [
        { source: 'metadata.a', target: 'metadata.a', policy: 'venue' },
        { source: 'metadata.b', target: 'metadata.b', policy: 'provider' },
        { expression: 'name', target: 'metadata.label', policy: 'venue' },
      ],
    });
    await load({ metadata: { a: 'venue', b: 'venue', c: 'venue' } });
    await editAtStripe({ 'metadata[a]': 'stripe', 'metadata[b]': 'stripe', 'metadata[c]': 'stripe' });
    await both();
    expect(await conflicts()).toMatchObject([{ fields: [{ field: 'metadata.c' }] }]);
    expect((await record()).metadata).toMatchObject({ a: 'venue', b: 'stripe', c: 'venue' });
    expect((await remote()).metadata).toMatchObject({ a: 'venue', b: 'stripe', c: 'stripe' });
  });

  it('settles by the newest change', async () => {
    await setPolicy('newest');
    await load({ name: 'Venue' });
    await editAtStripe({ name: 'Stripe' });
    await both();
    expect((await record()).name).toBe('Stripe');
    await settles();
  });

  it('takes only the provider’s change when the record was not changed here', async () => {
    await editAtStripe({ name: 'Stripe' });
    const before = await writes();
    expect((await both()).counts).toMatchObject({ updated: 1, conflicts: 0 });
    expect((await record()).name).toBe('Stripe');
    expect(await writes()).toBe(before);
    await settles();
  });

  it('makes one call per changed record besides the pages of the feed', async () => {
    await load({ name: 'Ada L.' });
    const run = await both();
    expect(run.counts).toMatchObject({ updated: 1 });
    expect(run.providerCalls).toBeLessThanOrEqual(2);
  });
});

describe('a resolved conflict', () => {
  const resolve = async (take: 'venue' | 'provider' | 'values', values: object = {}) => {
    const [open] = await world.database.admin<{ id: ConflictId }[]>`
      select id from merge_conflicts where venue_id = ${venue.venueId} and state = 'open'`;
    const store = createConflictStore(world.database.db, RECORD_KINDS);
    return store.resolve({ venueId: venue.venueId, id: open!.id }, { take, values: { ...values }, by: 'alice' });
  };
  beforeEach(async () => {
    await world.customers.upsertMany(venue.venueId, [aCustomer(0, 'Ada')]);
    await both('full');
    await load({ name: 'Venue' });
    await editAtStripe({ name: 'Stripe' });
    await both();
  });

  it.each([
    ['venue', {}, 'Venue'],
    ['provider', {}, 'Stripe'],
    ['values', { name: 'Chosen' }, 'Chosen'],
    // What both sides had agreed on before.
    ['values', { name: 'Ada' }, 'Ada'],
  ] as const)('travels with the next run: take %s %j', async (take, values, name) => {
    await resolve(take, values);
    expect((await both()).counts).toMatchObject({ conflicts: 0, rejected: 0 });
    expect([(await record()).name, (await remote()).name]).toEqual([name, name]);
    await settles();
  });

  it('opens again when the provider changes the field before the next run', async () => {
    await resolve('venue');
    await editAtStripe({ name: 'Later' });
    expect((await both()).counts).toMatchObject({ conflicts: 1 });
    expect([(await record()).name, (await remote()).name]).toEqual(['Venue', 'Later']);
  });
});

describe('deletions in a two-way run', () => {
  const isGone = async () => (await world.stripe.customers()).length === 0;
  const remove = async () => world.customers.remove(venue.venueId, (await record()).id);
  const removeAtStripe = async () => {
    await world.stripe.clock(2_000);
    await world.callStripe('DELETE', `customers/${(await remote()).id}`);
  };
  beforeEach(async () => {
    await world.customers.upsertMany(venue.venueId, [aCustomer(0, 'Ada')]);
    await both('full');
  });

  it('follow their own policy, not that of the fields', async () => {
    await setPolicy('provider', { deletionPolicy: 'venue' });
    await load({ name: 'Changed' });
    await removeAtStripe();
    await both();
    expect([await isGone(), (await record()).deletedAt]).toEqual([false, null]);
    await settles();
  });

  it('are for a person under newest where nobody tells when the object was deleted', async () => {
    await setPolicy('newest');
    await removeAtStripe();
    await load({ name: 'Changed' });
    // A full pass continues with the events since the newest one, which leaves the deletion out.
    await world.stripe.clock(120_000);
    await world.callStripe('POST', 'customers', { name: 'Later' });
    await both('full');
    expect((await conflicts()).map(({ kind, state }) => [kind, state])).toEqual([['deleted-by-provider', 'open']]);
    expect((await record()).deletedAt).toBeNull();
  });

  it('travel to the other side, both ways', async () => {
    await remove();
    expect((await both()).counts).toMatchObject({ archived: 1, conflicts: 0 });
    expect(await isGone()).toBe(true);
    await settles();
  });

  it('travel from the provider', async () => {
    await removeAtStripe();
    expect((await both()).counts).toMatchObject({ archived: 1, conflicts: 0 });
    expect((await record()).deletedAt).not.toBeNull();
    await settles();
  });

  it.each<[MergePolicy | null, boolean]>([
    [null, false],
    ['venue', true],
    ['provider', false],
    ['newest', false],
  ])('of the provider meet a change of the venue under policy %s', async (policy, isCreatedAnew) => {
    if (policy !== null) await setPolicy(policy);
    await load({ name: 'Changed' });
    await removeAtStripe();
    await both();
    expect(await isGone()).toBe(!isCreatedAnew);
    expect((await record()).deletedAt === null).toBe(policy !== 'provider' && policy !== 'newest');
    expect((await conflicts()).map(({ kind, state }) => [kind, state])).toEqual(
      policy === null ? [['deleted-by-provider', 'open']] : [],
    );
    await settles();
  });

  it.each<[MergePolicy | null, boolean, boolean]>([
    [null, false, true],
    ['venue', true, true],
    ['provider', false, false],
    ['newest', false, false],
  ])('of the venue meet a change of the provider under policy %s', async (policy, goes, staysDeleted) => {
    if (policy !== null) await setPolicy(policy);
    await remove();
    await editAtStripe({ name: 'Changed' });
    await both();
    expect(await isGone()).toBe(goes);
    expect((await record()).deletedAt !== null).toBe(staysDeleted);
    if (!staysDeleted) expect((await record()).name).toBe('Changed');
    expect((await conflicts()).map(({ kind, state }) => [kind, state])).toEqual(
      policy === null ? [['deleted-by-venue', 'open']] : [],
    );
    await settles();
  });
});

describe('a run that sees a record twice', () => {
  it('counts and logs its conflict once', async () => {
    await world.customers.upsertMany(venue.venueId, [aCustomer(0, 'Ada')]);
    await both('full');
    await load({ name: 'Venue' });
    await editAtStripe({ name: 'Stripe' });
    // The feed reads the last seconds once more after the pages of the list, so it tells of the same change.
    await world.stripe.clock(0);
    const run = await both('full');
    expect(run.counts).toMatchObject({ conflicts: 1 });
    const log = await world.logOf(venue, run.syncId);
    expect(log.filter(({ code }) => code === 'conflict-open')).toHaveLength(1);
  });
});
