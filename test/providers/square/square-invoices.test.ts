import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decimalOf } from '../../../providers/square/invoices/invoices.ts';
import { allTime, createSquareWorld, readList, recordsOf } from './square-world.ts';

const world = createSquareWorld();
const invoices = () => world.session('invoices');
const all = async () => recordsOf(await readList(invoices(), { stream: 'invoices' }));
const main = async () => (await world.merchant().client.locations.list()).locations?.[0]?.id ?? '';

type WireObject = Readonly<Record<string, unknown>> & { readonly id: string };
const put = (kind: string, ...objects: readonly WireObject[]) => world.merchant().put(kind, objects);
const gbp = (amount: number) => ({ amount, currency: 'GBP' });
const AT = '2026-05-01T10:00:00.000Z';
const anInvoice = async (id: string, more: object = {}): Promise<WireObject> => ({
  id,
  ...{ version: 2, created_at: AT, status: 'PARTIALLY_PAID', invoice_number: 'INV-7' },
  location_id: await main(),
  payment_requests: [
    { due_date: '2026-06-01', computed_amount_money: gbp(1_000), total_completed_amount_money: gbp(1_000) },
    { due_date: '2026-07-01', computed_amount_money: gbp(2_000), total_completed_amount_money: gbp(500) },
  ],
  ...more,
});

describe('invoices', () => {
  it('are read from every location, and rejected when they or their order are unreadable', async () => {
    await world.merchant().openLocations('L2');
    await put(
      'invoices',
      await anInvoice('WELL', { location_id: 'L2' }),
      await anInvoice('STATUS', { status: 'FORGOTTEN' }),
      await anInvoice('NOTHING', { payment_requests: [] }),
      await anInvoice('ORDER', { order_id: 'O' }),
    );
    await put('orders', { id: 'O', line_items: [{ quantity: '1', total_money: gbp(0.5) }] });
    const pages = await readList(invoices(), { stream: 'invoices' });
    expect(recordsOf(pages).map(({ externalId }) => externalId)).toEqual(['WELL']);
    const rejected = pages.flatMap(({ rejections = [] }) => rejections.map(({ externalId }) => externalId));
    expect(rejected.sort()).toEqual(['NOTHING', 'ORDER', 'STATUS']);
    await expect(invoices().retrieve('ORDER')).rejects.toMatchObject({
      details: { unreadable: expect.stringContaining('order') as string },
    });
  });

  it('have their totals, the amount due, and their order’s lines', async () => {
    await put('invoices', await anInvoice('inv:0-7', { order_id: 'O', primary_recipient: { customer_id: 'C' } }));
    const line = { name: 'Tea', quantity: '2', base_price_money: gbp(1_250), total_tax_money: gbp(500) };
    await put('orders', {
      ...{ id: 'O', total_money: gbp(3_000), total_tax_money: gbp(500) },
      line_items: [
        { ...line, total_money: gbp(3_000), catalog_object_id: 'VARIATION' },
        { name: 'Corkage', quantity: '1', total_money: gbp(0) },
      ],
    });
    const location = await main();
    const expected = {
      externalId: 'inv:0-7',
      version: 2,
      beganAtMs: Date.parse(AT),
      deleted: false,
      recordId: null,
      refs: { customer: 'C' },
      listRefs: { product: ['VARIATION', null] },
      fields: {
        ...{ number: 'INV-7', status: 'open', issuedAt: AT, dueAt: '2026-07-01T00:00:00.000Z' },
        ...{ customerSourceId: null, currency: 'GBP', subtotalMinor: null, taxMinor: 500 },
        ...{ totalMinor: 3_000, amountDueMinor: 1_500 },
        lines: [
          ...[
            { description: 'Tea', quantity: '2', unitAmount: '12.50', amountMinor: 3_000, taxMinor: 500 },
            { description: 'Corkage', quantity: '1', unitAmount: null, amountMinor: 0, taxMinor: null },
          ].map((one) => ({ ...one, productSourceId: null })),
        ],
        metadata: { square_order_id: 'O', square_location_id: location, square_status: 'PARTIALLY_PAID' },
      },
    };
    expect(await all()).toEqual([expected]);
    expect(await invoices().retrieve('inv:0-7')).toEqual(expected);
  });

  it.each([
    ['DRAFT', 'draft', 1_500],
    ['SCHEDULED', 'open', 1_500],
    ['PAID', 'paid', 0],
    ['REFUNDED', 'paid', 0],
    ['CANCELED', 'void', 0],
    ['FAILED', 'void', 0],
  ])('in status %s are %s with %i due', async (status, told, amountDueMinor) => {
    await put('invoices', await anInvoice('I', { status }));
    const [invoice] = await all();
    expect(invoice?.fields).toMatchObject({ status: told, amountDueMinor });
    expect(invoice?.fields?.['issuedAt'] === null).toBe(status === 'DRAFT');
  });

  it('of a window are those created within it', async () => {
    await put('invoices', await anInvoice('OLD', { created_at: '2025-01-01T00:00:00Z' }), await anInvoice('NEW'));
    const fromEpochS = Date.parse('2026-01-01T00:00:00Z') / 1_000;
    const page = await invoices().listPage({ ...allTime, stream: 'invoices', fromEpochS });
    expect(page.records.map(({ externalId }) => externalId)).toEqual(['NEW']);
  });

  it.each([
    [5, 'GBP', '0.05'],
    [-1_234, 'GBP', '-12.34'],
    [1_234, 'JPY', '1234'],
    [1_234_567, 'KWD', '1234.567'],
    [9_007_199_254_740_991, 'USD', '90071992547409.91'],
  ])('have unit amounts that are exact: %i %s', (amount, currency, told) => {
    expect(decimalOf({ amount, currency })).toBe(told);
  });

  const sample = (() => {
    try {
      const path = '../../../../shared/samples/square-webhook-events/InvoiceUpdatedEvent.json';
      const event = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as {
        readonly data: { readonly object: { readonly invoice: WireObject } };
      };
      return event.data.object.invoice;
    } catch {
      process.stderr.write('SKIPPED: Square’s sample of an invoice is not next to this repository.\n');
      return null;
    }
  })();
  it.skipIf(sample === null)('are read from Square’s own sample', async () => {
    await world.merchant().openLocations('ES0RJRZYEC39A');
    await put('invoices', sample!);
    expect(await all()).toMatchObject([
      { fields: { number: 'inv-100', status: 'open', totalMinor: 10_000, dueAt: '2030-01-24T00:00:00.000Z' } },
    ]);
  });
});
