import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Resource } from '../../../contracts/providers.ts';
import { RECORD_KINDS } from '../../../records/registry.ts';
import { createEventWorld } from '../../support/worlds/event-world.ts';
import type { EventWorld } from '../../support/worlds/event-world.ts';
import { createSquareSyncWorld } from '../push/square-world.ts';
import type { SquareSyncWorld, SquareVenue } from '../push/square-world.ts';

type WireObject = Readonly<Record<string, unknown>>;
type Identified = WireObject & { readonly id: string };
interface SquareEvent {
  readonly type: string;
  readonly event_id: string;
  readonly data: { readonly id: string; readonly object: Readonly<Record<string, WireObject | readonly WireObject[]>> };
}

const SAMPLES = new URL('../../../../shared/samples/square-webhook-events/', import.meta.url);
const hasSamples = existsSync(SAMPLES);
if (!hasSamples) process.stderr.write('SKIPPED: Square’s samples of events are not next to this repository.\n');
const sample = (name: string): SquareEvent =>
  JSON.parse(readFileSync(new URL(`${name}.json`, SAMPLES), 'utf8')) as SquareEvent;

let world: SquareSyncWorld;
let inbox: EventWorld;
let venue: SquareVenue;

beforeAll(async () => {
  world = await createSquareSyncWorld();
  inbox = await createEventWorld(world);
});
afterAll(async () => {
  await inbox.close();
  await world.close();
});
beforeEach(async () => {
  venue = await world.aSquareVenue();
});

const RESOURCES: readonly Resource[] = ['customers', 'products', 'inventory', 'transactions', 'invoices'];
/** Every resource counts as pulled, without a run. */
const pulls = (...resources: readonly Resource[]) => inbox.countAsPulled(venue, ...resources);
async function post(event: SquareEvent, id = `${venue.connectionId}-${event.event_id}`): Promise<void> {
  await inbox.post('square', { ...event, event_id: id, merchant_id: await inbox.accountOf(venue) });
}
async function records<Row extends WireObject>(
  resource: Resource,
): Promise<readonly (Row & { deleted_at: unknown })[]> {
  const { admin } = world.database;
  const { table } = RECORD_KINDS.get(resource);
  return admin<(Row & { deleted_at: unknown })[]>`select * from ${admin(table)} where venue_id = ${venue.venueId}`;
}
const states = async () => (await inbox.events(venue)).map(({ type, state }) => [type, state]);
const retrievals = async (path: RegExp) =>
  (await venue.merchant.calls()).filter((call) => call.method === 'GET' && path.test(call.path)).length;

