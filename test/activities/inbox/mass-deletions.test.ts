import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createConnectionSweepActivities } from '../../../activities/inbox/sweep-connections.ts';
import { createEventFeedStore } from '../../../db/webhooks/event-feed-store.ts';
import { createSyncSilenceStore } from '../../../db/runs/sync-silence-store.ts';
import { createEventRecordStore } from '../../../db/webhooks/event-record-store.ts';
import { createTemporalLogger } from '../../../worker/temporal-logger.ts';
import { createEventWorld } from '../../support/worlds/event-world.ts';
import type { EventWorld } from '../../support/worlds/event-world.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';

let world: Awaited<ReturnType<typeof createSyncWorld>>;
let inbox: EventWorld;
let venue: TestVenue;
let started: { readonly workflowId: string; readonly args: readonly object[] }[];

beforeAll(async () => {
  world = await createSyncWorld();
  inbox = await createEventWorld(world);
});
afterAll(async () => {
  await inbox.close();
  await world.close();
});
beforeEach(async () => {
  started = [];
  await world.stripe.reset();
  await world.stripe.limits({ requestsPerSecond: 0 });
  await world.database.admin`update connections set state = 'disconnected'`;
  venue = await world.aVenue();
});

const seeded = async (count: number): Promise<readonly string[]> => {
  await world.stripe.seed({ resource: 'customers', count });
  await world.sync(venue, 'pull');
  return (await world.stripe.customers()).map(({ id }) => id);
};
/** Deletes customers at Stripe. Its events are posted as it would send them, newest first. */
async function deleteAtStripe(ids: readonly string[], change: object = {}): Promise<void> {
  for (const id of ids) await world.callStripe('DELETE', `customers/${id}`);
  const whose = await inbox.accountOf(venue);
  let after = '';
  for (let posted = 0; posted < ids.length;) {
    const { data } = await world.callStripe<{
      readonly data: readonly { readonly id: string; readonly type: string }[];
    }>('GET', `events?type=customer.deleted&limit=100${after}`);
    await Promise.all(
      data.slice(0, ids.length - posted).map((event) => inbox.post('stripe', { ...event, ...change, account: whose })),
    );
    posted += data.length;
    after = `&starting_after=${data.at(-1)!.id}`;
  }
}
const alive = async (of = venue) =>
  (await world.database.admin`select from customers where venue_id = ${of.venueId} and deleted_at is null`).length;
const effects = async () => [
  ...(await world.database.admin`
    select kind, reason, count(*)::int as count from webhook_event_effects where connection_id = ${venue.connectionId}
    group by kind, reason order by kind`),
];
/** What the sweep asks Temporal for. */
const sweep = () => {
  const withAbortSignal = (_signal: AbortSignal, work: () => unknown) => work();
  const start = (_type: string, options: (typeof started)[number]) => Promise.resolve(void started.push(options));
  const client = { withAbortSignal, workflow: { start } } as never;
  const { db } = world.database;
  const deps = {
    ...world.deps,
    eventFeeds: createEventFeedStore(db),
    eventRecords: createEventRecordStore(db, world.deps.kinds),
    silences: createSyncSilenceStore(db),
    staleAfterMs: 21_600_000,
  };
  return new MockActivityEnvironment({}, { client, logger: createTemporalLogger(world.deps.log) }).run(
    createConnectionSweepActivities(deps).startHeldDeletions,
  );
};

