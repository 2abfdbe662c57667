import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import type { MappedRecord, ProviderRecord } from '../../../providers/provider.ts';
import type { InvoiceFields, InvoiceLine } from '../../../records/invoices.ts';
import { TROUBLE } from '../../conformance/running-sandbox.ts';
import { aKey, changing, createXeroWorld, detailsOf, wireDay } from './xero-world.ts';

type WireObject = Readonly<Record<string, unknown>>;

const world = createXeroWorld();
let customer: string;
let product: string;
beforeEach(async () => {
  const { organisation } = world;
  const made = async (collection: string, idName: string, body: object) => {
    const { body: answer } = await organisation().ask('PUT', collection, { body });
    return String((answer[collection] as readonly WireObject[])[0]?.[idName]);
  };
  customer = await made('Contacts', 'ContactID', { Name: 'Ada' });
  product = await made('Items', 'ItemID', { Code: 'CHAI', Name: 'Chai', SalesDetails: { UnitPrice: 6.25 } });
});

const LINE: InvoiceLine = {
  ...{ description: 'Chai', quantity: '2', unitAmount: '6.25', amountMinor: 1_250, taxMinor: 250 },
  productSourceId: 'chai',
};
const OTHER: InvoiceLine = {
  ...{ description: 'Delivery', quantity: '1', unitAmount: '5', amountMinor: 500, taxMinor: 0, productSourceId: null },
};
const INVOICE: InvoiceFields = {
  ...{ number: 'INV-7', status: 'open', issuedAt: '2026-10-01T00:00:00.000Z', dueAt: '2026-10-31T00:00:00.000Z' },
  ...{ customerSourceId: 'ada', currency: 'GBP', subtotalMinor: null, taxMinor: null, amountDueMinor: null },
  ...{ totalMinor: 2_000, lines: [LINE, OTHER], metadata: {} },
};
const mapped = (
  fields: Partial<InvoiceFields> = {},
  named: { readonly customer?: string | null } = {},
): MappedRecord => {
  const invoice = { ...INVOICE, ...fields };
  return world
    .adapter()
    .mapping('invoices')
    .toPayload({
      ...{ id: randomUUID(), sourceId: 'i-1', fields: invoice, refs: { customer, ...named } },
      listRefs: { product: invoice.lines.map(({ productSourceId: id }) => (id === null ? null : product)) },
    });
};
const create = (fields: Partial<InvoiceFields> = {}, key = aKey()) =>
  world.writer('invoices').create(mapped(fields), key);
const update = (remote: ProviderRecord, fields: Partial<InvoiceFields>) =>
  world.writer('invoices').update(remote.externalId, mapped(fields), { ...aKey(), ...changing });
const stored = () => world.organisation().objects('Invoices');
const linesOf = (invoice: WireObject | undefined) => (invoice?.['LineItems'] ?? []) as readonly WireObject[];
const effects = async () => (await world.organisation().objects('side-effects')).map(({ kind }) => kind);
const pay = async (invoiceId: string, amount: number) => {
  const token = await world.control().tokenFor(world.organisation().id, 'accounting.payments');
  const body = { Invoice: { InvoiceID: invoiceId }, Account: { Code: '090' }, Amount: amount, Date: '2026-10-05' };
  const { status } = await world.organisation().ask('PUT', 'Payments', {
    ...{ body, headers: { authorization: `Bearer ${token}` } },
  });
  expect(status).toBe(200);
};
const writes = () => world.proxy().requests.filter(({ method }) => method !== 'GET');

