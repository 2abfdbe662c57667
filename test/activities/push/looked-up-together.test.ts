import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Resource } from '../../../contracts/providers.ts';
import { createRecordStores } from '../../../db/records/record-store.ts';
import { RECORD_KINDS } from '../../../records/registry.ts';
import { createMailchimpSyncWorld } from './mailchimp-world.ts';
import { createQuickBooksSyncWorld } from './quickbooks-world.ts';
import { createXeroSyncWorld } from './xero-world.ts';

type World = Pick<
  Awaited<ReturnType<typeof createXeroSyncWorld>>,
  'database' | 'sync' | 'open' | 'begin' | 'chunk' | 'finish' | 'logOf' | 'close'
>;
type Venue = Parameters<World['sync']>[0];
type WireObject = Readonly<Record<string, unknown>>;
interface Call {
  readonly method: string;
}

/** One venue's books at a provider. */
interface Books {
  readonly world: World;
  /** Most records of a call. */
  readonly batch: number;
  /** An object that was made anew is another one than the one that a person took out of use. */
  readonly makesAnother: boolean;
  readonly nameOf: Readonly<Partial<Record<Resource, string>>>;
  aVenue(): Promise<Venue>;
  fault(fault: object): Promise<unknown>;
  calls(): Promise<readonly Call[]>;
  objects(resource: Resource): Promise<readonly WireObject[]>;
  /** A person takes the first customer out of use. */
  endFirst(resource: 'customers'): Promise<unknown>;
}

async function quickbooks(): Promise<Books> {
  const world = await createQuickBooksSyncWorld();
  let company: Awaited<ReturnType<typeof world.aQuickBooksVenue>>['company'];
  const ENTITIES = { customers: 'Customer', products: 'Item', invoices: 'Invoice' } as const;
  return {
    world,
    batch: 30,
    makesAnother: true,
    nameOf: { customers: 'DisplayName', products: 'Name', invoices: 'DocNumber' },
    async aVenue() {
      const venue = await world.aQuickBooksVenue();
      ({ company } = venue);
      return venue;
    },
    fault: (fault) => world.quickbooks.fault({ ...fault, match: { path: '/v3/company/\\d+/batch' }, times: 1 }),
    calls: () => company.calls(),
    objects: (resource) => company.objects(ENTITIES[resource as keyof typeof ENTITIES]),
    async endFirst() {
      const [{ Id, SyncToken } = {}] = await company.objects('Customer');
      return company.write('customer', { Id, SyncToken, sparse: true, Active: false });
    },
  };
}

async function xero(): Promise<Books> {
  const world = await createXeroSyncWorld();
  let organisation: Awaited<ReturnType<typeof world.aXeroVenue>>['organisation'];
  const ENTITIES = { customers: 'Contacts', products: 'Items', invoices: 'Invoices' } as const;
  return {
    world,
    batch: 50,
    makesAnother: true,
    nameOf: { customers: 'Name', products: 'Code', invoices: 'InvoiceNumber' },
    async aVenue() {
      const venue = await world.aXeroVenue();
      ({ organisation } = venue);
      return venue;
    },
    fault: (fault) => world.xero.fault({ ...fault, match: { method: 'PUT', path: '/api.xro/2.0/.*' }, times: 1 }),
    calls: () => organisation.calls(),
    objects: (resource) => organisation.objects(ENTITIES[resource as keyof typeof ENTITIES]),
    async endFirst() {
      const [{ ContactID } = {}] = await organisation.objects('Contacts');
      return organisation.ask('POST', 'Contacts', { body: { ContactID, ContactStatus: 'ARCHIVED' } });
    },
  };
}

async function mailchimp(): Promise<Books> {
  const world = await createMailchimpSyncWorld();
  let account: Awaited<ReturnType<typeof world.aMailchimpVenue>>['account'];
  return {
    world,
    batch: 500,
    makesAnother: false,
    nameOf: { customers: 'email_address' },
    async aVenue() {
      const venue = await world.aMailchimpVenue();
      ({ account } = venue);
      return venue;
    },
    fault: (fault) =>
      world.mailchimp.fault({ ...fault, match: { method: 'POST', path: '/3.0/lists/[^/]+' }, times: 1 }),
    calls: () => account.calls(),
    objects: () => account.objects('members'),
    async endFirst() {
      const [member] = await account.objects<WireObject>('members');
      return account.act({ act: 'archive', member: member?.['contact_id'] });
    },
  };
}

const CURRENCY = 'GBP';
const QUOTED = 'O\'Neil "the" \\ 2';

const RESOURCES: readonly Resource[] = ['customers', 'products', 'invoices'];

