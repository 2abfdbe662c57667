import type { Client } from '@temporalio/client';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createInboxActivities } from '../../../activities/inbox/drain-inbox.ts';
import type { SweepInboxResult } from '../../../contracts/inbox.ts';
import { createConnectionActionsStore } from '../../../db/connections/connection-actions-store.ts';
import type { ConnectionActionsStore } from '../../../db/connections/connection-actions-store.ts';
import { createInboxStore } from '../../../db/webhooks/inbox-store.ts';
import type { InboxStore } from '../../../db/webhooks/inbox-store.ts';
import { Secret } from '../../../vault/secret.ts';
import { createSealer } from '../../../vault/sealer.ts';
import { applyingDeps } from '../../support/inbox.ts';
import { listRecords } from '../../support/list-records.ts';
import { createEventWorld } from '../../support/worlds/event-world.ts';
import type { EventWorld } from '../../support/worlds/event-world.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';

interface StripeEvent {
  readonly id: string;
  readonly type: string;
}

/** A version whose events are not trusted: their objects are read again. */
const OLD_VERSION = '2014-12-22';
const WHY = { cause: 'A test', nextAction: 'Nothing' };

let world: Awaited<ReturnType<typeof createSyncWorld>>;
let inbox: EventWorld;
let store: InboxStore;
let actions: ConnectionActionsStore;
let venue: TestVenue;

beforeAll(async () => {
  world = await createSyncWorld();
  inbox = await createEventWorld(world);
  store = createInboxStore(world.database.eventDb);
  actions = createConnectionActionsStore(world.database.db);
});
afterAll(async () => {
  await inbox.close();
  await world.close();
});
beforeEach(async () => {
  await world.database.admin`truncate webhook_events cascade`;
  await world.stripe.reset();
  venue = await world.aVenue();
  await world.sync(venue, 'pull');
});

const told = async (): Promise<readonly StripeEvent[]> =>
  (await world.callStripe<{ readonly data: readonly StripeEvent[] }>('GET', 'events?limit=100')).data.toReversed();
const newest = async () => (await told()).at(-1)!;
const post = async (event: object, to = venue): Promise<void> =>
  inbox.post('stripe', { ...event, account: await inbox.accountOf(to) });
const create = (name: string) => world.callStripe('POST', 'customers', { name });
const change = (id: string, name: string) => world.callStripe('POST', `customers/${id}`, { name });
let offsetMs = 0;
/** Lets the next change happen in a later second of Stripe's. */
const later = () => world.stripe.clock((offsetMs += 2_000));

const names = async ({ venueId } = venue) =>
  (
    await listRecords(world.customers, venueId, { filter: { includeDeleted: false }, page: { limit: 50, after: null } })
  ).data
    .map(({ name }) => name)
    .sort();
const effects = async (of = venue) =>
  (await inbox.events(of)).map((event) => [
    event.state,
    ...event.effects.map(({ kind, reason }) => (reason === null ? kind : `${kind}: ${reason}`)).sort(),
  ]);

const suspend = (whose = venue) => actions.suspend(whose, WHY);
const resume = (whose = venue) => actions.resume(whose);
const refuse = () => world.connections.markNeedsReauth(venue, 1, WHY);
/** The account's owner enters a key anew. */
async function consent(): Promise<void> {
  const key = new Secret(world.sandbox.secretKey);
  const sealedKey = await createSealer(world.keyring).seal(key, { ...venue, purpose: 'provider-api-key' });
  const account = { id: await inbox.accountOf(venue), name: 'An account' };
  await world.connections.saveWithApiKey({
    ...{ ...venue, provider: 'stripe', environment: 'sandbox', account, scopes: [], sealedKey },
  });
}

/** What the Schedule starts every minute. Returns the partitions whose drainers it wakes. */
async function sweep(): Promise<readonly number[]> {
  const client = {
    workflow: { signalWithStart: () => Promise.resolve() },
    withAbortSignal: (_signal: AbortSignal, run: () => Promise<unknown>) => run(),
  } as unknown as Client;
  const log = { info: () => undefined, warn: () => undefined };
  const own = { ...world.deps, log, signalRevoked: () => Promise.resolve() };
  const activities = createInboxActivities({ ...applyingDeps(world.database, own), chunkMs: 1_000 });
  const stage = new MockActivityEnvironment({}, { client });
  const swept: SweepInboxResult = await stage.run(activities.wakeOverduePartitions);
  return swept.woken;
}
/** Returns how many events were handled again. */
async function comeBack(): Promise<number> {
  await sweep();
  return inbox.drain();
}