describe('a new invoice', () => {
  it('is approved with its lines, which name their items, and its total to the penny', async () => {
    const written = await create();
    expect(await stored()).toMatchObject([
      {
        ...{ Type: 'ACCREC', Status: 'AUTHORISED', InvoiceNumber: 'INV-7', LineAmountTypes: 'Exclusive', Total: 20 },
        ...{ Date: wireDay('2026-10-01'), DueDate: wireDay('2026-10-31'), Contact: { ContactID: customer } },
        LineItems: [
          { ItemCode: 'CHAI', Quantity: 2, UnitAmount: 6.25, LineAmount: 12.5, TaxAmount: 2.5, AccountCode: '200' },
          { Description: 'Delivery', LineAmount: 5, TaxAmount: 0, AccountCode: '200' },
        ],
      },
    ]);
    expect(written).toMatchObject({
      refs: { customer },
      listRefs: { product: [product, null] },
      fields: { status: 'open', totalMinor: 2_000, taxMinor: 250, amountDueMinor: 2_000 },
    });
    expect(await effects()).toEqual([]);
  });

  it('that is a draft stays one, and one that is paid elsewhere is to be paid at Xero', async () => {
    await create({ status: 'draft', dueAt: null });
    await create({ number: 'INV-8', status: 'paid' });
    expect((await stored()).map(({ Status }) => Status)).toEqual(['DRAFT', 'AUTHORISED']);
  });

  it('has its tax worked out by Xero inside amounts where the venue does not tell it, and the same total', async () => {
    const lines = [{ ...LINE, amountMinor: 1_200, unitAmount: '6', taxMinor: null }];
    expect((await create({ lines, totalMinor: 1_200 })).fields).toMatchObject({ totalMinor: 1_200, taxMinor: 200 });
    expect(await stored()).toMatchObject([{ LineAmountTypes: 'Inclusive' }]);
  });

  it.each([
    [
      'no price of four decimals makes the amount',
      { quantity: '30000', unitAmount: null },
      { Quantity: 1, UnitAmount: 10 },
    ],
    ['the price has too many decimals', { quantity: '3', unitAmount: '3.33333' }, { Quantity: 3, UnitAmount: 3.3333 }],
    ['the venue tells no price', { quantity: '4', unitAmount: null }, { Quantity: 4, UnitAmount: 2.5 }],
    [
      'the amount is another one, as with a discount',
      { quantity: '2', unitAmount: '9' },
      { Quantity: 2, UnitAmount: 5 },
    ],
  ])('multiplies to the amount of each line where %s', async (_, pricing, told) => {
    await create({ lines: [{ ...LINE, ...pricing, amountMinor: 1_000, taxMinor: 0 }], totalMinor: 1_000 });
    expect(linesOf((await stored())[0])).toMatchObject([{ ...told, LineAmount: 10 }]);
  });

  it('multiplies to whole yen, although Xero would round to hundredths of one', async () => {
    const line = { ...LINE, quantity: '3', unitAmount: '33.5', amountMinor: 101, taxMinor: 0 };
    await create({ currency: 'JPY', lines: [line], totalMinor: 101 });
    expect(await stored()).toMatchObject([{ Total: 101, LineItems: [{ Quantity: 3, UnitAmount: 33.6667 }] }]);
  });

  it.each<[string, Partial<InvoiceFields>, { readonly customer?: null }, string]>([
    ['no number', { number: ' ' }, {}, 'number'],
    ['a number that is too long', { number: 'x'.repeat(256) }, {}, 'number'],
    ['a customer that Xero does not have', {}, { customer: null }, 'customerSourceId'],
    ['no day on which it is due', { dueAt: null }, {}, 'dueAt'],
    ['no line', { lines: [], totalMinor: 0 }, {}, 'lines'],
    ['a total that its lines do not make', { totalMinor: 2_001 }, {}, 'totalMinor'],
    ['tax of the whole alone', { lines: [{ ...LINE, taxMinor: null }], totalMinor: 1_500 }, {}, 'totalMinor'],
    ['a status that Xero does not know', { status: 'uncollectible' }, {}, 'status'],
    ['a currency of three decimals', { currency: 'KWD' }, {}, 'currency'],
    [
      'a line that says nothing',
      { lines: [{ ...OTHER, description: null }], totalMinor: 500 },
      {},
      'lines.0.description',
    ],
  ])('with %s is refused with its reason before any call', (_, fields, named, path) => {
    expect(mapped(fields, named).problems.map((problem) => problem.path)).toEqual([path]);
  });

  it('that names a product which Xero does not have waits for it', () => {
    const fields = { ...INVOICE, lines: [LINE], totalMinor: 1_500 };
    const { problems } = world
      .adapter()
      .mapping('invoices')
      .toPayload({
        ...{ id: randomUUID(), sourceId: 'i-1', fields, refs: { customer }, listRefs: { product: [null] } },
      });
    expect(problems).toEqual([expect.objectContaining({ path: 'lines.0.productSourceId' })]);
  });

  it('is rejected where the organisation has no account for sales', async () => {
    const accounts = await world.organisation().objects('Accounts');
    await world.organisation().put(
      'Accounts',
      accounts.map((account) => ({ ...account, Status: 'ARCHIVED' })),
    );
    expect(await detailsOf(create())).toMatchObject({ kind: 'rejected', code: 'no-income-account' });
  });

  it('whose item was deleted or that is void from the start is rejected by itself', async () => {
    const gone = mapped();
    await world.organisation().vanish('Items', product);
    const outcomes = await world.writer('invoices').batch?.create(
      [
        gone,
        mapped({ number: 'INV-8', status: 'void', lines: [OTHER], totalMinor: 500 }),
        mapped({ number: 'INV-9', lines: [OTHER], totalMinor: 500 }),
      ].map((one) => ({ mapped: one, ...aKey() })),
      aKey(),
    );
    expect(outcomes).toMatchObject([
      { details: { kind: 'rejected', code: 'product-gone' } },
      { details: { kind: 'rejected', code: 'new-and-void' } },
      { fields: { number: 'INV-9' } },
    ]);
  });
});