describe('many deletions by events', () => {
  it('wait, and are read by a full run that waits for a person, and then carried out', async () => {
    const ids = await seeded(600);
    await deleteAtStripe(ids.slice(0, 500));
    expect(await inbox.drain()).toBe(500);
    expect(await alive()).toBe(600);
    expect(await effects()).toEqual([{ kind: 'skipped', reason: 'many-deletions', count: 500 }]);

    // A degraded connection still works.
    await world.database.admin`update connections set state = 'degraded' where id = ${venue.connectionId}`;
    expect(await sweep()).toEqual({ started: 1 });
    expect(started).toMatchObject([
      {
        workflowId: `held-deletions/${venue.connectionId}/customers`,
        args: [{ ...venue, provider: 'stripe', resource: 'customers', direction: 'pull', fullEveryMs: 0 }],
      },
    ]);
    const input = await world.open(venue, 'pull', 'full');
    await world.begin(input);
    expect(await world.chunk(input)).toMatchObject({
      status: 'needs-approval',
      awaiting: { archiving: 500, of: 600, archived: 0 },
    });
    // The run that is on answers for what was held before it.
    expect(await sweep()).toEqual({ started: 0 });
    await world.progress.approve(input, 'a-person');
    expect(await world.chunk(input)).toMatchObject({ status: 'done' });
    await world.finish(input);
    expect(await alive()).toBe(100);
    expect(await sweep()).toEqual({ started: 0 });
  }, 120_000);

  it('are carried out at once as long as they are few, however large the share, and none after that', async () => {
    const ids = await seeded(30);
    for (const id of ids.slice(0, 20)) {
      await deleteAtStripe([id]);
      await inbox.drain();
    }
    expect(await alive()).toBe(10);
    await deleteAtStripe([ids[20]!]);
    await inbox.drain();
    expect(await alive()).toBe(10);
    // An hour later they are counted anew.
    await world.database.admin`update webhook_event_effects set at = at - interval '61 minutes'`;
    await deleteAtStripe([ids[21]!]);
    await inbox.drain();
    expect(await alive()).toBe(9);
  });

  it('are carried out at once as long as they are a small share of all', async () => {
    const ids = await seeded(300);
    await deleteAtStripe(ids.slice(0, 30));
    await inbox.drain();
    expect(await alive()).toBe(270);
  });

  it('wait also when each object has to be looked up', async () => {
    const ids = await seeded(40);
    await deleteAtStripe(ids.slice(0, 25), { type: 'customer.updated', api_version: '2020-08-27' });
    await inbox.drain();
    expect(await alive()).toBe(40);
    expect(await effects()).toEqual([{ kind: 'skipped', reason: 'many-deletions', count: 25 }]);
  });

  it('do not count for what has no record', async () => {
    const ids = await seeded(30);
    const others: string[] = [];
    for (let index = 0; index < 25; index += 1)
      others.push((await world.callStripe('POST', 'customers', { name: 'x' })).id);
    await deleteAtStripe([...others, ids[0]!]);
    await inbox.drain();
    expect(await alive()).toBe(29);
  });

  it('of one connection hold up no other of the account', async () => {
    const ids = await seeded(40);
    const other = await world.connect((await world.aVenue()).venueId, {
      secretKey: world.sandbox.secretKey,
      id: await inbox.accountOf(venue),
    });
    await world.sync(other, 'pull');
    // It knows two of them.
    await world.database.admin`
      delete from record_links where connection_id = ${other.connectionId} and external_id not in (${ids[0]!}, ${ids[1]!})`;
    await deleteAtStripe(ids.slice(0, 25));
    await inbox.drain();
    expect(await alive()).toBe(40);
    expect(await alive(other)).toBe(38);
  });

  it('are left to the run that a person has cancelled, and to nothing that began before them', async () => {
    const ids = await seeded(30);
    const before = await world.open(venue, 'pull', 'incremental');
    await world.begin(before);
    await deleteAtStripe(ids.slice(0, 25));
    await inbox.drain();
    expect(await sweep()).toEqual({ started: 1 });
    await world.finish(before, 'cancelled');
    expect(await sweep()).toEqual({ started: 1 });
    const asked = await world.open(venue, 'pull', 'full');
    await world.begin(asked);
    await world.finish(asked, 'cancelled');
    expect(await sweep()).toEqual({ started: 0 });
  });
});
