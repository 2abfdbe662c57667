import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createXeroWorld, readList, recordsOf, wireDay } from './xero-world.ts';

const world = createXeroWorld();
const CONTACT = '5040915e-8ce7-4177-8d08-fde416232f18';
const ID = '6b037c9b-2e5d-4905-84d3-eabfb3438242';
const DAY = { Date: wireDay('2026-10-01'), DateString: '2026-10-01T00:00:00' };
const LISTS = ['all-Payments', 'all-CreditNotes', 'all-BankTransactions'];

const calls = async () => (await world.organisation().calls()).length;
const readAll = async (resource: string, streams: readonly string[]) =>
  recordsOf((await Promise.all(streams.map((stream) => readList(world.session(resource), { stream })))).flat());

describe('an incremental pull', () => {
  it('takes one call a collection where nothing is new', async () => {
    for (const [resource, streams] of [
      ['customers', ['changed-contacts']],
      ['products', ['changed-items']],
      ['invoices', ['changed-invoices']],
      ['transactions', ['changed-Payments', 'changed-CreditNotes', 'changed-BankTransactions']],
    ] as const) {
      const before = await calls();
      for (const stream of streams) await readList(world.session(resource), { stream });
      expect((await calls()) - before).toBe(streams.length);
    }
  });

  it('asks only for what changed since a second', async () => {
    await world.organisation().seed('Invoices', 3);
    await world.organisation().seed('Payments', 3);
    const since = Math.floor(Date.now() / 1_000) - 60;
    const read = async (resource: string, stream: string) =>
      recordsOf(await readList(world.session(resource), { stream, fromEpochS: since })).length;
    // Seeded objects are 37 seconds apart.
    expect(await read('invoices', 'changed-invoices')).toBe(1);
    expect(await read('transactions', 'changed-Payments')).toBe(1);
  });
});