describe('the number of an invoice', () => {
  it('is never given twice: one that another invoice has is rejected by itself, and the others of its call are written', async () => {
    await create();
    const before = writes().length;
    const batch = world.writer('invoices').batch;
    const outcomes = await batch?.create(
      [mapped(), mapped({ number: 'INV-8' })].map((one) => ({ mapped: one, ...aKey() })),
      aKey(),
    );
    expect(outcomes).toMatchObject([
      { details: { kind: 'rejected', code: 'duplicate-number', httpStatus: 400 } },
      { fields: { number: 'INV-8' } },
    ]);
    expect((await stored()).map(({ InvoiceNumber: number }) => number)).toEqual(['INV-7', 'INV-8']);
    expect(writes()).toHaveLength(before + 1);
  });

  it('finds an invoice whose answer was lost, after Xero has forgotten the key', async () => {
    const since = Math.floor(Date.now() / 1_000) - 5;
    await world.control().fault({ ...TROUBLE['reset-after-commit'], match: { method: 'PUT' }, times: 1 });
    expect(await detailsOf(create())).toMatchObject({ kind: 'unavailable' });
    await world.control().clock(7 * 60_000);
    const find = (fields: Partial<InvoiceFields> = {}, more = {}) =>
      world.writer('invoices').findRemote({
        ...{ recordId: randomUUID(), email: null, fields: { ...INVOICE, ...fields }, createdSinceEpochS: since },
        ...{ after: null, ...more },
      });
    const { found } = await find();
    expect(found).toMatchObject({ fields: { number: 'INV-7' } });
    // Another sum, another number, one that was there before, and one that is another record’s.
    expect((await find({ totalMinor: 1 })).found).toBeNull();
    expect((await find({ number: 'INV-70' })).found).toBeNull();
    expect((await find({}, { createdSinceEpochS: since + 3_600 })).found).toBeNull();
    expect((await find({}, { excluded: [found?.externalId] })).found).toBeNull();
    expect(await stored()).toHaveLength(1);
  });

  it('is found also where it has a comma, which separates numbers in a query', async () => {
    const fields = { ...INVOICE, number: 'INV-7, second' };
    const { externalId } = await create(fields);
    const hint = { recordId: randomUUID(), email: null, fields, createdSinceEpochS: 0, after: null };
    expect((await world.writer('invoices').findRemote(hint)).found).toMatchObject({ externalId });
  });

  it('of a bill is no sales invoice’s', async () => {
    await create();
    const [invoice] = await stored();
    await world.organisation().put('Invoices', [{ ...invoice, Type: 'ACCPAY' }]);
    const hint = { recordId: randomUUID(), email: null, fields: INVOICE, createdSinceEpochS: 0, after: null };
    expect((await world.writer('invoices').findRemote(hint)).found).toBeNull();
  });

  it('is written once under one key, however often it is sent', async () => {
    const key = aKey();
    const first = await create({}, key);
    expect((await create({}, key)).externalId).toBe(first.externalId);
    expect(await stored()).toHaveLength(1);
  });
});