describe.skipIf(!hasSamples)('an official example of Square’s', () => {
  it.each<[string, string, string, Resource, string]>([
    ['CustomerCreatedEvent', 'customer', 'customers', 'customers', 'created'],
    ['CustomerUpdatedEvent', 'customer', 'customers', 'customers', 'created'],
    ['InvoicePublishedEvent', 'invoice', 'invoices', 'invoices', 'created'],
    ['InvoiceUpdatedEvent', 'invoice', 'invoices', 'invoices', 'created'],
    ['InvoiceRefundedEvent', 'invoice', 'invoices', 'invoices', 'created'],
    ['PaymentCreatedEvent', 'payment', 'payments', 'transactions', 'created'],
    ['PaymentUpdatedEvent', 'payment', 'payments', 'transactions', 'created'],
    ['RefundCreatedEvent', 'refund', 'refunds', 'transactions', 'created'],
    ['DisputeEvidenceCreatedEvent', 'dispute', 'disputes', 'transactions', 'created'],
  ])('makes the record of its object: %s', async (name, key, kind, resource, effect) => {
    await pulls(...RESOURCES);
    const event = sample(name);
    await venue.merchant.put(kind, [event.data.object[key] as Identified]);
    await post(event);
    await inbox.drain();
    const [shown] = await inbox.events(venue);
    expect(shown).toMatchObject({ state: 'applied', effects: [{ kind: effect, resource, reason: null }] });
    expect((await records(resource)).map(({ id }) => id)).toEqual([shown!.effects[0]!.recordId]);
  });

  it('makes the count of a product: InventoryCountUpdatedEvent', async () => {
    await pulls('inventory');
    const event = sample('InventoryCountUpdatedEvent');
    const [count] = event.data.object['inventory_counts'] as readonly WireObject[];
    const { catalog_object_id: object, location_id: location } = count as Record<string, string>;
    await venue.merchant.put('counts', [{ ...count, id: `${object!}:${location!}:IN_STOCK` }]);
    await post(event);
    await inbox.drain();
    expect(await inbox.events(venue)).toMatchObject([{ state: 'applied', effects: [{ resource: 'inventory' }] }]);
    expect(await records('inventory')).toMatchObject([{ quantity: expect.stringMatching(/^10/) as string }]);
  });

  it('reads the points of a customer: LoyaltyAccountUpdatedEvent', async () => {
    await pulls('customers');
    const event = sample('LoyaltyAccountUpdatedEvent');
    const account = event.data.object['loyalty_account'] as Identified & { readonly customer_id: string };
    const customer = sample('CustomerCreatedEvent').data.object['customer'] as Identified;
    await venue.merchant.put('customers', [{ ...customer, id: account.customer_id }]);
    await venue.merchant.put('loyalty-accounts', [account]);
    await post(event);
    await inbox.drain();
    expect(await records('customers')).toMatchObject([{ metadata: { square_loyalty_points: '10' } }]);
  });

  it('deletes the record: CustomerDeletedEvent', async () => {
    const event = sample('CustomerDeletedEvent');
    await venue.merchant.put('customers', [
      {
        ...(event.data.object['customer'] as Identified),
        created_at: '2022-11-09T21:00:00Z',
        updated_at: '2022-11-09T21:00:00Z',
      },
    ]);
    await world.sync(venue, 'pull', 'full', { resource: 'customers' });
    expect(await records('customers')).toMatchObject([{ deleted_at: null }]);
    await venue.merchant.client.customers.delete({ customerId: event.data.id });
    await post(event);
    await inbox.drain();
    expect((await records('customers')).map(({ deleted_at: at }) => at === null)).toEqual([false]);
    expect(await inbox.events(venue)).toMatchObject([{ state: 'applied', effects: [{ kind: 'deleted' }] }]);
  });

  it('lists what changed in the catalogue, in one search for many events: CatalogVersionUpdatedEvent', async () => {
    await pulls('products');
    await venue.merchant.seed('catalogue', 2);
    const event = sample('CatalogVersionUpdatedEvent');
    for (let sent = 0; sent < 5; sent += 1) await post(event, `catalogue-${sent}`);
    await inbox.drain();
    expect((await records('products')).length).toBeGreaterThan(1);
    expect((await world.callsTo(venue, '/v2/catalog/search')).length).toBe(1);
    expect(new Set((await states()).map(([, state]) => state))).toEqual(new Set(['applied']));
  });

  it('costs nothing where nobody syncs what it is about: LaborShiftCreatedEvent, OrderUpdatedEvent', async () => {
    await pulls(...RESOURCES);
    for (const name of ['LaborShiftCreatedEvent', 'OrderUpdatedEvent', 'TeamMemberUpdatedEvent'])
      await post(sample(name));
    const before = (await venue.merchant.calls()).length;
    await inbox.drain();
    expect((await states()).map(([, state]) => state)).toEqual(['ignored', 'ignored', 'ignored']);
    expect((await venue.merchant.calls()).length).toBe(before);
  });
});

describe.skipIf(!hasSamples)('events of one object of Square’s', () => {
  it('are one reading of it, in any order and however often they are sent', async () => {
    await pulls('customers');
    const event = sample('CustomerUpdatedEvent');
    const customer = event.data.object['customer'] as Identified;
    await venue.merchant.put('customers', [{ ...customer, given_name: 'Newest', version: 9 }]);
    for (const id of ['c', 'a', 'b', 'a', 'c']) await post(event, `${venue.connectionId}-${id}`);
    expect(await inbox.drain()).toBe(3);
    expect(await records('customers')).toMatchObject([{ name: 'Newest Smorly', version: 1 }]);
    expect(await retrievals(/\/v2\/customers\//)).toBe(1);
  });

  it('leave alone what belongs to a location that the venue has not chosen', async () => {
    await pulls('transactions');
    const event = sample('PaymentUpdatedEvent');
    await venue.merchant.put('payments', [event.data.object['payment'] as Identified]);
    await world.database
      .admin`update connections set chosen_accounts = '["ELSEWHERE"]' where id = ${venue.connectionId}`;
    await post(event);
    await inbox.drain();
    expect(await records('transactions')).toEqual([]);
    expect(await inbox.events(venue)).toMatchObject([{ state: 'applied', effects: [] }]);
  });

  it('change nothing when our own write caused them', async () => {
    await world.customers.upsertMany(venue.venueId, [{ sourceId: 'c-0', name: 'Ada Lovelace' }]);
    await world.sync(venue, 'both', 'full', { resource: 'customers' });
    const [customer] = await venue.merchant.objects<Identified>('customers');
    const [before] = await records<{ id: string; version: number }>('customers');
    const event = sample('CustomerUpdatedEvent');
    await post({ ...event, data: { ...event.data, id: customer!.id, object: { customer: customer! } } });
    await inbox.drain();
    expect(await records('customers')).toMatchObject([{ id: before!.id, version: before!.version }]);
    expect(await inbox.events(venue)).toMatchObject([{ state: 'applied', effects: [{ kind: 'unchanged' }] }]);
    expect(await world.database.admin`select from merge_conflicts where venue_id = ${venue.venueId}`).toEqual([]);
  });
});
