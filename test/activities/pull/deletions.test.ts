import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FAILURE } from '../../../contracts/failures.ts';
import type { SyncConnectionInput } from '../../../contracts/sync.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';
import { aCustomer, createSyncWorld } from '../../support/worlds/sync-world.ts';
import { listRecords } from '../../support/list-records.ts';

type World = Awaited<ReturnType<typeof createSyncWorld>>;

describe('a deletion at the provider', () => {
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

  const all = async (of = venue) => [
    ...(await world.database.admin<
      { name: string; deleted: boolean; external_id: string; state: string; version: number }[]
    >`
      select c.name, c.version, c.deleted_at is not null as deleted, l.external_id, l.state from customers c
      left join record_links l on l.record_id = c.id where c.venue_id = ${of.venueId} order by l.external_id`),
  ];
  const gone = async (of = venue) => (await all(of)).filter((row) => row.deleted).map((row) => row.external_id);
  const idsAtStripe = async () => (await world.stripe.customers()).map(({ id }) => id).sort();
  const row = async ({ syncId }: SyncConnectionInput) =>
    (await world.database.admin`select * from sync_runs where id = ${syncId}`)[0]!;
  const watermark = async () =>
    (await world.database.admin`select watermark from sync_cursors where connection_id = ${venue.connectionId}`)[0]?.[
      'watermark'
    ] as Date | undefined;
  const since = async () => (await world.stripe.calls()).length;
  const pathsSince = async (from: number) => (await world.stripe.calls()).slice(from).map(({ path }) => path);
  const removeAtStripe = (ids: readonly string[]) =>
    Promise.all(ids.map((id) => world.callStripe('DELETE', `customers/${id}`)));
  /** Removes deletions from the change feed, as thirty days do. */
  const forget = async (ids: readonly string[]) => {
    const kept = await world.stripe.customers<{ id: string; created: number; name: string }>();
    await world.stripe.reset();
    await world.stripe.seed({
      resource: 'customers',
      records: kept.filter(({ id }) => !ids.includes(id)).map(({ id, created, name }) => ({ id, created, name })),
    });
  };
  const seeded = async (count: number) => {
    const now = Math.floor(Date.now() / 1_000);
    await world.stripe.seed({
      resource: 'customers',
      records: Array.from({ length: count }, (_, index) => ({
        name: `Customer ${index}`,
        created: now - 40 * (index + 1),
      })),
    });
    await world.sync(venue, 'pull');
    return idsAtStripe();
  };
  async function begun(mode: 'full' | 'incremental' = 'full', of = venue) {
    const input = await world.open(of, 'pull', mode);
    await world.begin(input);
    return input;
  }

  it('is found by a full pull without the change feed, looked up before archiving, and found only once', async () => {
    const ids = await seeded(30);
    const lost = [ids[3]!, ids[17]!];
    await forget(lost);
    const from = await since();

    const run = await world.sync(venue, 'pull');

    expect(run.counts).toMatchObject({ read: 28, created: 0, updated: 0, archived: 2 });
    expect(await gone()).toEqual([...lost].sort());
    expect((await pathsSince(from)).filter((path) => /customers\/cus_/.test(path)).sort()).toEqual(
      lost.map((id) => `/v1/customers/${id}`).sort(),
    );
    expect(await world.logOf(venue, run.syncId)).toMatchObject(
      lost.map(() => ({ action: 'archived', code: 'deleted-at-provider', level: 'info' })),
    );
    expect((await world.sync(venue, 'pull')).counts).toMatchObject({ read: 28, unchanged: 28, archived: 0 });
  });

  it('arrives in the change feed and needs no look-up', async () => {
    const ids = await seeded(10);
    await removeAtStripe([ids[0]!]);
    const from = await since();
    expect((await world.sync(venue, 'pull', 'incremental')).counts).toMatchObject({ archived: 1 });
    expect(await pathsSince(from)).toEqual(['/v1/events']);
  });

  it('never affects another venue’s records, although both are linked to the same remote records', async () => {
    const other = await world.aVenue();
    const ids = await seeded(25);
    await world.sync(other, 'pull');
    await forget([ids[0]!, ids[1]!]);
    const before = await all(other);
    expect((await world.sync(venue, 'pull')).counts).toMatchObject({ archived: 2 });
    expect(await all(other)).toEqual(before);
    expect((await world.sync(other, 'pull')).counts).toMatchObject({ archived: 2 });
  });

  it('is not assumed for records missing from a listing: they are looked up, kept, updated, and logged as an anomaly', async () => {
    await seeded(250);
    // The first page is skipped.
    await world.stripe.fault({ match: { path: '/v1/customers$' }, kind: 'page-skip', times: 1 });
    await world.stripe.fault({ match: { path: '/v1/customers/search' }, kind: 'status', status: 500 });
    const run = await world.sync(venue, 'pull');
    await world.stripe.clearFaults();

    expect(run.counts).toMatchObject({ read: 250, archived: 0, created: 0 });
    expect(await gone()).toEqual([]);
    const log = await world.logOf(venue, run.syncId);
    expect(log).toHaveLength(100);
    expect(new Set(log.map(({ action, code, level }) => `${level} ${action} ${code}`))).toEqual(
      new Set(['warn anomaly left-out-of-listing']),
    );
  });

  it('is not assumed for records pushed during the listing', async () => {
    await seeded(150);
    const input = await begun();
    await world.stripe.fault({ match: { path: '/v1/customers$', nth: 2 }, kind: 'reset', times: 1 });
    await expect(world.chunk(input)).rejects.toMatchObject({ type: FAILURE.unavailable });
    await world.load(venue, 5, 500);
    await world.sync(venue, 'push', 'incremental');
    // Include a record that the pull has already read and that a push then changes.
    const [known] = await world.database.admin<
      { source_id: string }[]
    >`select source_id from customers where venue_id = ${venue.venueId} and source_id like 'stripe:%' order by id desc limit 1`;
    await world.customers.upsertMany(venue.venueId, [{ sourceId: known!.source_id, name: 'Changed by the venue' }]);
    await world.sync(venue, 'push', 'incremental');
    const from = await since();

    while ((await world.chunk(input)).status === 'more');
    await world.finish(input);

    expect(await row(input)).toMatchObject({ archived_count: '0' });
    expect(await gone()).toEqual([]);
    expect((await pathsSince(from)).filter((path) => /customers\/cus_/.test(path))).toEqual([]);
    expect(await world.logOf(venue, input.syncId)).toEqual([]);
  });

  it('stays in place against any late version from a listing, the change feed or a repeated run', async () => {
    const ids = await seeded(5);
    await world.callStripe('POST', `customers/${ids[0]!}`, { name: 'Edited before it was deleted' });
    await removeAtStripe([ids[0]!]);
    await world.sync(venue, 'pull', 'incremental');
    const before = await all();
    for (const mode of ['incremental', 'full', 'incremental'] as const)
      expect((await world.sync(venue, 'pull', mode)).counts).toMatchObject({ archived: 0, updated: 0, created: 0 });
    expect(await all()).toEqual(before);
    expect(await gone()).toEqual([ids[0]]);
  });

  it('is archived when it happens during the listing, before and behind the current position', async () => {
    const ids = await seeded(250);
    const input = await begun();
    await world.stripe.fault({ match: { path: '/v1/customers$', nth: 2 }, kind: 'reset', times: 1 });
    await expect(world.chunk(input)).rejects.toMatchObject({ type: FAILURE.unavailable });
    const newestFirst = (await world.stripe.customers()).map(({ id }) => id);
    const deleted = [newestFirst[5]!, newestFirst[240]!];
    await removeAtStripe(deleted);

    while ((await world.chunk(input)).status === 'more');
    expect((await world.finish(input)).counts).toMatchObject({ archived: 2 });
    expect(await gone()).toEqual([...deleted].sort());
    expect(ids).toHaveLength(250);
  });

  it('is archived once when the run is interrupted during the look-up', async () => {
    const ids = await seeded(40);
    await forget(ids.slice(0, 4));
    const input = await begun();
    await world.stripe.fault({ match: { path: '/v1/customers/cus_.*', nth: 3 }, kind: 'reset', times: 1 });
    await expect(world.chunk(input)).rejects.toMatchObject({ type: FAILURE.unavailable });
    while ((await world.chunk(input)).status === 'more');
    expect((await world.finish(input)).counts).toMatchObject({ archived: 4, read: 36 });
    expect(await gone()).toEqual(ids.slice(0, 4));
    expect((await all()).filter((one) => one.deleted).map((one) => one.version)).toEqual([2, 2, 2, 2]);
  });

  describe('beyond the number that a run may archive by itself', () => {
    it.each(['told', 'unlisted'] as const)(
      'waits for approval with the count, and continues when approved (%s)',
      async (how) => {
        const ids = await seeded(60);
        const lost = ids.slice(0, 21);
        if (how === 'told') await removeAtStripe(lost);
        else await forget(lost);
        const input = await begun(how === 'told' ? 'incremental' : 'full');
        const before = await watermark();

        expect(await world.chunk(input)).toMatchObject({
          status: 'needs-approval',
          awaiting: { archiving: 21, of: 60 },
        });
        expect(await gone()).toEqual([]);
        expect(await row(input)).toMatchObject({
          phase: 'awaiting-approval',
          awaiting: { archiving: 21, of: 60 },
          waiting_for: { what: 'approval', until: null },
          archived_count: '0',
        });
        // A second attempt changes nothing.
        expect(await world.chunk(input)).toMatchObject({ status: 'needs-approval' });
        expect(await gone()).toEqual([]);
        expect(await watermark()).toEqual(before);

        await world.progress.approve(input, 'a-person');
        expect(await row(input)).toMatchObject({
          phase: 'running',
          awaiting: null,
          waiting_for: null,
          approved_by: 'a-person',
        });
        expect(await world.chunk(input)).toMatchObject({ status: 'done', counts: { archived: 21 } });
        await world.finish(input);
        expect(await gone()).toEqual(lost);
      },
    );

    it('archives nothing when the run is cancelled without approval, and the next run finds the same again', async () => {
      const ids = await seeded(60);
      await removeAtStripe(ids.slice(0, 30));
      const input = await begun('incremental');
      expect(await world.chunk(input)).toMatchObject({ status: 'needs-approval' });
      await world.finish(input, 'cancelled');
      expect(await row(input)).toMatchObject({
        phase: 'finished',
        outcome: 'cancelled',
        awaiting: null,
        waiting_for: null,
      });
      expect(await gone()).toEqual([]);
      expect(await world.chunk(await begun('incremental'))).toMatchObject({
        status: 'needs-approval',
        awaiting: { archiving: 30, of: 60 },
      });
    });

    it('counts only the venue’s own records', async () => {
      const other = await world.aVenue();
      await world.stripe.seed({ resource: 'customers', count: 60 });
      await world.sync(other, 'pull');
      await world.sync(venue, 'pull');
      const ids = await idsAtStripe();
      await removeAtStripe(ids.slice(0, 21));
      const [mine, theirs] = [await begun('incremental'), await begun('incremental', other)];
      expect(await world.chunk(mine)).toMatchObject({ status: 'needs-approval', awaiting: { archiving: 21, of: 60 } });
      await world.progress.approve(mine, 'a-person');
      expect(await world.chunk(theirs)).toMatchObject({
        status: 'needs-approval',
        awaiting: { archiving: 21, of: 60 },
      });
      expect(await gone(other)).toEqual([]);
    });

    it('does not wait at exactly the allowed number', async () => {
      const ids = await seeded(60);
      await removeAtStripe(ids.slice(0, 20));
      expect((await world.sync(venue, 'pull', 'incremental')).counts).toMatchObject({ archived: 20 });
    });

    it('ignores an approval when the run has ended or is not waiting', async () => {
      const input = await begun();
      await world.progress.approve(input, 'too-early');
      expect(await row(input)).toMatchObject({ approved_at: null, phase: 'running' });
      while ((await world.chunk(input)).status === 'more');
      await world.finish(input);
      await world.progress.approve(input, 'too-late');
      expect(await row(input)).toMatchObject({ approved_at: null, phase: 'finished' });
    });
  });

  it('leaves the venue’s own deletions in place, reports none twice, and does not wait for them', async () => {
    await world.customers.upsertMany(venue.venueId, [aCustomer(1), aCustomer(2)]);
    await world.sync(venue, 'push');
    const { data } = await listRecords(world.customers, venue.venueId, {
      filter: { includeDeleted: true },
      page: { limit: 10, after: null },
    });
    await world.customers.remove(venue.venueId, data[0]!.id);
    // This pull reads the customers before the deletion is pushed.
    await world.sync(venue, 'pull');
    await world.sync(venue, 'push');
    await world.sync(venue, 'pull', 'incremental');
    await world.sync(venue, 'pull');
    expect((await all()).filter((one) => one.deleted)).toHaveLength(1);
    expect(await world.stripe.customers()).toHaveLength(1);
  });
});
