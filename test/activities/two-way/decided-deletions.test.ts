import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ConflictId } from '../../../contracts/ids.ts';
import type { SyncMode } from '../../../contracts/providers.ts';
import { createConflictStore } from '../../../db/conflicts/conflict-store.ts';
import { RECORD_KINDS } from '../../../records/registry.ts';
import { listRecords } from '../../support/list-records.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';
import { aCustomer, createSyncWorld } from '../../support/worlds/sync-world.ts';

type World = Awaited<ReturnType<typeof createSyncWorld>>;

let world: World;
let venue: TestVenue;

const both = (mode: SyncMode = 'incremental') => world.sync(venue, 'both', mode);
const load = (fields: object) => world.customers.upsertMany(venue.venueId, [{ sourceId: 'c-0', ...fields }]);
const remotes = () => world.stripe.customers<{ id: string; name: string | null; phone: string | null }>();
const record = async () =>
  (
    await listRecords(world.customers, venue.venueId, {
      filter: { includeDeleted: true },
      page: { limit: 5, after: null },
    })
  ).data[0]!;
const editAtStripe = async (form: Readonly<Record<string, string>>) => {
  await world.stripe.clock(2_000);
  await world.callStripe('POST', `customers/${(await remotes())[0]!.id}`, form);
};
const removeAtStripe = async () => {
  await world.stripe.clock(2_000);
  await world.callStripe('DELETE', `customers/${(await remotes())[0]!.id}`);
};
const open = () =>
  world.database.admin<{ id: ConflictId; kind: string }[]>`
    select id, kind from merge_conflicts where venue_id = ${venue.venueId} and state = 'open'`;
const resolve = async (take: 'venue' | 'provider') => {
  const [found] = await open();
  const store = createConflictStore(world.database.db, RECORD_KINDS);
  return store.resolve({ venueId: venue.venueId, id: found!.id }, { take, values: {}, by: 'alice' });
};
const settles = async () => {
  const state = async () => [
    (await world.stripe.calls()).filter(({ written }) => written).length,
    (await record()).version,
    await open(),
  ];
  const before = await state();
  for (const mode of ['incremental', 'full', 'incremental', 'full'] as const)
    expect((await both(mode)).counts).toMatchObject({ created: 0, updated: 0, archived: 0, rejected: 0, conflicts: 0 });
  expect(await state()).toEqual(before);
};

beforeAll(async () => {
  world = await createSyncWorld();
});
afterAll(() => world.close());
beforeEach(async () => {
  await world.stripe.reset();
  venue = await world.aVenue();
  await world.customers.upsertMany(venue.venueId, [aCustomer(0, 'Ada')]);
  await both('full');
});

describe.each(['incremental', 'full'] as const)('what a person has decided about a deletion, in %s runs', (mode) => {
  it('of the venue, which the provider’s change met: the deletion stands', async () => {
    await world.customers.remove(venue.venueId, (await record()).id);
    await editAtStripe({ name: 'Changed' });
    await both(mode);
    expect(await open()).toMatchObject([{ kind: 'deleted-by-venue' }]);
    await resolve('venue');
    expect((await both(mode)).counts).toMatchObject({ archived: 1, conflicts: 0 });
    expect([await remotes(), (await record()).deletedAt === null, await open()]).toEqual([[], false, []]);
    await settles();
  });

  it('of the venue, which the provider’s change met: the record comes back', async () => {
    await world.customers.remove(venue.venueId, (await record()).id);
    await editAtStripe({ name: 'Changed' });
    await both(mode);
    await resolve('provider');
    expect((await both(mode)).counts).toMatchObject({ archived: 0, conflicts: 0 });
    expect([(await remotes())[0]?.name, (await record()).name, (await record()).deletedAt]).toEqual([
      'Changed',
      'Changed',
      null,
    ]);
    await settles();
  });

  it('of the provider, which the venue’s change met: the object is created anew', async () => {
    await load({ name: 'Changed' });
    await removeAtStripe();
    await both(mode);
    expect(await open()).toMatchObject([{ kind: 'deleted-by-provider' }]);
    await resolve('venue');
    expect((await both(mode)).counts).toMatchObject({ created: 1, conflicts: 0 });
    expect([(await remotes()).map(({ name }) => name), (await record()).deletedAt]).toEqual([['Changed'], null]);
    await settles();
  });

  it('of the provider, which the venue’s change met: the record follows', async () => {
    await load({ name: 'Changed' });
    await removeAtStripe();
    await both(mode);
    await resolve('provider');
    expect((await both(mode)).counts).toMatchObject({ created: 0, conflicts: 0 });
    expect([await remotes(), (await record()).deletedAt === null, await open()]).toEqual([[], false, []]);
    await settles();
  });

  it('of a record with a conflict: deciding the conflict does not bring it back', async () => {
    await load({ name: 'Venue' });
    await editAtStripe({ name: 'Stripe' });
    await both(mode);
    expect(await open()).toMatchObject([{ kind: 'fields' }]);
    await world.customers.remove(venue.venueId, (await record()).id);
    await resolve('venue');
    expect((await record()).deletedAt).not.toBeNull();
    await both(mode);
    expect([await remotes(), await open()]).toEqual([[], []]);
    await settles();
  });
});
