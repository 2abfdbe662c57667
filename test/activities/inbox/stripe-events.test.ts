import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { listRecords } from '../../support/list-records.ts';
import { createEventWorld } from '../../support/worlds/event-world.ts';
import type { EventWorld } from '../../support/worlds/event-world.ts';
import { aCustomer, createSyncWorld } from '../../support/worlds/sync-world.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';

interface StripeEvent {
  readonly id: string;
  readonly type: string;
  readonly created: number;
  readonly api_version: string;
  readonly data: { readonly object: { readonly id: string; readonly name?: string } };
}

let world: Awaited<ReturnType<typeof createSyncWorld>>;
let inbox: EventWorld;
let venue: TestVenue;

beforeAll(async () => {
  world = await createSyncWorld();
  inbox = await createEventWorld(world);
});
afterAll(async () => {
  await inbox.close();
  await world.close();
});
beforeEach(async () => {
  await world.stripe.reset();
  venue = await world.aVenue();
  await world.sync(venue, 'pull');
});

/** What the stand-in has told of its objects, oldest first. */
const told = async (): Promise<readonly StripeEvent[]> =>
  (await world.callStripe<{ readonly data: readonly StripeEvent[] }>('GET', 'events?limit=100')).data.toReversed();
const post = async (events: readonly object[], to = venue): Promise<void> => {
  const account = await inbox.accountOf(to);
  for (const event of events) await inbox.post('stripe', { ...event, account });
};
const records = async ({ venueId } = venue) =>
  (await listRecords(world.customers, venueId, { filter: { includeDeleted: true }, page: { limit: 50, after: null } }))
    .data;
const create = (name: string) => world.callStripe('POST', 'customers', { name });
const change = (id: string, name: string) => world.callStripe('POST', `customers/${id}`, { name });
/** Calls that the service made to read a customer. */
const retrievals = async () =>
  (await world.stripe.calls()).filter(({ method, path }) => method === 'GET' && /customers\/cus_/.test(path)).length;
/** Lets the next change happen in a later second of Stripe's. */
let offsetMs = 0;
const later = () => world.stripe.clock((offsetMs += 2_000));

