import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createRecordStore } from '../../../db/records/record-store.ts';
import type { MappingDefinition, MappingRule } from '../../../domain/mapping/mapping.ts';
import { products } from '../../../records/products.ts';
import { listRecords } from '../../support/list-records.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';

type World = Awaited<ReturnType<typeof createSyncWorld>>;
let world: World;
let venue: TestVenue;
beforeAll(async () => {
  world = await createSyncWorld();
});
afterAll(() => world.close());
beforeEach(async () => {
  await world.stripe.reset();
  venue = await world.aVenue();
});

const resource = 'products';
const store = () => createRecordStore(world.database.db, products);
const load = (fields: object) =>
  store().upsertMany(venue.venueId, [{ sourceId: 'p-1', name: 'Chai', amountMinor: 300, currency: 'EUR', ...fields }]);
const record = async () => {
  const page = { limit: 5, after: null };
  return (await listRecords(store(), venue.venueId, { filter: { includeDeleted: true }, page })).data[0]!;
};
interface Remote {
  readonly id: string;
  readonly description: string | null;
  readonly metadata: Readonly<Record<string, string>>;
}
const remote = async () =>
  ((await (await fetch(`${world.sandbox.controlUrl}/state/products`)).json()) as { data: Remote[] }).data[0]!;
const editAtStripe = async (form: Readonly<Record<string, string>>) => {
  await world.stripe.clock(2_000);
  await world.callStripe('POST', `products/${(await remote()).id}`, form);
};
const both = async (mode: 'full' | 'incremental' = 'full') => {
  const run = await world.sync(venue, 'both', mode, { resource });
  expect(run).toMatchObject({ outcome: 'completed', counts: { rejected: 0 } });
  return run.counts;
};
const conflicts = () => world.database.admin<{ fields: { field: string }[] }[]>`
  select fields from merge_conflicts where venue_id = ${venue.venueId} and state = 'open'`;
const activate = async (definition: MappingDefinition) => {
  const ref = { ...venue, resource } as const;
  const proposed = await world.mappings.propose(ref, { definition, createdBy: 'test' });
  await world.mappings.activate(ref, proposed?.version ?? 0);
};
const leaveOut = (...excludedFields: string[]) =>
  world.reach.change(
    { ...venue, resource },
    { excludedFields, historyFrom: null },
    {
      ...{ venueId: venue.venueId, actor: 'x', action: 'connection.reach-changed', targetType: 'connection' },
      ...{ targetId: 'x', outcome: 'ok', requestId: null },
    },
  );
const rule = (policy: MappingRule['policy'], more: Partial<MappingRule> = {}): MappingRule => ({
  ...{ target: 'description', source: 'metadata.note', direction: 'both', policy },
  ...more,
});
const settles = async () => {
  const before = [(await record()).version, await remote()];
  for (const mode of ['incremental', 'full', 'incremental'] as const)
    expect(await both(mode)).toMatchObject({ updated: 0 });
  expect([(await record()).version, await remote()]).toEqual(before);
};

describe('a rule that makes two values differ on which both sides agreed', () => {
  beforeEach(async () => {
    await load({ description: 'Hot', metadata: { note: 'With ice' } });
    await both();
  });

  it('leaves both values to a person under the policy review', async () => {
    await activate({ fields: [rule('review')] });
    expect(await both()).toMatchObject({ conflicts: 1 });
    expect((await conflicts()).map(({ fields }) => fields.map(({ field }) => field))).toEqual([['metadata.note']]);
    expect(await record()).toMatchObject({ description: 'Hot', metadata: { note: 'With ice' } });
    expect(await remote()).toMatchObject({ description: 'Hot' });
    await settles();
  });

  it('writes the venue’s value under the policy venue', async () => {
    await activate({ fields: [], policy: 'venue' });
    await activate({ fields: [rule('venue')], policy: 'venue' });
    await both();
    expect(await record()).toMatchObject({ description: 'Hot', metadata: { note: 'With ice' } });
    expect(await remote()).toMatchObject({ description: 'With ice' });
    await settles();
  });

  it('takes the provider’s value under the policy provider', async () => {
    await activate({ fields: [rule('provider')] });
    await both();
    expect(await record()).toMatchObject({ metadata: { note: 'Hot' } });
    await settles();
  });

  it('fills a side that holds nothing, whatever the policy is', async () => {
    await activate({ fields: [rule('review', { source: 'metadata.summary' })] });
    expect(await both()).toMatchObject({ conflicts: 0 });
    expect(await record()).toMatchObject({ description: 'Hot', metadata: { note: 'With ice', summary: 'Hot' } });
    await settles();
  });

  it('does not hide what the provider alone has changed in other fields', async () => {
    await editAtStripe({ name: 'Masala chai' });
    await activate({ fields: [rule('venue')], policy: 'venue' });
    await both();
    expect(await record()).toMatchObject({ name: 'Masala chai', metadata: { note: 'With ice' } });
    await settles();
  });

  it('opens a conflict when the rule is taken back and the default applies again', async () => {
    await activate({ fields: [rule('venue')] });
    await both();
    await activate({ fields: [] });
    expect(await both()).toMatchObject({ conflicts: 1 });
    expect(await record()).toMatchObject({ description: 'Hot', metadata: { note: 'With ice' } });
    expect(await remote()).toMatchObject({ description: 'With ice' });
    await settles();
  });

  it('compares what a rule reads from elsewhere than before', async () => {
    await activate({ fields: [rule('venue')] });
    await both();
    await editAtStripe({ 'metadata[memo]': 'Cold' });
    await activate({ fields: [rule('review', { target: 'metadata.memo' })] });
    await both();
    expect(await record()).toMatchObject({ metadata: { note: 'With ice' } });
    expect((await conflicts())[0]?.fields.map(({ field }) => field)).toContain('metadata.note');
  });

  it('asks again only while nobody has decided: a later change of one side travels', async () => {
    await activate({ fields: [rule('venue')] });
    await both();
    await editAtStripe({ description: 'From Stripe' });
    expect(await both('incremental')).toMatchObject({ conflicts: 0 });
    expect(await record()).toMatchObject({ metadata: { note: 'From Stripe' } });
    await settles();
  });
});

describe('a field that is no longer left out', () => {
  beforeEach(async () => {
    await leaveOut('description');
    await load({ description: 'Ours' });
    await both();
    await editAtStripe({ description: 'Theirs' });
    await both();
  });

  it.each([
    ['review', 'Ours', 'Theirs', 1],
    ['venue', 'Ours', 'Ours', 0],
    ['provider', 'Theirs', 'Theirs', 0],
  ] as const)('is settled by the policy %s where both sides hold a value', async (policy, ours, theirs, open) => {
    await activate({ fields: [], policy });
    await both();
    await leaveOut();
    await both();
    expect([(await record()).description, (await remote()).description]).toEqual([ours, theirs]);
    expect(await conflicts()).toHaveLength(open);
    await settles();
  });
});