describe('an update of an invoice', () => {
  it('that changes nothing sends nothing', async () => {
    const remote = await create();
    const before = writes().length;
    await update(remote, {});
    expect(writes()).toHaveLength(before);
    expect(await effects()).toEqual([]);
  });

  it('of its day alone leaves the lines out', async () => {
    const remote = await create();
    const ids = linesOf((await stored())[0]).map(({ LineItemID: id }) => id);
    await update(remote, { dueAt: '2026-11-15T00:00:00.000Z' });
    expect(JSON.parse(writes().at(-1)?.requestBody ?? '')).toEqual({
      Invoices: [{ InvoiceID: remote.externalId, DueDate: '2026-11-15' }],
    });
    expect(linesOf((await stored())[0]).map(({ LineItemID: id }) => id)).toEqual(ids);
  });

  it('keeps the ids of lines that stay, wherever they then stand, and what no record says of them', async () => {
    const remote = await create();
    const [invoice] = await stored();
    const [chai, delivery] = linesOf(invoice);
    const Tracking = [{ Name: 'Region', Option: 'North' }];
    await world
      .organisation()
      .put('Invoices', [{ ...invoice, LineItems: [{ ...chai, Tracking, TaxType: 'OUTPUT2' }, delivery] }]);
    const added = { ...OTHER, description: 'Cup', unitAmount: '1', amountMinor: 100 };
    await update(remote, {
      lines: [added, OTHER, { ...LINE, quantity: '3', amountMinor: 1_875, taxMinor: 375 }],
      totalMinor: 2_850,
    });
    const lines = linesOf((await stored())[0]);
    expect(lines).toMatchObject([
      { Description: 'Cup', LineAmount: 1 },
      { LineItemID: delivery?.['LineItemID'], Description: 'Delivery' },
      {
        LineItemID: chai?.['LineItemID'],
        Quantity: 3,
        LineAmount: 18.75,
        Tracking,
        TaxType: 'OUTPUT2',
        AccountCode: '200',
      },
    ]);
    expect((await stored())[0]).toMatchObject({ Total: 28.5, AmountDue: 28.5 });
    expect(await effects()).toEqual([]);
  });

  it.each<[string, Partial<InvoiceFields>, Partial<InvoiceFields>, string]>([
    ['approves a draft', { status: 'draft' }, { status: 'open' }, 'AUTHORISED'],
    ['voids what was approved', {}, { status: 'void' }, 'VOIDED'],
    ['leaves what was approved where the venue calls it paid', {}, { status: 'paid' }, 'AUTHORISED'],
  ])('%s', async (_, from, to, status) => {
    const remote = await create(from);
    await update(remote, to);
    expect(await stored()).toMatchObject([{ Status: status }]);
  });

  it.each<[string, Partial<InvoiceFields>, Partial<InvoiceFields>]>([
    ['make what was approved a draft again', {}, { status: 'draft' }],
    ['void a draft', { status: 'draft' }, { status: 'void' }],
  ])('is refused where it would %s', async (_, from, to) => {
    const remote = await create(from);
    const details = await detailsOf(update(remote, to));
    expect(details).toMatchObject({ kind: 'rejected', code: 'status-not-changeable', field: 'status' });
  });

  it('is refused by Xero once the invoice is paid, and of its lines once a part is', async () => {
    const remote = await create();
    await pay(remote.externalId, 5);
    expect(await stored()).toMatchObject([{ Status: 'AUTHORISED', AmountDue: 15, AmountPaid: 5 }]);
    const lines = [{ ...OTHER, unitAmount: '20', amountMinor: 2_000 }];
    expect(await detailsOf(update(remote, { lines }))).toMatchObject({ kind: 'rejected', code: 'has-payments' });
    expect(await detailsOf(update(remote, { status: 'void' }))).toMatchObject({ code: 'has-payments' });
    await pay(remote.externalId, 15);
    expect(await stored()).toMatchObject([{ Status: 'PAID', AmountDue: 0 }]);
    const later = { dueAt: '2026-12-15T00:00:00.000Z' };
    expect(await detailsOf(update(remote, later))).toMatchObject({ kind: 'rejected', code: 'status-not-changeable' });
  });

  it('is refused as a conflict where the invoice is newer than the one that was merged', async () => {
    const remote = await create();
    await world.control().clock(5_000);
    await world.organisation().ask('POST', 'Invoices', { body: { InvoiceID: remote.externalId, Reference: 'PO 7' } });
    const late = world.writer('invoices').update(remote.externalId, mapped({ dueAt: '2026-11-15T00:00:00.000Z' }), {
      ...{ ...aKey(), ...changing, expectedVersion: remote.version },
    });
    expect(await detailsOf(late)).toMatchObject({ kind: 'conflict', code: 'remote-changed' });
  });

  it('reads 40 invoices by one call and writes 50', async () => {
    const numbers = Array.from({ length: 50 }, (_, index) => `N-${index}`);
    const batch = world.writer('invoices').batch;
    const made = await batch?.create(
      numbers.map((number) => ({ mapped: mapped({ number }), ...aKey() })),
      aKey(),
    );
    const before = world.proxy().requests.length;
    const dueAt = '2026-11-15T00:00:00.000Z';
    await batch?.update(
      numbers.map((number, index) => ({
        ...{ externalId: (made?.[index] as ProviderRecord).externalId, mapped: mapped({ number, dueAt }) },
        ...{ ...aKey(), ...changing },
      })),
      aKey(),
    );
    const asked = world.proxy().requests.slice(before);
    expect(asked.filter(({ path }) => path.endsWith('/Invoices')).map(({ method }) => method)).toEqual([
      'GET',
      'GET',
      'POST',
    ]);
  });
});

