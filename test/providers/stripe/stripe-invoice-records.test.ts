import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { InvoiceFields } from '../../../records/invoices.ts';
import type { ProviderRecord } from '../../../providers/provider.ts';
import { toMainUnits } from '../../../providers/stripe/transactions/amounts.ts';
import { allOf, createStripeWorld, readAll } from './stripe-world.ts';

const fieldsOf = (record: ProviderRecord | undefined) => record?.fields as InvoiceFields;

describe('the invoices of a Stripe account', () => {
  let world: Awaited<ReturnType<typeof createStripeWorld>>;
  beforeAll(async () => {
    world = await createStripeWorld();
  });
  afterAll(() => world.close());
  beforeEach(() => world.reset());

  const ask = async (path: string, params: Readonly<Record<string, string>> = {}) =>
    (await world.ask('POST', path, params)) as Readonly<Record<string, string>> & { readonly id: string };
  const pages = (stream: 'invoices' | 'events') => readAll(world.resource('invoices'), allOf(stream));
  const read = async (stream: 'invoices' | 'events') => (await pages(stream)).flatMap(({ records }) => records);

  async function anInvoice(lines: number, params: Readonly<Record<string, string>> = {}) {
    const customer = await ask('customers', { name: 'Ada' });
    for (let index = 0; index < lines; index += 1)
      await ask('invoiceitems', {
        customer: customer.id,
        amount: String(100 + index),
        currency: 'usd',
        description: `Piece ${index}`,
      });
    const invoice = await ask('invoices', {
      customer: customer.id,
      pending_invoice_items_behavior: 'include',
      ...params,
    });
    return { customer, invoice };
  }

  it('are read completely, from the list and from an event alike', async () => {
    const product = await ask('products', {
      name: 'Coffee',
      'default_price_data[currency]': 'usd',
      'default_price_data[unit_amount]': '1250',
    });
    const customer = await ask('customers', { name: 'Ada' });
    await ask('invoiceitems', {
      customer: customer.id,
      'pricing[price]': product['default_price'] ?? '',
      quantity: '2',
      description: 'Coffee',
    });
    const invoice = await ask('invoices', {
      customer: customer.id,
      pending_invoice_items_behavior: 'include',
      collection_method: 'send_invoice',
      days_until_due: '30',
      'metadata[till]': '1',
    });
    await ask(`invoices/${invoice.id}/finalize`);
    for (const stream of ['invoices', 'events'] as const) {
      const [record] = await read(stream);
      expect(record).toMatchObject({
        externalId: invoice.id,
        deleted: false,
        refs: { customer: customer.id, related: null, payment: null },
        listRefs: { product: [product.id] },
      });
      expect(fieldsOf(record)).toEqual({
        number: expect.stringMatching(/-0001$/) as string,
        status: 'open',
        issuedAt: expect.stringMatching(/Z$/) as string,
        dueAt: expect.stringMatching(/Z$/) as string,
        customerSourceId: null,
        currency: 'USD',
        subtotalMinor: 2_500,
        taxMinor: 0,
        totalMinor: 2_500,
        amountDueMinor: 2_500,
        lines: [
          {
            description: 'Coffee',
            quantity: '2',
            unitAmount: '12.5',
            amountMinor: 2_500,
            taxMinor: 0,
            productSourceId: null,
          },
        ],
        metadata: { till: '1' },
      });
    }
  });

  it('are followed from draft to final status', async () => {
    const { invoice } = await anInvoice(1);
    const newest = async () => fieldsOf((await read('events')).find(({ externalId }) => externalId === invoice.id));
    expect(await newest()).toMatchObject({ status: 'draft', number: null, issuedAt: null });
    await ask(`invoices/${invoice.id}/pay`, { payment_method: 'pm_card_visa' });
    expect(await newest()).toMatchObject({ status: 'paid', totalMinor: 100, amountDueMinor: 0 });
    const other = (await anInvoice(1)).invoice;
    await ask(`invoices/${other.id}/finalize`);
    await ask(`invoices/${other.id}/void`);
    expect((await read('invoices')).map((record) => fieldsOf(record).status).sort()).toEqual(['paid', 'void']);
  });

  it('have all their lines, with one call per hundred further lines', async () => {
    const { invoice } = await anInvoice(112);
    for (const [stream, calls] of [
      ['invoices', 3],
      ['events', 3],
    ] as const) {
      expect(
        await world.callsOf(async () => {
          const [record] = await read(stream);
          expect(
            fieldsOf(record)
              .lines.map(({ amountMinor }) => amountMinor)
              .sort((a, b) => a - b),
          ).toEqual(Array.from({ length: 112 }, (_, index) => 100 + index));
        }),
      ).toBe(calls);
    }
    const whole = await world.resource('invoices').retrieve(invoice.id);
    expect(fieldsOf(whole ?? undefined).lines).toHaveLength(112);
    // Lines of an amount alone name no product.
    expect(whole?.listRefs).toEqual({ product: Array.from({ length: 112 }, () => null) });
  });

  it('are deleted with their draft', async () => {
    const { invoice } = await anInvoice(1);
    await world.ask('DELETE', `invoices/${invoice.id}`);
    expect(await read('events')).toMatchObject([
      { externalId: invoice.id, deleted: true, fields: null, deletedAtMs: expect.any(Number) as number },
    ]);
    expect(await world.resource('invoices').retrieve(invoice.id)).toBeNull();
  });

  it('are rejected when an amount has no exact value', async () => {
    const [bad, good] = await world.seed('invoices', {
      records: [
        { currency: 'isk', lines: [{ amount: 150 }] },
        { currency: 'isk', lines: [{ amount: 200 }] },
      ],
    });
    const [page] = await pages('invoices');
    expect(page?.records.map(({ externalId, fields }) => [externalId, (fields as InvoiceFields).totalMinor])).toEqual([
      [good, 2],
    ]);
    expect(page?.rejections).toMatchObject([
      {
        externalId: bad,
        code: 'unreadable',
        message: expect.stringContaining('no whole number of minor units') as string,
      },
    ]);
  });
});

describe('a decimal amount of Stripe’s', () => {
  it.each([
    ['1250', 'usd', '12.5'],
    ['1250.25', 'usd', '12.5025'],
    ['5', 'usd', '0.05'],
    ['0', 'usd', '0'],
    ['-70', 'eur', '-0.7'],
    ['500', 'jpy', '500'],
    ['0.5', 'jpy', '0.5'],
    ['5120', 'kwd', '5.12'],
    ['500', 'isk', '5'],
    ['5', 'mga', '5'],
    ['12345678901234567890.123456789012', 'usd', '123456789012345678.90123456789012'],
  ])('%s %s is %s in the main unit', (decimal, currency, expected) => {
    expect(toMainUnits(decimal, currency)).toBe(expected);
  });

  it.each([
    ['1e3', 'usd'],
    ['', 'usd'],
    ['1', 'usdc'],
  ])('%s %s is unknown', (decimal, currency) => {
    expect(toMainUnits(decimal, currency)).toBeNull();
  });
});
