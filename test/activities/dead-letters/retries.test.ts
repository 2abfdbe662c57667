import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createRetryStore } from '../../../db/dead-letters/retry-store.ts';
import type { RetryStore } from '../../../db/dead-letters/retry-store.ts';
import type { OpenScheduledRunResult } from '../../../contracts/sync.ts';
import type { Direction } from '../../../contracts/providers.ts';
import { createScheduleStore } from '../../../db/runs/schedule-store.ts';
import { createSchedulingActivities } from '../../../activities/sync/schedules.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';
import { aCustomer, createSyncWorld } from '../../support/worlds/sync-world.ts';
import { objectsOf } from '../../support/sandbox/answer-editing-proxy.ts';

type World = Awaited<ReturnType<typeof createSyncWorld>>;

let world: World;
let venue: TestVenue;
let retries: RetryStore;

beforeAll(async () => {
  world = await createSyncWorld({ withProxy: true });
  retries = createRetryStore(world.database.db);
});
afterAll(() => world.close());
beforeEach(async () => {
  world.proxy.edit(null);
  await world.stripe.reset();
  await world.stripe.limits({ requestsPerSecond: 0 });
  venue = await world.aVenue();
});

interface Letter {
  readonly state: string;
  readonly attempts: number;
  readonly code: string;
}
const letters = () =>
  world.database.admin<Letter[]>`
    select state, attempts, code from dead_letters where venue_id = ${venue.venueId} order by external_id, source_key`;
/** As the API does. */
const markAll = () =>
  world.database.admin`
    update dead_letters set state = 'retrying', retried_at = now() where venue_id = ${venue.venueId} and state = 'open'`;
const retry = (direction: Direction) => world.sync(venue, direction, 'incremental', { deadLettersOnly: true });
const writes = async () => (await world.stripe.calls()).filter(({ method }) => method === 'POST');

const spoil = (...names: string[]) => {
  world.proxy.edit((answer) => {
    for (const object of objectsOf(answer))
      if (names.includes(String(object['name']))) object['phone'] = { number: 'unreadable' };
  });
};
const seed = (count: number) =>
  world.stripe.seed({
    resource: 'customers',
    records: Array.from({ length: count }, (_, index) => ({ name: `Customer ${index}` })),
  });
const load = (index: number, email: string) =>
  world.customers.upsertMany(venue.venueId, [{ ...aCustomer(index), email }]);
const REFUSED = 'not-an-address';

describe('a push of dead letters', () => {
  it('writes the mended record that is to be retried, and no other that waits for a push', async () => {
    await load(0, REFUSED);
    await load(1, REFUSED);
    await world.sync(venue, 'push', 'incremental');
    await load(0, 'mended@example.com');
    await load(1, 'also-mended@example.com');
    await load(2, 'new@example.com');
    await world.database.admin`
      update dead_letters set state = 'retrying', retried_at = now()
      where record_id = (select id from customers where venue_id = ${venue.venueId} and source_id = 'c-0')`;
    const run = await retry('push');
    expect(run).toMatchObject({ outcome: 'completed', total: 1, counts: { created: 1, rejected: 0 } });
    expect((await letters()).map(({ state }) => state).sort()).toEqual(['open', 'resolved']);
    expect(await world.stripe.customers()).toHaveLength(1);
  });

  it('keeps one entry for a record that the provider refuses again, with one more attempt', async () => {
    await load(0, REFUSED);
    await world.sync(venue, 'push', 'incremental');
    await markAll();
    expect(await retry('push')).toMatchObject({ outcome: 'completed-with-rejections', counts: { rejected: 1 } });
    expect(await letters()).toMatchObject([{ state: 'open', attempts: 2 }]);
  });

  it('leaves how far pulls have come as it is, and takes over no plan of a dry run', async () => {
    await load(0, REFUSED);
    await world.sync(venue, 'push', 'incremental');
    await world.sync(venue, 'push', 'incremental', { dryRun: true });
    await markAll();
    const { syncId } = await retry('push');
    const [run] = await world.database.admin`select plan_id, dead_letters_only from sync_runs where id = ${syncId}`;
    expect(run).toEqual({ plan_id: null, dead_letters_only: true });
  });

  it('does nothing to a record that a run of the same sync has written meanwhile', async () => {
    await load(0, REFUSED);
    await world.sync(venue, 'push', 'incremental');
    await load(0, 'mended@example.com');
    await markAll();
    await world.sync(venue, 'push', 'incremental');
    expect(await letters()).toMatchObject([{ state: 'resolved' }]);
    const before = (await writes()).length;
    expect(await retry('push')).toMatchObject({ outcome: 'completed', done: 0 });
    expect(await writes()).toHaveLength(before);
  });
});

