import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Resource } from '../../../contracts/providers.ts';
import { createInboxStore } from '../../../db/webhooks/inbox-store.ts';
import { RECORD_KINDS } from '../../../records/registry.ts';
import { createEventWorld } from '../../support/worlds/event-world.ts';
import type { EventWorld } from '../../support/worlds/event-world.ts';
import { createQuickBooksSyncWorld } from '../push/quickbooks-world.ts';
import type { QuickBooksSyncWorld, QuickBooksVenue } from '../push/quickbooks-world.ts';

type WireObject = Readonly<Record<string, unknown>>;

let world: QuickBooksSyncWorld;
let inbox: EventWorld;
let venue: QuickBooksVenue;

beforeAll(async () => {
  world = await createQuickBooksSyncWorld();
  inbox = await createEventWorld(world);
});
afterAll(async () => {
  await inbox.close();
  await world.close();
});
beforeEach(async () => {
  await world.database.admin`truncate webhook_events cascade`;
  venue = await world.aQuickBooksVenue();
});

const RESOURCES: readonly Resource[] = ['customers', 'products', 'inventory', 'transactions', 'invoices'];

interface Change {
  readonly entity: string;
  readonly id: string;
  /** As CloudEvents write it. */
  readonly operation?: string;
  readonly deletedId?: string;
}

const cloudEvent = ({ entity, id, operation = 'updated', deletedId }: Change, company = venue.company.id) => ({
  specversion: '1.0',
  id: `${randomUUID()}-${entity}-${id}`,
  source: 'intuit.test',
  type: `qbo.${entity.toLowerCase()}.${operation}.v1`,
  time: '2026-11-28T21:31:25.179Z',
  intuitentityid: id,
  intuitaccountid: company,
  ...(deletedId !== undefined && { data: { deletedid: deletedId } }),
});

const LEGACY_WORDS: Readonly<Record<string, string>> = {
  created: 'Create',
  updated: 'Update',
  deleted: 'Delete',
  merged: 'Merge',
  void: 'Void',
};
const legacy = ({ entity, id, operation = 'updated', deletedId }: Change) => ({
  eventNotifications: [
    {
      realmId: venue.company.id,
      dataChangeEvent: {
        entities: [
          {
            ...{ name: entity, id, operation: LEGACY_WORDS[operation], lastUpdated: new Date().toISOString() },
            ...(deletedId !== undefined && { deletedId }),
          },
        ],
      },
    },
  ],
});
const FORMATS = [
  ['CloudEvents', (change: Change) => [cloudEvent(change)]],
  ['the earlier format', legacy],
] as const;

const post = (delivery: object) => inbox.post('quickbooks', delivery);

async function records<Row extends WireObject>(resource: Resource, one: QuickBooksVenue = venue) {
  const { admin } = world.database;
  const { table } = RECORD_KINDS.get(resource);
  return admin<(Row & { id: string; version: number; deleted_at: unknown })[]>`
    select * from ${admin(table)} where venue_id = ${one.venueId} order by created_at, id`;
}
const states = async () => (await inbox.events(venue)).map(({ state }) => state);
const reads = async ({ company }: QuickBooksVenue = venue) =>
  (await company.calls()).filter(({ method, path }) => method === 'GET' && !path.includes('companyinfo'));

async function customer(name: string, one: QuickBooksVenue = venue): Promise<WireObject & { readonly Id: string }> {
  const { Customer } = await one.company.write('customer', { DisplayName: name });
  return Customer as WireObject & { readonly Id: string };
}

