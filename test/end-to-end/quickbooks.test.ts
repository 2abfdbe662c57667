import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Resource } from '../../contracts/providers.ts';
import { until } from '../support/eventually.ts';
import { later } from '../support/later.ts';
import { ownerBrowser } from '../support/owner-browser.ts';
import { quickbooksSandboxControl } from '../support/sandbox/quickbooks-company.ts';
import type { QuickBooksCompany } from '../support/sandbox/quickbooks-company.ts';
import { startSystem } from '../support/worlds/system.ts';
import type { System } from '../support/worlds/system.ts';

let system: System;
beforeAll(async () => {
  system = await startSystem();
}, 120_000);
afterAll(() => system.stop());

const quickbooks = () => quickbooksSandboxControl(system.sandbox.quickbooks);
/** Lets nothing but a run change records, for the rest of the test. */
async function tellNoEvents(): Promise<void> {
  const { url } = await quickbooks().send<{ readonly url: string | null }>('GET', '/webhooks');
  await quickbooks().send('POST', '/webhooks', { url: null });
  later(() => quickbooks().send('POST', '/webhooks', { url }));
}
const browser = ownerBrowser(() => system.apiUrl);

interface ConnectedVenue {
  readonly venueId: string;
  readonly connectionId: string;
  readonly company: QuickBooksCompany;
}

/** A venue whose owner has approved the access to a new company. */
async function aConnectedVenue(timeZone = 'Europe/Berlin'): Promise<ConnectedVenue> {
  const made = await system.api.tryPost('/v1/venues', { name: 'A venue', timeZone, currency: 'EUR' });
  const { id: venueId } = made.body as { readonly id: string };
  const { body } = await system.api.tryPost(`/v1/venues/${venueId}/connections`, {
    ...{ provider: 'quickbooks', environment: 'sandbox' },
  });
  const { authorizationUrl } = body as { readonly authorizationUrl: string };
  const approved = await quickbooks().send<{ readonly redirectUrl: string }>('POST', '/approve', {
    ...{ authorizationUrl: await browser.open(authorizationUrl), account: 'new' },
  });
  const page = await (await browser.visit(approved.redirectUrl)).text();
  const connectionId = /Connection: ([0-9a-f-]{36})/.exec(page)?.[1] ?? '';
  expect(connectionId, page).not.toBe('');
  const company = await quickbooks().companyOf(new URL(approved.redirectUrl).searchParams.get('realmId') ?? '');
  return { venueId, connectionId, company };
}

const sync = (
  { venueId, connectionId }: ConnectedVenue,
  resource: Resource,
  {
    direction = 'pull',
    mode = 'full',
  }: { readonly direction?: 'pull' | 'push'; readonly mode?: 'full' | 'incremental' } = {},
) => system.api.sync(venueId, { connectionId, direction, resource, mode });

describe('a company’s customers', () => {
  it('are pushed in batches of 30, and pushing or pulling them again writes nothing', async () => {
    const venue = await aConnectedVenue();
    const { company, venueId } = venue;
    const names = Array.from({ length: 45 }, (_, index) => `Customer ${index} O'Neil`);
    await system.api.load(
      venueId,
      names.map((name, index) => ({ sourceId: `c-${index}`, name, address: { line1: '1 Road', country: 'Germany' } })),
    );
    const push = () => sync(venue, 'customers', { direction: 'push' });
    expect(await push()).toMatchObject({ outcome: 'completed', counts: { created: 45, rejected: 0 } });
    const batches = async () => (await company.calls()).filter(({ path }) => path.endsWith('/batch')).length;
    expect(await batches()).toBe(2);
    expect(await sync(venue, 'customers')).toMatchObject({ counts: { created: 0, updated: 0 } });
    expect(await push()).toMatchObject({ counts: { created: 0, updated: 0, unchanged: 45 } });
    expect(await batches()).toBe(2);
  });

  it('with a name that a vendor has are rejected in the run’s log, with QuickBooks’ code and without the name', async () => {
    const venue = await aConnectedVenue();
    await venue.company.write('vendor', { DisplayName: 'Bea Taken' });
    await system.api.load(venue.venueId, [
      { sourceId: 'c-1', name: 'Ada' },
      { sourceId: 'c-2', name: 'Bea Taken' },
      { sourceId: 'c-3', name: 'Cid: sub' },
    ]);
    const run = await sync(venue, 'customers', { direction: 'push' });
    expect(run).toMatchObject({ outcome: 'completed-with-rejections', counts: { created: 1, rejected: 2 } });
    const log = await system.api.log(venue.venueId, run.id, '&action=rejected');
    expect(log).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ sourceId: 'c-2', code: '6240' }),
        expect.objectContaining({ sourceId: 'c-3', code: 'not-mappable' }),
      ]),
    );
    expect(JSON.stringify(log)).not.toContain('Taken');
  });

  it('are pulled, then what changed and who was made inactive alone, by one call', async () => {
    await tellNoEvents();
    const venue = await aConnectedVenue();
    const { company, venueId } = venue;
    const [first, second] = await company.seed('Customer', 20);
    expect(await sync(venue, 'customers')).toMatchObject({ outcome: 'completed', counts: { created: 20 } });
    await company.write('customer', { Id: first, SyncToken: '0', sparse: true, DisplayName: 'Renamed' });
    await company.write('customer', { Id: second, SyncToken: '0', sparse: true, Active: false });
    const before = (await company.calls()).filter(({ method }) => method === 'GET').length;
    expect(await sync(venue, 'customers', { mode: 'incremental' })).toMatchObject({
      ...{ outcome: 'completed', counts: { updated: 1, archived: 1, created: 0 } },
    });
    expect((await company.calls()).filter(({ method }) => method === 'GET').length - before).toBe(1);
    const names = (await system.api.customers(venueId)).map(({ name }) => name);
    expect(names).toContain('Renamed');
    expect(names).toHaveLength(19);
  });

  it('are changed by the events that QuickBooks sends by itself, without a run', async () => {
    const venue = await aConnectedVenue();
    const { company, venueId } = venue;
    const [first, second] = await company.seed('Customer', 2);
    await sync(venue, 'customers');
    await company.write('customer', { Id: first, SyncToken: '0', sparse: true, DisplayName: 'Told by an event' });
    await company.write('customer', { Id: second, SyncToken: '0', sparse: true, Active: false });
    const names = async () => (await system.api.customers(venueId)).map(({ name }) => name);
    await expect.poll(names, { timeout: 30_000 }).toEqual(['Told by an event']);
  });
});