describe('an event of a connection that cannot be used', () => {
  it('changes the record by itself once a suspended connection is resumed', async () => {
    const { id } = await create('Ada');
    await post(await newest());
    await inbox.drain();
    await suspend();
    await later();
    await change(id, 'Ada Lovelace');
    await post(await newest());
    await inbox.drain();
    expect(await comeBack()).toBe(0);
    expect(await names()).toEqual(['Ada']);
    expect(await effects()).toEqual([
      ['applied', 'created'],
      ['applied', 'skipped: suspended'],
    ]);
    await resume();
    expect(await sweep()).toHaveLength(1);
    expect(await inbox.drain()).toBe(1);
    expect(await names()).toEqual(['Ada Lovelace']);
    expect(await effects()).toEqual([
      ['applied', 'created'],
      ['applied', 'updated'],
    ]);
    expect(await sweep()).toEqual([]);
  });

  it('changes the record by itself once its owner has consented anew', async () => {
    await refuse();
    await create('Ada');
    await post(await newest());
    await inbox.drain();
    expect(await effects()).toEqual([['applied', 'skipped: needs-reauth']]);
    expect(await comeBack()).toBe(0);
    await consent();
    expect(await comeBack()).toBe(1);
    expect(await names()).toEqual(['Ada']);
    expect(await effects()).toEqual([['applied', 'created']]);
    expect(await comeBack()).toBe(0);
  });

  it('is made up for when it arrives before the suspension and is handled during it', async () => {
    await create('Ada');
    await post(await newest());
    await suspend();
    await inbox.drain();
    await resume();
    await comeBack();
    expect(await names()).toEqual(['Ada']);
  });

  it('is made up for when the provider refuses the key with which its object is read', async () => {
    const { id: externalId } = await create('Ada');
    await world.stripe.fault({
      match: { method: 'GET', path: `/v1/customers/${externalId}` },
      ...{ kind: 'status', status: 401, times: 1_000 },
    });
    await post({ ...(await newest()), api_version: OLD_VERSION });
    await inbox.drain();
    const [event] = await inbox.events(venue);
    expect(event).toMatchObject({ state: 'retrying', errorCode: 'needs-reauth' });
    expect(await world.connections.find(venue)).toMatchObject({ state: 'needs-reauth' });
    await inbox.process(event!.id);
    expect(await effects()).toEqual([['applied', 'skipped: needs-reauth']]);
    await world.stripe.clearFaults();
    await consent();
    await comeBack();
    expect(await names()).toEqual(['Ada']);
  });

  it('is missed again by a second suspension, and made up for after it', async () => {
    await suspend();
    await create('Ada');
    await post(await newest());
    await inbox.drain();
    await resume();
    await sweep();
    await suspend();
    expect(await inbox.drain()).toBe(1);
    expect(await names()).toEqual([]);
    await create('Grace');
    await post(await newest());
    await inbox.drain();
    await resume();
    expect(await comeBack()).toBe(2);
    expect(await names()).toEqual(['Ada', 'Grace']);
  });

  it('leaves a later state as it is', async () => {
    await suspend();
    const { id } = await create('Ada');
    await post(await newest());
    await inbox.drain();
    await later();
    await change(id, 'Ada Lovelace');
    await resume();
    await world.sync(venue, 'pull', 'incremental');
    await comeBack();
    expect(await names()).toEqual(['Ada Lovelace']);
    expect(await effects()).toEqual([['applied', 'skipped: older']]);
  });

  it('is not kept for later when it changes nothing that the connection pulls', async () => {
    await suspend();
    await world.callStripe('POST', 'products', { name: 'Tea' });
    await post(await newest());
    await inbox.drain();
    expect(await effects()).toEqual([['ignored']]);
    await resume();
    expect(await comeBack()).toBe(0);
  });

  it('stays as it is while the connection is disconnected', async () => {
    await suspend();
    await create('Ada');
    await post(await newest());
    await inbox.drain();
    await world.connections.setState(venue, { state: 'disconnected', ...WHY });
    expect(await comeBack()).toBe(0);
    expect(await names()).toEqual([]);
  });

  it('cannot be made up for once its body has expired, and says so', async () => {
    await suspend();
    await create('Ada');
    await post(await newest());
    await inbox.drain();
    await world.database.admin`update webhook_events set body = null`;
    await resume();
    expect(await comeBack()).toBe(0);
    expect(await effects()).toEqual([['applied', 'skipped: body-expired']]);
  });

  it('is one of a few that a step takes, the oldest first', async () => {
    await suspend();
    for (const name of ['Ada', 'Bea', 'Cleo', 'Dora', 'Eve']) {
      await create(name);
      await post(await newest());
    }
    await inbox.drain();
    await resume();
    const step = async () => {
      const partitions = await store.repeatMissed({ connections: 1, events: 2 });
      return [partitions.length, await inbox.drain(), (await names()).join(' ')];
    };
    expect([await step(), await step(), await step(), await step()]).toEqual([
      [1, 2, 'Ada Bea'],
      [1, 2, 'Ada Bea Cleo Dora'],
      [1, 1, 'Ada Bea Cleo Dora Eve'],
      [0, 0, 'Ada Bea Cleo Dora Eve'],
    ]);
  });
});

