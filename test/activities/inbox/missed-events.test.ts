import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createEventFeedActivities } from '../../../activities/inbox/compare-events.ts';
import { createConnectionSweepActivities } from '../../../activities/inbox/sweep-connections.ts';
import type { ConnectionSweepDeps } from '../../../activities/inbox/sweep-connections.ts';
import { createSyncSilenceStore } from '../../../db/runs/sync-silence-store.ts';
import { createEventRecordStore } from '../../../db/webhooks/event-record-store.ts';
import type { EventFeedDeps } from '../../../activities/inbox/compare-events.ts';
import type { ComparisonChunk } from '../../../contracts/inbox.ts';
import { createEventFeedStore } from '../../../db/webhooks/event-feed-store.ts';
import { createInboxStore } from '../../../db/webhooks/inbox-store.ts';
import { createTemporalLogger } from '../../../worker/temporal-logger.ts';
import { listRecords } from '../../support/list-records.ts';
import { metricValue } from '../../support/metrics.ts';
import { createEventWorld } from '../../support/worlds/event-world.ts';
import type { EventWorld } from '../../support/worlds/event-world.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';

interface StripeEvent {
  readonly id: string;
  readonly type: string;
}

let world: Awaited<ReturnType<typeof createSyncWorld>>;
let inbox: EventWorld;
let deps: EventFeedDeps & Pick<ConnectionSweepDeps, 'providers'>;
let eventRecords: ReturnType<typeof createEventRecordStore>;
let silences: ReturnType<typeof createSyncSilenceStore>;
let venue: TestVenue;
/** What the activities have asked Temporal for: workflow ids. */
let started: string[];

beforeAll(async () => {
  world = await createSyncWorld();
  inbox = await createEventWorld(world);
  eventRecords = createEventRecordStore(world.database.db, world.deps.kinds);
  silences = createSyncSilenceStore(world.database.db);
  deps = {
    ...world.deps,
    eventFeeds: createEventFeedStore(world.database.db),
    inbox: createInboxStore(world.database.db),
  };
});
afterAll(async () => {
  await inbox.close();
  await world.close();
});
beforeEach(async () => {
  started = [];
  await world.stripe.reset();
  // Comparisons of other tests' connections are none of this one's.
  await world.database.admin`update connections set state = 'disconnected'`;
  await inbox.drain();
  venue = await world.aVenue();
  await world.sync(venue, 'pull');
});
afterEach(() => {
  vi.useRealTimers();
});

/** Lets what has happened be older than an event that may still be on its way. */
const afterAWhile = () => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 300_000 });
};
const stage = () => {
  const note = (_type: string, { workflowId }: { readonly workflowId: string }) => {
    started.push(workflowId);
    return Promise.resolve();
  };
  const withAbortSignal = (_signal: AbortSignal, work: () => unknown) => work();
  const client = { withAbortSignal, workflow: { start: note, signalWithStart: note } };
  return new MockActivityEnvironment({}, { client: client as never, logger: createTemporalLogger(world.deps.log) });
};
const compare = (to = venue, more: Partial<EventFeedDeps> = {}): Promise<ComparisonChunk> =>
  stage().run(createEventFeedActivities({ ...deps, ...more }).compareEvents, { ...to, provider: 'stripe' });
const sweep = () =>
  stage().run(
    createConnectionSweepActivities({ ...deps, eventRecords, silences, staleAfterMs: 21_600_000 }).startComparisons,
  );

/** What the stand-in has told of its objects, oldest first. */
const told = async (): Promise<readonly StripeEvent[]> =>
  (await world.callStripe<{ readonly data: readonly StripeEvent[] }>('GET', 'events?limit=100')).data.toReversed();
const post = async (events: readonly object[], to = venue): Promise<void> => {
  const account = await inbox.accountOf(to);
  for (const event of events) await inbox.post('stripe', { ...event, account });
};
const create = (name: string) => world.callStripe('POST', 'customers', { name });
const change = (id: string, name: string) => world.callStripe('POST', `customers/${id}`, { name });
const names = async ({ venueId } = venue) =>
  (
    await listRecords(world.customers, venueId, {
      filter: { includeDeleted: false },
      page: { limit: 200, after: null },
    })
  ).data
    .map(({ name }) => name)
    .toSorted();
const atStripe = async () =>
  (await world.stripe.customers<{ readonly id: string; readonly name: string }>()).map(({ name }) => name).toSorted();
