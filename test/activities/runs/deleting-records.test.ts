import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { createDisconnectingActivities } from '../../../activities/connections/disconnect.ts';
import type { DeletionCursor } from '../../../contracts/connections.ts';
import { createAuditStore } from '../../../db/core/audit-store.ts';
import { createDisconnectionStore } from '../../../db/connections/disconnection-store.ts';
import type { DisconnectionStore } from '../../../db/connections/disconnection-store.ts';
import { RECORD_KINDS } from '../../../records/registry.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';

type World = Awaited<ReturnType<typeof createSyncWorld>>;

describe('the deletion of a connection’s records', () => {
  let world: World;
  let store: DisconnectionStore;
  beforeAll(async () => {
    world = await createSyncWorld();
    store = createDisconnectionStore(world.database.db, createAuditStore(world.database.db), RECORD_KINDS);
  });
  afterEach(() => vi.restoreAllMocks());
  afterAll(() => world.close());

  const activity = (disconnections = store) =>
    createDisconnectingActivities({
      ...{ disconnections, runs: world.runs, log: world.deps.log },
      reconciliations: { listOpen: () => Promise.resolve([]) },
      abandonedGrants: { revokeOf: () => Promise.resolve() },
    }).deleteRecords;
  const left = async ({ venueId }: TestVenue) =>
    (await world.database.admin<{ id: string }[]>`select id from customers where venue_id = ${venueId}`).length;
  /** 1,200 records that a connection created. The first 1,100 by id also belong to another connection, so they stay. */
  async function aVenueWithRecordsThatStay() {
    const venue = await world.aVenue();
    const { id: connectionId } = await world.connections.saveWithApiKey({
      ...venue,
      connectionId: crypto.randomUUID() as TestVenue['connectionId'],
      provider: 'stripe',
      environment: 'sandbox',
      account: { id: `acct_${crypto.randomUUID()}`, name: null },
      scopes: [],
      sealedKey: Uint8Array.from([1]) as never,
    });
    const { admin } = world.database;
    await admin`insert into customers (id, venue_id, source_id, name) select gen_random_uuid(), ${venue.venueId}, 'stripe:cus_' || n, 'A customer' from generate_series(1, 1200) n`;
    const link = (of: string, limit: number) => admin`
      insert into record_links (connection_id, resource, record_id, venue_id, external_id, state, record_version, synced_at, brought)
      select ${of}, 'customers', id, ${venue.venueId}, substr(source_id, 8), 'linked', 1, now(), true from customers where venue_id = ${venue.venueId} order by id limit ${limit}`;
    await link(venue.connectionId, 1_200);
    await link(connectionId, 1_100);
    return venue;
  }
  /** Advances the time with every batch, as if each took longer than one activity may run. */
  function withSlowBatches(): DisconnectionStore {
    let nowMs = performance.now();
    vi.spyOn(performance, 'now').mockImplementation(() => nowMs);
    return {
      ...store,
      deleteSome: async (...args) => {
        nowMs += 120_000;
        return store.deleteSome(...args);
      },
    };
  }

  it('ends although more records stay at the front than one activity reads', async () => {
    const venue = await aVenueWithRecordsThatStay();
    const deleteRecords = activity(withSlowBatches());
    const input = { ...venue, requestedBy: 'an-admin' };
    const cursors: (DeletionCursor | null)[] = [];
    // Passes each answer into the next input, as the workflow does.
    for (let turn = 0; turn < 12 && cursors.at(-1) !== null; turn += 1) {
      const cursor = cursors.at(-1);
      cursors.push(await new MockActivityEnvironment().run(deleteRecords, { ...input, ...(cursor && { cursor }) }));
    }
    expect(cursors.at(-1)).toBeNull();
    expect(await left(venue)).toBe(1_100);
  });

  it('resumes after its last heartbeat when an attempt is interrupted, not at its input', async () => {
    const venue = await aVenueWithRecordsThatStay();
    const beats: DeletionCursor[] = [];
    let batches = 0;
    const failing: DisconnectionStore = {
      ...store,
      deleteSome: (...args) => ((batches += 1) === 3 ? Promise.reject(new Error('lost')) : store.deleteSome(...args)),
    };
    const environment = new MockActivityEnvironment();
    environment.on('heartbeat', (cursor: DeletionCursor) => beats.push(cursor));
    await expect(environment.run(activity(failing), { ...venue, requestedBy: 'an-admin' })).rejects.toThrow();
    expect(beats).toHaveLength(2);

    const asked: DeletionCursor[] = [];
    const watched: DisconnectionStore = {
      ...store,
      deleteSome: (ref, cursor, limit) => {
        asked.push(cursor);
        return store.deleteSome(ref, cursor, limit);
      },
    };
    await new MockActivityEnvironment({ heartbeatDetails: beats.at(-1) }).run(activity(watched), {
      ...venue,
      requestedBy: 'an-admin',
      cursor: store.firstDeletion,
    });
    expect(asked[0]).toEqual(beats.at(-1));
    expect(await left(venue)).toBe(1_100);
  });

  it('takes the names of the provider’s unknown fields along', async () => {
    const venue = await world.aVenue();
    const other = await world.aVenue();
    const note = ({ venueId, connectionId }: TestVenue) => world.database.admin`
      insert into unknown_fields (connection_id, resource, path, venue_id, kind) values (${connectionId}, 'customers', 'metadata.tier', ${venueId}, 'custom-field')`;
    await note(venue);
    await note(other);
    await new MockActivityEnvironment().run(activity(), { ...venue, requestedBy: 'an-admin' });
    const noted = (of: TestVenue) => world.reach.unknownFields({ ...of, resource: 'customers' });
    expect([(await noted(venue)).length, (await noted(other)).length]).toEqual([0, 1]);
  });

  it('empties what the venue’s own records name of them, as a change that the venue sees', async () => {
    const venue = await world.aVenue();
    const { admin } = world.database;
    const [payment, refund] = [crypto.randomUUID(), crypto.randomUUID()];
    const insert = (id: string, sourceId: string, related: string | null) => admin`
      insert into transactions (id, venue_id, source_id, kind, occurred_at, amount_minor, currency, status, related_transaction_id, updated_at)
      values (${id}, ${venue.venueId}, ${sourceId}, 'payment', now(), 1, 'EUR', 'succeeded', ${related}, now() - interval '1 hour')`;
    await insert(payment, 'stripe:ch_1', null);
    await insert(refund, 'own-refund', payment);
    await admin`
      insert into record_links (connection_id, resource, record_id, venue_id, external_id, state, record_version, synced_at, brought)
      values (${venue.connectionId}, 'transactions', ${payment}, ${venue.venueId}, 'ch_1', 'linked', 1, now(), true)`;
    let cursor: DeletionCursor | null = store.firstDeletion;
    while (cursor !== null) cursor = await store.deleteSome(venue, cursor, 100);
    expect([
      ...(await admin`
        select source_id, related_transaction_id, version, updated_at > now() - interval '1 minute' as is_new
        from transactions where venue_id = ${venue.venueId}`),
    ]).toEqual([{ source_id: 'own-refund', related_transaction_id: null, version: 2, is_new: true }]);
  });
});
