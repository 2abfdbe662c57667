import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import type { InvoiceFields, InvoiceLine } from '../../../records/invoices.ts';
import { aKey, changing, createQuickBooksWorld, detailsOf } from './quickbooks-world.ts';

const world = createQuickBooksWorld();

type Line = Partial<InvoiceLine> & { readonly product?: string | null };
type Given = Partial<Omit<InvoiceFields, 'lines'>> & { readonly lines?: readonly Line[]; readonly customer?: string };
interface Invoice {
  readonly Id: string;
  readonly SyncToken: string;
  readonly Line: readonly Readonly<Record<string, unknown>>[];
}

const CHAI: Line = { description: 'Chai', quantity: '2', unitAmount: '18', amountMinor: 3_600, product: '1' };
const MINT: Line = { description: 'Mint', quantity: '1', unitAmount: '4.5', amountMinor: 450, product: '2' };

/** What the mapping makes of an invoice whose lines name these items. */
function mapped({ lines = [CHAI], customer = '1', ...given }: Given = {}) {
  const fields: InvoiceFields = {
    ...{ number: 'INV-7', status: 'open', issuedAt: '2026-11-02T09:30:00.000Z', dueAt: '2026-12-02T00:00:00.000Z' },
    ...{ customerSourceId: 'ada', currency: 'GBP', metadata: {} },
    ...{ subtotalMinor: 3_600, taxMinor: 0, totalMinor: 3_600, amountDueMinor: 3_600 },
    ...given,
    lines: lines.map(({ product, ...line }) => ({
      ...{ description: null, quantity: null, unitAmount: null, amountMinor: 0, taxMinor: null },
      ...{ productSourceId: product === undefined ? null : 'an item', ...line },
    })),
  };
  return world
    .adapter()
    .mapping('invoices')
    .toPayload({
      ...{ id: randomUUID(), sourceId: 's-1', fields },
      ...{ refs: { customer }, listRefs: { product: lines.map(({ product }) => product ?? null) } },
    });
}
const create = (given: Given = {}) => world.writer('invoices').create(mapped(given), aKey());
const update = (id: string, given: Given = {}) =>
  world.writer('invoices').update(id, mapped(given), { ...aKey(), ...changing });
const problemsOf = (given: Given) => mapped(given).problems.map(({ path }) => path);

const requests = (path: string) =>
  world.proxy().requests.filter((one) => one.path === `/v3/company/${world.company().id}${path}`);
/** The invoices that the last batch has sent. */
function lastSent(): readonly Readonly<Record<string, unknown>>[] {
  const { BatchItemRequest: items } = JSON.parse(requests('/batch').at(-1)?.requestBody ?? '{}') as {
    readonly BatchItemRequest: readonly { readonly Invoice: Readonly<Record<string, unknown>> }[];
  };
  return items.map(({ Invoice }) => Invoice);
}
const atQuickBooks = async () => (await world.company().objects<Invoice & Record<string, unknown>>('Invoice'))[0]!;

beforeEach(async () => {
  await world.company().seed('Customer', 2);
  await world.company().seed('Item', 3);
});

