import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TestVenue } from '../../support/worlds/sync-world.ts';
import { createQuickBooksSyncWorld } from './quickbooks-world.ts';
import { createXeroSyncWorld } from './xero-world.ts';

type WireObject = Readonly<Record<string, unknown>>;

/** A customer as the company's own people have entered it. */
interface Entered {
  readonly name: string;
  readonly email: string | null;
}

interface Shown {
  readonly name: unknown;
  readonly phone: unknown;
  /** What no record has a field for, and the first line of the address. */
  readonly rest: unknown;
}

/** A company's ledger in the words of this file. */
interface Ledger {
  readonly world: Pick<
    Awaited<ReturnType<typeof createXeroSyncWorld>>,
    'customers' | 'sync' | 'logOf' | 'close' | 'database'
  >;
  aVenue(): Promise<TestVenue>;
  enter(customers: readonly Entered[]): Promise<unknown>;
  /** Those in use. */
  shown(): Promise<readonly Shown[]>;
  /** Takes all out of use. */
  end(): Promise<unknown>;
  /** Answers the next write with an outage, and does not carry it out. */
  refuseWrite(): Promise<unknown>;
}

const OUTAGE = { kind: 'status', status: 503, times: 1 };

async function quickbooks(): Promise<Ledger> {
  const world = await createQuickBooksSyncWorld();
  let company: Awaited<ReturnType<typeof world.aQuickBooksVenue>>['company'];
  const inUse = async () => (await company.objects<WireObject>('Customer')).filter(({ Active }) => Active !== false);
  return {
    world,
    async aVenue() {
      const venue = await world.aQuickBooksVenue();
      ({ company } = venue);
      return venue;
    },
    async enter(customers) {
      for (const { name, email } of customers)
        await company.write('customer', {
          ...{ DisplayName: name, ...(email !== null && { PrimaryEmailAddr: { Address: email } }) },
          ...{ PrimaryPhone: { FreeFormNumber: '+4912' }, Notes: 'of the harbour', BillAddr: { Line1: '1 Quay' } },
        });
    },
    shown: async () =>
      (await inUse()).map((one) => ({
        ...{ name: one['DisplayName'], phone: (one['PrimaryPhone'] as WireObject | undefined)?.['FreeFormNumber'] },
        rest: [one['Notes'], (one['BillAddr'] as WireObject | undefined)?.['Line1']],
      })),
    async end() {
      for (const { Id, SyncToken } of await inUse())
        await company.write('customer', { Id, SyncToken, sparse: true, Active: false });
    },
    refuseWrite: () => world.quickbooks.fault({ ...OUTAGE, match: { path: '/v3/company/\\d+/batch' } }),
  };
}

async function xero(): Promise<Ledger> {
  const world = await createXeroSyncWorld();
  let organisation: Awaited<ReturnType<typeof world.aXeroVenue>>['organisation'];
  const inUse = async () =>
    (await organisation.objects<WireObject>('Contacts')).filter(({ ContactStatus }) => ContactStatus === 'ACTIVE');
  const write = (method: string, Contacts: readonly object[]) =>
    organisation.ask(method, 'Contacts', { body: { Contacts } });
  const ofType = (list: unknown, name: string, type: string) =>
    (list as readonly WireObject[]).find((one) => one[name] === type);
  return {
    world,
    async aVenue() {
      const venue = await world.aXeroVenue();
      ({ organisation } = venue);
      return venue;
    },
    enter: (customers) =>
      write(
        'PUT',
        customers.map(({ name, email }) => ({
          ...{ Name: name, ...(email !== null && { EmailAddress: email }), AccountNumber: 'of the harbour' },
          Phones: [{ PhoneType: 'DEFAULT', PhoneNumber: '+4912' }],
          Addresses: [{ AddressType: 'POBOX', AddressLine1: '1 Quay' }],
        })),
      ),
    shown: async () =>
      (await inUse()).map((one) => ({
        name: one['Name'],
        phone: ofType(one['Phones'], 'PhoneType', 'DEFAULT')?.['PhoneNumber'] || undefined,
        rest: [one['AccountNumber'], ofType(one['Addresses'], 'AddressType', 'POBOX')?.['AddressLine1']],
      })),
    end: async () =>
      write(
        'POST',
        (await inUse()).map(({ ContactID }) => ({ ContactID, ContactStatus: 'ARCHIVED' })),
      ),
    refuseWrite: () => world.xero.fault({ ...OUTAGE, match: { method: 'PUT', path: '/api.xro/2.0/.*' } }),
  };
}

