import { beforeEach, describe, expect, it } from 'vitest';
import type { QuickBooksCompany } from '../../support/sandbox/quickbooks-company.ts';
import { aQuickBooks, refusalOf } from './quickbooks-support.ts';

interface Invoice {
  readonly Id: string;
  readonly SyncToken: string;
  readonly Line: readonly Readonly<Record<string, unknown>>[];
  readonly [name: string]: unknown;
}

const sold = (Amount: number, detail: object = {}) => ({
  ...{ Amount, DetailType: 'SalesItemLineDetail' },
  SalesItemLineDetail: { ItemRef: { value: '1' }, ...detail },
});
const CustomerRef = { value: '1' };

describe('an invoice at the stand-in QuickBooks', () => {
  let company: QuickBooksCompany;
  beforeEach(async () => {
    ({ company } = await aQuickBooks());
    await company.seed('Customer', 2);
    await company.seed('Item', 2);
  });
  const write = async (body: object) => (await company.write('invoice', body))['Invoice'] as Invoice;
  const refusal = (body: object) => refusalOf(company.ask('POST', 'invoice', body));

  it('is booked with its sums, the names of what it names, and an id and a place for each line', async () => {
    const made = await write({
      CustomerRef,
      TxnDate: '2026-11-01',
      Line: [sold(36, { Qty: 2, UnitPrice: 18 }), sold(4.5)],
    });
    expect(made).toMatchObject({
      ...{ TotalAmt: 40.5, Balance: 40.5, TxnTaxDetail: { TotalTax: 0 }, DocNumber: '1001', DueDate: '2026-12-01' },
      ...{ CustomerRef: { value: '1', name: 'Customer 0' }, CurrencyRef: { value: 'GBP' } },
    });
    expect(made.Line.map(({ Id, LineNum, Amount, DetailType: type }) => [Id, LineNum, Amount, type])).toEqual([
      ['1', 1, 36, 'SalesItemLineDetail'],
      ['2', 2, 4.5, 'SalesItemLineDetail'],
      [undefined, undefined, 40.5, 'SubTotalLineDetail'],
    ]);
  });

  it.each<[string, object, string]>([
    ['without a customer', { Line: [sold(1)] }, '2020'],
    ['of a customer that there is not', { CustomerRef: { value: '9' }, Line: [sold(1)] }, '2500'],
    ['without a line', { CustomerRef, Line: [] }, '2020'],
    ['with a line without an amount', { CustomerRef, Line: [{ ...sold(1), Amount: null }] }, '2020'],
    ['of an item that there is not', { CustomerRef, Line: [sold(1, { ItemRef: { value: '9' } })] }, '2500'],
    ['whose amount is not quantity times price', { CustomerRef, Line: [sold(5, { Qty: 2, UnitPrice: 2 })] }, '6070'],
    ['with a number of over 21 characters', { CustomerRef, Line: [sold(1)], DocNumber: 'x'.repeat(22) }, '2050'],
    [
      'in another currency than its customer’s',
      { CustomerRef, Line: [sold(1)], CurrencyRef: { value: 'EUR' } },
      '6000',
    ],
  ])('is refused %s', async (_, body, code) => {
    expect(await refusal(body)).toMatchObject({ status: 400, type: 'ValidationFault', code });
    expect(await company.objects('Invoice')).toEqual([]);
  });

  it('is refused with a number that another has, in the reported words', async () => {
    const first = await write({ CustomerRef, Line: [sold(1)], DocNumber: 'A-1' });
    expect(await refusal({ CustomerRef, Line: [sold(1)], DocNumber: 'A-1' })).toMatchObject({
      ...{ code: '6140', message: 'Duplicate Document Number Error' },
    });
    const kept = await write({ Id: first.Id, SyncToken: '0', sparse: true, DocNumber: 'A-1', PrivateNote: 'x' });
    expect(kept).toMatchObject({ DocNumber: 'A-1', PrivateNote: 'x' });
  });

  it('is refused for a customer or an item that is out of use', async () => {
    await company.write('customer', { Id: '2', SyncToken: '0', sparse: true, Active: false });
    await company.write('item', { Id: '2', SyncToken: '0', sparse: true, Active: false });
    expect(await refusal({ CustomerRef: { value: '2' }, Line: [sold(1)] })).toMatchObject({ code: '610' });
    expect(await refusal({ CustomerRef, Line: [sold(1, { ItemRef: { value: '2' } })] })).toMatchObject({ code: '610' });
  });

  it('counts nothing for a line without an item', async () => {
    const line = { Amount: 7, DetailType: 'SalesItemLineDetail', SalesItemLineDetail: {} };
    expect(await write({ CustomerRef, Line: [sold(1), line] })).toMatchObject({ TotalAmt: 1 });
  });

  it('loses the lines that a sparse update leaves out, and keeps all where it sends none', async () => {
    const { Id, Line } = await write({ CustomerRef, Line: [sold(1), sold(2)] });
    const kept = await write({ Id, SyncToken: '0', sparse: true, DueDate: '2027-01-01' });
    expect(kept).toMatchObject({ Line, TotalAmt: 3 });
    const cut = await write({ Id, SyncToken: '1', sparse: true, Line: [Line[1], sold(5)] });
    expect(cut.Line.map((line) => [line['Id'], line['Amount']])).toEqual([
      ['2', 2],
      ['3', 5],
      [undefined, 7],
    ]);
  });

  it('takes a payment off its balance, which moves its time and not its SyncToken', async () => {
    const { Id } = await write({ CustomerRef, Line: [sold(10)] });
    const Line = [{ Amount: 4, LinkedTxn: [{ TxnId: Id, TxnType: 'Invoice' }] }];
    await company.write('payment', { CustomerRef, TotalAmt: 4, Line });
    const [paid] = await company.objects('Invoice');
    expect(paid).toMatchObject({ TotalAmt: 10, Balance: 6, SyncToken: '0', LinkedTxn: [{ TxnType: 'Payment' }] });
    expect(await write({ Id, SyncToken: '0', sparse: true, Balance: 0, TotalAmt: 0, Line: [sold(20)] })).toMatchObject({
      ...{ TotalAmt: 20, Balance: 16 },
    });
  });
});