describe('a new invoice', () => {
  it('is booked with its customer, days and lines, digit by digit', async () => {
    const made = await create({ lines: [CHAI, { ...MINT, quantity: '3', unitAmount: '0.0333', amountMinor: 10 }] });
    expect(requests('/batch').at(-1)?.requestBody).toContain('"UnitPrice":0.0333');
    expect(lastSent()).toMatchObject([
      { DocNumber: 'INV-7', TxnDate: '2026-11-02', DueDate: '2026-12-02', CustomerRef: { value: '1' } },
    ]);
    expect(await atQuickBooks()).toMatchObject({ TotalAmt: 36.1, Balance: 36.1 });
    expect((await create({ number: 'INV-8' })).notes).toBeUndefined();
    expect(made).toMatchObject({
      refs: { customer: '1' },
      listRefs: { product: ['1', '2'] },
      fields: { number: 'INV-7', status: 'open', lines: [{ amountMinor: 3_600 }, { unitAmount: '0.0333' }] },
    });
  });

  it('sends neither tax nor a sum nor a status: the company computes them', async () => {
    const made = await create({ taxMinor: 720, totalMinor: 4_320, amountDueMinor: 0, status: 'paid' });
    expect(made).toMatchObject({ notes: [{ code: 'total-differs' }] });
    const [sent] = lastSent();
    expect(Object.keys(sent ?? {}).sort()).toEqual(['CustomerRef', 'DocNumber', 'DueDate', 'Line', 'TxnDate']);
  });

  it('leaves number and days that are empty to the company, and tells them as a change of the company’s', async () => {
    const made = await create({ number: null, issuedAt: null, dueAt: null, totalMinor: 4_000 });
    expect(made.fields).toMatchObject({ number: null, issuedAt: null, dueAt: null, totalMinor: 4_000 });
    const read = await world.session('invoices').retrieve(made.externalId);
    expect(read?.fields).toMatchObject({ number: '1001', totalMinor: 3_600 });
    expect(read?.fields?.['dueAt']).not.toBeNull();
  });

  it.each<[string, Given, string]>([
    ['a line without a product', { lines: [{ amountMinor: 5 }] }, 'line-without-product'],
    ['no line', { lines: [] }, 'lines-missing'],
    ['a void status', { status: 'void' }, 'invoice-void'],
  ])('with %s is refused before any batch', async (_, given, code) => {
    expect(await detailsOf(create(given))).toMatchObject({ kind: 'rejected', code });
    expect(requests('/batch')).toEqual([]);
  });

  it.each<[string, Given, readonly string[]]>([
    ['a number of over 21 characters', { number: 'x'.repeat(22) }, ['number']],
    ['a draft', { status: 'draft' }, ['status']],
    ['no customer', { customer: null as never, customerSourceId: null }, ['customerSourceId']],
    ['a customer that QuickBooks does not have', { customer: null as never }, ['customerSourceId']],
    ['a product that QuickBooks does not have', { lines: [{ ...CHAI, product: null }] }, ['lines.0.productSourceId']],
    ['an amount that is not the product', { lines: [MINT, { ...CHAI, amountMinor: 3_602 }] }, ['lines.1.amountMinor']],
    ['a quantity that is no plain number', { lines: [{ ...CHAI, quantity: '2e1' }] }, ['lines.0.quantity']],
    [
      'a text of over 4,000 characters',
      { lines: [{ ...CHAI, description: 'x'.repeat(4_001) }] },
      ['lines.0.description'],
    ],
  ])('with %s is told before any call', (_, given, paths) => {
    expect(problemsOf(given)).toEqual(paths);
  });

  it('leaves the last unit of an amount to QuickBooks, whose rounding is its own', () => {
    expect(problemsOf({ lines: [{ ...CHAI, quantity: '3', unitAmount: '0.335', amountMinor: 100 }] })).toEqual([]);
  });

  it.each<[string, Given, string]>([
    ['of a number that is taken', { number: 'INV-7' }, '6140'],
    ['whose amount QuickBooks computes otherwise', { number: 'B', lines: [{ ...CHAI, amountMinor: 3_601 }] }, '6070'],
    ['of a customer that is gone', { number: 'B', customer: '77' }, '2500'],
    ['of a product that is gone', { number: 'B', lines: [{ ...CHAI, product: '77' }] }, '2500'],
  ])('%s is refused by QuickBooks, and holds up no other of its batch', async (_, given, code) => {
    await create();
    const entries = [given, { number: 'C' }].map((one) => ({ mapped: mapped(one), ...aKey() }));
    const [refused, made] = (await world.writer('invoices').batch?.create(entries, aKey())) ?? [];
    expect(refused).toMatchObject({ details: { kind: 'rejected', code } });
    expect(made).toMatchObject({ fields: { number: 'C' } });
  });

  it('of a customer that is out of use is refused', async () => {
    await world.company().write('customer', { Id: '2', SyncToken: '0', sparse: true, Active: false });
    expect(await detailsOf(create({ customer: '2' }))).toMatchObject({ kind: 'rejected', code: '610' });
  });

  it('in another currency is booked where the customer has that currency, and refused where the company has one alone', async () => {
    await world
      .company()
      .put('Customer', [{ Id: '9', DisplayName: 'Eva', Active: true, CurrencyRef: { value: 'EUR' }, SyncToken: '0' }]);
    await create({ currency: 'EUR', customer: '9' });
    expect(lastSent()).toMatchObject([{ CurrencyRef: { value: 'EUR' } }]);
    world.proxy().edit((answer) => {
      answer.body = JSON.stringify(answer.body).replace('"MultiCurrencyEnabled":true', '"MultiCurrencyEnabled":false');
    });
    const details = await detailsOf(create({ number: 'B', currency: 'EUR', customer: '9' }));
    expect(details).toMatchObject({ kind: 'rejected', code: 'foreign-currency' });
  });

  it.each([
    ['its number, whatever else it has become', 'INV-8'],
    ['all that was sent, where the company has numbered it', null],
  ])('whose answer was lost is found by %s', async (_, number) => {
    await create();
    await world.control().fault({ kind: 'commit-then-fail', match: { path: '/v3/company/\\d+/batch' }, times: 1 });
    await detailsOf(create({ number, lines: [MINT] }));
    const look = async (given: Given, customer = '1') => {
      const { lines = [], ...fields } = given;
      const hint = {
        fields: {
          ...{ number, status: 'open', issuedAt: null, dueAt: null, currency: 'GBP', ...fields },
          lines: lines.map(({ product: _product, ...line }) => ({ ...line, productSourceId: 'x' })),
        },
        refs: { customer },
        listRefs: { product: lines.map(({ product }) => product ?? null) },
      };
      const search = {
        recordId: 'x',
        email: null,
        createdSinceEpochS: Math.floor(Date.now() / 1_000) - 60,
        after: null,
      };
      return (await world.writer('invoices').findRemote({ ...hint, ...search })).found?.externalId ?? null;
    };
    expect(await look({ lines: [MINT] })).toBe('2');
    expect(await look({ lines: [MINT] }, '2')).toBeNull();
    expect(await look({ lines: [{ ...MINT, amountMinor: 451 }] })).toBe(number === null ? null : '2');
  });
});

