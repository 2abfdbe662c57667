import { randomBytes } from 'node:crypto';
import { MockActivityEnvironment } from '@temporalio/testing';
import { v7 as uuidv7 } from 'uuid';
import { afterEach, describe, expect, it } from 'vitest';
import { createRevokingActivities } from '../../activities/connections/disconnect.ts';
import type { DisconnectResult } from '../../contracts/connections.ts';
import { DISCONNECT_UPDATE } from '../../contracts/connections.ts';
import type { ConnectionId, ConnectionRef, VenueId } from '../../contracts/ids.ts';
import { scheduleId } from '../../contracts/sync.ts';
import { DisconnectingError } from '../../db/connections/connection-store.ts';
import { createRecordStore } from '../../db/records/record-store.ts';
import { createTemporalLogger } from '../../worker/temporal-logger.ts';
import { Secret } from '../../vault/secret.ts';
import type { ConnectionWorld } from '../support/worlds/connection-world.ts';
import { until } from '../support/eventually.ts';
import { LATER_PAGES_WAIT } from '../support/sandbox/stripe-account.ts';
import { aCustomer } from '../support/worlds/sync-world.ts';
import { useConnectionWorld } from './connection-suite.ts';
import { customers as customerKind } from '../../records/customers.ts';

const KEEP = { records: 'keep', requestedBy: 'an-admin' } as const;
const DELETE = { ...KEEP, records: 'delete' } as const;

