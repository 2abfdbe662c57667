import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Resource } from '../../../contracts/providers.ts';
import type { AuditEntry } from '../../../db/core/audit-store.ts';
import { createRecordStore } from '../../../db/records/record-store.ts';
import type { RecordStore } from '../../../db/records/record-store.ts';
import { customers } from '../../../records/customers.ts';
import { products } from '../../../records/products.ts';
import { listRecords } from '../../support/list-records.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';
import { createSquareSyncWorld } from '../push/square-world.ts';
import type { SquareSyncWorld, SquareVenue } from '../push/square-world.ts';

const PLANTED = 'planted-5b1e';

/** What a test needs of either world. */
type World = Pick<Awaited<ReturnType<typeof createSyncWorld>>, 'database' | 'reach' | 'sync'>;

const exclude = (world: World, venue: TestVenue, resource: Resource, ...fields: string[]) => {
  const { venueId } = venue;
  const audit: AuditEntry = {
    ...{ venueId, actor: 'x', action: 'connection.reach-changed', targetType: 'connection', targetId: 'x' },
    ...{ outcome: 'ok', requestId: null },
  };
  return world.reach.change({ ...venue, resource }, { excludedFields: fields, historyFrom: null }, audit);
};
const both = async (world: World, venue: TestVenue, resource: Resource) => {
  const { counts, outcome } = await world.sync(venue, 'both', 'full', { resource });
  expect(outcome).toBe('completed');
  expect(await world.database.admin`select fields from merge_conflicts where venue_id = ${venue.venueId}`).toEqual([]);
  return counts;
};
const only = async <Fields>(store: RecordStore<Fields>, { venueId }: TestVenue) => {
  const { data } = await listRecords(store, venueId, {
    filter: { includeDeleted: false },
    page: { limit: 5, after: null },
  });
  expect(data).toHaveLength(1);
  return data[0]!;
};
/** Nothing of the provider's values stands in any table. */
const expectNothingStored = async ({ database }: World) => {
  const tables = await database.admin<{ name: string }[]>`
    select table_name as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'`;
  for (const { name } of tables) {
    const rows = await database.admin`select t::text as text from ${database.admin(name)} t`;
    expect([name, rows.filter(({ text }) => String(text).includes(PLANTED))]).toEqual([name, []]);
  }
};

describe('a two-way run of a connection to Stripe that leaves fields out', () => {
  let world: Awaited<ReturnType<typeof createSyncWorld>>;
  let venue: TestVenue;
  beforeAll(async () => {
    world = await createSyncWorld();
  });
  afterAll(() => world.close());
  beforeEach(async () => {
    await world.stripe.reset();
    venue = await world.aVenue();
  });
  interface Remote {
    readonly id: string;
    readonly metadata: Readonly<Record<string, string>>;
  }
  const remote = async (list: string) =>
    ((await (await fetch(`${world.sandbox.controlUrl}/state/${list}`)).json()) as { data: Remote[] }).data[0]!;

  it('neither reads, writes nor disputes them, for products', async () => {
    const store = createRecordStore(world.database.db, products);
    const load = (more: object) =>
      store.upsertMany(venue.venueId, [
        { sourceId: 'p-1', name: 'Chai', amountMinor: 300, currency: 'EUR', sku: 'OURS', ...more },
      ]);
    await exclude(world, venue, 'products', 'description', 'sku', 'amountMinor', 'currency');
    await load({ description: 'Ours' });
    expect(await both(world, venue, 'products')).toMatchObject({ created: 1, rejected: 0 });
    const { id } = await remote('products');
    expect(await remote('products')).toMatchObject({ description: null, default_price: null });
    await world.stripe.clock(2_000);
    await world.callStripe('POST', `products/${id}`, {
      description: PLANTED,
      ...{ 'metadata[interlock_sku]': PLANTED, 'images[0]': 'https://example.com/theirs.png' },
    });
    await load({ description: 'Ours again', name: 'Chai, loose', amountMinor: 350 });
    await both(world, venue, 'products');
    expect(await only(store, venue)).toMatchObject({
      ...{ name: 'Chai, loose', description: 'Ours again', sku: 'OURS', amountMinor: 350 },
      images: ['https://example.com/theirs.png'],
    });
    expect(await remote('products')).toMatchObject({
      ...{ name: 'Chai, loose', description: PLANTED, default_price: null },
      metadata: { interlock_sku: PLANTED },
    });
    expect(await both(world, venue, 'products')).toMatchObject({ updated: 0, created: 0 });
    await expectNothingStored(world);
    await world.stripe.clock(0);
  });

  it('does not clear a consent to marketing at Stripe, nor store it with the answer of a write', async () => {
    const store = createRecordStore(world.database.db, customers);
    await exclude(world, venue, 'customers', 'marketingConsent', 'phone');
    await store.upsertMany(venue.venueId, [{ sourceId: 'c-1', name: 'Ada' }]);
    await both(world, venue, 'customers');
    const { id } = await remote('customers');
    const theirs = { 'metadata[interlock_marketing_consent]': 'true', phone: PLANTED };
    await world.stripe.clock(2_000);
    await world.callStripe('POST', `customers/${id}`, theirs);
    await store.upsertMany(venue.venueId, [{ sourceId: 'c-1', name: 'Ada L', phone: '+44 20' }]);
    await both(world, venue, 'customers');
    expect(await remote('customers')).toMatchObject({
      ...{ name: 'Ada L', phone: PLANTED },
      metadata: { interlock_marketing_consent: 'true' },
    });
    expect(await only(store, venue)).toMatchObject({ name: 'Ada L', phone: '+44 20', marketingConsent: null });
    await expectNothingStored(world);
    await world.stripe.clock(0);
  });
});

describe('a two-way run of a connection to Square that leaves fields out', () => {
  let world: SquareSyncWorld;
  let venue: SquareVenue;
  beforeAll(async () => {
    world = await createSquareSyncWorld();
  });
  afterAll(() => world.close());
  beforeEach(async () => {
    venue = await world.aSquareVenue();
  });
  const remote = async () => (await venue.merchant.objects<{ id: string; version: number }>('customers'))[0]!;

  it('neither reads, writes nor disputes them, for customers', async () => {
    const store = createRecordStore(world.database.db, customers);
    const load = (more: object) => store.upsertMany(venue.venueId, [{ sourceId: 'c-1', name: 'Ada Byron', ...more }]);
    await exclude(world, venue, 'customers', 'email', 'address');
    await load({ email: 'ours@example.com' });
    expect(await both(world, venue, 'customers')).toMatchObject({ created: 1, rejected: 0 });
    expect(await remote()).not.toHaveProperty('email_address');
    const address = { addressLine1: PLANTED, country: 'GB' as const };
    const email = `${PLANTED}@example.com`;
    await venue.merchant.client.customers.update({ customerId: (await remote()).id, emailAddress: email, address });
    await load({ email: 'ours-too@example.com', phone: '+441234567890' });
    await both(world, venue, 'customers');
    expect(await only(store, venue)).toMatchObject({ email: 'ours-too@example.com', address: null });
    expect(await remote()).toMatchObject({
      ...{ email_address: email, phone_number: '+441234567890' },
      address: { address_line_1: PLANTED },
    });
    expect(await both(world, venue, 'customers')).toMatchObject({ updated: 0, created: 0 });
    await expectNothingStored(world);
  });
});