interface Reconciled {
  readonly finishedAt: string | null;
  readonly timeZone: string;
  readonly totals: readonly object[];
  readonly discrepancies: readonly { readonly kind: string; readonly externalId: string }[];
}

describe('a company’s books', () => {
  it('are reconciled and summed by their own days, in a venue where those begin hours later', async () => {
    const venue = await aConnectedVenue('America/New_York');
    await venue.company.seed('Customer', 1);
    const [customer] = await venue.company.objects<{ readonly Id: string }>('Customer');
    for (const [TxnDate, TotalAmt] of [
      ['2026-11-04', 1],
      ['2026-11-05', 12.5],
      ['2026-11-06', 3],
    ])
      await venue.company.write('payment', { CustomerRef: { value: customer?.Id }, TxnDate, TotalAmt });
    const base = `/v1/venues/${venue.venueId}`;
    const reconcile = async () => {
      const day = { from: '2026-11-05', to: '2026-11-05' };
      const started = await system.api.tryPost(`${base}/reconciliations`, { connectionId: venue.connectionId, ...day });
      const { id } = started.body as { readonly id: string };
      return until(
        async () => {
          const found = await system.api.get<Reconciled>(`${base}/reconciliations/${id}`);
          return found.finishedAt === null ? null : found;
        },
        { limitMs: 30_000, what: 'the reconciliation is over' },
      );
    };
    const total = { day: '2026-11-05', kind: 'payment', there: { count: 1, amountMinor: 1_250 } };
    const before = await reconcile();
    expect(before).toMatchObject({ timeZone: 'UTC', discrepancies: [{ kind: 'missing-here' }], totals: [total] });
    await sync(venue, 'transactions');
    const after = await reconcile();
    expect(after).toMatchObject({ discrepancies: [], totals: [{ ...total, here: total.there }] });
    const summary = await system.api.get(`${base}/transactions/summary?from=2026-11-05&to=2026-11-05`);
    expect(summary).toMatchObject({ data: [{ day: '2026-11-05', count: 1, amountMinor: 1_250 }] });
  });

  it('are pulled with their references: products, stock, transactions and invoices', async () => {
    const venue = await aConnectedVenue();
    const { company } = venue;
    await company.seed('Customer', 2);
    await company.seed('Item', 30);
    for (const entity of [
      'Payment',
      'SalesReceipt',
      'RefundReceipt',
      'CreditMemo',
      'BillPayment',
      'Purchase',
      'Invoice',
    ])
      await company.seed(entity, 5);
    const created = async (resource: Resource) => (await sync(venue, resource)).counts;
    expect(await created('customers')).toMatchObject({ created: 2, rejected: 0 });
    expect(await created('products')).toMatchObject({ created: 30, rejected: 0 });
    expect(await created('inventory')).toMatchObject({ created: 30, rejected: 0 });
    expect(await created('transactions')).toMatchObject({ created: 30, rejected: 0 });
    expect(await created('invoices')).toMatchObject({ created: 5, rejected: 0 });
    for (const resource of ['products', 'inventory', 'transactions', 'invoices'])
      expect(await sync(venue, resource)).toMatchObject({ counts: { created: 0, updated: 0 } });
    expect(await company.objects('side-effects')).toEqual([]);
  });
});