describe('an event of Stripe', () => {
  it('creates, changes and deletes the record of its object, and shows what it did', async () => {
    const { id } = await create('Ada');
    await later();
    await change(id, 'Ada Lovelace');
    await later();
    await world.callStripe('DELETE', `customers/${id}`);
    const [created, updated, deleted] = await told();
    await post([created!]);
    await inbox.drain();
    expect(await records()).toMatchObject([{ name: 'Ada', version: 1, deletedAt: null }]);
    await post([updated!]);
    await inbox.drain();
    expect(await records()).toMatchObject([{ name: 'Ada Lovelace', version: 2, deletedAt: null }]);
    await post([deleted!]);
    await inbox.drain();
    const [record] = await records();
    expect(record!.deletedAt).not.toBeNull();
    const effect = { connectionId: venue.connectionId, resource: 'customers', recordId: record!.id, reason: null };
    expect(await inbox.events(venue)).toMatchObject([
      { type: 'customer.created', state: 'applied', effects: [{ kind: 'created', ...effect }] },
      { type: 'customer.updated', state: 'applied', effects: [{ kind: 'updated', ...effect }] },
      { type: 'customer.deleted', state: 'applied', effects: [{ kind: 'deleted', ...effect }] },
    ]);
    expect(await retrievals()).toBe(0);
  });

  it('creates nothing of what began before the history that the connection pulls', async () => {
    const historyFrom = new Date(Date.now() + 2 * 86_400_000).toISOString().slice(0, 10);
    await world.reach.change(
      { ...venue, resource: 'customers' },
      { excludedFields: [], historyFrom },
      {
        ...{ venueId: venue.venueId, actor: 'x', action: 'connection.reach-changed', targetType: 'connection' },
        ...{ targetId: 'x', outcome: 'ok', requestId: null },
      },
    );
    await create('Ada');
    await post(await told());
    await inbox.drain();
    expect(await records()).toEqual([]);
  });

  it.each(['2026-10-28.endive', '2020-08-27'])(
    'that a venue’s own address received changes no other venue’s records, whichever account it names (API version %s)',
    async (apiVersion) => {
      const { admin } = world.database;
      const sender = await world.aVenue();
      await world.sync(sender, 'pull');
      await admin`update connections set external_account_id = ${await inbox.accountOf(venue)} where id = ${sender.connectionId}`;
      const { id } = await create('Ada');
      const [event] = await told();
      const own = { ...event, id: `${event!.id}_${sender.connectionId}`, api_version: apiVersion };
      await post([own]);
      const moved =
        await admin`update webhook_events set endpoint = ${sender.connectionId} where event_key = ${own.id}`;
      expect(moved.count).toBe(1);
      expect(await inbox.drain()).toBe(1);
      expect(await records(venue)).toEqual([]);
      expect(await records(sender)).toMatchObject([{ name: 'Ada', links: [{ externalId: id }] }]);
      expect(await inbox.events(venue)).toEqual([]);
    },
  );

  it('is told to the venue’s subscribers, with the other changes of its burst', async () => {
    const { admin } = world.database;
    await admin`
      insert into subscriptions (id, venue_id, url) values (gen_random_uuid(), ${venue.venueId}, 'https://backend.example/')`;
    const { id } = await create('Ada');
    await post(await told());
    await inbox.drain();
    await later();
    await change(id, 'Ada Lovelace');
    await create('Grace');
    await post((await told()).slice(1));
    await inbox.drain();
    const messages =
      await admin`select type, data -> 'counts' as counts from outgoing_messages where venue_id = ${venue.venueId}`;
    expect(messages).toEqual([{ type: 'record.changed', counts: { created: 2, updated: 1, archived: 0 } }]);
  });

  it('has one effect, however often it is sent', async () => {
    await create('Ada');
    const [event] = await told();
    for (let sent = 0; sent < 10; sent += 1) await post([event!]);
    expect(await inbox.drain()).toBe(1);
    expect(await records()).toMatchObject([{ name: 'Ada', version: 1 }]);
  });

  it('ends at the newest state in any order, together and one by one', async () => {
    const { id } = await create('0');
    for (let round = 1; round < 6; round += 1) {
      await later();
      await change(id, String(round));
    }
    const events = await told();
    const orders = [
      [5, 4, 3, 2, 1, 0],
      [2, 5, 0, 3, 1, 4],
      [0, 1, 2, 3, 4, 5],
    ];
    for (const order of orders)
      for (const isOneBatch of [true, false]) {
        const own = await world.aVenue();
        await inbox.countAsPulled(own, 'customers');
        for (const index of order) {
          // Another account's event has another id.
          await post([{ ...events[index], id: `${events[index]!.id}_${own.connectionId}` }], own);
          if (!isOneBatch) await inbox.drain();
        }
        await inbox.drain();
        expect(await records(own)).toMatchObject([{ name: '5', deletedAt: null }]);
        expect((await inbox.events(own)).map(({ state }) => state)).toEqual(Array(6).fill('applied'));
      }
    expect(await retrievals()).toBe(0);
  });

  it('is settled by a reading where several of one second differ', async () => {
    const { id } = await create('first');
    await change(id, 'second');
    await change(id, 'third');
    const events = (await told()).map((event) => ({ ...event, created: 1_900_000_000 }));
    await post(events.toReversed());
    await inbox.drain();
    expect(await records()).toMatchObject([{ name: 'third' }]);
    expect(await retrievals()).toBe(1);
  });

  it('is settled by a reading where an event of the same second was applied before', async () => {
    const { id } = await create('first');
    await change(id, 'second');
    const [first, second] = (await told()).map((event) => ({ ...event, created: 1_900_000_000 }));
    await post([second!]);
    await inbox.drain();
    await post([first!]);
    await inbox.drain();
    expect(await records()).toMatchObject([{ name: 'second' }]);
    expect(await retrievals()).toBe(1);
  });

  it.each(['of a record that was pulled before', 'of an object that was never seen'])(
    'does not bring a deleted object back when it arrives late: %s',
    async (which) => {
      const { id } = await create('Ada');
      if (which.includes('pulled')) await world.sync(venue, 'pull');
      await later();
      await change(id, 'Ada Lovelace');
      await later();
      await world.callStripe('DELETE', `customers/${id}`);
      const [created, updated, deleted] = await told();
      await post([deleted!]);
      await inbox.drain();
      await post([updated!, created!]);
      await inbox.drain();
      expect((await records()).filter(({ deletedAt }) => deletedAt === null)).toEqual([]);
      expect((await inbox.events(venue)).map(({ state }) => state)).toEqual(['applied', 'applied', 'applied']);
    },
  );

  it('is read again, once for all events of its object, when it has another API version', async () => {
    const { id } = await create('Ada');
    await later();
    await change(id, 'Ada Lovelace');
    await post((await told()).map((event) => ({ ...event, api_version: '2014-12-22' })));
    await inbox.drain();
    expect(await records()).toMatchObject([{ name: 'Ada Lovelace', version: 1 }]);
    expect(await retrievals()).toBe(1);
    const recordId = (await records())[0]!.id;
    expect(await inbox.events(venue)).toMatchObject([
      { state: 'applied', effects: [{ kind: 'created', recordId }] },
      { state: 'applied', effects: [{ kind: 'created', recordId }] },
    ]);
  });

  it('changes the records of every venue that has connected the account, and of no other', async () => {
    const account = await inbox.accountOf(venue);
    const secretKey = world.sandbox.secretKey;
    const second = await world.aVenue();
    const shared = await world.connect(second.venueId, { secretKey, id: account });
    await world.sync(shared, 'pull');
    const apart = await world.aVenue();
    await world.sync(apart, 'pull');
    await create('Ada');
    await post(await told());
    await inbox.drain();
    expect(await records()).toMatchObject([{ name: 'Ada' }]);
    expect(await records(shared)).toMatchObject([{ name: 'Ada' }]);
    expect(await records(apart)).toEqual([]);
    const { effects } = (await inbox.events(venue))[0]!;
    expect(effects).toMatchObject([{ connectionId: venue.connectionId }]);
    expect(await inbox.events(apart)).toEqual([]);
  });

  it('changes nothing of a connection that only pushes the resource, and of a type that nobody syncs', async () => {
    const pushing = await world.aVenue();
    await world.sync(pushing, 'push');
    await create('Ada');
    const [event] = await told();
    await post([event!, { ...event!, id: 'evt_other', type: 'radar.early_fraud_warning.created' }], pushing);
    await inbox.drain();
    expect(await records(pushing)).toEqual([]);
    expect((await inbox.events(pushing)).map(({ state }) => state)).toEqual(['ignored', 'ignored']);
  });

  it('does not hold its neighbours up when it cannot be read, and dies alone', async () => {
    await create('Ada');
    const [event] = await told();
    const broken = { ...event!, id: 'evt_broken', data: { object: { no: 'id' } } };
    // Text that Postgres refuses as a value of its own index: longer than an index row may be.
    const long = 'x'.repeat(9_000);
    const refused = { ...event!, id: 'evt_refused', data: { object: { ...event!.data.object, id: `cus_${long}` } } };
    await post([broken, refused, event!]);
    await inbox.drain();
    expect((await records()).map(({ name }) => name)).toContain('Ada');
    expect((await inbox.events(venue)).map(({ state, errorCode }) => [state, errorCode])).toEqual([
      ['dead', 'unreadable'],
      ['applied', null],
      ['applied', null],
    ]);
  });

  it('waits for another attempt while Stripe is down, and its neighbours do not', async () => {
    const { id } = await create('Ada');
    const [event] = await told();
    await world.stripe.fault({
      match: { method: 'GET', path: `/v1/customers/${id}` },
      kind: 'status',
      status: 500,
      times: 5,
    });
    await create('Grace');
    const grace = (await told())[1]!;
    await post([{ ...event!, api_version: '2014-12-22' }, grace]);
    await inbox.drain();
    expect(await records()).toMatchObject([{ name: 'Grace' }]);
    expect(await inbox.events(venue)).toMatchObject([
      { state: 'retrying', errorCode: 'unavailable', attempts: 1, effects: [] },
      { state: 'applied' },
    ]);
    await world.stripe.clearFaults();
    const [failing] = await inbox.events(venue);
    await inbox.process(failing!.id);
    expect((await records()).map(({ name }) => name).sort()).toEqual(['Ada', 'Grace']);
    expect(await inbox.events(venue)).toMatchObject([{ state: 'applied', errorCode: null }, { state: 'applied' }]);
  });

  it('leaves out what the venue leaves out', async () => {
    const { connectionId, venueId } = venue;
    await world.database
      .admin`insert into connection_reach (venue_id, connection_id, resource, excluded_fields) values (${venueId}, ${connectionId}, 'customers', '["phone"]')`;
    await world.callStripe('POST', 'customers', { name: 'Ada', phone: '+44 20' });
    await post(await told());
    await inbox.drain();
    expect(await records()).toMatchObject([{ name: 'Ada', phone: null }]);
  });
});

