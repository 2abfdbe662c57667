import { expect, it } from 'vitest';
import { aXero, objectIn, objectsIn, refusalOf } from './xero-support.ts';
import type { XeroObject } from './xero-support.ts';

const LINE = { Description: 'Chai', Quantity: 2, UnitAmount: 50, AccountCode: '200' };

/** A stand-in Xero with a contact, whose organisation may take payments too. */
async function aShop() {
  const xero = await aXero();
  const { control, organisation } = xero;
  const token = await control.tokenFor(organisation.id, 'accounting.invoices accounting.payments accounting.settings');
  const headers = { authorization: `Bearer ${token}` };
  const contact = await objectIn('Contacts', organisation.ask('PUT', 'Contacts', { body: { Name: 'Ada' } }));
  const Contact = { ContactID: contact['ContactID'] };
  const ask = (method: string, path: string, body?: object) =>
    organisation.ask(method, path, { headers, ...(body && { body }) });
  const invoiceOf = (fields: object = {}) =>
    objectIn(
      'Invoices',
      ask('PUT', 'Invoices', {
        ...{ Type: 'ACCREC', Contact, Status: 'AUTHORISED', DueDate: '2026-12-24', LineItems: [LINE], ...fields },
      }),
    );
  const noteOf = (fields: object = {}) =>
    objectIn(
      'CreditNotes',
      ask('PUT', 'CreditNotes', {
        ...{ Type: 'ACCRECCREDIT', Contact, Status: 'AUTHORISED', LineItems: [{ ...LINE, Quantity: 1 }], ...fields },
      }),
    );
  const again = (collection: string, one: XeroObject) => {
    const id = String(one[`${collection.slice(0, -1)}ID`]);
    return objectIn(collection, ask('GET', `${collection}/${id}`));
  };
  const pay = (named: object, Amount: number, fields: object = {}) =>
    ask('PUT', 'Payments', { ...named, Account: { Code: '090' }, Date: '2026-10-05', Amount, ...fields });
  return { ...xero, ask, invoiceOf, noteOf, again, pay };
}
const named = ({ InvoiceID }: XeroObject) => ({ Invoice: { InvoiceID } });

it('adds tax to amounts, or finds it in them, or has none, by the account of each line', async () => {
  const { invoiceOf } = await aShop();
  expect(await invoiceOf()).toMatchObject({ SubTotal: 100, TotalTax: 20, Total: 120, AmountDue: 120 });
  expect(await invoiceOf({ LineAmountTypes: 'Inclusive' })).toMatchObject({
    SubTotal: 83.33,
    TotalTax: 16.67,
    Total: 100,
  });
  expect(await invoiceOf({ LineAmountTypes: 'NoTax' })).toMatchObject({ SubTotal: 100, TotalTax: 0, Total: 100 });
  expect(await invoiceOf({ LineItems: [{ ...LINE, TaxAmount: 19.99 }] })).toMatchObject({ Total: 119.99 });
});

it('fills a line from its item, and refuses a code that no item has', async () => {
  const { ask, invoiceOf } = await aShop();
  const item = { Code: 'CHAI', Name: 'Chai', SalesDetails: { UnitPrice: 6.25, AccountCode: '200', TaxType: 'NONE' } };
  const { ItemID } = await objectIn('Items', ask('PUT', 'Items', item));
  expect(await invoiceOf({ LineItems: [{ ItemCode: 'CHAI', Quantity: 2 }] })).toMatchObject({
    Total: 12.5,
    LineItems: [{ Description: 'Chai', UnitAmount: 6.25, AccountCode: '200', TaxType: 'NONE', Item: { ItemID } }],
  });
  const body = { Type: 'ACCREC', Contact: (await invoiceOf())['Contact'], LineItems: [{ ItemCode: 'NONE' }] };
  expect(await refusalOf(ask('PUT', 'Invoices', body))).toMatchObject({
    status: 400,
    message: expect.stringMatching(/not valid/) as string,
  });
});

it('lets a payment take from what is due until nothing is, and moves the invoice’s last change', async () => {
  const { ask, invoiceOf, again, pay, control } = await aShop();
  const invoice = await invoiceOf();
  await control.clock(5_000);
  const payment = await objectIn('Payments', pay(named(invoice), 50));
  expect(payment).toMatchObject({
    ...{ Amount: 50, PaymentType: 'ACCRECPAYMENT', Status: 'AUTHORISED', Account: { Code: '090' } },
    Invoice: { Type: 'ACCREC', InvoiceID: invoice['InvoiceID'], CurrencyCode: 'GBP' },
  });
  const partly = await again('Invoices', invoice);
  expect(partly).toMatchObject({ Status: 'AUTHORISED', AmountDue: 70, AmountPaid: 50, Payments: [{ Amount: 50 }] });
  expect(partly['UpdatedDateUTC']).not.toBe(invoice['UpdatedDateUTC']);
  expect(await refusalOf(pay(named(invoice), 70.01))).toMatchObject({
    status: 400,
    message: expect.stringMatching(/exceeds the amount outstanding/) as string,
  });
  await pay(named(invoice), 70);
  expect(await again('Invoices', invoice)).toMatchObject({ Status: 'PAID', AmountDue: 0, AmountPaid: 120 });
  expect(await objectsIn('Payments', ask('GET', 'Payments?page=1'))).toHaveLength(2);
});

