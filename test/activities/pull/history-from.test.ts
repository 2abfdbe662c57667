import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Direction, Resource } from '../../../contracts/providers.ts';
import type { AuditEntry } from '../../../db/core/audit-store.ts';
import { firstPullCheckpoint } from '../../../domain/sync/checkpoint.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';
import { createSquareSyncWorld } from '../push/square-world.ts';
import type { SquareSyncWorld, SquareVenue } from '../push/square-world.ts';

const DAY_MS = 86_400_000;
const daysAgo = (days: number) => new Date(Date.now() - days * DAY_MS);
const dayOf = (date: Date) => date.toISOString().slice(0, 10);
const epochS = (date: Date) => Math.floor(date.getTime() / 1_000);

type World = Pick<Awaited<ReturnType<typeof createSyncWorld>>, 'database' | 'reach' | 'sync'>;

/** Sets the day, this many days ago. */
const begin = (world: World, venue: TestVenue, { resource, days }: { resource: Resource; days: number | null }) => {
  const audit: AuditEntry = {
    ...{ venueId: venue.venueId, actor: 'x', action: 'connection.reach-changed', targetType: 'connection' },
    ...{ targetId: 'x', outcome: 'ok', requestId: null },
  };
  const historyFrom = days === null ? null : dayOf(daysAgo(days));
  return world.reach.change({ ...venue, resource }, { excludedFields: [], historyFrom }, audit);
};
const stored = async ({ database }: World, { connectionId }: TestVenue) => {
  const rows = await database.admin<{ external_id: string }[]>`
    select external_id from record_links where connection_id = ${connectionId} and state <> 'gone' order by 1`;
  return rows.map((row) => row.external_id);
};

/** What holds for every resource: `old` began 40 days ago, `recent` 5 days ago; `touch` changes the old one. */
interface Case {
  readonly world: () => World;
  readonly venue: () => TestVenue;
  readonly resource: Resource;
  readonly direction: Direction;
  readonly touch: () => Promise<unknown>;
}

function limitsHistory({ world, venue, resource, direction, touch }: Case) {
  const run = async (mode: 'full' | 'incremental') => {
    const { outcome, counts } = await world().sync(venue(), direction, mode, { resource });
    expect(outcome).toBe('completed');
    return counts;
  };

  it(`pulls nothing that began before the day, in full, incremental and dry runs (${resource}, ${direction})`, async () => {
    await begin(world(), venue(), { resource, days: 20 });
    const dry = await world().sync(venue(), direction, 'full', { resource, dryRun: true });
    expect(dry.counts).toMatchObject({ created: 1 });
    expect(await run('full')).toMatchObject({ created: 1, archived: 0 });
    expect(await stored(world(), venue())).toEqual(['recent']);
    await touch();
    await run('incremental');
    await run('full');
    expect(await stored(world(), venue())).toEqual(['recent']);
  });

  it(`pulls what is missing once the day is earlier or none (${resource}, ${direction})`, async () => {
    await begin(world(), venue(), { resource, days: 20 });
    await run('full');
    await begin(world(), venue(), { resource, days: 60 });
    await run('incremental');
    expect(await stored(world(), venue())).toEqual(['old', 'recent']);
    expect(await run('incremental')).toMatchObject({ created: 0, archived: 0 });
  });

  it(`deletes nothing that is stored once the day is later (${resource}, ${direction})`, async () => {
    await run('full');
    expect(await stored(world(), venue())).toEqual(['old', 'recent']);
    await begin(world(), venue(), { resource, days: 2 });
    await touch();
    expect(await run('full')).toMatchObject({ archived: 0, created: 0 });
    expect(await run('incremental')).toMatchObject({ archived: 0, created: 0 });
    expect(await stored(world(), venue())).toEqual(['old', 'recent']);
    await begin(world(), venue(), { resource, days: null });
    await run('incremental');
    expect(await stored(world(), venue())).toEqual(['old', 'recent']);
  });
}