describe('an update of an invoice', () => {
  it('sends only what differs, and no line where none does', async () => {
    const { externalId } = await create({ lines: [CHAI, MINT] });
    await update(externalId, { lines: [CHAI, MINT], dueAt: '2026-12-24T00:00:00.000Z' });
    expect(lastSent()).toEqual([{ Id: externalId, SyncToken: '0', sparse: true, DueDate: '2026-12-24' }]);
  });

  it('is not sent where the status and the sums alone differ, or another time of the same day', async () => {
    const { externalId } = await create();
    const before = requests('/batch').length;
    await update(externalId, {
      status: 'paid',
      totalMinor: 1,
      amountDueMinor: 0,
      issuedAt: '2026-11-02T23:00:00.000Z',
    });
    await update(externalId, { number: null, dueAt: null, lines: [{ ...CHAI, description: null, quantity: null }] });
    expect(requests('/batch')).toHaveLength(before);
    expect(await world.company().objects('side-effects')).toEqual([]);
  });

  it('keeps of a changed line whatever Interlock has no field for, and every other line as it is', async () => {
    const detail = {
      ItemRef: { value: '1' },
      Qty: 2,
      UnitPrice: 18,
      TaxCodeRef: { value: 'TAX' },
      ServiceDate: '2026-11-01',
    };
    const remark = { Description: 'Thank you', DetailType: 'DescriptionOnly', DescriptionLineDetail: {} };
    const discount = { Amount: 5, DetailType: 'DiscountLineDetail', DiscountLineDetail: { PercentBased: false } };
    const sold = { Amount: 36, Description: 'Chai', DetailType: 'SalesItemLineDetail', SalesItemLineDetail: detail };
    const { Invoice: made } = (await world.company().write('invoice', {
      ...{ CustomerRef: { value: '1' }, DocNumber: 'INV-7', TxnDate: '2026-11-02', DueDate: '2026-12-02' },
      Line: [sold, remark, discount],
    })) as unknown as { readonly Invoice: Invoice };
    const [chai, words, less] = made.Line;
    const discounted: Line = { amountMinor: -500 };
    await update(made.Id, { lines: [{ ...CHAI, quantity: '3', amountMinor: 5_400 }, discounted, MINT] });
    expect(lastSent()[0]?.['Line']).toEqual([
      { ...chai, Amount: 54, SalesItemLineDetail: { ...detail, ItemRef: { value: '1', name: 'Item 0' }, Qty: 3 } },
      words,
      less,
      expect.objectContaining({
        Amount: 4.5,
        SalesItemLineDetail: { ItemRef: { value: '2' }, Qty: 1, UnitPrice: 4.5, TaxCodeRef: { value: 'TAX' } },
      }),
    ]);
    expect(await atQuickBooks()).toMatchObject({ TotalAmt: 53.5 });
  });

  it('moves, adds and removes lines by their ids', async () => {
    const more: Line = { ...CHAI, quantity: '3', amountMinor: 5_400 };
    const { externalId } = await create({ lines: [CHAI, more] });
    const idsOf = ({ Line }: Invoice) => Line.map(({ Id }) => Id).filter((id) => id !== undefined);
    await update(externalId, { lines: [more, CHAI] });
    expect(idsOf(await atQuickBooks())).toEqual(['2', '1']);
    await update(externalId, { lines: [MINT, more, { ...CHAI, description: 'Masala chai' }] });
    expect(idsOf(await atQuickBooks())).toEqual(['3', '2', '1']);
    await update(externalId, { lines: [{ ...CHAI, description: 'Masala chai' }] });
    expect(idsOf(await atQuickBooks())).toEqual(['1']);
    await update(externalId, { lines: [{ ...CHAI, description: 'Another', product: '3' }] });
    expect(lastSent()).toMatchObject([{ Line: [{ Id: '1', SalesItemLineDetail: { TaxCodeRef: { value: 'TAX' } } }] }]);
    expect(await atQuickBooks()).toMatchObject({
      Line: [{ Id: '1', SalesItemLineDetail: { ItemRef: { value: '3' } } }, {}],
    });
  });

  it('of a discount is refused: its amount is computed of other lines', async () => {
    const discount = { Amount: 5, DetailType: 'DiscountLineDetail', DiscountLineDetail: { PercentBased: false } };
    const sold = { Amount: 36, DetailType: 'SalesItemLineDetail', SalesItemLineDetail: { ItemRef: { value: '1' } } };
    const { Invoice: made } = (await world.company().write('invoice', {
      ...{ CustomerRef: { value: '1' }, DocNumber: 'INV-7', Line: [sold, discount] },
    })) as unknown as { readonly Invoice: Invoice };
    for (const lines of [[CHAI], [CHAI, { amountMinor: -600 }]])
      expect(await detailsOf(update(made.Id, { lines }))).toMatchObject({ kind: 'rejected', code: 'line-not-sold' });
  });

  it('in another currency is refused', async () => {
    const { externalId } = await create();
    expect(await detailsOf(update(externalId, { currency: 'EUR' }))).toMatchObject({ code: 'foreign-currency' });
  });

  it('takes what is paid off what is still to be paid, and keeps it through a change of lines', async () => {
    const { externalId } = await create();
    await world.company().write('payment', {
      ...{ CustomerRef: { value: '1' }, TotalAmt: 10 },
      Line: [{ Amount: 10, LinkedTxn: [{ TxnId: externalId, TxnType: 'Invoice' }] }],
    });
    await update(externalId, { lines: [CHAI, MINT] });
    const read = await world.session('invoices').retrieve(externalId);
    expect(read?.fields).toMatchObject({ status: 'open', totalMinor: 4_050, amountDueMinor: 3_050 });
  });

  it('of one that somebody changed in between is a conflict, and takes the new state when it is repeated', async () => {
    const { externalId } = await create();
    let isFirst = true;
    world.proxy().edit(async ({ path }) => {
      if (!path.endsWith('/query') || !isFirst) return;
      isFirst = false;
      await world.company().write('invoice', { Id: externalId, SyncToken: '0', sparse: true, PrivateNote: 'theirs' });
    });
    const options = { ...aKey(), ...changing };
    const attempt = () => world.writer('invoices').update(externalId, mapped({ number: 'INV-8' }), options);
    expect(await detailsOf(attempt())).toMatchObject({ kind: 'conflict', code: '5010' });
    expect(await attempt()).toMatchObject({ fields: { number: 'INV-8' } });
    expect(await atQuickBooks()).toMatchObject({ PrivateNote: 'theirs', DocNumber: 'INV-8', SyncToken: '2' });
  });
});