describe.each(FORMATS)('an event of QuickBooks in %s', (_format, eventOf) => {
  it.each<[string, readonly Resource[]]>([
    ['Customer', ['customers']],
    ['Item', ['inventory', 'products']],
    ['Invoice', ['invoices']],
    ['Payment', ['transactions']],
    ['SalesReceipt', ['transactions']],
    ['RefundReceipt', ['transactions']],
    ['CreditMemo', ['transactions']],
    ['BillPayment', ['transactions']],
    ['Purchase', ['transactions']],
  ])('makes the records of its object: %s', async (entity, resources) => {
    await inbox.countAsPulled(venue, ...RESOURCES);
    const [id = ''] = await venue.company.seed(entity, 1);
    await post(eventOf({ entity, id, operation: 'created' }));
    await inbox.drain();
    const [shown] = await inbox.events(venue);
    expect(shown?.state).toBe('applied');
    expect(shown?.effects.map(({ kind, resource }) => [kind, resource]).sort()).toEqual(
      resources.map((resource) => ['created', resource]),
    );
    for (const resource of resources) expect(await records(resource)).toHaveLength(1);
  });

  it('deletes the records of a customer who was merged into another, and reads the other', async () => {
    const [kept, gone] = [await customer('Kept'), await customer('Gone')];
    await world.sync(venue, 'pull', 'full', { resource: 'customers' });
    await venue.company.vanish('Customer', gone.Id);
    await venue.company.write('customer', { Id: kept.Id, SyncToken: '0', sparse: true, DisplayName: 'Kept of both' });
    await post(eventOf({ entity: 'Customer', id: kept.Id, operation: 'merged', deletedId: gone.Id }));
    await inbox.drain();
    expect((await records('customers')).map(({ name, deleted_at: at }) => [name, at === null])).toEqual(
      expect.arrayContaining([
        ['Kept of both', true],
        ['Gone', false],
      ]),
    );
  });

  it('deletes the record of a deleted invoice', async () => {
    const [id = ''] = await venue.company.seed('Invoice', 1);
    await world.sync(venue, 'pull', 'full', { resource: 'invoices' });
    await venue.company.vanish('Invoice', id);
    await post(eventOf({ entity: 'Invoice', id, operation: 'deleted' }));
    await inbox.drain();
    expect((await records('invoices')).map(({ deleted_at: at }) => at === null)).toEqual([false]);
    expect(await inbox.events(venue)).toMatchObject([{ state: 'applied', effects: [{ kind: 'deleted' }] }]);
  });

  it('reads a voided invoice', async () => {
    const [id = ''] = await venue.company.seed('Invoice', 1);
    await world.sync(venue, 'pull', 'full', { resource: 'invoices' });
    await venue.company.write('invoice?operation=void', { Id: id, SyncToken: '0' });
    await post(eventOf({ entity: 'Invoice', id, operation: 'void' }));
    await inbox.drain();
    expect(await records('invoices')).toMatchObject([{ status: 'void', deleted_at: null }]);
  });
});

