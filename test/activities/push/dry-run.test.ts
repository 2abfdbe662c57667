import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FAILURE } from '../../../contracts/failures.ts';
import type { SyncId } from '../../../contracts/ids.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';
import { aCustomer, createSyncWorld } from '../../support/worlds/sync-world.ts';

type World = Awaited<ReturnType<typeof createSyncWorld>>;

describe('a dry run', () => {
  let world: World;
  let venue: TestVenue;

  beforeAll(async () => {
    world = await createSyncWorld();
  });
  afterAll(() => world.close());
  beforeEach(async () => {
    await world.stripe.reset();
    await world.stripe.limits({ requestsPerSecond: 0 });
    venue = await world.aVenue();
  });

  /** Everything that a sync may change: in every venue and at the provider. */
  const everything = async () => ({
    records: [...(await world.database.admin`select * from customers order by id`)],
    links: [...(await world.database.admin`select * from record_links order by record_id`)],
    cursors: [...(await world.database.admin`select * from sync_cursors order by connection_id`)],
    stripe: await world.stripe.customers(),
  });
  const items = async (syncId: SyncId) => [
    ...(await world.database.admin<{ key: string; action: string; source_id: string; detail: string | null }[]>`
    select key, action, source_id, detail from sync_plan_items where sync_id = ${syncId} order by source_id`),
  ];
  const actions = async (syncId: SyncId) =>
    Object.fromEntries((await items(syncId)).map(({ source_id: sourceId, action }) => [sourceId, action]));
  const plan = async (syncId: SyncId) => (await world.runs.find(venue.venueId, syncId))?.plan;
  const deviations = async (syncId: SyncId) =>
    (await world.logOf(venue, syncId))
      .filter(({ action }) => action === 'deviation')
      .map(({ code, sourceId }) => `${sourceId}: ${code}`)
      .sort();
  const deviationCount = async (syncId: SyncId) => (await world.runs.find(venue.venueId, syncId))?.deviationCount;
  const remove = async (sourceId: string) => {
    const [row] = await world.database.admin<
      { id: never }[]
    >`select id from customers where venue_id = ${venue.venueId} and source_id = ${sourceId}`;
    await world.customers.remove(venue.venueId, row!.id);
  };
  const rename = (index: number, name: string) => world.customers.upsertMany(venue.venueId, [aCustomer(index, name)]);
  const callsSince = async (from: number) => (await world.stripe.calls()).slice(from);

  describe('of a push', () => {
    beforeEach(async () => {
      await world.load(venue, 6);
      await world.sync(venue, 'push');
      await rename(0, 'Renamed');
      await remove('c-1');
      await world.load(venue, 2, 10);
      await world.customers.upsertMany(venue.venueId, [{ ...aCustomer(20), name: 'x'.repeat(300) }]);
    });

    it('reports the action and cost for each record, and calls and changes nothing', async () => {
      const [before, from] = [await everything(), (await world.stripe.calls()).length];

      const run = await world.sync(venue, 'push', 'full', { dryRun: true });

      expect(run).toMatchObject({
        counts: { read: 9, created: 2, updated: 1, archived: 1, unchanged: 4, rejected: 1 },
        providerCalls: 0,
      });
      expect(await actions(run.syncId)).toEqual({
        'c-0': 'update',
        'c-1': 'archive',
        'c-2': 'skip',
        'c-3': 'skip',
        'c-4': 'skip',
        'c-5': 'skip',
        'c-10': 'create',
        'c-11': 'create',
        'c-20': 'reject',
      });
      expect(await plan(run.syncId)).toEqual({ calls: 4, seconds: 1 });
      expect((await items(run.syncId)).find(({ action }) => action === 'reject')?.detail).toContain('name');
      expect(await callsSince(from)).toEqual([]);
      expect(await everything()).toEqual(before);
    });

    it('is carried out exactly, without deviations', async () => {
      const { syncId: planId } = await world.sync(venue, 'push', 'full', { dryRun: true });
      const from = (await world.stripe.calls()).length;
      const run = await world.sync(venue, 'push', 'full', { planId });
      expect(run.counts).toMatchObject({ created: 2, updated: 1, archived: 1, unchanged: 4, rejected: 1 });
      expect(await deviations(run.syncId)).toEqual([]);
      expect(await deviationCount(run.syncId)).toBe(0);
      expect(await callsSince(from)).toHaveLength((await plan(planId))!.calls);
    });

    it('that no longer holds causes a deviation per record, of every kind', async () => {
      const { syncId: planId } = await world.sync(venue, 'push', 'full', { dryRun: true });
      await rename(0, 'Renamed otherwise');
      await rename(2, 'Renamed after the plan');
      await remove('c-10');
      await world.load(venue, 1, 30);
      await world.customers.upsertMany(venue.venueId, [{ ...aCustomer(20), name: 'Short' }]);
      await rename(1, 'Customer 1');

      const run = await world.sync(venue, 'push', 'full', { planId });

      expect(await deviations(run.syncId)).toEqual(
        [
          'c-0: content-changed',
          'c-1: no-longer-needed',
          'c-10: no-longer-needed',
          'c-20: planned-otherwise',
          'c-2: planned-otherwise',
          'c-30: not-planned',
        ].sort(),
      );
      expect(await deviationCount(run.syncId)).toBe(6);
    });

    it('includes nothing of another venue, and is not one of its plans', async () => {
      const other = await world.aVenue();
      await world.load(other, 3, 100);
      const run = await world.sync(venue, 'push', 'full', { dryRun: true });
      expect(
        (await items(run.syncId))
          .map(({ source_id: sourceId }) => sourceId)
          .filter((sourceId) => Number(sourceId.slice(2)) >= 100),
      ).toEqual([]);
      const theirs = await world.sync(other, 'push', 'full', { dryRun: true });
      expect(theirs.counts).toMatchObject({ read: 3, created: 3 });
      expect((await world.sync(other, 'push')).counts).toMatchObject({ created: 3 });
      expect(await items(run.syncId)).toHaveLength(9);
    });

    it('of a change is a plan that an interrupted run still carries out exactly', async () => {
      const { syncId: planId } = await world.sync(venue, 'push', 'full', { dryRun: true });
      await world.stripe.fault({ match: { method: 'POST', nth: 2 }, kind: 'commit-then-fail', times: 1 });
      const input = await world.open(venue, 'push', 'full', { planId });
      await world.begin(input);
      await expect(world.chunk(input)).rejects.toMatchObject({ type: FAILURE.unavailable });
      while ((await world.chunk(input)).status !== 'done');
      expect((await world.finish(input)).counts).toMatchObject({ created: 2, updated: 1, archived: 1 });
      expect(await deviations(input.syncId)).toEqual([]);
    });
  });

  describe('of a pull', () => {
    const create = (name: string) => world.callStripe('POST', 'customers', { name });

    it('reports the action and cost for each record, only reads, and changes nothing', async () => {
      await world.stripe.seed({ resource: 'customers', count: 5 });
      await world.sync(venue, 'pull');
      const [first, second, third] = await world.stripe.customers();
      await world.callStripe('POST', `customers/${first!.id}`, { name: 'Theirs' });
      await world.callStripe('POST', `customers/${third!.id}`, { name: 'Contested' });
      await world.customers.upsertMany(venue.venueId, [{ sourceId: world.pulledId(venue, third!.id), name: 'Ours' }]);
      await world.callStripe('DELETE', `customers/${second!.id}`);
      await create('New');
      const [before, from] = [await everything(), (await world.stripe.calls()).length];

      const run = await world.sync(venue, 'pull', 'full', { dryRun: true });

      expect((await items(run.syncId)).map(({ action }) => action).sort()).toEqual([
        'archive',
        'conflict',
        'create',
        'skip',
        'skip',
        'update',
      ]);
      expect(run.counts).toMatchObject({ created: 1, updated: 2, archived: 1, conflicts: 1 });
      const calls = await callsSince(from);
      expect(calls.filter(({ method }) => method !== 'GET')).toEqual([]);
      expect(await plan(run.syncId)).toMatchObject({ calls: run.providerCalls });
      expect(run.providerCalls).toBe(calls.length);
      expect(await everything()).toEqual(before);
    });

    it('counts a record once, however often the listing and the change feed contain it', async () => {
      for (let index = 0; index < 5; index += 1) await create(`New ${index}`);
      const run = await world.sync(venue, 'pull', 'full', { dryRun: true });
      expect(await items(run.syncId)).toHaveLength(5);
      expect(run).toMatchObject({ done: 5, counts: { read: 5, created: 5, updated: 0, unchanged: 0 } });
    });

    it.each(['full', 'incremental'] as const)('is carried out exactly, without deviations (%s)', async (mode) => {
      await world.stripe.seed({ resource: 'customers', count: 5 });
      await world.sync(venue, 'pull');
      const { id } = await create('One more');
      await world.callStripe('POST', `customers/${id}`, { name: 'Edited at once' });
      const [, first, second] = await world.stripe.customers();
      await world.callStripe('POST', `customers/${first!.id}`, { name: 'Edited' });
      await world.callStripe('DELETE', `customers/${second!.id}`);

      const { syncId: planId, counts } = await world.sync(venue, 'pull', mode, { dryRun: true });
      const run = await world.sync(venue, 'pull', mode, { planId });

      expect(counts).toMatchObject({ created: 1, updated: 1, archived: 1 });
      expect(run.counts).toMatchObject({ created: 1, updated: 1, archived: 1 });
      expect(await deviations(run.syncId)).toEqual([]);
      expect(await deviationCount(run.syncId)).toBe(0);
    });

    it('plans the newest of many edits, whatever their pages', async () => {
      await world.stripe.seed({ resource: 'customers', count: 1 });
      await world.sync(venue, 'pull');
      const [customer] = await world.stripe.customers();
      for (let edit = 1; edit <= 120; edit += 1)
        await world.callStripe('POST', `customers/${customer!.id}`, { name: `Edit ${edit}` });
      const { syncId: planId, counts } = await world.sync(venue, 'pull', 'incremental', { dryRun: true });
      expect(counts).toMatchObject({ updated: 1 });
      const run = await world.sync(venue, 'pull', 'incremental', { planId });
      expect(await deviations(run.syncId)).toEqual([]);
    });

    it('that no longer holds causes a deviation per record', async () => {
      await world.stripe.seed({ resource: 'customers', count: 4 });
      await world.sync(venue, 'pull');
      const [first, second, third, fourth] = await world.stripe.customers();
      await world.callStripe('POST', `customers/${first!.id}`, { name: 'Edited' });
      await world.callStripe('POST', `customers/${second!.id}`, { name: 'Edited' });
      await world.callStripe('POST', `customers/${third!.id}`, { name: 'Edited' });
      const { syncId: planId } = await world.sync(venue, 'pull', 'full', { dryRun: true });
      await world.callStripe('POST', `customers/${first!.id}`, { name: 'Edited otherwise' });
      await world.callStripe('DELETE', `customers/${second!.id}`);
      await world.callStripe('POST', `customers/${fourth!.id}`, { name: 'Edited after the plan' });
      const { id } = await create('New');

      const run = await world.sync(venue, 'pull', 'full', { planId });

      expect(await deviations(run.syncId)).toEqual(
        [
          `${first!.id}: content-changed`,
          `${second!.id}: planned-otherwise`,
          `${fourth!.id}: planned-otherwise`,
          `${id}: not-planned`,
        ]
          .map((line) => world.pulledId(venue, line))
          .sort(),
      );
    });

    it('never waits for approval, because it archives nothing', async () => {
      await world.stripe.seed({ resource: 'customers', count: 40 });
      await world.sync(venue, 'pull');
      for (const { id } of (await world.stripe.customers()).slice(0, 30))
        await world.callStripe('DELETE', `customers/${id}`);
      const before = await everything();
      expect((await world.sync(venue, 'pull', 'incremental', { dryRun: true })).counts).toMatchObject({ archived: 30 });
      expect(await everything()).toEqual(before);
    });

    it('plans no deletion of records that the venue pushed meanwhile, and looks none of them up', async () => {
      await world.stripe.seed({ resource: 'customers', count: 150 });
      await world.sync(venue, 'pull');
      const input = await world.open(venue, 'pull', 'full', { dryRun: true });
      await world.begin(input);
      await world.stripe.fault({ match: { path: '/v1/customers$', nth: 2 }, kind: 'reset', times: 1 });
      await expect(world.chunk(input)).rejects.toMatchObject({ type: FAILURE.unavailable });
      await world.load(venue, 3, 500);
      await world.sync(venue, 'push', 'incremental');
      while ((await world.chunk(input)).status === 'more');
      await world.finish(input);
      expect((await items(input.syncId)).filter(({ action }) => action === 'archive')).toEqual([]);
      expect(await world.logOf(venue, input.syncId)).toEqual([]);
    });

    it('continues beside a writing run, and neither is aware of the other', async () => {
      await world.stripe.seed({ resource: 'customers', count: 5 });
      const dry = await world.open(venue, 'pull', 'full', { dryRun: true });
      await world.begin(dry);
      expect((await world.sync(venue, 'pull')).counts).toMatchObject({ created: 5 });
      while ((await world.chunk(dry)).status === 'more');
      expect((await world.finish(dry)).counts).toMatchObject({ read: 5, created: 0, unchanged: 5 });
    });
  });
});