describe('two venues of one account', () => {
  let other: TestVenue;
  beforeEach(async () => {
    other = await world.aVenue();
    await world.sync(other, 'pull');
    const { admin } = world.database;
    await admin`update connections set external_account_id = ${await inbox.accountOf(venue)} where id = ${other.connectionId}`;
  });

  it('have what one missed handled for it alone, and the other’s effects stay as they are', async () => {
    await suspend();
    await create('Ada');
    await post(await newest());
    await inbox.drain();
    expect([await names(), await names(other)]).toEqual([[], ['Ada']]);
    const before = await inbox.events(other);
    await resume();
    expect(await comeBack()).toBe(1);
    expect([await names(), await names(other)]).toEqual([['Ada'], ['Ada']]);
    const [event] = await inbox.events(other);
    expect(event!.effects).toEqual(before[0]!.effects);
    expect(await effects(other)).toEqual([['applied', 'created']]);
    expect(await effects()).toEqual([['applied', 'created']]);
  });

  it('keep the other’s effects and state when the connection is gone before the event is handled again', async () => {
    await suspend();
    await create('Ada');
    await post(await newest());
    await inbox.drain();
    await resume();
    await sweep();
    await world.connections.setState(venue, { state: 'disconnected', ...WHY });
    expect(await inbox.drain()).toBe(1);
    expect(await effects(other)).toEqual([['applied', 'created']]);
  });

  it('that are both away get the event back one after the other', async () => {
    await suspend();
    await suspend(other);
    await create('Ada');
    await post(await newest());
    await inbox.drain();
    await resume();
    await sweep();
    await resume(other);
    // The event waits for the first connection, so that the second one is next.
    expect(await comeBack()).toBe(1);
    expect([await names(), await names(other)]).toEqual([['Ada'], []]);
    expect(await comeBack()).toBe(1);
    expect([await names(), await names(other)]).toEqual([['Ada'], ['Ada']]);
    expect([await effects(), await effects(other)]).toEqual([[['applied', 'created']], [['applied', 'created']]]);
  });

  it('both have an event handled by a replay while it waits for one of them', async () => {
    await suspend();
    await create('Ada');
    await post(await newest());
    await inbox.drain();
    await resume();
    await sweep();
    const [{ id } = { id: '' }] = await inbox.events(other);
    const replay = await inbox.api.send('POST', `/v1/venues/${other.venueId}/events/${id}/replay`);
    expect(replay.status).toBeLessThan(300);
    expect(await inbox.drain()).toBe(1);
    expect(await effects(other)).toEqual([['applied', 'created', 'unchanged']]);
    expect(await effects()).toEqual([['applied', 'created']]);
  });

  it('have no events of a second account repeated', async () => {
    const elsewhere = await world.connect(venue.venueId, { secretKey: world.sandbox.secretKey });
    await world.sync(elsewhere, 'pull');
    await suspend();
    await create('Ada');
    await post(await newest());
    await create('Grace');
    await post(await newest(), elsewhere);
    await inbox.drain();
    await resume();
    expect(await comeBack()).toBe(1);
    expect(await effects()).toEqual([
      ['applied', 'created'],
      ['applied', 'created'],
    ]);
  });
});