describe('events of QuickBooks', () => {
  it('also say “voided”, as Intuit’s announcement has it', async () => {
    await inbox.countAsPulled(venue, 'invoices');
    const [id = ''] = await venue.company.seed('Invoice', 1);
    await post([cloudEvent({ entity: 'Invoice', id, operation: 'voided' })]);
    await inbox.drain();
    expect(await states()).toEqual(['applied']);
  });

  it('of entities that nobody syncs, and of operations that nobody knows, are ignored without a call', async () => {
    await inbox.countAsPulled(venue, ...RESOURCES);
    await post([
      cloudEvent({ entity: 'Hologram', id: '1' }),
      cloudEvent({ entity: 'Vendor', id: '1' }),
      cloudEvent({ entity: 'Customer', id: '1', operation: 'imagined' }),
    ]);
    await inbox.drain();
    expect(await states()).toEqual(['ignored', 'ignored', 'ignored']);
    expect(await reads()).toEqual([]);
  });

  it('without an object are dead, and hold up no other', async () => {
    await inbox.countAsPulled(venue, 'customers');
    const { Id: id } = await customer('Ada');
    const nameless = { ...cloudEvent({ entity: 'Customer', id }), intuitentityid: undefined };
    await post([nameless, cloudEvent({ entity: 'Customer', id })]);
    await inbox.drain();
    expect((await states()).sort()).toEqual(['applied', 'dead']);
    expect(await records('customers')).toHaveLength(1);
  });

  it('name no path of the API by an id', async () => {
    await inbox.countAsPulled(venue, 'customers');
    await post([cloudEvent({ entity: 'Customer', id: "1') or Id > '0" })]);
    await inbox.drain();
    expect(await reads()).toEqual([]);
    expect(await states()).toEqual(['applied']);
  });

  it('of one object are one reading of it, in any order and however often they are sent', async () => {
    await inbox.countAsPulled(venue, 'customers');
    const { Id: id } = await customer('First');
    await venue.company.write('customer', { Id: id, SyncToken: '0', sparse: true, DisplayName: 'Newest' });
    const [updated, created] = [
      cloudEvent({ entity: 'Customer', id }),
      cloudEvent({ entity: 'Customer', id, operation: 'created' }),
    ];
    for (const event of [updated, created, updated]) await post([event]);
    expect(await inbox.drain()).toBe(2);
    expect(await records('customers')).toMatchObject([{ name: 'Newest', version: 1 }]);
    expect(await reads()).toHaveLength(1);
  });

  it('of 45 objects take two reads, which are metered', async () => {
    await inbox.countAsPulled(venue, 'customers');
    const ids = await venue.company.seed('Customer', 45);
    await post(ids.map((id) => cloudEvent({ entity: 'Customer', id })));
    await inbox.drain();
    expect(await records('customers')).toHaveLength(45);
    expect(await reads()).toHaveLength(2);
  });

  it('of transactions of two types take a read for each', async () => {
    await inbox.countAsPulled(venue, 'transactions');
    const [payments, receipts] = [await venue.company.seed('Payment', 2), await venue.company.seed('SalesReceipt', 2)];
    await post([
      ...payments.map((id) => cloudEvent({ entity: 'Payment', id })),
      ...receipts.map((id) => cloudEvent({ entity: 'SalesReceipt', id })),
    ]);
    await inbox.drain();
    expect(await records('transactions')).toHaveLength(4);
    expect(await reads()).toHaveLength(2);
  });

  it('skip an object that cannot be read, and apply the others of its query', async () => {
    await inbox.countAsPulled(venue, 'customers');
    const { Id: good } = await customer('Ada');
    await venue.company.put('Customer', [{ Id: '900', SyncToken: 'none', DisplayName: 'Broken' }]);
    await post([cloudEvent({ entity: 'Customer', id: good }), cloudEvent({ entity: 'Customer', id: '900' })]);
    await inbox.drain();
    expect(
      (await inbox.events(venue)).flatMap(({ effects }) => effects.map(({ kind, reason }) => [kind, reason])).sort(),
    ).toEqual([
      ['created', null],
      ['skipped', 'unreadable'],
    ]);
  });

  it('of two companies of one venue change the records of their own company alone', async () => {
    const other = await world.connectCompany(venue.venueId, await world.quickbooks.addCompany());
    await inbox.countAsPulled(venue, 'customers');
    await inbox.countAsPulled(other, 'customers');
    // Ids begin at 1 in every company.
    const [here, there] = [await customer('Here'), await customer('There', other)];
    expect(here.Id).toBe(there.Id);
    await post([cloudEvent({ entity: 'Customer', id: there.Id }, other.company.id)]);
    await inbox.drain();
    expect(await records('customers')).toMatchObject([{ name: 'There' }]);
    expect(await reads()).toEqual([]);
    await post([cloudEvent({ entity: 'Customer', id: here.Id })]);
    await inbox.drain();
    expect((await records('customers')).map(({ name }) => name).sort()).toEqual(['Here', 'There']);
  });

  it('change nothing when our own write caused them', async () => {
    await world.customers.upsertMany(venue.venueId, [{ sourceId: 'c-0', name: 'Ada Lovelace' }]);
    await world.sync(venue, 'both', 'full', { resource: 'customers' });
    const [written] = await venue.company.objects<{ readonly Id: string }>('Customer');
    const [before] = await records('customers');
    await post([cloudEvent({ entity: 'Customer', id: written?.Id ?? '', operation: 'created' })]);
    await inbox.drain();
    expect(await records('customers')).toMatchObject([{ id: before!.id, version: before!.version }]);
    expect(await inbox.events(venue)).toMatchObject([{ state: 'applied', effects: [{ kind: 'unchanged' }] }]);
    expect(await world.database.admin`select from merge_conflicts where venue_id = ${venue.venueId}`).toEqual([]);
  });

  it('that waited for an adapter are released by the sweep, and those of other providers go on waiting', async () => {
    await inbox.countAsPulled(venue, 'customers');
    const { Id: id } = await customer('Waited');
    await post([cloudEvent({ entity: 'Customer', id })]);
    await post([cloudEvent({ entity: 'Vendor', id: '1' })]);
    await world.database.admin`update webhook_events set state = 'waiting-for-adapter', attempts = 1`;
    const store = createInboxStore(world.database.db);
    expect(await store.releaseWaiting(['stripe'], 100)).toEqual([]);
    const [partition] = await store.releaseWaiting(['quickbooks', 'stripe'], 100);
    expect(partition).toBeTypeOf('number');
    await inbox.drain();
    expect((await states()).sort()).toEqual(['applied', 'ignored']);
    expect(await records('customers')).toMatchObject([{ name: 'Waited' }]);
  });
});
