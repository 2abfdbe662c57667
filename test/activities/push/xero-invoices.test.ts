import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Resource, SyncMode } from '../../../contracts/providers.ts';
import { createRecordStore } from '../../../db/records/record-store.ts';
import { invoices } from '../../../records/invoices.ts';
import type { InvoiceFields } from '../../../records/invoices.ts';
import { products } from '../../../records/products.ts';
import { listRecords } from '../../support/list-records.ts';
import { createXeroSyncWorld } from './xero-world.ts';
import type { XeroSyncWorld, XeroVenue } from './xero-world.ts';

type WireObject = Readonly<Record<string, unknown>>;

let world: XeroSyncWorld;
let venue: XeroVenue;
let stores: { readonly products: ReturnType<typeof productsIn>; readonly invoices: ReturnType<typeof invoicesIn> };
const productsIn = (db: XeroSyncWorld['database']['db']) => createRecordStore(db, products);
const invoicesIn = (db: XeroSyncWorld['database']['db']) => createRecordStore(db, invoices);

beforeAll(async () => {
  world = await createXeroSyncWorld();
  const { db } = world.database;
  stores = { products: productsIn(db), invoices: invoicesIn(db) };
});
afterAll(() => world.close());

const CHAI = { sourceId: 'chai', name: 'Chai', sku: 'CHAI', amountMinor: 625, currency: 'GBP', active: true } as const;
const LINE = {
  ...{ description: 'Chai', quantity: '2', unitAmount: '6.25', amountMinor: 1_250, taxMinor: 250 },
  productSourceId: 'chai',
};
const INVOICE = {
  ...{ sourceId: 'i-1', number: 'INV-7', status: 'open', customerSourceId: 'ada', currency: 'GBP' },
  ...{ issuedAt: '2026-10-01T00:00:00.000Z', dueAt: '2026-10-31T00:00:00.000Z' },
  ...{ subtotalMinor: 1_250, taxMinor: 250, totalMinor: 1_500, amountDueMinor: 1_500, lines: [LINE] },
} as const;

const run = (direction: 'push' | 'pull' | 'both', resource: Resource, mode: SyncMode = 'full', at = venue) =>
  world.sync(at, direction, mode, { resource });
const load = (...many: readonly object[]) => stores.invoices.upsertMany(venue.venueId, many as never);
const records = async () => {
  const page = { page: { limit: 100, after: null }, filter: { includeDeleted: false } };
  return (await listRecords(stores.invoices, venue.venueId, page)).data as readonly (InvoiceFields & {
    readonly sourceId: string;
    readonly version: number;
  })[];
};
const rejectionsOf = async ({ syncId }: Awaited<ReturnType<typeof run>>) =>
  (await world.logOf(venue, syncId)).filter(({ action }) => action === 'rejected');
const atXero = () => venue.organisation.objects('Invoices');
const writes = async () => (await venue.organisation.calls()).filter(({ written }) => written).length;
/** Changes an invoice at Xero, as its other software does, a little later. */
async function edit(change: WireObject) {
  const [invoice] = await atXero();
  await world.xero.clock((aheadMs += 2_000));
  const body = { InvoiceID: invoice?.['InvoiceID'], ...change };
  expect((await venue.organisation.ask('POST', 'Invoices', { body })).status).toBe(200);
}
let aheadMs = 0;

beforeEach(async () => {
  venue = await world.aXeroVenue();
  await world.customers.upsertMany(venue.venueId, [{ sourceId: 'ada', name: 'Ada' }]);
  await stores.products.upsertMany(venue.venueId, [CHAI] as never);
});

/** Customers and products are at Xero. */
async function named() {
  for (const resource of ['customers', 'products']) await run('both', resource);
}