describe('an event of a resource whose mapping the venue has saved', () => {
  it('is read by the version in force when it is handled', async () => {
    const { connectionId, venueId } = venue;
    const save = (version: number, values: object) => world.database.admin`
      insert into field_mappings (connection_id, resource, version, venue_id, definition, active, created_by)
      values (${connectionId}, 'customers', ${version}, ${venueId},
        ${world.database.admin.json({ fields: [{ target: 'name', source: 'name', values, direction: 'both', policy: 'provider' }] } as never)}, true, 'test')`;
    await save(1, { Countess: 'Ada' });
    await create('Ada');
    await post(await told());
    await world.database.admin`update field_mappings set active = false where connection_id = ${connectionId}`;
    await save(2, { Lovelace: 'Ada' });
    await inbox.drain();
    expect(await records()).toMatchObject([{ name: 'Lovelace' }]);
  });
});

describe('an event that our own write caused', () => {
  it.each(['push', 'both'] as const)('changes no record and causes no write: %s', async (direction) => {
    await world.customers.upsertMany(venue.venueId, [aCustomer(0, 'Ada')]);
    await world.sync(venue, direction);
    await world.customers.upsertMany(venue.venueId, [aCustomer(0, 'Ada Lovelace')]);
    await world.sync(venue, direction);
    const stored = async () => {
      const [record] = await records();
      return { ...record!, links: null };
    };
    const before = await stored();
    const writes = (await world.stripe.writes()).length;
    await post((await told()).toReversed());
    await inbox.drain();
    expect(await stored()).toEqual(before);
    const latest = (await inbox.events(venue))[0]!;
    expect(latest.effects).toMatchObject([{ kind: 'unchanged', recordId: before.id }]);
    expect((await world.sync(venue, direction, 'incremental')).counts).toMatchObject({ updated: 0, created: 0 });
    expect((await world.stripe.writes()).length).toBe(writes);
    expect(await world.database.admin`select from merge_conflicts where venue_id = ${venue.venueId}`).toEqual([]);
  });
});

describe('an event of a resource that is synced both ways', () => {
  it('is merged with what the venue changed meanwhile', async () => {
    await world.customers.upsertMany(venue.venueId, [aCustomer(0, 'Ada')]);
    await world.sync(venue, 'both');
    const { data } = (await told())[0]!;
    await world.customers.upsertMany(venue.venueId, [{ sourceId: 'c-0', name: 'Ada Lovelace' }]);
    await later();
    await world.callStripe('POST', `customers/${data.object.id}`, { phone: '+44 20' });
    await post((await told()).slice(-1));
    await inbox.drain();
    expect(await records()).toMatchObject([{ name: 'Ada Lovelace', phone: '+44 20' }]);
    await world.sync(venue, 'both', 'incremental');
    const remote = (await world.stripe.customers<{ id: string; name: string; phone: string }>())[0];
    expect(remote).toMatchObject({ name: 'Ada Lovelace', phone: '+44 20' });
  });
});