describe('invoices', () => {
  const line = {
    ...{ LineItemID: randomUUID(), Description: 'Chai', Quantity: 2, UnitAmount: 5.2083, LineAmount: 10.42 },
    ...{ TaxAmount: 2.08, AccountCode: '200', TaxType: 'OUTPUT2', ItemCode: 'CHAI' },
  };
  const INVOICE = {
    ...{ InvoiceID: ID, Type: 'ACCREC', InvoiceNumber: 'INV-9', Reference: 'PO 7', Contact: { ContactID: CONTACT } },
    ...{ ...DAY, DueDate: wireDay('2026-10-31'), LineAmountTypes: 'Exclusive', LineItems: [line] },
    ...{ SubTotal: 10.42, TotalTax: 2.08, Total: 12.5, AmountDue: 12.5, AmountPaid: 0, CurrencyCode: 'GBP' },
  };
  const keep = (fields: object) => world.organisation().put('Invoices', [{ ...INVOICE, ...fields }]);
  const read = () => readAll('invoices', ['invoices']);

  it.each([
    ['a draft', { Status: 'DRAFT' }, { status: 'draft' }],
    ['waiting for approval', { Status: 'SUBMITTED' }, { status: 'draft', metadata: { xero_status: 'SUBMITTED' } }],
    ['approved', { Status: 'AUTHORISED' }, { status: 'open', amountDueMinor: 1_250 }],
    ['paid in part', { Status: 'AUTHORISED', AmountDue: 2.5 }, { status: 'open', amountDueMinor: 250 }],
    ['paid', { Status: 'PAID', AmountDue: 0 }, { status: 'paid', amountDueMinor: 0 }],
    ['voided', { Status: 'VOIDED', AmountDue: 0 }, { status: 'void', totalMinor: 1_250, amountDueMinor: 0 }],
  ])('that are %s say so', async (_, fields, told) => {
    await keep(fields);
    expect(await read()).toMatchObject([
      {
        externalId: ID,
        deleted: false,
        refs: { customer: CONTACT },
        fields: {
          ...{ number: 'INV-9', issuedAt: '2026-10-01T00:00:00.000Z', dueAt: '2026-10-31T00:00:00.000Z' },
          ...{ currency: 'GBP', subtotalMinor: 1_042, taxMinor: 208, totalMinor: 1_250 },
          lines: [{ description: 'Chai', quantity: '2', unitAmount: '5.2083', amountMinor: 1_042, taxMinor: 208 }],
          ...told,
        },
      },
    ]);
    expect(await world.session('invoices').retrieve(ID)).toMatchObject({ fields: told });
  });

  it('that a person has deleted are told as deletions, and are not to be had by their id', async () => {
    await keep({ Status: 'DELETED' });
    expect(await readAll('invoices', ['changed-invoices'])).toMatchObject([{ externalId: ID, deleted: true }]);
    expect(await world.session('invoices').retrieve(ID)).toBeNull();
  });

  it('are none where they are bills, whichever way they are asked for', async () => {
    await keep({ Type: 'ACCPAY', Status: 'AUTHORISED' });
    expect(await read()).toEqual([]);
    expect(await world.session('invoices').count()).toBe(0);
    expect(await world.session('invoices').retrieve(ID)).toBeNull();
    expect(await world.session('invoices').retrieveMany?.read([ID])).toEqual({ records: [], rejections: [] });
  });

  it.each([
    ['a status that is new', { Status: 'ARCHIVED' }, ['Status']],
    ['a fraction of a penny', { Status: 'DRAFT', Total: 12.345 }, undefined],
    ['a currency that is none', { Status: 'DRAFT', CurrencyCode: 'XXQ' }, undefined],
    ['no day', { Status: 'DRAFT', Date: 'yesterday' }, undefined],
  ])('with %s are rejected by themselves', async (_, fields, unknown) => {
    await world.organisation().seed('Invoices', 1);
    await keep(fields);
    const [page] = await readList(world.session('invoices'), { stream: 'invoices' });
    expect(page?.records).toHaveLength(1);
    expect(page?.rejections).toMatchObject([{ externalId: ID, code: 'unreadable' }]);
    expect(page?.rejections?.[0]?.unknownValues?.[0]).toEqual(unknown);
  });

  it('keep every digit of an amount that a floating-point number would lose', async () => {
    await keep({ Status: 'DRAFT' });
    const text = JSON.stringify({ Invoices: [{ ...INVOICE, Status: 'DRAFT', UpdatedDateUTC: wireDay('2026-10-02') }] });
    world.proxy().edit((answer) => {
      if (answer.path.endsWith('/Invoices')) answer.body = text.replace('"Total":12.5', '"Total":90071992547409.91');
    });
    expect((await read())[0]?.fields).toMatchObject({ totalMinor: 9_007_199_254_740_991 });
  });
});