describe.each<[string, string, () => Promise<Ledger>]>([
  ['QuickBooks', '6240', quickbooks],
  ['Xero', 'duplicate-name', xero],
])('customers who are at %s already', (_provider, refusal, start) => {
  let ledger: Ledger;
  let venue: TestVenue;
  beforeAll(async () => {
    ledger = await start();
  });
  afterAll(() => ledger.world.close());
  beforeEach(async () => {
    venue = await ledger.aVenue();
  });

  const emailOf = (index: number) => `ada-${index}@example.com`;
  const enter = (count: number, email: (index: number) => string | null = emailOf) =>
    ledger.enter(Array.from({ length: count }, (_, index) => ({ name: `Ada ${index}`, email: email(index) })));
  const load = (count: number, fieldsOf: (index: number) => object) =>
    ledger.world.customers.upsertMany(
      venue.venueId,
      Array.from({ length: count }, (_, index) => ({ sourceId: `c-${index}`, ...fieldsOf(index) })) as never,
    );
  const run = (direction: 'push' | 'pull') => ledger.world.sync(venue, direction, 'full', { resource: 'customers' });
  const push = () => run('push');
  const REST = ['of the harbour', '1 Quay'];

  it.each([1, 40])('by name and address are tied to their records, and nothing of %i is cleared', async (count) => {
    await enter(count);
    await load(count, (index) => ({ name: `ada ${index}`, email: emailOf(index).toUpperCase() }));
    expect((await push()).counts).toMatchObject({ created: 0, updated: count, rejected: 0 });
    expect(await ledger.shown()).toHaveLength(count);
    for (const one of await ledger.shown()) expect(one).toMatchObject({ phone: '+4912', rest: REST });
    expect((await push()).counts).toMatchObject({ unchanged: count, updated: 0 });
    await load(count, (index) => ({ name: `Grace ${index}`, email: emailOf(index) }));
    expect((await push()).counts).toMatchObject({ updated: count });
    expect(await ledger.shown()).toContainEqual({ name: 'Grace 0', phone: '+4912', rest: REST });
  });

  it('stay in use when their record is deleted before its first write is answered', async () => {
    await enter(1);
    await load(1, () => ({ name: 'Ada 0', email: emailOf(0) }));
    await ledger.refuseWrite();
    await expect(push()).rejects.toThrow('unavailable');
    const { admin } = ledger.world.database;
    // They had been there for an hour.
    await admin`update record_links set created_at = created_at + interval '1 hour' where venue_id = ${venue.venueId}`;
    await admin`
      update customers set deleted_at = now(), version = version + 1, updated_at = now() where venue_id = ${venue.venueId}`;
    expect((await push()).counts).toMatchObject({ archived: 0, rejected: 0 });
    expect(await ledger.shown()).toEqual([{ name: 'Ada 0', phone: '+4912', rest: REST }]);
  });

  it('tell the venue by a pull what their record leaves empty, which then may clear it', async () => {
    await enter(1);
    await load(1, () => ({ name: 'Ada 0', email: emailOf(0) }));
    await push();
    expect((await run('pull')).counts).toMatchObject({ updated: 1, created: 0 });
    expect((await push()).counts).toMatchObject({ unchanged: 1 });
    await load(1, () => ({ name: 'Ada 0', email: emailOf(0), phone: null }));
    expect((await push()).counts).toMatchObject({ updated: 1 });
    expect(await ledger.shown()).toEqual([{ name: 'Ada 0', phone: undefined, rest: REST }]);
  });

  it.each<[string, string | null, string | null]>([
    ['with another address', 'other@example.com', emailOf(0)],
    ['without an address here', emailOf(0), null],
    ['without an address there', null, emailOf(0)],
    ['without any', null, null],
  ])('by their name, %s, are others: the record is rejected', async (_, there, here) => {
    await enter(1, () => there);
    await load(1, () => ({ name: 'Ada 0', email: here, phone: '+4913' }));
    const { counts, syncId } = await push();
    expect(counts).toMatchObject({ created: 0, updated: 0, rejected: 1 });
    expect((await ledger.world.logOf(venue, syncId)).filter(({ code }) => code === refusal)).toHaveLength(1);
    expect(await ledger.shown()).toEqual([{ name: 'Ada 0', phone: '+4912', rest: REST }]);
  });

  it('are those of one record: the second of two alike is rejected', async () => {
    await enter(1);
    await load(2, () => ({ name: 'Ada 0', email: emailOf(0), phone: '+4913' }));
    expect((await push()).counts).toMatchObject({ created: 0, updated: 1, rejected: 1 });
    expect((await push()).counts).toMatchObject({ created: 0, updated: 0, unchanged: 1, rejected: 1 });
    expect(await ledger.shown()).toEqual([{ name: 'Ada 0', phone: '+4913', rest: REST }]);
  });

  it('and are out of use do not stand in the way', async () => {
    await enter(1);
    await ledger.end();
    await load(1, () => ({ name: 'Ada 0', email: emailOf(0) }));
    expect((await push()).counts).toMatchObject({ created: 1, rejected: 0 });
  });
});
