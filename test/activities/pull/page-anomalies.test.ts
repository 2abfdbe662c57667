import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FAILURE } from '../../../contracts/failures.ts';
import type { SyncId } from '../../../contracts/ids.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';

type World = Awaited<ReturnType<typeof createSyncWorld>>;

describe('a pull of inconsistent pages', () => {
  let world: World;
  let venue: TestVenue;

  beforeAll(async () => {
    world = await createSyncWorld();
  });
  afterAll(() => world.close());
  beforeEach(async () => {
    await world.stripe.reset();
    venue = await world.aVenue();
    await world.stripe.seed({ resource: 'customers', count: 450 });
  });

  const LISTING = '/v1/customers$';
  const held = async () =>
    [
      ...(await world.database.admin<{ external_id: string }[]>`
    select l.external_id from record_links l join customers c on c.id = l.record_id where l.connection_id = ${venue.connectionId} and c.deleted_at is null order by 1`),
    ].map((row) => row.external_id);
  const atStripe = async () => (await world.stripe.customers()).map(({ id }) => id).sort();
  const anomalies = async (syncId: SyncId) =>
    (await world.logOf(venue, syncId)).filter(({ action }) => action === 'anomaly').map(({ code }) => code);
  const begun = async () => {
    const input = await world.open(venue, 'pull', 'full');
    await world.begin(input);
    return input;
  };

  it('requests a page again that repeats the previous one, logs it once, and stores everything once', async () => {
    await world.stripe.fault({ match: { path: LISTING }, kind: 'page-repeat', times: 2 });
    const run = await world.sync(venue, 'pull');
    expect(run.counts).toMatchObject({ read: 450, created: 450 });
    expect(await held()).toEqual(await atStripe());
    expect(await anomalies(run.syncId)).toEqual(['page-repeats']);
  });

  it('gives up on a looping listing after a few attempts, keeps what it has, and resumes from there', async () => {
    await world.stripe.fault({ match: { path: LISTING }, kind: 'page-repeat' });
    const input = await begun();
    await expect(world.chunk(input)).rejects.toMatchObject({ type: FAILURE.unexpectedResponse });
    const calls = (await world.stripe.calls()).length;
    expect(calls).toBeLessThan(60);
    await world.stripe.clearFaults();
    while ((await world.chunk(input)).status === 'more');
    expect((await world.finish(input)).counts).toMatchObject({ created: 450, archived: 0 });
    expect(await held()).toEqual(await atStripe());
  });

  it('logs a page that is shorter than it claims, continues, and stores everything', async () => {
    await world.stripe.fault({ match: { path: LISTING }, kind: 'page-shrink', times: 2 });
    const run = await world.sync(venue, 'pull');
    expect(run.counts).toMatchObject({ read: 450, created: 450 });
    expect(await held()).toEqual(await atStripe());
    expect(await anomalies(run.syncId)).toEqual(['page-short']);
  });

  it('reads the listing again when it returned fewer records than the provider counts', async () => {
    await world.stripe.fault({ match: { path: LISTING }, kind: 'page-skip', times: 1 });
    const run = await world.sync(venue, 'pull');
    expect(run.counts).toMatchObject({ created: 450, archived: 0 });
    expect(await held()).toEqual(await atStripe());
    expect(await anomalies(run.syncId)).toContain('fewer-than-counted');
  });

  it('reads the listing again also when the count arrives after the listing', async () => {
    await world.stripe.fault({ match: { path: '/v1/customers/search' }, kind: 'slow', delayMs: 1_500 });
    await world.stripe.fault({ match: { path: LISTING }, kind: 'page-skip', times: 1 });
    const run = await world.sync(venue, 'pull');
    expect(await held()).toEqual(await atStripe());
    expect(await anomalies(run.syncId)).toContain('fewer-than-counted');
  });

  it('reads the listing at most twice, and logs each anomaly once', async () => {
    await world.stripe.fault({ match: { path: LISTING }, kind: 'page-skip', times: 1_000 });
    const run = await world.sync(venue, 'pull');
    expect((await anomalies(run.syncId)).filter((code) => code === 'fewer-than-counted')).toHaveLength(1);
    const stored = await held();
    expect(stored.length).toBeGreaterThan(0);
    expect(await atStripe()).toEqual(expect.arrayContaining(stored));
  });

  it('stores everything when the provider cannot count', async () => {
    await world.stripe.fault({ match: { path: '/v1/customers/search' }, kind: 'status', status: 500 });
    const run = await world.sync(venue, 'pull');
    expect(run.counts).toMatchObject({ read: 450, created: 450 });
    expect(await anomalies(run.syncId)).toEqual([]);
  });

  it('counts a page once that is read again after an interruption', async () => {
    await world.stripe.fault({ match: { path: LISTING, nth: 3 }, kind: 'reset', times: 1 });
    const input = await begun();
    await expect(world.chunk(input)).rejects.toMatchObject({ type: FAILURE.unavailable });
    while ((await world.chunk(input)).status === 'more');
    expect((await world.finish(input)).counts).toMatchObject({ read: 450, created: 450 });
    expect(await anomalies(input.syncId)).toEqual([]);
  });

  it('reads only what was created within a window, deletes nothing outside it, and leaves the next pull unaffected', async () => {
    const customers = await world.stripe.customers<{ id: string; created: number }>();
    const [newest, oldest] = [customers[100]!.created, customers[200]!.created];
    const inside = customers
      .filter(({ created }) => created >= oldest && created < newest)
      .map(({ id }) => id)
      .sort();
    await world.sync(venue, 'pull', 'full', { window: { fromEpochS: oldest, toEpochS: newest } });
    expect(await held()).toEqual(inside);
    expect(
      await world.database.admin`select 1 from sync_cursors where connection_id = ${venue.connectionId}`,
    ).toHaveLength(0);

    await world.sync(venue, 'pull');
    const [mark] = await world.database
      .admin`select watermark from sync_cursors where connection_id = ${venue.connectionId}`;
    const again = await world.sync(venue, 'pull', 'full', { window: { fromEpochS: oldest, toEpochS: newest } });
    expect(again.counts).toMatchObject({ read: inside.length, archived: 0, created: 0 });
    expect(await held()).toEqual(await atStripe());
    expect(
      (await world.database.admin`select watermark from sync_cursors where connection_id = ${venue.connectionId}`)[0],
    ).toEqual(mark);
  });
});