describe('history of a connection to Stripe', () => {
  let world: Awaited<ReturnType<typeof createSyncWorld>>;
  let venue: TestVenue;
  beforeAll(async () => {
    world = await createSyncWorld();
  });
  afterAll(() => world.close());
  beforeEach(async () => {
    await world.stripe.reset();
    venue = await world.aVenue();
    const [old, recent] = [epochS(daysAgo(40)), epochS(daysAgo(5))];
    for (const resource of ['customers', 'products'])
      await world.stripe.seed({
        resource,
        records: [
          { id: 'old', name: 'Old', created: old },
          { id: 'recent', name: 'Recent', created: recent },
        ],
      });
    await world.stripe.seed({
      resource: 'charges',
      records: [
        { id: 'old', amount: 1_000, fee: 0, created: old },
        { id: 'recent', amount: 2_000, fee: 0, created: recent },
      ],
    });
  });
  const touch = (path: string) => async () => {
    await world.stripe.clock(2_000);
    await world.callStripe('POST', path, { 'metadata[touched]': 'yes' });
  };
  const of = { world: () => world, venue: () => venue };
  limitsHistory({ ...of, resource: 'customers', direction: 'pull', touch: touch('customers/old') });
  limitsHistory({ ...of, resource: 'products', direction: 'both', touch: touch('products/old') });
  limitsHistory({ ...of, resource: 'transactions', direction: 'pull', touch: touch('charges/old') });

  it('asks for payments from before the day on by as much as an authorisation may be older', () => {
    const plan = world.deps.providers.find('stripe')!.pullPlan('transactions');
    const start = { plan, nowEpochS: 1_900_000_000, watermarkEpochS: null, feedCursor: null, window: null };
    const listings = (historyFromEpochS: number | null) =>
      firstPullCheckpoint({ ...start, mode: 'full', historyFromEpochS }).stages.flatMap((stage) =>
        stage.kind === 'listing' ? [stage.fromEpochS] : [],
      );
    expect(listings(1_800_000_000)).toEqual([1_800_000_000 - 31 * 86_400, 1_800_000_000 - 31 * 86_400]);
    expect(listings(null)).toEqual([null, null]);
  });

  it('is read whole by the next run when the day becomes earlier while a run is under way', async () => {
    await begin(world, venue, { resource: 'customers', days: 20 });
    const input = await world.open(venue, 'pull', 'full');
    await world.begin(input);
    expect((await world.chunk(input)).status).toBe('done');
    await begin(world, venue, { resource: 'customers', days: null });
    await world.finish(input);
    expect(await stored(world, venue)).toEqual(['recent']);
    await world.sync(venue, 'pull', 'incremental');
    expect(await stored(world, venue)).toEqual(['old', 'recent']);
  });
});

describe('history of a connection to Square', () => {
  let world: SquareSyncWorld;
  let venue: SquareVenue;
  const at = (date: Date) => ({ created_at: date.toISOString(), updated_at: date.toISOString() });
  const customer = (id: string, date: Date) => ({ id, given_name: id, version: 1, ...at(date) });
  const payment = (id: string, date: Date, updated = date) => ({
    ...{ id, status: 'COMPLETED', location_id: venue.merchant.mainLocationId, source_type: 'CASH' },
    ...{ total_money: { amount: 1_000, currency: 'GBP' }, amount_money: { amount: 1_000, currency: 'GBP' } },
    ...{ created_at: date.toISOString(), updated_at: updated.toISOString() },
  });
  beforeAll(async () => {
    world = await createSquareSyncWorld();
  });
  afterAll(() => world.close());
  beforeEach(async () => {
    venue = await world.aSquareVenue();
    await venue.merchant.put('customers', [customer('old', daysAgo(40)), customer('recent', daysAgo(5))]);
    await venue.merchant.put('payments', [payment('old', daysAgo(40)), payment('recent', daysAgo(5))]);
  });
  const of = { world: () => world, venue: () => venue };
  limitsHistory({
    ...{ ...of, resource: 'customers', direction: 'both' },
    touch: () => venue.merchant.client.customers.update({ customerId: 'old', nickname: 'Touched' }),
  });
  limitsHistory({
    ...{ ...of, resource: 'transactions', direction: 'pull' },
    touch: () => venue.merchant.put('payments', [payment('old', daysAgo(40), new Date())]),
  });
});
