import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bytesIn, countActions, textOf } from '../support/history.ts';
import type { ConnectionBody, SyncBody } from '../support/service-client.ts';
import type { StripeAccount } from '../support/sandbox/stripe-account.ts';
import { startSystem } from '../support/worlds/system.ts';
import type { System } from '../support/worlds/system.ts';
import { aCustomer } from '../support/worlds/sync-world.ts';

let system: System;
beforeAll(async () => {
  // As fast as the parts allow, because rate limits have their own tests.
  system = await startSystem({ env: { STRIPE_REQUESTS_PER_SECOND: '2000' } });
  await system.stripe.limits({ requestsPerSecond: 0 });
}, 120_000);
afterAll(() => system.stop());

interface ConnectedVenue {
  readonly venueId: string;
  readonly connection: ConnectionBody;
  readonly account: StripeAccount;
}

async function aConnectedVenue(account?: StripeAccount): Promise<ConnectedVenue> {
  const own = account ?? (await system.stripe.addAccount());
  const venueId = await system.api.createVenue();
  return { venueId, connection: await system.api.connect(venueId, own.secretKey), account: own };
}

const sync = (
  { venueId, connection }: ConnectedVenue,
  direction: 'push' | 'pull',
  mode: 'full' | 'incremental' = 'full',
): Promise<SyncBody> => system.api.sync(venueId, { connectionId: connection.id, direction, mode });

const customers = (count: number) => Array.from({ length: count }, (_, index) => aCustomer(index));
const sourceIdsAt = async (account: StripeAccount) =>
  (await account.customers()).map(({ metadata }) => metadata['interlock_source_id']).sort();

describe('a pull of 10,000 customers', () => {
  let venue: ConnectedVenue;
  let run: SyncBody;
  beforeAll(async () => {
    venue = await aConnectedVenue();
    await venue.account.seed(10_000);
    run = await sync(venue, 'pull');
  });

  it('stores each of them once, and its counts add up', async () => {
    expect(run).toMatchObject({
      outcome: 'completed',
      progress: { done: 10_000, total: 10_000 },
      counts: { read: 10_000, created: 10_000, updated: 0, unchanged: 0, rejected: 0 },
    });
    const [stored] = await system.database`
      select count(*)::int as links, count(distinct external_id)::int as "externalIds", (select count(*)::int from customers where venue_id = ${venue.venueId}) as customers
      from record_links where connection_id = ${venue.connection.id}`;
    expect(stored).toEqual({ links: 10_000, externalIds: 10_000, customers: 10_000 });
  });

  it('leaves a history of at most 60 events, 12 actions and 2 KiB a payload', async () => {
    const history = await system.temporal.workflow.getHandle(run.workflowId, run.runId ?? undefined).fetchHistory();
    const events = history.events?.length ?? 0;
    const largest = Math.max(...bytesIn(history).map(({ length }) => length));
    process.stdout.write(
      `10,000 customers pulled: ${events} events, ${countActions(history)} actions, largest payload ${largest} bytes\n`,
    );
    expect(events).toBeGreaterThan(10);
    expect(events).toBeLessThanOrEqual(60);
    expect(countActions(history)).toBeLessThanOrEqual(12);
    expect(largest).toBeLessThanOrEqual(2_048);
  });

  it('sends no name, email, phone or secret key to Temporal: not in events, memo, attributes, summaries or details', async () => {
    const handle = system.temporal.workflow.getHandle(run.workflowId, run.runId ?? undefined);
    const [history, { raw }, shown] = await Promise.all([
      handle.fetchHistory(),
      handle.describe(),
      handle.query('__temporal_workflow_metadata'),
    ]);
    const text = textOf([history, raw, shown]);
    // Proves that the search can find something: it finds the run's own id.
    expect(text).toContain(run.id);
    expect(text).toContain(venue.venueId);
    const held = await venue.account.customers();
    const private_ = new Set([
      venue.account.secretKey,
      ...held.flatMap(({ name, email, phone, id }) => [name, email, phone, id]),
    ]);
    expect([...private_].filter((word) => word !== null && text.includes(word))).toEqual([]);
    expect(text).not.toMatch(/[\w.]+@example\.com|sk_test_|\+44\d/);
  });
});

describe('two venues', () => {
  it('with a Stripe account each never see or change each other’s records', async () => {
    const [one, other] = await Promise.all([aConnectedVenue(), aConnectedVenue()]);
    await Promise.all([system.api.load(one.venueId, customers(20)), system.api.load(other.venueId, customers(30))]);
    const [run, otherRun] = await Promise.all([sync(one, 'push'), sync(other, 'push')]);
    expect([run.counts.created, otherRun.counts.created]).toEqual([20, 30]);
    expect([(await one.account.customers()).length, (await other.account.customers()).length]).toEqual([20, 30]);

    const stranger = await system.as({ role: 'admin', venues: [one.venueId] });
    const elsewhere = [
      `/v1/venues/${other.venueId}`,
      `/v1/venues/${other.venueId}/syncs/${otherRun.id}`,
      `/v1/venues/${other.venueId}/records/customers`,
      `/v1/venues/${one.venueId}/syncs/${otherRun.id}`,
      `/v1/venues/${one.venueId}/syncs/${otherRun.id}/events`,
      `/v1/venues/${one.venueId}/connections/${other.connection.id}`,
    ];
    for (const url of elsewhere)
      expect({ url, status: (await stranger.ask(url)).status }).toEqual({ url, status: 404 });
    const order = { connectionId: other.connection.id, resource: 'customers', direction: 'push', mode: 'full' };
    expect((await stranger.tryPost(`/v1/venues/${one.venueId}/syncs`, order)).status).toBe(404);
    expect((await stranger.cancel(one.venueId, otherRun.id)).status).toBe(404);
    expect(await other.account.writes()).toHaveLength(30);
  });

  it('that share one Stripe account keep their own records: the same sourceId is another record', async () => {
    const account = await system.stripe.addAccount();
    const [one, other] = await Promise.all([aConnectedVenue(account), aConnectedVenue(account)]);
    await Promise.all([one, other].map(({ venueId }) => system.api.load(venueId, customers(3))));
    await sync(one, 'push');
    expect(await sync(other, 'push')).toMatchObject({ counts: { created: 3, updated: 0 } });
    expect(await sourceIdsAt(account)).toEqual(['c-0', 'c-0', 'c-1', 'c-1', 'c-2', 'c-2']);
  });
});

describe('a sync with bad records', () => {
  let venue: ConnectedVenue;
  const bad = { ...aCustomer(50), phone: '+49 30 123456789012345 ext. 99' };
  beforeAll(async () => {
    venue = await aConnectedVenue();
    await system.api.load(venue.venueId, [...customers(40), bad]);
  });

  it('continues past them, logs each with its reason, and streams each live', async () => {
    const run = await system.api.start(venue.venueId, { connectionId: venue.connection.id, direction: 'push' });
    const events = await system.api.watch(venue.venueId, run.id);
    expect(await system.api.run(venue.venueId, run.id)).toMatchObject({
      outcome: 'completed-with-rejections',
      counts: { read: 41, created: 40, rejected: 1 },
    });
    const [entry, ...more] = await system.api.log(venue.venueId, run.id, '&action=rejected');
    expect(more).toEqual([]);
    expect(entry).toMatchObject({
      level: 'error',
      action: 'rejected',
      sourceId: bad.sourceId,
      code: 'not-mappable',
      message: 'phone: Stripe allows at most 20 characters.',
    });
    expect(events.filter(({ event }) => event === 'record-rejected').map(({ data }) => data)).toEqual([entry]);
  });
});