describe('a pull of dead letters', () => {
  it('looks up only the objects that are to be retried, and stores those that can be read now', async () => {
    await seed(30);
    spoil('Customer 3', 'Customer 4');
    await world.sync(venue, 'pull', 'full');
    expect(await letters()).toHaveLength(2);
    spoil('Customer 4');
    await markAll();
    const since = Date.now();
    const run = await retry('pull');
    expect(run).toMatchObject({ outcome: 'completed-with-rejections', counts: { read: 2, created: 1, rejected: 1 } });
    const [stored] = await world.database.admin<{ count: number }[]>`
      select count(*)::int as count from customers where venue_id = ${venue.venueId}`;
    expect(stored).toEqual({ count: 29 });
    expect((await letters()).map(({ state, attempts }) => `${state} ${attempts}`).sort()).toEqual([
      'open 2',
      'resolved 1',
    ]);
    const paths = (await world.stripe.calls()).filter(({ at }) => at >= since).map(({ path }) => path);
    expect(paths.filter((path) => !path.startsWith('/v1/customers/'))).toEqual([]);
    expect(paths.length).toBeLessThanOrEqual(4);
  });

  it('moves no watermark: what changed meanwhile is read by the next pull', async () => {
    await seed(3);
    spoil('Customer 1');
    await world.sync(venue, 'pull', 'full');
    const cursors = () => world.database.admin`select * from sync_cursors where venue_id = ${venue.venueId}`;
    const before = await cursors();
    world.proxy.edit(null);
    await markAll();
    await retry('pull');
    expect(await cursors()).toEqual(before);
  });

  it('asks nobody for approval when objects that were never stored are gone, and settles them', async () => {
    await seed(40);
    spoil(...Array.from({ length: 40 }, (_, index) => `Customer ${index}`));
    await world.sync(venue, 'pull', 'full');
    expect(await letters()).toHaveLength(40);
    for (const { id } of await world.stripe.customers()) await world.callStripe('DELETE', `customers/${id}`);
    await markAll();
    const { asOf, syncs } = await retries.listSyncs(venue.venueId);
    const run = await retry('pull');
    expect(run).toMatchObject({ outcome: 'completed', counts: { archived: 0, rejected: 0 } });
    await retries.end(syncs[0]!, { asOf, completed: true });
    expect(new Set((await letters()).map(({ state }) => state))).toEqual(new Set(['resolved']));
  });
});

describe('the end of a retry', () => {
  it('opens what a failed run has not touched, and nothing that was asked for later', async () => {
    await load(0, REFUSED);
    await load(1, REFUSED);
    await world.sync(venue, 'push', 'incremental');
    await markAll();
    const { syncs, asOf } = await retries.listSyncs(venue.venueId);
    expect(syncs).toEqual([{ ...venue, provider: 'stripe', resource: 'customers', direction: 'push' }]);
    await world.database.admin`
      update dead_letters set retried_at = now() + interval '1 minute' where id = (select id from dead_letters where venue_id = ${venue.venueId} limit 1)`;
    await retries.end(syncs[0]!, { asOf: new Date(asOf.getTime() + 1), completed: false });
    expect((await letters()).map(({ state }) => state).sort()).toEqual(['open', 'retrying']);
    await retries.cancel(venue.venueId);
    expect((await letters()).map(({ state }) => state)).toEqual(['open', 'open']);
  });

  it('of one venue leaves the entries of another', async () => {
    await load(0, REFUSED);
    await world.sync(venue, 'push', 'incremental');
    await markAll();
    const other = await world.aVenue();
    expect((await retries.listSyncs(other.venueId)).syncs).toEqual([]);
    await retries.cancel(other.venueId);
    expect(await letters()).toMatchObject([{ state: 'retrying' }]);
  });
});

