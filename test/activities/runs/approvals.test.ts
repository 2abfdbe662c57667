import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createSyncChunkActivities } from '../../../activities/sync/sync-chunk.ts';
import { FAILURE } from '../../../contracts/failures.ts';
import type { RecordId } from '../../../contracts/ids.ts';
import type { SyncConnectionInput } from '../../../contracts/sync.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';

type World = Awaited<ReturnType<typeof createSyncWorld>>;

/** A person approves the records that a run has counted. These tests then change what there is to archive. */
describe('an approval', () => {
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

  const sources = (from: number, count: number) => Array.from({ length: count }, (_, index) => `c-${from + index}`);
  const remove = async (sourceIds: readonly string[]) => {
    const rows = await world.database.admin<
      { id: RecordId }[]
    >`select id from customers where venue_id = ${venue.venueId} and source_id in ${world.database.admin(sourceIds)}`;
    for (const { id } of rows) await world.customers.remove(venue.venueId, id);
  };
  const row = async ({ syncId }: SyncConnectionInput) =>
    (await world.database.admin`select * from sync_runs where id = ${syncId}`)[0]!;
  const atStripe = async () => (await world.stripe.customers()).length;

  /**
   * An approved push of 100 customers, of which 45 were deleted, that was interrupted after deleting `deleted` of them.
   */
  async function approvedAndBrokenOff(deleted: number): Promise<SyncConnectionInput> {
    await world.load(venue, 100);
    await world.sync(venue, 'push');
    await remove(sources(0, 45));
    const input = await world.open(venue, 'push', 'full');
    await world.begin(input);
    expect(await world.chunk(input)).toMatchObject({ status: 'needs-approval', awaiting: { archiving: 45, of: 100 } });
    await world.progress.approve(input, 'a-person');
    await world.stripe.fault({ match: { method: 'DELETE', nth: deleted + 1 }, times: 1_000, kind: 'reset' });
    await expect(world.chunk(input)).rejects.toMatchObject({ type: FAILURE.unavailable });
    await world.stripe.clearFaults();
    return input;
  }
  /** Does what `retry` does. */
  const retried = async (input: SyncConnectionInput) => {
    await world.finish(input, 'failed');
    await world.runs.reopen(input.venueId, input.syncId);
    await world.begin(input);
  };

  describe.each([
    ['retried', retried],
    ['reset in Temporal', (input: SyncConnectionInput) => world.begin(input)],
    ['resumed after a failure', () => Promise.resolve()],
  ])('of a push that is %s', (_how, resume) => {
    it('does not cover records deleted after it', async () => {
      const input = await approvedAndBrokenOff(10);
      await remove(sources(60, 1));
      await resume(input);
      const before = await atStripe();
      const left = 46 - (100 - before);

      expect(await world.chunk(input)).toMatchObject({ status: 'needs-approval', awaiting: { archiving: left } });
      expect(await atStripe()).toBe(before);
      expect(await row(input)).toMatchObject({
        phase: 'awaiting-approval',
        awaiting: { archiving: left },
        approved_at: null,
        approved_by: null,
      });

      await world.progress.approve(input, 'another-person');
      expect(await world.chunk(input)).toMatchObject({ status: 'done', counts: { archived: 46 } });
      expect(await row(input)).toMatchObject({ approved_by: 'another-person' });
      expect(await atStripe()).toBe(54);
    });

    it('does not cover the same number of other records', async () => {
      const input = await approvedAndBrokenOff(0);
      await world.load(venue, 45);
      await remove(sources(50, 45));
      await resume(input);
      const before = await atStripe();
      expect(await world.chunk(input)).toMatchObject({ status: 'needs-approval', awaiting: { archiving: 45 } });
      expect(await atStripe()).toBe(before);
    });

    it('covers the remaining approved records', async () => {
      const input = await approvedAndBrokenOff(10);
      await resume(input);
      expect(await world.chunk(input)).toMatchObject({ status: 'done', counts: { archived: 45 } });
      expect(await atStripe()).toBe(55);
    });
  });

  it('of a push covers fewer records than approved', async () => {
    const input = await approvedAndBrokenOff(0);
    await world.load(venue, 5);
    await retried(input);
    expect(await world.chunk(input)).toMatchObject({ status: 'done', counts: { archived: 40 } });
  });

  it('of a push, stored by an earlier version without a count, has to be given again', async () => {
    const input = await approvedAndBrokenOff(0);
    await world.database.admin`update sync_runs set approved = null where id = ${input.syncId}`;
    expect(await world.chunk(input)).toMatchObject({ status: 'needs-approval', awaiting: { archiving: 45 } });
  });

  it('of a pull does not cover records found missing after it', async () => {
    await world.stripe.seed({ resource: 'customers', count: 100 });
    await world.sync(venue, 'pull');
    const ids = (await world.stripe.customers()).map(({ id }) => id);
    await Promise.all(ids.slice(0, 45).map((id) => world.callStripe('DELETE', `customers/${id}`)));
    const input = await world.open(venue, 'pull', 'incremental');
    await world.begin(input);
    expect(await world.chunk(input)).toMatchObject({ status: 'needs-approval', awaiting: { archiving: 45, of: 100 } });
    await world.progress.approve(input, 'a-person');
    await world.database.admin`
      insert into sync_missing (sync_id, external_id, venue_id, record_id, reason, version)
      select ${input.syncId}, external_id, venue_id, record_id, 'told', (extract(epoch from now()) * 1000)::bigint from record_links where connection_id = ${venue.connectionId} and external_id = ${ids[60]!}`;

    await retried(input);
    expect(await world.chunk(input)).toMatchObject({ status: 'needs-approval', awaiting: { archiving: 46, of: 100 } });
    expect(await row(input)).toMatchObject({ archived_count: '0' });
    await world.progress.approve(input, 'another-person');
    expect(await world.chunk(input)).toMatchObject({ status: 'done', counts: { archived: 46 } });
  });

  it('is not needed for deletions during the push, which the next count covers', async () => {
    await world.load(venue, 1_100);
    await world.sync(venue, 'push');
    await remove(sources(0, 1));
    const input = await world.open(venue, 'push', 'full');
    await world.begin(input);
    let pages = 0;
    const chunks = createSyncChunkActivities({
      ...world.deps,
      pushes: {
        ...world.pushes,
        readPage: async (scope, query) => {
          if ((pages += 1) === 2) await remove(sources(1_050, 40));
          return world.pushes.readPage(scope, query);
        },
      },
    });
    expect(await world.aStage().run(chunks.syncChunk, input)).toMatchObject({
      status: 'done',
      counts: { archived: 1 },
    });
    await world.finish(input);
    expect(await atStripe()).toBe(1_099);
    expect((await world.sync(venue, 'push', 'incremental')).counts).toMatchObject({ archived: 40 });
  });
});