describe('an invoice that the venue deletes', () => {
  it.each([
    ['a draft is deleted', 'draft', 'deleted', 'DELETED'],
    ['an approved one is voided', 'open', 'archived', 'VOIDED'],
  ] as const)('%s', async (_, status, end, left) => {
    const { externalId } = await create({ status });
    expect(await world.writer('invoices').archive(externalId, aKey())).toBe(end);
    expect(await stored()).toMatchObject([{ Status: left }]);
    expect(await world.writer('invoices').archive(externalId, aKey())).toBe(end);
  });

  it('stays where it is paid, and the refusal says so', async () => {
    const { externalId } = await create();
    await pay(externalId, 20);
    const details = await detailsOf(world.writer('invoices').archive(externalId, aKey()));
    expect(details).toMatchObject({ kind: 'rejected', code: 'status-not-changeable' });
  });
});

describe('a line that tells only the code of its item', () => {
  it('names the item all the same, by one call for all items', async () => {
    const { externalId } = await create();
    world.proxy().edit((answer) => {
      for (const invoice of ((answer.body as WireObject)['Invoices'] ?? []) as { LineItems: { Item?: object }[] }[])
        for (const line of invoice.LineItems) delete line.Item;
    });
    expect(await world.session('invoices').retrieve(externalId)).toMatchObject({
      listRefs: { product: [product, null] },
    });
  });
});