describe('the tax code of a line', () => {
  const codesOf = ({ Line: lines }: Invoice) =>
    lines.flatMap(({ SalesItemLineDetail: detail }) =>
      detail === undefined ? [] : [(detail as { TaxCodeRef?: { value: string } }).TaxCodeRef?.value],
    );
  const untaxed = (line: Line): Line => ({ ...line, taxMinor: 0 });
  const taxed = (line: Line): Line => ({ ...line, taxMinor: 90 });
  const withTaxable = async (Id: string, isTaxable: boolean) => {
    const { SyncToken } = (await world.company().objects<Invoice & Record<string, unknown>>('Item')).find(
      (one) => one.Id === Id,
    )!;
    await world.company().write('item', { Id, SyncToken, sparse: true, Taxable: isTaxable });
  };
  const readsOf = (entity: string) =>
    requests('/query').filter(({ query }) => query.get('query')?.includes(`from ${entity} `) === true).length;

  it('says in a US company whether the venue has taxed it, without a look at its item', async () => {
    const { externalId } = await create({ lines: [taxed(CHAI), untaxed(MINT)] });
    expect(codesOf(await atQuickBooks())).toEqual(['TAX', 'NON']);
    expect(lastSent()[0]).not.toHaveProperty('GlobalTaxCalculation');
    expect(readsOf('Item')).toBe(0);
    const read = await world.session('invoices').retrieve(externalId);
    expect(read?.fields).toMatchObject({ lines: [{ taxMinor: null }, { taxMinor: 0 }] });
  });

  it('is that of its item in a US company where the venue does not say it, for a whole batch by one read', async () => {
    await withTaxable('1', true);
    await withTaxable('2', false);
    const entries = ['A', 'B', 'C'].map((number) => ({ mapped: mapped({ number, lines: [CHAI, MINT] }), ...aKey() }));
    await world.writer('invoices').batch?.create(entries, aKey());
    expect(lastSent().map((sent) => codesOf(sent as unknown as Invoice))).toEqual(Array(3).fill(['TAX', 'NON']));
    expect(readsOf('Item')).toBe(1);
  });

  it('changes in a US company with the venue’s word, and stays where the venue does not say it', async () => {
    const { externalId } = await create({ lines: [taxed(CHAI), untaxed(MINT)] });
    await update(externalId, { lines: [untaxed(CHAI), taxed(MINT)] });
    expect(codesOf(await atQuickBooks())).toEqual(['NON', 'TAX']);
    const before = requests('/batch').length;
    await update(externalId, { lines: [CHAI, MINT] });
    await update(externalId, { lines: [untaxed(CHAI), taxed(MINT)] });
    expect(requests('/batch')).toHaveLength(before);
  });

  describe('in a company outside the US', () => {
    beforeEach(async () => {
      await world.company().put('TaxCode', [
        { Id: '5', Name: '20.0% S', rate: 20 },
        { Id: '7', Name: 'Exempt', rate: 0 },
      ]);
      for (const [Id, code] of [
        ['1', '5'],
        ['2', '7'],
      ] as const)
        await world.company().write('item', { Id, SyncToken: '0', sparse: true, SalesTaxCodeRef: { value: code } });
    });

    it('is that of its item, and the tax is added to the amounts', async () => {
      const given = { lines: [CHAI, MINT], subtotalMinor: 4_050, taxMinor: 720, totalMinor: 4_770 };
      const made = await create(given);
      expect(lastSent()).toMatchObject([{ GlobalTaxCalculation: 'TaxExcluded' }]);
      expect(codesOf(await atQuickBooks())).toEqual(['5', '7']);
      expect(made.notes).toBeUndefined();
      const read = await world.session('invoices').retrieve(made.externalId);
      expect(read?.fields).toMatchObject({
        ...{ subtotalMinor: 4_050, taxMinor: 720, totalMinor: 4_770 },
        metadata: { quickbooks_tax_calculation: 'TaxExcluded' },
      });
    });

    it('stays that of a line that is changed, and is that of the item of a new one', async () => {
      const { externalId } = await create({ lines: [CHAI] });
      await update(externalId, { lines: [untaxed({ ...CHAI, quantity: '3', amountMinor: 5_400 }), taxed(MINT)] });
      expect(codesOf(await atQuickBooks())).toEqual(['5', '7']);
    });

    it('of an item that has none is refused before any batch, for its invoice alone', async () => {
      const entries = [{ lines: [{ ...MINT, product: '3' }] }, { number: 'C' }].map((one) => ({
        mapped: mapped(one),
        ...aKey(),
      }));
      const [refused, made] = (await world.writer('invoices').batch?.create(entries, aKey())) ?? [];
      expect(refused).toMatchObject({ details: { kind: 'rejected', code: 'tax-code-missing', field: 'lines' } });
      expect(made).toMatchObject({ fields: { number: 'C' } });
    });

    it('is of no use to lines that hold their tax: such an invoice is refused before any batch', async () => {
      const details = await detailsOf(create({ subtotalMinor: 3_000, taxMinor: 600, totalMinor: 3_600 }));
      expect(details).toMatchObject({ kind: 'rejected', code: 'tax-inclusive', field: 'taxMinor' });
      expect(requests('/batch')).toEqual([]);
    });
  });
});

