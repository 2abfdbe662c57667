import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../../support/eventually.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';
import { LATER_PAGES_WAIT } from '../../support/sandbox/stripe-account.ts';
import { listRecords } from '../../support/list-records.ts';

type World = Awaited<ReturnType<typeof createSyncWorld>>;

describe('a pull of customers', () => {
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

  const all = async () =>
    (
      await listRecords(world.customers, venue.venueId, {
        filter: { includeDeleted: true },
        page: { limit: 200, after: null },
      })
    ).data;
  const stored = async () =>
    Number(
      (await world.database.admin`select count(*) from customers where venue_id = ${venue.venueId}`)[0]?.['count'],
    );
  const change = (id: string, form: Record<string, string> | null) =>
    fetch(`${world.sandbox.apiUrl}/v1/customers/${id}`, {
      method: form === null ? 'DELETE' : 'POST',
      headers: {
        authorization: `Bearer ${world.sandbox.secretKey}`,
        'content-type': 'application/x-www-form-urlencoded',
      },
      ...(form !== null && { body: new URLSearchParams(form).toString() }),
    });

  it('stores every record exactly once, read by several readers at once', async () => {
    await world.stripe.seed({ resource: 'customers', count: 2_345 });

    const run = await world.sync(venue, 'pull');

    expect(run).toMatchObject({
      outcome: 'completed',
      done: 2_345,
      total: 2_345,
      counts: { read: 2_345, created: 2_345, updated: 0, rejected: 0 },
    });
    expect(await stored()).toBe(2_345);
    // 24 pages would suffice; splitting the listing among readers costs a few partly filled ones.
    expect(run.providerCalls).toBeGreaterThanOrEqual(24);
    expect(run.providerCalls).toBeLessThanOrEqual(32);
  });

  it.each(['pull', 'push'] as const)(
    'returns only its status and numbers to the workflow, whose history others can read (%s)',
    async (direction) => {
      await world.stripe.seed({ resource: 'customers', count: 3 });
      await world.load(venue, 3);
      const input = await world.open(venue, direction, 'full');
      const begun = (await world.begin(input)) as object;
      const chunk = await world.chunk(input);
      const finished = await world.finish(input);
      const numbers = ['counts', 'done', 'providerCalls', 'total'];
      expect(Object.keys(begun).sort()).toEqual([...numbers, 'resumed'].sort());
      expect(Object.keys(chunk).sort()).toEqual([...numbers, 'status'].sort());
      expect(Object.keys(finished).sort()).toEqual([...numbers, 'outcome'].sort());
    },
  );

  it('stores every record when all were created in the same second', async () => {
    const created = Math.floor(Date.now() / 1_000) - 5_000;
    await world.stripe.seed({
      resource: 'customers',
      records: Array.from({ length: 350 }, (_, index) => ({ name: `Remote record ${index}`, created })),
    });

    expect(await world.sync(venue, 'pull')).toMatchObject({ counts: { created: 350 } });
    expect(await stored()).toBe(350);
  });

  it('changes nothing when nothing has changed, and writes nothing back when its records are pushed', async () => {
    await world.stripe.seed({ resource: 'customers', count: 150 });
    await world.sync(venue, 'pull');
    const since = (await world.stripe.calls()).length;

    expect(await world.sync(venue, 'pull')).toMatchObject({
      counts: { read: 150, created: 0, updated: 0, unchanged: 150 },
    });
    expect(await world.sync(venue, 'push')).toMatchObject({ counts: { read: 150, unchanged: 150 }, providerCalls: 0 });
    expect((await world.stripe.calls()).slice(since).filter(({ written }) => written)).toEqual([]);
  });

  it('resumes after the last committed page when interrupted', async () => {
    await world.stripe.seed({ resource: 'customers', count: 1_000 });
    const input = await world.open(venue, 'pull', 'full');
    await world.begin(input);
    await world.stripe.fault({ match: { path: '/v1/customers$', nth: 5 }, kind: 'reset', times: 1 });

    await expect(world.chunk(input)).rejects.toMatchObject({ type: 'ProviderUnavailable' });
    const kept = await stored();
    expect(await world.chunk(input)).toMatchObject({ status: 'done' });

    expect(kept).toBeGreaterThan(0);
    expect(await world.finish(input)).toMatchObject({ done: 1_000, counts: { read: 1_000, created: 1_000 } });
    expect(await stored()).toBe(1_000);
  });

  it('rejects pages of an attempt that a newer one has superseded', async () => {
    await world.stripe.seed({ resource: 'customers', count: 300 });
    const input = await world.open(venue, 'pull', 'full');
    await world.begin(input);
    await world.stripe.limits({ latencyMs: 1_500 });
    const zombie = world.chunk(input);
    zombie.catch(() => undefined);
    const fence = async () =>
      Number((await world.database.admin`select fence from sync_runs where id = ${input.syncId}`)[0]?.['fence']);
    await until(async () => (await fence()) === 1, { limitMs: 20_000, what: 'the first attempt has taken the run' });
    const heir = world.chunk(input);

    await expect(zombie).rejects.toMatchObject({ type: 'Superseded', nonRetryable: true });
    expect(await heir).toMatchObject({ status: 'done' });
    expect(await world.finish(input)).toMatchObject({ counts: { read: 300, created: 300 } });
    await world.stripe.limits({ latencyMs: 0 });
  });

  it('takes changes since the last pull from the change feed: edits, creations, deletions', async () => {
    await world.stripe.seed({ resource: 'customers', count: 120 });
    await world.sync(venue, 'pull');
    const [first, second] = await world.stripe.customers();
    await change(first!.id, { name: 'Renamed' });
    await change(second!.id, null);
    await fetch(`${world.sandbox.apiUrl}/v1/customers`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${world.sandbox.secretKey}`,
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: 'name=Newcomer',
    });
    const listed = (await world.stripe.calls()).length;

    const run = await world.sync(venue, 'pull', 'incremental');

    expect(run.counts).toMatchObject({ updated: 1, created: 1, archived: 1 });
    expect((await world.stripe.calls()).slice(listed).map(({ path }) => path)).toEqual(['/v1/events']);
    const records = await all();
    expect(records.find((record) => record.name === 'Renamed')).toBeDefined();
    expect(records.find((record) => record.name === 'Newcomer')).toBeDefined();
    expect(records.filter((record) => record.deletedAt !== null)).toMatchObject([
      { links: [{ state: 'gone', externalId: second!.id }] },
    ]);
    // The overlap reads the same changes again and finds nothing new.
    expect((await world.sync(venue, 'pull', 'incremental')).counts).toMatchObject({
      updated: 0,
      created: 0,
      archived: 0,
    });
  });

  it('keeps the venue’s own change when the provider has not changed, and logs when it takes the provider’s', async () => {
    await world.stripe.seed({ resource: 'customers', count: 2 });
    await world.sync(venue, 'pull');
    const [mine, contested] = await all();
    for (const record of [mine!, contested!])
      await world.customers.update({ venueId: venue.venueId, id: record.id }, { name: 'Ours' });
    await change(contested!.links[0]!.externalId!, { name: 'Theirs' });

    const run = await world.sync(venue, 'pull', 'incremental');

    expect(run.counts).toMatchObject({ updated: 1, conflicts: 1 });
    expect((await all()).map(({ name }) => name)).toEqual(['Ours', 'Theirs']);
    const log = await world.runs.listLog(venue.venueId, run.syncId, {
      filter: { level: 'warn' },
      page: { limit: 10, after: null },
    });
    expect(log.data).toMatchObject([{ action: 'conflict', code: 'venue-change-overwritten', recordId: contested!.id }]);
  });

  it('links a pushed record to its remote record instead of duplicating it after the link was lost', async () => {
    await world.load(venue, 7);
    await world.sync(venue, 'push');
    await world.database.admin`delete from record_links where venue_id = ${venue.venueId}`;

    expect(await world.sync(venue, 'pull')).toMatchObject({ counts: { created: 0, updated: 7 } });
    expect(await stored()).toBe(7);
  });

  it('is read in parts even while the provider’s own count lags behind', async () => {
    const nowS = Math.floor(Date.now() / 1_000);
    await world.stripe.seed({
      resource: 'customers',
      records: Array.from({ length: 2_000 }, (_, index) => ({ created: nowS - index, name: `Customer ${index}` })),
    });
    const since = Date.now();
    expect(await world.sync(venue, 'pull')).toMatchObject({ counts: { created: 2_000 } });
    const queries = (await world.stripe.calls(since)).map(({ query }) => new URLSearchParams(query));
    expect(new Set(queries.map((query) => query.get('created[lt]'))).size).toBeGreaterThan(4);
  });

  it('stops at its next page on request', async () => {
    await world.stripe.seed({ resource: 'customers', count: 3_000 });
    await world.stripe.fault(LATER_PAGES_WAIT);
    const input = await world.open(venue, 'pull', 'full');
    await world.begin(input);
    const chunk = world.chunk(input);
    await until(async () => ((await world.progress.read(input))?.done ?? 0) > 0, {
      limitMs: 20_000,
      what: 'the first page is stored',
    });
    await world.progress.requestStop(input);

    const stopped = await chunk;

    expect(stopped.status).toBe('stopped');
    expect(await world.finish(input, 'cancelled')).toMatchObject({ outcome: 'cancelled' });
    expect(await stored()).toBe(stopped.done);
    expect(stopped.done).toBeLessThan(3_000);
  });
});