const origins = async (to = venue) => {
  const { json } = await inbox.api.send('GET', `/v1/venues/${to.venueId}/events?limit=100&origin=feed`);
  return (json.data as unknown as readonly { readonly type: string; readonly origin: string }[]).map(
    ({ type, origin }) => [type, origin],
  );
};
const counted = () => metricValue('interlock_webhook_events_missed_total', { provider: 'stripe' });

describe('a comparison of events with the provider’s list', () => {
  it('fetches the one in twenty that was lost, so that each record is as at the provider, and counts it once', async () => {
    const before = await counted();
    for (let index = 0; index < 20; index += 1) {
      const { id } = await create(`Customer ${index}`);
      await change(id, `Customer ${index}, changed`);
    }
    const events = await told();
    await post(events.filter((_event, index) => index % 20 !== 7));
    await inbox.drain();
    expect(await names()).not.toEqual(await atStripe());
    afterAWhile();
    expect(await compare()).toEqual({ missed: 2, more: false });
    expect(started).toEqual([expect.stringMatching(/^inbox\/\d$/)]);
    expect(await inbox.drain()).toBe(2);
    expect(await names()).toEqual(await atStripe());
    expect(await origins()).toEqual([
      ['customer.updated', 'feed'],
      ['customer.updated', 'feed'],
    ]);
    expect(await counted()).toBe(before + 2);
  });

  it('finds nothing when it is repeated, at once or later', async () => {
    await create('Ada');
    const { id } = await create('Grace');
    await post((await told()).slice(1));
    afterAWhile();
    expect(await compare()).toMatchObject({ missed: 1 });
    expect(await compare()).toMatchObject({ missed: 0 });
    vi.useRealTimers();
    await change(id, 'Grace Hopper');
    afterAWhile();
    expect(await compare()).toMatchObject({ missed: 1 });
    await inbox.drain();
    expect(await names()).toEqual(['Ada', 'Grace Hopper']);
  });

  it('covers every type that changes a record, whichever call lists it', async () => {
    for (const resource of ['products', 'transactions', 'invoices'])
      await world.sync(venue, 'pull', 'full', { resource });
    await create('Ada');
    await post(await told());
    const { id } = await world.callStripe('POST', 'products', { name: 'Tea' });
    await world.callStripe('POST', `products/${id}`, { name: 'Green tea' });
    await world.callStripe('POST', 'payment_intents', { amount: '1099', currency: 'eur' });
    const missing = (await told()).slice(1);
    afterAWhile();
    expect(await compare()).toMatchObject({ missed: missing.length });
    expect((await origins()).map(([type]) => type).toSorted()).toEqual(missing.map(({ type }) => type).toSorted());
    expect(missing.map(({ type }) => type)).toEqual(
      expect.arrayContaining(['product.created', 'product.updated', 'payment_intent.created']),
    );
  });

  it('leaves an event that may still be on its way', async () => {
    await create('Ada');
    expect(await compare()).toMatchObject({ missed: 0 });
    afterAWhile();
    expect(await compare()).toMatchObject({ missed: 1 });
  });

  it('applies once an event that is delivered after it was fetched', async () => {
    await create('Ada');
    const events = await told();
    afterAWhile();
    await compare();
    vi.useRealTimers();
    await post(events);
    expect(await inbox.drain()).toBe(1);
    expect(await inbox.events(venue)).toHaveLength(1);
  });

  it('brings what was lost to every venue of the account, and finds it once', async () => {
    const other = await world.connect((await world.aVenue()).venueId, {
      secretKey: world.sandbox.secretKey,
      id: await inbox.accountOf(venue),
    });
    await world.sync(other, 'pull');
    await create('Ada');
    afterAWhile();
    expect(await compare(other)).toMatchObject({ missed: 1 });
    expect(await compare(venue)).toMatchObject({ missed: 0 });
    await inbox.drain();
    expect([await names(venue), await names(other)]).toEqual([['Ada'], ['Ada']]);
  });

  it('counts as sent to the connection’s own address where it has one, so that it changes no other venue’s records', async () => {
    const other = await world.connect((await world.aVenue()).venueId, {
      secretKey: world.sandbox.secretKey,
      id: await inbox.accountOf(venue),
    });
    await world.sync(other, 'pull');
    await world.database.admin`
      insert into webhook_endpoints (connection_id, venue_id, path_digest)
      values (${venue.connectionId}, ${venue.venueId}, sha256(${venue.connectionId}::text::bytea))`;
    await create('Ada');
    afterAWhile();
    await compare();
    await inbox.drain();
    expect([await names(venue), await names(other)]).toEqual([['Ada'], []]);
  });

  describe('over several pages', () => {
    const AMOUNT = 105;
    const lists = async () =>
      (await world.stripe.calls()).filter(({ path, query }) => path === '/v1/events' && query.includes('created'));
    beforeEach(async () => {
      // More than a second's worth of calls, which a fast machine makes within one.
      await world.stripe.limits({ requestsPerSecond: 0 });
      for (let index = 0; index < AMOUNT; index += 1) await create(`Customer ${index}`);
      afterAWhile();
    });

    it('goes on from the last page after a failure, and counts nothing twice', async () => {
      const before = await counted();
      await world.stripe.fault({ match: { path: '/v1/events', nth: 2 }, kind: 'status', status: 503 });
      await expect(compare()).rejects.toMatchObject({ type: 'ProviderUnavailable' });
      expect(await counted()).toBe(before + 100);
      const read = (await lists()).length;
      expect(await compare()).toEqual({ missed: AMOUNT - 100, more: false });
      expect((await lists())[read]!.query).toContain('starting_after');
      expect(await counted()).toBe(before + AMOUNT);
      await inbox.drain();
      expect(await names()).toEqual(await atStripe());
    });

    it('waits as long as the provider asks when it is throttled', async () => {
      await world.stripe.fault({ match: { path: '/v1/events' }, kind: 'status', status: 429, times: 1, retryAfter: 1 });
      await expect(compare()).rejects.toMatchObject({ type: 'RateLimited', nextRetryDelay: 1_000 });
      expect(await compare()).toEqual({ missed: AMOUNT, more: false });
    });

    it('returns to its workflow at the time limit, and goes on from there', async () => {
      expect(await compare(venue, { chunkMs: 0 })).toEqual({ missed: 0, more: true });
      expect(await compare()).toEqual({ missed: AMOUNT, more: false });
    });

    it('begins again when the provider no longer lists the event at which it stopped', async () => {
      await world.stripe.fault({ match: { path: '/v1/events', nth: 2 }, kind: 'status', status: 503 });
      await expect(compare()).rejects.toMatchObject({ type: 'ProviderUnavailable' });
      await world.database.admin`
        update event_feeds set open = jsonb_set(open, '{after,after}', '"evt_gone"') where connection_id = ${venue.connectionId}`;
      expect(await compare()).toEqual({ missed: AMOUNT - 100, more: false });
    });

    it('stores nothing when another attempt has gone on with it', async () => {
      const open = await deps.eventFeeds.begin(venue, { nowMs: Date.now(), reachMs: 86_400_000 });
      await compare();
      const account = {
        provider: 'stripe',
        environment: 'sandbox',
        externalAccountId: await inbox.accountOf(venue),
      } as const;
      const page = { account, partition: 0, events: [{ eventKey: 'evt_late', type: 'x', body: '{}' }], after: null };
      await expect(deps.eventFeeds.commitPage(venue, open!, page)).rejects.toThrow('another attempt');
      expect(await world.database.admin`select from webhook_events where event_key = 'evt_late'`).toHaveLength(0);
    });
  });

  it('is started for a connection whose provider has delivered an event, and again after a while', async () => {
    await create('Ada');
    expect(await sweep()).toEqual({ started: 0 });
    await post(await told());
    expect(await sweep()).toEqual({ started: 1 });
    expect(started).toEqual([`repair-gaps/${venue.connectionId}`]);
    await compare();
    expect(await sweep()).toEqual({ started: 0 });
    await world.database.admin`update event_feeds set compared_at = now() - interval '16 minutes'`;
    expect(await sweep()).toEqual({ started: 1 });
  });

  it('is started for a connection that is degraded, which still works', async () => {
    await create('Ada');
    await post(await told());
    await world.database.admin`update connections set state = 'degraded' where id = ${venue.connectionId}`;
    expect(await sweep()).toEqual({ started: 1 });
  });

  it.each(['suspended', 'needs-reauth', 'disconnected'])(
    'is not started for a connection that is %s',
    async (state) => {
      await create('Ada');
      await post(await told());
      await world.database.admin`update connections set state = ${state} where id = ${venue.connectionId}`;
      expect(await sweep()).toEqual({ started: 0 });
    },
  );
});
