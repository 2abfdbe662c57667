import { expect } from 'vitest';
import type { Direction, Resource, SyncMode } from '../../../contracts/providers.ts';
import { createRecordStores } from '../../../db/records/record-store.ts';
import { customers } from '../../../records/customers.ts';
import { invoices } from '../../../records/invoices.ts';
import type { InvoiceFields } from '../../../records/invoices.ts';
import { products } from '../../../records/products.ts';
import { RECORD_KINDS } from '../../../records/registry.ts';
import { listRecords } from '../../support/list-records.ts';
import { plainRecord } from '../../support/record-values.ts';
import { createQuickBooksSyncWorld } from './quickbooks-world.ts';
import { createXeroSyncWorld } from './xero-world.ts';

type WireObject = Readonly<Record<string, unknown>>;
type World = Pick<Awaited<ReturnType<typeof createQuickBooksSyncWorld>>, 'database' | 'sync' | 'close'>;
type Venue = Parameters<World['sync']>[0];

/** What the books of a provider say of an invoice, in minor units. */
export interface BookedSums {
  readonly amounts: readonly number[];
  readonly tax: number;
  readonly total: number;
}

/** One venue's books at a provider, with an invoice, and what a person does to it there. */
interface Provider {
  readonly world: World;
  aVenue(): Promise<Venue>;
  /** Gives the invoice this tax in place of its own. */
  tax(minor: number): Promise<unknown>;
  pay(minor: number): Promise<unknown>;
  sums(): Promise<BookedSums>;
}

const minorOf = (amount: unknown): number => Math.round(Number(amount) * 100);

async function quickbooks(): Promise<Provider> {
  const world = await createQuickBooksSyncWorld();
  let company: Awaited<ReturnType<typeof world.aQuickBooksVenue>>['company'];
  let aheadMs = 0;
  const later = () => world.quickbooks.clock((aheadMs += 5_000));
  return {
    world,
    async aVenue() {
      const venue = await world.aQuickBooksVenue();
      ({ company } = venue);
      return venue;
    },
    async tax(minor) {
      await later();
      const [{ Id, SyncToken } = {}] = await company.objects('Invoice');
      return company.write('invoice', { Id, SyncToken, sparse: true, TxnTaxDetail: { TotalTax: minor / 100 } });
    },
    async pay(minor) {
      await later();
      const [{ Id, CustomerRef } = {}] = await company.objects('Invoice');
      const Line = [{ Amount: minor / 100, LinkedTxn: [{ TxnId: Id, TxnType: 'Invoice' }] }];
      return company.write('payment', { CustomerRef, TotalAmt: minor / 100, Line });
    },
    async sums() {
      const [invoice = {}] = await company.objects('Invoice');
      const lines = (invoice['Line'] as readonly WireObject[]).filter(({ Id }) => Id !== undefined);
      const { TotalTax: tax } = invoice['TxnTaxDetail'] as WireObject;
      const amounts = lines.map(({ Amount }) => minorOf(Amount));
      return { amounts, tax: minorOf(tax), total: minorOf(invoice['TotalAmt']) };
    },
  };
}

async function xero(): Promise<Provider> {
  const world = await createXeroSyncWorld();
  let organisation: Awaited<ReturnType<typeof world.aXeroVenue>>['organisation'];
  let aheadMs = 0;
  const later = () => world.xero.clock((aheadMs += 5_000));
  return {
    world,
    async aVenue() {
      const venue = await world.aXeroVenue();
      ({ organisation } = venue);
      return venue;
    },
    async tax(minor) {
      await later();
      const [{ InvoiceID, LineItems } = {}] = await organisation.objects('Invoices');
      const [first, ...others] = LineItems as readonly WireObject[];
      const rest = others.reduce((sum, { TaxAmount }) => sum + minorOf(TaxAmount), 0);
      const body = { InvoiceID, LineItems: [{ ...first, TaxAmount: (minor - rest) / 100 }, ...others] };
      expect(await organisation.ask('POST', 'Invoices', { body })).toMatchObject({ status: 200 });
    },
    async pay(minor) {
      await later();
      const [invoice = {}] = await organisation.objects('Invoices');
      const due = (minorOf(invoice['AmountDue']) - minor) / 100;
      // A token of the service may read payments and not make them.
      return organisation.put('Invoices', [
        { ...invoice, AmountPaid: minor / 100, AmountDue: due, UpdatedDateUTC: `/Date(${Date.now() + aheadMs}+0000)/` },
      ]);
    },
    async sums() {
      const [invoice = {}] = await organisation.objects('Invoices');
      const amounts = (invoice['LineItems'] as readonly WireObject[]).map(({ LineAmount }) => minorOf(LineAmount));
      return { amounts, tax: minorOf(invoice['TotalTax']), total: minorOf(invoice['Total']) };
    },
  };
}