describe('a disconnection', () => {
  let world: ConnectionWorld;
  let venueId: VenueId;
  useConnectionWorld((given, newVenue) => {
    world = given;
    venueId = newVenue;
  });
  afterEach(() => world.stripe.limits({ latencyMs: 0 }));

  const square = () => world.control.square;
  const liveGrants = async (account: string) =>
    (await square().grants(account)).filter(({ endedAtMs }) => endedAtMs === null);
  const customers = () => createRecordStore(world.database.db, customerKind);
  const sourceIds = async (venue: VenueId) =>
    (
      await world.database.admin<
        { source_id: string }[]
      >`select source_id from customers where venue_id = ${venue} order by source_id`
    ).map((row) => row.source_id);
  const links = async (ref: ConnectionRef) =>
    (
      await world.database.admin<
        { count: number }[]
      >`select count(*)::int from record_links where connection_id = ${ref.connectionId}`
    )[0]?.count;
  const load = (count: number) =>
    customers().upsertMany(
      venueId,
      Array.from({ length: count }, (_, index) => aCustomer(index)),
    );
  const hasSchedule = ({ connectionId }: ConnectionRef) =>
    world.client.schedule
      .getHandle(scheduleId(connectionId, 'customers'))
      .describe()
      .then(
        () => true,
        () => false,
      );
  /** Connects by consent a Stripe account with `count` customers. */
  async function aStripe(count: number) {
    const account = await world.stripe.addAccount();
    if (count > 0) await account.seed(count);
    return { account, ...(await world.connect(venueId, 'stripe', { flow: 'connect', account: account.id })) };
  }
  const audited = async () =>
    world.database.admin<
      { action: string; details: Record<string, unknown> }[]
    >`select action, details from audit_log where venue_id = ${venueId} and action like 'connection.disc%'`;

  it('during a sync ends the run before the credentials are wiped, and makes no provider call after that', async () => {
    const { account, ...ref } = await aStripe(3_000);
    await account.fault(LATER_PAGES_WAIT);
    const run = await world.start(ref, { direction: 'pull' });
    await until(async () => (await world.runOf(run)).done > 0, { limitMs: 20_000, what: 'the run has begun to read' });
    await world.disconnect(ref);
    expect(await world.runOf(run)).toMatchObject({ outcome: 'cancelled', phase: 'finished' });
    const calls = (await account.calls()).length;
    expect(await world.credentialsOf(ref.connectionId)).toEqual({ keys: 0, grants: 0, generation: null });
    await expect(world.start(ref, { direction: 'pull' })).rejects.toThrow('no such connection');
    expect((await account.calls()).length).toBe(calls);
  });

  it('closes a run that has no workflow any more', async () => {
    const ref = await aStripe(0);
    const { run } = await world.deps.runs.openOrJoin({
      venueId,
      connectionId: ref.connectionId,
      provider: 'stripe',
      resource: 'customers',
      direction: 'pull',
      mode: 'full',
      requestedBy: 'test',
    });
    await world.disconnect(ref);
    expect(await world.runOf(run)).toMatchObject({ outcome: 'cancelled', phase: 'finished' });
  });

  it('requested twice at once, and once more afterwards, happens once', async () => {
    const { id: account } = await square().addAccount();
    const ref = await world.connect(venueId, 'square', { account });
    const since = Date.now();
    await Promise.all([world.disconnect(ref), world.disconnect(ref)]);
    const after = await world.connectionOf(ref);
    await world.disconnect(ref);
    expect(await world.connectionOf(ref)).toEqual({ ...after, updatedAt: expect.any(Date) as Date });
    await until(async () => (await world.owner(ref.connectionId).describe()).status.name === 'COMPLETED', {
      limitMs: 20_000,
      what: 'the owner has ended',
    });
    expect((await square().calls(since)).filter(({ path }) => path === '/oauth2/revoke')).toHaveLength(1);
    expect(await audited()).toHaveLength(1);
  });

  it('of one venue leaves another venue’s connection to the same account alive; the last one revokes the access', async () => {
    const { id: account } = await square().addAccount();
    const elsewhere = await world.aVenue();
    const [here, there] = [
      await world.connect(venueId, 'square', { account }),
      await world.connect(elsewhere, 'square', { account }),
    ];
    await world.disconnect(here);
    expect(await world.connectionOf(here)).toMatchObject({
      cause: expect.stringContaining('left standing') as string,
      nextAction: null,
    });
    expect((await liveGrants(account)).length).toBeGreaterThan(0);
    expect(await world.connectionOf(there)).toMatchObject({ state: 'active' });
    await world.disconnect(there);
    expect(await liveGrants(account)).toEqual([]);
  });

  it('waits out a short outage of the provider', async () => {
    const { id: account } = await square().addAccount();
    const ref = await world.connect(venueId, 'square', { account });
    await square().fault({ match: { path: '/oauth2/revoke' }, kind: 'status', status: 503, times: 2 });
    await world.disconnect(ref);
    expect(await world.connectionOf(ref)).toMatchObject({ cause: expect.stringContaining('was revoked') as string });
    expect(await liveGrants(account)).toEqual([]);
  });

  it('is retried while the provider is down, and not reported as done', async () => {
    const ref = await world.connect(venueId, 'square', { account: 'new' });
    await square().fault({ match: { path: '/oauth2/revoke' }, kind: 'html' });
    const environment = new MockActivityEnvironment({}, { logger: createTemporalLogger(world.deps.log) });
    const revoking = environment.run(createRevokingActivities(world.deps).revokeGrant, {
      venueId,
      connectionId: ref.connectionId,
      provider: 'square' as const,
    });
    await expect(revoking).rejects.toMatchObject({ nonRetryable: false });
  });

  it('wipes the credentials even when the access cannot be revoked, and says what is left to do by hand', async () => {
    const { id: account } = await square().addAccount();
    const ref = await world.connect(venueId, 'square', { account });
    await world.database
      .admin`update oauth_tokens set sealed_tokens = set_byte(sealed_tokens, length(sealed_tokens) - 1, get_byte(sealed_tokens, length(sealed_tokens) - 1) # 1) where connection_id = ${ref.connectionId}`;
    const result: DisconnectResult = await world
      .owner(ref.connectionId)
      .executeUpdate(DISCONNECT_UPDATE, { args: [KEEP] });
    expect(result).toEqual({ revocation: 'failed' });
    expect(await world.connectionOf(ref)).toMatchObject({
      state: 'disconnected',
      nextAction: expect.stringContaining('by hand') as string,
    });
    expect(await world.credentialsOf(ref.connectionId)).toEqual({ keys: 0, grants: 0, generation: null });
    expect(await audited()).toMatchObject([{ details: { revocation: 'failed', records: 'keep' } }]);
  });

  it('does not depend on a worker that is away', async () => {
    const { id: account } = await square().addAccount();
    const ref = await world.connect(venueId, 'square', { account });
    await world.connectionGateway.disconnect({ venueId, connectionId: ref.connectionId, provider: 'square' }, KEEP);
    await world.workers.stop();
    await world.workers.start();
    // Temporal may have handed an activity to the worker that was just stopping. Nobody runs it then, and it is only
    // given out again after its start-to-close timeout of 30 seconds.
    await world.reaches(ref, 'disconnected', 50_000);
    expect(await liveGrants(account)).toEqual([]);
  }, 120_000);

  it('succeeds when the account owner has revoked the access already', async () => {
    const { id: account } = await square().addAccount();
    const ref = await world.connect(venueId, 'square', { account });
    await square().revoke(account);
    await world.disconnect(ref);
    expect(await world.credentialsOf(ref.connectionId)).toMatchObject({ grants: 0 });
  });

  it('prevents others from connecting the account meanwhile, because their credentials would be wiped', async () => {
    const { id: account } = await square().addAccount();
    const ref = await world.connect(venueId, 'square', { account });
    const attempt = await world.begin(venueId, 'square');
    const callback = await world.approve(attempt, account);
    await world.database.admin`update connections set state = 'disconnecting' where id = ${ref.connectionId}`;
    expect(await world.complete(attempt, callback)).toMatchObject({ outcome: 'refused', code: 'cancelled' });
    const key = { venueId, connectionId: ref.connectionId, purpose: 'provider-api-key' } as const;
    const sealedKey = await world.deps.sealer.seal(new Secret(randomBytes(8).toString('hex')), key);
    const entered = {
      venueId,
      connectionId: ref.connectionId,
      provider: 'square',
      environment: 'sandbox',
      account: { id: account, name: null },
      scopes: [],
      sealedKey,
    } as const;
    await expect(world.deps.connections.saveWithApiKey(entered)).rejects.toThrow(DisconnectingError);
    expect(await world.credentialsOf(ref.connectionId)).toMatchObject({ keys: 0, grants: 1 });
  });

  it('of a connection with a key wipes the key and says that the key still works at the provider', async () => {
    const ref = { venueId, connectionId: uuidv7() as ConnectionId, provider: 'stripe' } as const;
    const sealedKey = await world.deps.sealer.seal(new Secret('sk_test_of_nobody'), {
      venueId,
      connectionId: ref.connectionId,
      purpose: 'provider-api-key',
    });
    await world.deps.connections.saveWithApiKey({
      ...ref,
      environment: 'sandbox',
      account: { id: `acct_${randomBytes(6).toString('hex')}`, name: null },
      scopes: [],
      sealedKey,
    });
    await world.disconnect(ref);
    expect(await world.connectionOf(ref)).toMatchObject({
      nextAction: expect.stringContaining('roll the key') as string,
    });
    expect(await world.credentialsOf(ref.connectionId)).toMatchObject({ keys: 0 });
  });

  it('removes the schedules, and reconnecting restores them under the same connection', async () => {
    const { account, ...ref } = await aStripe(0);
    expect(await hasSchedule(ref)).toBe(true);
    await world.disconnect(ref);
    expect(await hasSchedule(ref)).toBe(false);
    const again = await world.connect(venueId, 'stripe', { flow: 'connect', account: account.id });
    expect(again.outcome).toEqual({ outcome: 'connected', connectionId: ref.connectionId });
    expect(await hasSchedule(ref)).toBe(true);
    await until(async () => (await world.owner(ref.connectionId).describe()).status.name === 'RUNNING', {
      limitMs: 20_000,
      what: 'the connection has an owner again',
    });
  });

  it('that keeps the records creates no duplicates on either side when the account is reconnected', async () => {
    await load(20);
    const { account, ...ref } = await aStripe(30);
    await world.finished(await world.start(ref, { direction: 'pull' }));
    await world.finished(await world.start(ref, { direction: 'push' }));
    const before = await sourceIds(venueId);
    await world.disconnect(ref);
    expect(await sourceIds(venueId)).toEqual(before);
    const again = await world.connect(venueId, 'stripe', { flow: 'connect', account: account.id });
    expect(again.outcome).toEqual({ outcome: 'connected', connectionId: ref.connectionId });
    expect(await world.finished(await world.start(ref, { direction: 'pull' }))).toMatchObject({
      outcome: 'completed',
      counts: { created: 0 },
    });
    expect(await world.finished(await world.start(ref, { direction: 'push' }))).toMatchObject({
      outcome: 'completed',
      counts: { created: 0 },
    });
    expect(await sourceIds(venueId)).toEqual(before);
    expect(await account.customers()).toHaveLength(50);
  });

  it('that deletes the records deletes those that only this connection brought, and keeps the venue’s own and other connections’', async () => {
    await load(5);
    const { account, ...ref } = await aStripe(1_200);
    const other = await aStripe(10);
    for (const connected of [ref, other]) await world.finished(await world.start(connected, { direction: 'pull' }));
    await world.finished(await world.start(ref, { direction: 'push' }));
    const theirs = (await sourceIds(venueId)).filter((id) => id.startsWith('stripe:'));
    expect(theirs).toHaveLength(1_210);
    await world.disconnect(ref, DELETE);
    const left = await sourceIds(venueId);
    // The push wrote the venue's own five and the other account's ten to this account. They stay, because they have
    // another origin.
    expect(left.filter((id) => !id.startsWith('stripe:'))).toHaveLength(5);
    expect(left.filter((id) => id.startsWith('stripe:'))).toHaveLength(10);
    expect(await links(ref)).toBe(15);
    const again = await world.connect(venueId, 'stripe', { flow: 'connect', account: account.id });
    expect(again.outcome).toEqual({ outcome: 'connected', connectionId: ref.connectionId });
    expect(await world.finished(await world.start(ref, { direction: 'pull', mode: 'incremental' }))).toMatchObject({
      counts: { created: 1_200 },
    });
    expect(await sourceIds(venueId)).toHaveLength(1_215);
    expect(await account.customers()).toHaveLength(1_215);
  });
});
