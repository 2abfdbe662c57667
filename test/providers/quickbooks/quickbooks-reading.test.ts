import { describe, expect, it } from 'vitest';
import { allTime, createQuickBooksWorld, readList, recordsOf } from './quickbooks-world.ts';

const world = createQuickBooksWorld();
const TIMES = { CreateTime: '2026-10-01T10:00:00-08:00', LastUpdatedTime: '2026-10-01T10:00:00-08:00' };
const BASE = { SyncToken: '0', domain: 'QBO', sparse: false, MetaData: TIMES };
const queries = async () => (await world.company().calls()).filter(({ path }) => /\/(query|cdc)$/.test(path)).length;

describe('an incremental pull', () => {
  it('of every resource takes one call where nothing is new', async () => {
    for (const [resource, stream] of [
      ['customers', 'changed-customers'],
      ['products', 'changed-items'],
      ['inventory', 'changed-counted-items'],
      ['transactions', 'changed-transactions'],
      ['invoices', 'changed-invoices'],
    ] as const) {
      const before = await queries();
      await readList(world.session(resource), { stream });
      expect((await queries()) - before).toBe(1);
    }
  });

  it('goes on by queries where change data capture is full, and misses no change', async () => {
    const ids = await world.company().seed('Customer', 1_300);
    const pages = await readList(world.session('customers'), { stream: 'changed-customers' });
    expect(new Set(recordsOf(pages).map(({ externalId }) => externalId))).toEqual(new Set(ids));
    expect(pages.length).toBeGreaterThan(2);
  });

  it('goes on also where more than a page changed in one second', async () => {
    const count = 2_100;
    const objects = Array.from({ length: count }, (_, index) => ({
      ...{ ...BASE, Id: String(index + 1), DisplayName: `C ${index}`, Active: true },
    }));
    await world.company().put('Customer', objects);
    await world.control().clock(Date.parse('2026-10-02T00:00:00Z') - Date.now());
    const fromEpochS = Date.parse('2026-10-01T00:00:00Z') / 1_000;
    const pages = await readList(world.session('customers'), { stream: 'changed-customers', fromEpochS });
    expect(new Set(recordsOf(pages).map(({ externalId }) => externalId)).size).toBe(count);
  });

  it('tells who was made inactive and which transaction was deleted as deletions', async () => {
    const [customer] = await world.company().seed('Customer', 1);
    const [receipt] = await world.company().seed('SalesReceipt', 1);
    await world.company().write('customer', { Id: customer, SyncToken: '0', sparse: true, Active: false });
    await world.company().write('salesreceipt?operation=delete', { Id: receipt, SyncToken: '0' });
    const told = async (resource: string, stream: string) =>
      recordsOf(await readList(world.session(resource), { stream }));
    expect(await told('customers', 'changed-customers')).toMatchObject([{ externalId: customer, deleted: true }]);
    expect(await told('transactions', 'changed-transactions')).toMatchObject([
      { externalId: `SalesReceipt:${receipt}`, deleted: true, fields: null },
    ]);
  });
});