export const BOOKS = [
  ['QuickBooks', quickbooks],
  ['Xero', xero],
] as const;

export const aLine = (productSourceId: string, amountMinor: number, taxMinor: number | null) => ({
  ...{ description: productSourceId, quantity: '1', unitAmount: String(amountMinor / 100) },
  ...{ amountMinor, taxMinor, productSourceId },
});

/** An invoice of £14.50 with a tax of £2.45, which a venue has and the provider has booked. */
export const TAXED_INVOICE = {
  ...{ sourceId: 'one', number: 'N-1', status: 'open', currency: 'GBP', customerSourceId: 'ada' },
  ...{ issuedAt: '2026-11-02T00:00:00.000Z', dueAt: '2026-12-02T00:00:00.000Z', metadata: {} },
  ...{ subtotalMinor: 1_450, taxMinor: 245, totalMinor: 1_695, amountDueMinor: 1_695 },
  lines: [aLine('chai', 450, 45), aLine('mint', 1_000, 200)],
};

/** Opens the books of a provider for tests of one invoice. */
export async function openBooks(open: () => Promise<Provider>) {
  const provider = await open();
  const { world } = provider;
  const { admin, db } = world.database;
  const stores = createRecordStores(db, RECORD_KINDS);
  let venue: Venue;
  const sync = (direction: Direction, resource: Resource = 'invoices', mode: SyncMode = 'full') =>
    world.sync(venue, direction, mode, { resource });
  const load = (change: object = {}) =>
    stores.of(invoices).upsertMany(venue.venueId, [{ ...TAXED_INVOICE, ...change }]);
  return {
    ...provider,
    sync,
    load,
    venue: () => venue,
    async record(): Promise<InvoiceFields> {
      const page = { filter: { includeDeleted: false }, page: { limit: 2, after: null } };
      const { data } = await listRecords(stores.of(invoices), venue.venueId, page);
      return data[0] as unknown as InvoiceFields;
    },
    /** The fields of the open conflict; empty without one. */
    async inConflict(): Promise<readonly string[]> {
      const rows = await admin<{ fields: readonly { readonly field: string }[] }[]>`
        select fields from merge_conflicts where venue_id = ${venue.venueId} and state = 'open'`;
      return rows.flatMap(({ fields }) => fields.map(({ field }) => field)).sort();
    },
    setPolicy: (definition: object) => admin`
      insert into field_mappings (connection_id, resource, version, venue_id, definition, active, created_by)
      values (${venue.connectionId}, 'invoices', 1, ${venue.venueId}, ${admin.json(definition as never)}, true, 'test')`,
    /** A new venue, whose invoice both sides have agreed on. */
    async begin(): Promise<void> {
      venue = await provider.aVenue();
      await stores.of(customers).upsertMany(venue.venueId, [{ sourceId: 'ada', ...plainRecord(customers, 'Ada') }]);
      for (const sourceId of ['chai', 'mint']) {
        const price = { amountMinor: 450, currency: 'GBP', sku: sourceId };
        const product = { ...plainRecord(products, sourceId), name: sourceId, ...price };
        await stores.of(products).upsertMany(venue.venueId, [{ sourceId, ...product }]);
      }
      await load();
      for (const resource of ['customers', 'products']) await sync('push', resource);
      await sync('both');
      await provider.tax(245);
      expect((await sync('both')).counts).toMatchObject({ rejected: 0, conflicts: 0 });
    },
  };
}