describe.each<[string, readonly Resource[], () => Promise<Books>]>([
  ['quickbooks', RESOURCES, quickbooks],
  ['xero', RESOURCES, xero],
  ['mailchimp', ['customers'], mailchimp],
])('a batch of unknown outcome at %s', (_provider, resources, start) => {
  let books: Books;
  let venue: Venue;
  let stores: ReturnType<typeof createRecordStores>;
  beforeAll(async () => {
    books = await start();
    stores = createRecordStores(books.world.database.db, RECORD_KINDS);
  });
  afterAll(() => books.world.close());
  beforeEach(async () => {
    venue = await books.aVenue();
  });

  const currency = CURRENCY;
  const recordOf = (resource: Resource, index: number): object => {
    const sourceId = `r-${index}`;
    const name = index === 0 ? QUOTED : `Number ${index}`;
    if (resource === 'customers') return { sourceId, name, email: `c-${index}@example.com` };
    if (resource === 'products')
      return { sourceId, name, sku: index === 0 ? 'S"0\\' : `S-${index}`, amountMinor: 500, currency, active: true };
    return {
      ...{ sourceId, number: `N-${index}`, status: 'open', customerSourceId: 'ada', currency },
      ...{ issuedAt: '2026-10-01T00:00:00.000Z', dueAt: '2026-10-31T00:00:00.000Z' },
      ...{ subtotalMinor: 500, taxMinor: 0, totalMinor: 500, amountDueMinor: 500 },
      lines: [
        {
          ...{ description: 'Chai', quantity: '1', unitAmount: '5', amountMinor: 500, taxMinor: 0 },
          productSourceId: 'chai',
        },
      ],
    };
  };
  const load = (resource: Resource, ...records: readonly object[]) =>
    stores.of(RECORD_KINDS.get(resource)).upsertMany(venue.venueId, records as never);
  const loadBatch = (resource: Resource) =>
    load(resource, ...Array.from({ length: books.batch }, (_, index) => recordOf(resource, index)));
  async function nameables(resource: Resource) {
    if (resource !== 'invoices') return;
    await load('customers', { sourceId: 'ada', name: 'Ada' });
    await load('products', { sourceId: 'chai', name: 'Chai', sku: 'CHAI', amountMinor: 500, currency, active: true });
    for (const named of ['customers', 'products'] as const)
      await books.world.sync(venue, 'push', 'full', { resource: named });
  }
  /** Pushes a batch whose answer is lost, and lets the provider forget its key. */
  async function lose(resource: Resource, fault: object) {
    await books.fault(fault);
    const input = await books.world.open(venue, 'push', 'full', { resource });
    await books.world.begin(input);
    await expect(books.world.chunk(input)).rejects.toThrow();
    const { admin } = books.world.database;
    await admin`update record_links set created_at = created_at - interval '3 hours' where venue_id = ${venue.venueId}`;
    await admin`update ${admin(resource)} set updated_at = updated_at - interval '4 hours' where venue_id = ${venue.venueId}`;
    return input;
  }
  const namesOf = async (resource: Resource) =>
    (await books.objects(resource)).map((object) => object[books.nameOf[resource] ?? '']).sort();

  describe.each(resources)('of %s', (resource) => {
    it.each([
      ['was carried out', 'commit-then-fail', 0],
      ['was not carried out', 'status', 1],
    ] as const)('is looked up by few calls, and written once: it %s', async (_, kind, batches) => {
      await nameables(resource);
      await loadBatch(resource);
      const input = await lose(resource, { kind, status: 503 });
      const before = await books.calls();
      expect(await books.world.chunk(input)).toMatchObject({ status: 'done' });
      const made = (await books.calls()).slice(before.length);
      expect(await books.world.finish(input)).toMatchObject({
        outcome: 'completed',
        counts: { created: books.batch, rejected: 0 },
      });
      expect((await namesOf(resource)).length).toBe(new Set(await namesOf(resource)).size);
      // What cannot be asked for with others, such as a code with quotes, takes two calls of its own.
      expect(made.filter(({ method }) => method !== 'GET').length).toBeLessThanOrEqual(batches + 1);
      expect(made.filter(({ method }) => method === 'GET').length).toBeLessThanOrEqual(6);
      expect((await books.world.sync(venue, 'push', 'full', { resource })).counts).toMatchObject({
        ...{ created: 0, updated: 0, rejected: 0, unchanged: books.batch },
      });
    });
  });

  /** Ends a run whose batch was lost, and tells the calls that it took. */
  async function goOn(input: Awaited<ReturnType<typeof lose>>) {
    const before = await books.calls();
    expect(await books.world.chunk(input)).toMatchObject({ status: 'done' });
    const { counts } = await books.world.finish(input);
    return { counts, calls: (await books.calls()).length - before.length };
  }

  it('updates together what it finds, where the records have changed since', async () => {
    await loadBatch('customers');
    const input = await lose('customers', { kind: 'commit-then-fail', status: 503 });
    const changed = Array.from({ length: books.batch }, (_, index) => ({
      ...recordOf('customers', index),
      phone: '+442071234567',
    }));
    await load('customers', ...changed);
    const { counts, calls } = await goOn(input);
    expect(counts).toMatchObject({ created: 0, updated: books.batch, rejected: 0 });
    expect(calls).toBeLessThanOrEqual(6);
    expect(await books.objects('customers')).toHaveLength(books.batch);
  });

  it('creates anew what a person has taken out of use meanwhile, and nothing else', async () => {
    await loadBatch('customers');
    const input = await lose('customers', { kind: 'commit-then-fail', status: 503 });
    await books.endFirst('customers');
    const { counts } = await goOn(input);
    expect(counts).toMatchObject({ created: books.batch, rejected: 0 });
    expect(await books.objects('customers')).toHaveLength(books.batch + (books.makesAnother ? 1 : 0));
    expect((await books.world.sync(venue, 'push', 'full', { resource: 'customers' })).counts).toMatchObject({
      ...{ created: 0, updated: 0, rejected: 0, unchanged: books.batch },
    });
  });

  it('ties no record to the object of another record that has its name', async () => {
    await load('customers', { ...recordOf('customers', 1), sourceId: 'first' });
    await books.world.sync(venue, 'push', 'full', { resource: 'customers' });
    await load('customers', recordOf('customers', 1), recordOf('customers', 2));
    const input = await lose('customers', { kind: 'status', status: 503 });
    const { counts } = await goOn(input);
    // Names are unique there, or addresses.
    expect(counts).toMatchObject({ created: 1, rejected: 1 });
    expect(await books.objects('customers')).toHaveLength(2);
  });
});