it('refuses payments of drafts, of nothing, to no account and without the scope', async () => {
  const { invoiceOf, pay, organisation } = await aShop();
  const [draft, invoice] = [await invoiceOf({ Status: 'DRAFT' }), await invoiceOf()];
  expect(await refusalOf(pay(named(draft), 1))).toMatchObject({
    status: 400,
    message: expect.stringMatching(/Authorised/) as string,
  });
  expect(await refusalOf(pay(named(invoice), 0))).toMatchObject({
    message: expect.stringMatching(/greater than zero/) as string,
  });
  expect(await refusalOf(pay(named(invoice), 1, { Account: { Code: '999' } }))).toMatchObject({
    message: expect.stringMatching(/Account/) as string,
  });
  expect(await refusalOf(pay({ Invoice: { InvoiceNumber: 'INV-99' } }, 1))).toMatchObject({
    message: expect.stringMatching(/could not be found/) as string,
  });
  const body = { ...named(invoice), Account: { Code: '090' }, Amount: 1 };
  expect((await organisation.ask('PUT', 'Payments', { body })).status).toBe(401);
});

it('undoes a payment by its status, which stays listed, and its invoice is to be paid again', async () => {
  const { ask, invoiceOf, again, pay } = await aShop();
  const invoice = await invoiceOf();
  const { PaymentID: id } = await objectIn('Payments', pay(named(invoice), 120));
  expect(await again('Invoices', invoice)).toMatchObject({ Status: 'PAID' });
  const undo = () => ask('POST', `Payments/${String(id)}`, { Status: 'DELETED' });
  expect(await objectIn('Payments', undo())).toMatchObject({ Status: 'DELETED' });
  expect(await again('Invoices', invoice)).toMatchObject({ Status: 'AUTHORISED', AmountDue: 120, Payments: [] });
  expect(await objectsIn('Payments', ask('GET', 'Payments?page=1'))).toMatchObject([{ Status: 'DELETED' }]);
  expect(await refusalOf(undo())).toMatchObject({
    status: 400,
    message: expect.stringMatching(/not of valid status/) as string,
  });
});

it('allocates a credit note to an invoice, and refunds what is left of it', async () => {
  const { ask, invoiceOf, noteOf, again, pay } = await aShop();
  const [invoice, note] = [await invoiceOf(), await noteOf()];
  expect(note).toMatchObject({ Total: 60, RemainingCredit: 60, Status: 'AUTHORISED' });
  const allocate = (Amount: number) =>
    ask('PUT', `CreditNotes/${String(note['CreditNoteID'])}/Allocations`, { ...named(invoice), Amount });
  await objectIn('Allocations', allocate(40));
  expect(await again('Invoices', invoice)).toMatchObject({ AmountDue: 80, AmountCredited: 40, AmountPaid: 0 });
  expect(await again('CreditNotes', note)).toMatchObject({ RemainingCredit: 20, Status: 'AUTHORISED' });
  expect(await refusalOf(allocate(21))).toMatchObject({ status: 400 });
  expect(await again('Invoices', invoice)).toMatchObject({ AmountDue: 80 });
  const { CreditNoteID } = note;
  const refund = await objectIn('Payments', pay({ CreditNote: { CreditNoteID } }, 20));
  // As Xero’s own example has it: the credit note stands where an invoice does.
  expect(refund).toMatchObject({
    PaymentType: 'ARCREDITPAYMENT',
    Invoice: { Type: 'ACCRECCREDIT', InvoiceID: CreditNoteID },
  });
  expect(await again('CreditNotes', note)).toMatchObject({ RemainingCredit: 0, Status: 'PAID' });
});