describe('a two-way run of Xero’s invoices', () => {
  it('waits for the customer and the product of an invoice, and writes it once they are there', async () => {
    await load(INVOICE);
    expect(await run('both', 'invoices')).toMatchObject({ counts: { created: 0, rejected: 1 } });
    await named();
    expect(await run('both', 'invoices', 'incremental')).toMatchObject({ counts: { created: 1, rejected: 0 } });
    expect(await atXero()).toMatchObject([{ InvoiceNumber: 'INV-7', Total: 15, LineItems: [{ ItemCode: 'CHAI' }] }]);
  });

  it('writes nothing in five idle runs, also where Xero has invoices and rewritten values of its own', async () => {
    await named();
    await load(INVOICE, {
      ...{ ...INVOICE, sourceId: 'i-2', number: 'INV-8', status: 'draft', issuedAt: '2026-10-01T14:05:00.000Z' },
      lines: [{ ...LINE, quantity: null, unitAmount: null, taxMinor: null, amountMinor: 1_500 }],
    });
    await venue.organisation.seed('Invoices', 3);
    expect(await run('both', 'invoices')).toMatchObject({ counts: { created: 5, rejected: 0 } });
    const state = async () => ({
      writes: await writes(),
      effects: await venue.organisation.objects('side-effects'),
      versions: (await records()).map(({ sourceId, version }) => [sourceId, version]),
    });
    const before = await state();
    for (const mode of ['incremental', 'full', 'incremental', 'full', 'incremental'] as const)
      expect(await run('both', 'invoices', mode)).toMatchObject({
        counts: { created: 0, updated: 0, archived: 0, rejected: 0, conflicts: 0 },
      });
    expect(await state()).toEqual(before);
  });

  it('writes an invoice on the day that the venue has, and leaves the venue’s time as it is', async () => {
    await named();
    // October has begun in Berlin.
    const times = { issuedAt: '2026-09-30T22:30:00.000Z', dueAt: '2026-10-30T23:00:00.000Z' };
    await load({ ...INVOICE, ...times });
    await run('both', 'invoices');
    expect(await atXero()).toMatchObject([{ DateString: '2026-10-01T00:00:00', DueDateString: '2026-10-31T00:00:00' }]);
    const written = await writes();
    for (const mode of ['incremental', 'full'] as const)
      expect(await run('both', 'invoices', mode)).toMatchObject({ counts: { rejected: 0, conflicts: 0 } });
    expect(await records()).toMatchObject([times]);
    expect(await writes()).toBe(written);
  });

  it('carries what each side changes to the other, and keeps the ids of lines', async () => {
    await named();
    await load(INVOICE);
    await run('both', 'invoices');
    const [{ LineItems: before } = {}] = await atXero();
    await load({
      ...INVOICE,
      lines: [{ ...LINE, quantity: '3', amountMinor: 1_875, taxMinor: 375 }],
      totalMinor: 2_250,
    });
    await edit({ DueDate: '2026-11-30' });
    expect(await run('both', 'invoices', 'incremental')).toMatchObject({ counts: { conflicts: 0, rejected: 0 } });
    const [there] = await atXero();
    expect(there).toMatchObject({ Total: 22.5, DueDateString: '2026-11-30T00:00:00' });
    expect((there?.['LineItems'] as readonly WireObject[])[0]?.['LineItemID']).toBe(
      (before as readonly WireObject[])[0]?.['LineItemID'],
    );
    expect(await records()).toMatchObject([
      { sourceId: 'i-1', dueAt: '2026-11-30T00:00:00.000Z', totalMinor: 2_250, lines: [{ productSourceId: 'chai' }] },
    ]);
    // The venue has not worked out the other sums anew: Xero's come to it, without a write.
    const written = await writes();
    expect(await run('both', 'invoices')).toMatchObject({ counts: { updated: 1, conflicts: 0 } });
    expect(await records()).toMatchObject([{ subtotalMinor: 1_875, taxMinor: 375, amountDueMinor: 2_250 }]);
    expect(await run('both', 'invoices')).toMatchObject({ counts: { updated: 0, conflicts: 0 } });
    expect(await writes()).toBe(written);
  });

  it('tells the venue that an invoice was paid at Xero, and refuses to change it then, with a reason', async () => {
    await named();
    await load(INVOICE);
    await run('both', 'invoices');
    const [invoice] = await atXero();
    await world.xero.clock((aheadMs += 2_000));
    const token = await world.xero.tokenFor(venue.organisation.id, 'accounting.payments');
    const body = { Invoice: { InvoiceID: invoice?.['InvoiceID'] }, Account: { Code: '090' }, Amount: 15 };
    await venue.organisation.ask('PUT', 'Payments', { body, headers: { authorization: `Bearer ${token}` } });
    await run('both', 'invoices', 'incremental');
    expect(await records()).toMatchObject([{ status: 'paid', amountDueMinor: 0 }]);
    await load({ ...INVOICE, status: 'paid', amountDueMinor: 0, dueAt: '2026-12-24T00:00:00.000Z' });
    const refused = await run('both', 'invoices', 'incremental');
    expect(refused).toMatchObject({ outcome: 'completed-with-rejections', counts: { rejected: 1 } });
    expect(await rejectionsOf(refused)).toMatchObject([
      { code: 'status-not-changeable', message: expect.stringContaining('http 400') as string },
    ]);
    expect(await run('pull', 'transactions')).toMatchObject({ counts: { created: 1 } });
  });

  const unpaid = async () => (await atXero()).find(({ Status: status }) => status === 'AUTHORISED');
  const pay = async (Amount: number) => {
    const invoice = await unpaid();
    await world.xero.clock((aheadMs += 2_000));
    const token = await world.xero.tokenFor(venue.organisation.id, 'accounting.payments');
    const body = { Invoice: { InvoiceID: invoice?.['InvoiceID'] }, Account: { Code: '090' }, Amount };
    const headers = { authorization: `Bearer ${token}` };
    expect((await venue.organisation.ask('PUT', 'Payments', { body, headers })).status).toBe(200);
  };

  it.each([
    ['pull', 'the venue'],
    ['both', 'the venue'],
    ['pull', 'Xero'],
    ['both', 'Xero'],
  ] as const)(
    'tells the venue of each payment, and of nothing twice: %s, of an invoice of %s',
    async (direction, by) => {
      await named();
      // The first that is seeded is paid.
      if (by === 'Xero') await venue.organisation.seed('Invoices', 2);
      else await load(INVOICE);
      await run('both', 'invoices');
      for (const mode of ['incremental', 'full'] as const) await run(direction, 'invoices', mode);
      const { InvoiceNumber } = (await unpaid()) ?? {};
      const held = async () => (await records()).find(({ number }) => number === InvoiceNumber);
      for (const [amount, told] of [
        [5, { status: 'open', amountDueMinor: 1_000 }],
        [10, { status: 'paid', amountDueMinor: 0 }],
      ] as const) {
        await pay(amount);
        await run(direction, 'invoices', 'incremental');
        expect(await held()).toMatchObject(told);
      }
      expect(await run(direction, 'invoices')).toMatchObject({ counts: { updated: 0 } });
    },
  );

  it('rejects a number that another invoice has with a reason, writes the others, and never doubles one', async () => {
    await named();
    await venue.organisation.seed('Invoices', 1);
    const [{ InvoiceNumber: taken } = {}] = await atXero();
    await load({ ...INVOICE, number: taken }, { ...INVOICE, sourceId: 'i-2' });
    const first = await run('push', 'invoices');
    expect(first).toMatchObject({ counts: { created: 1, rejected: 1 } });
    expect(await rejectionsOf(first)).toMatchObject([{ code: 'duplicate-number' }]);
    await run('push', 'invoices');
    expect((await atXero()).map(({ InvoiceNumber: number }) => number).sort()).toEqual(['INV-7', taken]);
  });

  it.each([
    ['while Xero knows the key', 0],
    ['after Xero has forgotten the key', 7 * 60_000],
  ])('writes an invoice of unknown outcome once: %s', async (_, laterMs) => {
    await named();
    await load(INVOICE);
    await world.xero.fault({
      kind: 'commit-then-fail',
      match: { method: 'PUT', path: '/api.xro/2.0/Invoices' },
      times: 1,
    });
    const input = await world.open(venue, 'push', 'full', { resource: 'invoices' });
    await world.begin(input);
    await expect(world.chunk(input)).rejects.toThrow();
    if (laterMs > 0) {
      await world.xero.clock((aheadMs += laterMs));
      await world.database.admin`
        update record_links set created_at = created_at - interval '10 minutes' where venue_id = ${venue.venueId}`;
    }
    expect(await world.chunk(input)).toMatchObject({ status: 'done' });
    expect(await world.finish(input)).toMatchObject({ outcome: 'completed', counts: { rejected: 0 } });
    expect(await atXero()).toHaveLength(1);
    const sent = (await venue.organisation.calls()).filter(
      ({ method, path }) => method === 'PUT' && path.endsWith('/Invoices'),
    );
    expect(sent).toHaveLength(laterMs > 0 ? 1 : 2);
    expect(await run('push', 'invoices')).toMatchObject({ counts: { created: 0, updated: 0 } });
  });

  it('voids what the venue deletes, and does not bring it back', async () => {
    await named();
    await load(INVOICE);
    await run('both', 'invoices');
    const page = { page: { limit: 10, after: null }, filter: { includeDeleted: false } };
    const [record] = (await listRecords(stores.invoices, venue.venueId, page)).data;
    await stores.invoices.remove(venue.venueId, record?.id as never);
    expect(await run('both', 'invoices', 'incremental')).toMatchObject({ counts: { archived: 1, rejected: 0 } });
    expect(await atXero()).toMatchObject([{ Status: 'VOIDED' }]);
    for (const mode of ['incremental', 'full'] as const) await run('both', 'invoices', mode);
    expect(await records()).toEqual([]);
  });
});