describe('transactions', () => {
  const sale = (entity: string, fields: object) =>
    world.company().put(entity, [{ ...BASE, Id: '7', TxnDate: '2026-10-01', TotalAmt: 12.5, ...fields }]);
  const read = async () =>
    recordsOf(
      (
        await Promise.all(
          ['Payment', 'SalesReceipt', 'RefundReceipt', 'CreditMemo', 'BillPayment', 'Purchase'].map((entity) =>
            readList(world.session('transactions'), { stream: `all-${entity}` }),
          ),
        )
      ).flat(),
    );

  it.each([
    ['Payment', {}, { kind: 'payment', amountMinor: 1_250, posted: null }],
    ['SalesReceipt', {}, { kind: 'payment', amountMinor: 1_250, posted: null }],
    ['RefundReceipt', {}, { kind: 'refund', amountMinor: -1_250, posted: null }],
    // No money moves by it, so no sum counts it.
    ['CreditMemo', {}, { kind: 'adjustment', amountMinor: -1_250, posted: false }],
    ['BillPayment', { VendorRef: { value: '3' } }, { kind: 'adjustment', amountMinor: -1_250 }],
    ['Purchase', {}, { kind: 'adjustment', amountMinor: -1_250 }],
    ['Purchase', { Credit: true }, { kind: 'adjustment', amountMinor: 1_250 }],
    ['SalesReceipt', { TotalAmt: 0, PrivateNote: 'Voided' }, { amountMinor: 0, status: 'cancelled' }],
  ])('of type %s have their sign and kind (%o)', async (entity, fields, told) => {
    await sale(entity, { CurrencyRef: { value: 'GBP' }, ...fields });
    expect(await read()).toMatchObject([
      {
        externalId: `${entity}:7`,
        fields: { occurredAt: '2026-10-01T00:00:00.000Z', currency: 'GBP', status: 'succeeded', ...told },
      },
    ]);
  });

  it('tell custom fields by name, and are read where those are of no known shape', async () => {
    const custom = { DefinitionId: '1', Name: 'Crew #', Type: 'StringType', StringValue: 'planted-7f3a' };
    await sale('SalesReceipt', { CustomField: [custom] });
    const [record] = await read();
    expect(record?.customFields).toEqual([['CustomField', 'Crew #']]);
    expect(JSON.stringify(record)).not.toContain('planted-7f3a');
    for (const CustomField of ['x', [{ Name: 5 }], [], null]) {
      await sale('SalesReceipt', { CustomField });
      expect(await read()).toMatchObject([{ externalId: 'SalesReceipt:7' }]);
    }
  });

  it('are in the company’s own currency where they name none', async () => {
    await sale('Payment', {});
    expect(await read()).toMatchObject([{ fields: { currency: 'GBP' } }]);
  });

  it('have their customer, their lines and a discount taken off', async () => {
    const detail = { ItemRef: { value: '1', name: 'Chai' }, Qty: 2, UnitPrice: 7.5 };
    await sale('SalesReceipt', {
      CustomerRef: { value: '5' },
      CurrencyRef: { value: 'GBP' },
      Line: [
        { Id: '1', Amount: 15, DetailType: 'SalesItemLineDetail', SalesItemLineDetail: detail },
        { Id: '2', Amount: 2.5, DetailType: 'DiscountLineDetail', DiscountLineDetail: {} },
        { Id: '3', Description: 'Thank you', DetailType: 'DescriptionOnly' },
        { Amount: 15, DetailType: 'SubTotalLineDetail', SubTotalLineDetail: {} },
      ],
    });
    const [record] = await read();
    expect(record?.refs).toEqual({ customer: '5' });
    expect(record?.fields).toMatchObject({
      lines: [
        { description: 'Chai', quantity: '2', amountMinor: 1_500 },
        { description: null, quantity: null, amountMinor: -250 },
      ],
    });
  });

  it.each([
    ['a fraction of a penny', { TotalAmt: 12.345, CurrencyRef: { value: 'GBP' } }],
    ['a currency that is none', { CurrencyRef: { value: 'XXQ' } }],
    ['no day', { TxnDate: 'yesterday', CurrencyRef: { value: 'GBP' } }],
  ])('with %s are rejected by themselves', async (_, fields) => {
    await sale('Payment', fields);
    const [page] = await readList(world.session('transactions'), { stream: 'all-Payment' });
    expect(page).toMatchObject({ records: [], rejections: [{ externalId: 'Payment:7', code: 'unreadable' }] });
  });

  it('of a span are asked for by their own day, whenever they were entered', async () => {
    await sale('Payment', { TxnDate: '2026-03-05', CurrencyRef: { value: 'GBP' } });
    const span = (from: string, to: string) => ({
      ...{ fromEpochS: Date.parse(from) / 1_000, toEpochS: Date.parse(to) / 1_000, after: null },
    });
    const ask = async (from: string, to: string) =>
      (await world.session('transactions').listPage({ stream: 'dated-Payment', ...span(from, to) })).records.length;
    expect(await ask('2026-03-05T00:00:00Z', '2026-03-06T00:00:00Z')).toBe(1);
    expect(await ask('2026-03-06T00:00:00Z', '2026-03-07T00:00:00Z')).toBe(0);
  });
});