describe('an invoice that ends', () => {
  it('is voided where the venue has voided it, once, and never opened again', async () => {
    const { externalId } = await create();
    const voided = await update(externalId, { status: 'void' });
    expect(voided).toMatchObject({ fields: { status: 'void' } });
    expect(voided.notes).toBeUndefined();
    await update(externalId, { status: 'void', number: 'INV-8' });
    expect(requests('/invoice')).toHaveLength(1);
    expect(await atQuickBooks()).toMatchObject({ TotalAmt: 0, Balance: 0, DocNumber: 'INV-7', SyncToken: '1' });
    expect(await detailsOf(update(externalId))).toMatchObject({ kind: 'rejected', code: 'invoice-void' });
  });

  it('is deleted where the venue has deleted it; where some of it is paid neither that nor voided', async () => {
    const { externalId } = await create();
    const { externalId: paid } = await create({ number: 'INV-8' });
    await world.company().write('payment', {
      ...{ CustomerRef: { value: '1' }, TotalAmt: 36 },
      Line: [{ Amount: 36, LinkedTxn: [{ TxnId: paid, TxnType: 'Invoice' }] }],
    });
    expect(await world.writer('invoices').archive(externalId, aKey())).toBe('deleted');
    expect(await world.writer('invoices').archive(externalId, aKey())).toBe('deleted');
    for (const end of [
      world.writer('invoices').archive(paid, aKey()),
      update(paid, { number: 'INV-8', status: 'void' }),
    ])
      expect(await detailsOf(end)).toMatchObject({ kind: 'rejected', code: 'invoice-has-payments' });
    expect(await world.company().objects('Invoice')).toMatchObject([{ Id: paid, Balance: 0 }]);
  });
});