it('voids and deletes by status, as far as the status and payments allow it', async () => {
  const { ask, invoiceOf, again, pay } = await aShop();
  const set = (invoice: XeroObject, change: object) =>
    ask('POST', 'Invoices', { InvoiceID: invoice['InvoiceID'], ...change });
  const [draft, approved, paid] = [await invoiceOf({ Status: 'DRAFT' }), await invoiceOf(), await invoiceOf()];
  await pay(named(paid), 50);
  expect(await refusalOf(set(draft, { Status: 'VOIDED' }))).toMatchObject({
    message: expect.stringMatching(/not of valid status/) as string,
  });
  expect(await refusalOf(set(approved, { Status: 'DELETED' }))).toMatchObject({
    message: expect.stringMatching(/not of valid status/) as string,
  });
  expect(await refusalOf(set(paid, { Status: 'VOIDED' }))).toMatchObject({
    message: expect.stringMatching(/payment or credit note/) as string,
  });
  expect(await refusalOf(set(paid, { LineItems: [] }))).toMatchObject({
    message: expect.stringMatching(/payment or credit note/) as string,
  });
  await set(paid, { DueDate: '2026-12-31' });
  expect(await again('Invoices', paid)).toMatchObject({ DueDateString: '2026-12-31T00:00:00' });
  await pay(named(paid), 70);
  expect(await refusalOf(set(paid, { DueDate: '2026-12-30' }))).toMatchObject({
    message: expect.stringMatching(/not of valid status/) as string,
  });
  await set(draft, { Status: 'DELETED' });
  await set(approved, { Status: 'VOIDED' });
  expect(await again('Invoices', draft)).toMatchObject({ Status: 'DELETED' });
  expect(await again('Invoices', approved)).toMatchObject({ Status: 'VOIDED', AmountDue: 0, Total: 120 });
  for (const gone of [draft, approved])
    expect(await refusalOf(set(gone, { Status: 'AUTHORISED' }))).toMatchObject({
      message: expect.stringMatching(/not of valid status/) as string,
    });
});

it('gives the number of a deleted draft free, and no other', async () => {
  const { ask, invoiceOf } = await aShop();
  const body = {
    Type: 'ACCREC',
    Contact: (await invoiceOf({ InvoiceNumber: 'A-1' }))['Contact'],
    InvoiceNumber: 'A-1',
  };
  expect(await refusalOf(ask('PUT', 'Invoices', body))).toEqual({ status: 400, message: 'Invoice # must be unique.' });
  const draft = await invoiceOf({ InvoiceNumber: 'A-2', Status: 'DRAFT' });
  await ask('POST', 'Invoices', { InvoiceID: draft['InvoiceID'], Status: 'DELETED' });
  expect(await invoiceOf({ InvoiceNumber: 'A-2' })).toMatchObject({ InvoiceNumber: 'A-2', Status: 'AUTHORISED' });
});

/** Properties of the examples in https://github.com/XeroAPI/Xero-OpenAPI (16.1.0, xero_accounting.yaml, e952d0b). */
const EXAMPLES = {
  Invoices: {
    ...{ Type: '', InvoiceID: '', InvoiceNumber: '', Reference: '', Payments: [], CreditNotes: [], Prepayments: [] },
    ...{ Overpayments: [], AmountDue: 0, AmountPaid: 0, AmountCredited: 0, HasErrors: false, Contact: {}, Date: '' },
    ...{ DateString: '', DueDate: '', DueDateString: '', Status: '', LineAmountTypes: '', LineItems: [], SubTotal: 0 },
    ...{ TotalTax: 0, Total: 0, UpdatedDateUTC: '', CurrencyCode: '' },
  },
  Payments: {
    ...{
      PaymentID: '',
      Date: '',
      BankAmount: 0,
      Amount: 0,
      Reference: '',
      CurrencyRate: 0,
      PaymentType: '',
      Status: '',
    },
    ...{ UpdatedDateUTC: '', HasAccount: false, IsReconciled: false, Account: {}, Invoice: {} },
  },
  CreditNotes: {
    ...{ CreditNoteID: '', CreditNoteNumber: '', Payments: [], CurrencyRate: 0, Type: '', Reference: '' },
    ...{ RemainingCredit: 0, Allocations: [], Contact: {}, DateString: '', Date: '', Status: '', LineAmountTypes: '' },
    ...{ LineItems: [], SubTotal: 0, TotalTax: 0, Total: 0, UpdatedDateUTC: '', CurrencyCode: '' },
  },
} as const;
const typesOf = (object: object) =>
  Object.fromEntries(
    Object.entries(object).map(([name, value]) => [name, Array.isArray(value) ? 'list' : typeof value]),
  );

it('answers with the properties of Xero’s own examples, in their types', async () => {
  const { invoiceOf, noteOf, pay } = await aShop();
  const invoice = await invoiceOf({ Reference: 'PO 7' });
  const payment = await objectIn('Payments', pay(named(invoice), 1));
  for (const [collection, object] of Object.entries({
    Invoices: invoice,
    Payments: payment,
    CreditNotes: await noteOf(),
  }))
    expect(typesOf(object)).toMatchObject(typesOf(EXAMPLES[collection as keyof typeof EXAMPLES]));
});