describe('an amount', () => {
  it('keeps its digits where a floating-point number would lose them', async () => {
    const payment = { ...BASE, Id: '7', TxnDate: '2026-10-01', TotalAmt: 1, CurrencyRef: { value: 'GBP' } };
    const text = JSON.stringify({ QueryResponse: { Payment: [payment] } });
    world.proxy().edit((answer) => {
      answer.body = text.replace('"TotalAmt":1', '"TotalAmt":90071992547409.91');
    });
    const [page] = await readList(world.session('transactions'), { stream: 'all-Payment' });
    expect(page?.records[0]?.fields).toMatchObject({ amountMinor: 9_007_199_254_740_991 });
  });
});

describe('invoices', () => {
  it.each([
    ['open', { Balance: 12.5 }, { status: 'open', amountDueMinor: 1_250 }],
    ['paid in part', { Balance: 2.5 }, { status: 'open', amountDueMinor: 250 }],
    ['paid', { Balance: 0 }, { status: 'paid', amountDueMinor: 0 }],
    ['told without a balance', { Balance: undefined }, { status: 'open', amountDueMinor: null }],
    ['voided', { Balance: 0, TotalAmt: 0, PrivateNote: 'Voided' }, { status: 'void', totalMinor: 0 }],
  ])('that are %s say so', async (_, fields, told) => {
    const detail = { ItemRef: { value: '1', name: 'Chai' }, Qty: 2, UnitPrice: 5.2083 };
    const line = { Id: '1', Amount: 10.42, DetailType: 'SalesItemLineDetail', SalesItemLineDetail: detail };
    await world.company().put('Invoice', [
      {
        ...{ ...BASE, Id: '9', TxnDate: '2026-10-01', DueDate: '2026-10-31', DocNumber: 'INV-9', TotalAmt: 12.5 },
        ...{ CurrencyRef: { value: 'GBP' }, CustomerRef: { value: '5' }, Line: [line] },
        ...{ TxnTaxDetail: { TotalTax: 2.08 }, ...fields },
      },
    ]);
    const [page] = await readList(world.session('invoices'), { stream: 'invoices' });
    expect(page?.records).toMatchObject([
      {
        externalId: '9',
        refs: { customer: '5' },
        fields: {
          ...{ number: 'INV-9', issuedAt: '2026-10-01T00:00:00.000Z', dueAt: '2026-10-31T00:00:00.000Z' },
          ...{
            taxMinor: 208,
            lines: [{ description: 'Chai', quantity: '2', unitAmount: '5.2083', amountMinor: 1_042 }],
          },
          ...told,
        },
      },
    ]);
  });
});

describe('what is not sold or counted', () => {
  it('is no record: categories and bundles are no products, and a service has no stock', async () => {
    const item = (Id: string, Type: string) => ({ ...BASE, Id, Name: `Item ${Id}`, Type, Active: true, UnitPrice: 1 });
    await world.company().put('Item', [item('1', 'Category'), item('2', 'Group'), item('3', 'Service')]);
    await world.control().clock(Date.parse('2026-10-02T00:00:00Z') - Date.now());
    const fromEpochS = Date.parse('2026-10-01T00:00:00Z') / 1_000;
    const idsOf = async (resource: string, stream: string) =>
      recordsOf(await readList(world.session(resource), { stream, fromEpochS })).map(({ externalId }) => externalId);
    expect(await idsOf('products', 'items')).toEqual(['3']);
    expect(await idsOf('products', 'changed-items')).toEqual(['3']);
    expect(await idsOf('inventory', 'changed-counted-items')).toEqual([]);
    expect(await world.session('products').retrieve('1')).toBeNull();
    expect(await world.session('customers').retrieve('../companyinfo/1')).toBeNull();
    expect(await world.session('transactions').retrieve('Nothing:1')).toBeNull();
    expect((await world.session('products').listPage({ ...allTime, stream: 'items' })).rejections).toEqual([]);
  });
});