describe('transactions', () => {
  const payment = (PaymentType: string, fields: object = {}) =>
    world.organisation().put('Payments', [
      {
        ...{ PaymentID: ID, ...DAY, Amount: 12.5, PaymentType, Status: 'AUTHORISED', Account: { Code: '090' } },
        Invoice: {
          ...{ Type: 'ACCREC', InvoiceID: '046d8a6d-1ae1-4b4d-9340-5601bdf41b87', InvoiceNumber: 'INV-2' },
          ...{ CurrencyCode: 'GBP', Contact: { ContactID: CONTACT } },
        },
        ...fields,
      },
    ]);
  const bank = (Type: string, fields: object = {}) =>
    world.organisation().put('BankTransactions', [
      {
        ...{ BankTransactionID: ID, ...DAY, Type, Status: 'AUTHORISED', Contact: { ContactID: CONTACT } },
        ...{ CurrencyCode: 'GBP', Total: 12.5, LineItems: [], BankAccount: { Code: '090' }, ...fields },
      },
    ]);
  const note = (fields: object = {}) =>
    world.organisation().put('CreditNotes', [
      {
        ...{ CreditNoteID: ID, ...DAY, Type: 'ACCRECCREDIT', Status: 'AUTHORISED', Contact: { ContactID: CONTACT } },
        ...{
          CurrencyCode: 'GBP',
          Total: 12.5,
          RemainingCredit: 2.5,
          CreditNoteNumber: 'CN-1',
          LineItems: [],
          ...fields,
        },
      },
    ]);
  const read = () => readAll('transactions', LISTS);

  it.each([
    ['ACCRECPAYMENT', { kind: 'payment', amountMinor: 1_250 }, CONTACT],
    ['ARCREDITPAYMENT', { kind: 'refund', amountMinor: -1_250 }, CONTACT],
    ['AROVERPAYMENTPAYMENT', { kind: 'refund', amountMinor: -1_250 }, CONTACT],
    ['ARPREPAYMENTPAYMENT', { kind: 'refund', amountMinor: -1_250 }, CONTACT],
    // Of a supplier, who is no customer.
    ['ACCPAYPAYMENT', { kind: 'adjustment', amountMinor: -1_250, metadata: { xero_supplier_id: CONTACT } }, null],
    ['APCREDITPAYMENT', { kind: 'adjustment', amountMinor: 1_250 }, null],
    ['APOVERPAYMENTPAYMENT', { kind: 'adjustment', amountMinor: 1_250 }, null],
    ['APPREPAYMENTPAYMENT', { kind: 'adjustment', amountMinor: 1_250 }, null],
  ])('that are payments of type %s have their sign, kind and contact', async (type, told, customer) => {
    await payment(type);
    expect(await read()).toMatchObject([
      {
        externalId: `Payments:${ID}`,
        refs: { customer },
        fields: { occurredAt: '2026-10-01T00:00:00.000Z', currency: 'GBP', status: 'succeeded', posted: null, ...told },
      },
    ]);
  });

  it.each([
    ['RECEIVE', { kind: 'payment', amountMinor: 1_250 }, CONTACT],
    ['RECEIVE-OVERPAYMENT', { kind: 'payment', amountMinor: 1_250 }, CONTACT],
    ['RECEIVE-PREPAYMENT', { kind: 'payment', amountMinor: 1_250 }, CONTACT],
    ['SPEND', { kind: 'adjustment', amountMinor: -1_250 }, null],
    ['SPEND-OVERPAYMENT', { kind: 'adjustment', amountMinor: -1_250 }, null],
    ['SPEND-PREPAYMENT', { kind: 'adjustment', amountMinor: -1_250 }, null],
    ['RECEIVE-TRANSFER', { kind: 'adjustment', amountMinor: 1_250 }, null],
    ['SPEND-TRANSFER', { kind: 'adjustment', amountMinor: -1_250 }, null],
  ])('of a bank account of type %s have their sign, kind and contact', async (type, told, customer) => {
    await bank(type);
    expect(await read()).toMatchObject([
      {
        externalId: `BankTransactions:${ID}`,
        refs: { customer },
        fields: { status: 'succeeded', posted: null, ...told },
      },
    ]);
  });

  it('that are credit notes move no money, and a refund of one names it', async () => {
    await note({ LineItems: [{ Description: 'Chai', Quantity: 1, LineAmount: 12.5 }] });
    await payment('ARCREDITPAYMENT', { Invoice: { Type: 'ACCRECCREDIT', InvoiceID: ID, CurrencyCode: 'GBP' } });
    const [refund, credit] = await read();
    expect(credit).toMatchObject({
      externalId: `CreditNotes:${ID}`,
      fields: {
        ...{ kind: 'adjustment', amountMinor: -1_250, posted: false, status: 'succeeded' },
        lines: [{ description: 'Chai', quantity: '1', amountMinor: 1_250 }],
        metadata: { xero_number: 'CN-1', xero_remaining_credit: '2.5' },
      },
    });
    expect(refund?.refs).toEqual({ customer: null, related: `CreditNotes:${ID}` });
  });

  it.each([
    ['CreditNote', 'ARCREDITPAYMENT', { CreditNoteID: ID, CreditNoteNumber: 'CN-1' }],
    ['Overpayment', 'AROVERPAYMENTPAYMENT', { OverpaymentID: ID }],
    ['Prepayment', 'ARPREPAYMENTPAYMENT', { PrepaymentID: ID }],
  ])('have the currency of what they settle also where it is told as %s', async (name, type, document) => {
    const settled = { ...document, CurrencyCode: 'EUR', Contact: { ContactID: CONTACT } };
    await payment(type, { CurrencyRate: 0.8, Invoice: undefined, [name]: settled });
    expect(await read()).toMatchObject([
      { refs: { customer: CONTACT }, fields: { currency: 'EUR', metadata: { xero_settled_id: ID } } },
    ]);
  });

  it('in an unknown foreign currency are rejected, and never taken for the organisation’s own', async () => {
    await payment('ARCREDITPAYMENT', { CurrencyRate: 0.8, Invoice: undefined });
    expect(await read()).toEqual([]);
    await payment('ARCREDITPAYMENT', { CurrencyRate: 1, Invoice: undefined });
    expect(await read()).toMatchObject([{ fields: { currency: 'GBP' } }]);
  });

  it('of a supplier’s credit note are none', async () => {
    await note({ Type: 'ACCPAYCREDIT' });
    expect(await read()).toEqual([]);
    expect(await world.session('transactions').retrieve(`CreditNotes:${ID}`)).toBeNull();
  });

  it.each([
    ['a payment that was undone', () => payment('ACCRECPAYMENT', { Status: 'DELETED' }), 'cancelled'],
    ['a bank transaction that was voided', () => bank('RECEIVE', { Status: 'VOIDED' }), 'cancelled'],
    ['a credit note that is a draft', () => note({ Status: 'DRAFT' }), 'pending'],
    ['a credit note that was voided', () => note({ Status: 'VOIDED' }), 'cancelled'],
  ])('tell %s by their status', async (_, keep, status) => {
    await keep();
    expect(await read()).toMatchObject([{ deleted: false, fields: { status } }]);
  });

  it('are in the organisation’s own currency where they name none', async () => {
    await payment('ACCRECPAYMENT', { Invoice: null, Account: null });
    expect(await read()).toMatchObject([{ fields: { currency: 'GBP' } }]);
  });

  it.each([
    ['a type that is new', { PaymentType: 'CRYPTO' }],
    ['a fraction of a penny', { Amount: 12.345 }],
    ['no amount', { Amount: null }],
  ])('with %s are rejected by themselves', async (_, fields) => {
    await world.organisation().seed('Payments', 1);
    await payment('ACCRECPAYMENT', fields);
    const [page] = await readList(world.session('transactions'), { stream: 'all-Payments' });
    expect(page?.records).toHaveLength(1);
    expect(page?.rejections).toMatchObject([{ externalId: `Payments:${ID}`, code: 'unreadable' }]);
  });

  it('of a span are asked for by their own day, whenever they were entered', async () => {
    await note();
    const ask = async (from: string, to: string) => {
      const span = { fromEpochS: Date.parse(from) / 1_000, toEpochS: Date.parse(to) / 1_000, after: null };
      return (await world.session('transactions').listPage({ stream: 'dated-CreditNotes', ...span })).records.length;
    };
    expect(await ask('2026-10-01T00:00:00Z', '2026-10-02T00:00:00Z')).toBe(1);
    expect(await ask('2026-10-02T00:00:00Z', '2026-10-03T00:00:00Z')).toBe(0);
    expect(await ask('2026-09-30T00:00:00Z', '2026-10-01T00:00:00Z')).toBe(0);
  });

  it('are not looked for by an id that is none', async () => {
    const before = await calls();
    for (const id of ['Payments:INV-0001', 'Nothing:1', 'Contacts:' + ID])
      expect(await world.session('transactions').retrieve(id)).toBeNull();
    expect(await calls()).toBe(before);
  });
});

describe('many records by their ids', () => {
  it.each(['customers', 'invoices'])('are read by one call for 40: %s', async (resource) => {
    const collection = resource === 'customers' ? 'Contacts' : 'Invoices';
    const ids = await world.organisation().seed(collection, 40);
    const before = await calls();
    const { records } = (await world.session(resource).retrieveMany?.read([...ids, 'S-1'])) ?? { records: [] };
    expect(new Set(records.map(({ externalId }) => externalId))).toEqual(new Set(ids));
    expect((await calls()) - before).toBe(1);
  });
});