describe('the run of a retry', () => {
  it('waits while another run of the same sync is open, and is none that a schedule takes for its own', async () => {
    const scheduling = createSchedulingActivities({
      connections: world.connections,
      runs: world.runs,
      schedules: createScheduleStore(world.database.db),
    });
    const key = {
      ...venue,
      provider: 'stripe',
      resource: 'customers',
      direction: 'push',
      providerName: 'Stripe',
    } as const;
    const open = (more: object): Promise<OpenScheduledRunResult> =>
      world.aStage().run(scheduling.openScheduledRun, { ...key, ...more });
    const input = await world.open(venue, 'push', 'incremental');
    expect(await open({ deadLettersOnly: true })).toEqual({ run: null, skipped: 'already-running' });
    await world.begin(input);
    await world.chunk(input);
    await world.finish(input);
    const opened = await open({ deadLettersOnly: true });
    expect(opened.run).toMatchObject({ deadLettersOnly: true, mode: 'incremental' });
    expect(await open({})).toEqual({ run: null, skipped: 'already-running' });
  });
});

describe('the sweep', () => {
  const mayClear = () => retries.markCleared(100);

  it('retries what failed before its connection was given access again, and nothing that failed since', async () => {
    await load(0, REFUSED);
    await world.sync(venue, 'push', 'incremental');
    await mayClear();
    expect(await letters()).toMatchObject([{ state: 'open' }]);
    await world.database
      .admin`update connections set state_since = now() + interval '1 second' where id = ${venue.connectionId}`;
    expect(await mayClear()).toBeGreaterThanOrEqual(1);
    expect(await letters()).toMatchObject([{ state: 'retrying' }]);
    expect(await retries.listVenues(1_000)).toContain(venue.venueId);
  });

  it('leaves entries of a connection without access, and those that have failed twenty times', async () => {
    await load(0, REFUSED);
    await world.sync(venue, 'push', 'incremental');
    const change = (state: string) =>
      world.database
        .admin`update connections set state = ${state}, state_since = now() + interval '1 second' where id = ${venue.connectionId}`;
    await change('needs-reauth');
    await mayClear();
    expect(await letters()).toMatchObject([{ state: 'open' }]);
    await change('active');
    await world.database.admin`update dead_letters set attempts = 20 where venue_id = ${venue.venueId}`;
    await mayClear();
    expect(await letters()).toMatchObject([{ state: 'open' }]);
  });

  it('retries what a failing provider could not answer, once its circuit is closed', async () => {
    await load(0, REFUSED);
    await world.sync(venue, 'push', 'incremental');
    await world.database.admin`
      update dead_letters set code = 'provider-keeps-failing', last_failed_at = now() - interval '1 hour' where venue_id = ${venue.venueId}`;
    await world.database
      .admin`update connections set state_since = now() - interval '1 day' where id = ${venue.connectionId}`;
    await world.database
      .admin`insert into provider_circuits (key, failures, opened_at, retry_at) values ('stripe/sandbox/*', 5, now(), now() + interval '1 minute')`;
    await mayClear();
    expect(await letters()).toMatchObject([{ state: 'open' }]);
    await world.database.admin`delete from provider_circuits`;
    await mayClear();
    expect(await letters()).toMatchObject([{ state: 'retrying' }]);
  });

  it('counts what is unsettled by source and state, with the age of the oldest', async () => {
    await load(0, REFUSED);
    await world.sync(venue, 'push', 'incremental');
    await world.database
      .admin`update dead_letters set first_failed_at = now() - interval '1 hour' where venue_id = ${venue.venueId}`;
    const counted = await retries.countUnsettled();
    const open = counted.find(({ source, state }) => source === 'record' && state === 'open');
    expect(open?.count).toBeGreaterThanOrEqual(1);
    expect(open?.oldestSeconds).toBeGreaterThanOrEqual(3_600);
  });
});
