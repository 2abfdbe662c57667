import { describe, expect, it } from 'vitest';
import { generalLedger } from '../../../sandbox/quickbooks/reports/general-ledger.ts';
import { openQuickBooksState } from '../../../sandbox/quickbooks/state/quickbooks-state.ts';
import type { QuickBooksCompany } from '../../support/sandbox/quickbooks-company.ts';
import { aQuickBooks, refusalOf } from './quickbooks-support.ts';

interface Cells {
  readonly ColData: readonly { readonly value: string; readonly id?: string }[];
}
interface Row extends Partial<Cells> {
  readonly Header?: Cells;
  readonly Rows?: { readonly Row: readonly Row[] };
  readonly Summary?: Cells;
}
interface Report {
  readonly Header: { readonly Option: readonly { readonly Name: string; readonly Value: string }[] };
  readonly Rows: { readonly Row?: readonly Row[] };
}

const textsOf = ({ ColData }: Cells) => ColData.map(({ value }) => value);
/** Every row as its cells, sections opened. */
const cellsIn = (rows: readonly Row[]): readonly (readonly string[])[] =>
  rows.flatMap(({ Header, ColData, Rows, Summary }) => [
    ...(Header ? [textsOf(Header)] : []),
    ...(ColData ? [textsOf({ ColData })] : []),
    ...cellsIn(Rows?.Row ?? []),
    ...(Summary ? [textsOf(Summary)] : []),
  ]);

async function report(company: QuickBooksCompany, name: string, [from, to]: readonly [string, string]) {
  const { status, body } = await company.ask(
    'GET',
    `reports/${name}?start_date=${from}&end_date=${to}&minorversion=75`,
  );
  expect(status).toBe(200);
  return body as unknown as Report;
}
/** The last cell that is an amount, of the row that begins with `label`. */
async function totalOf(
  company: QuickBooksCompany,
  name: string,
  label: string,
  days: readonly [string, string] = YEAR,
) {
  const cells = cellsIn((await report(company, name, days)).Rows.Row ?? []).find(([first]) => first === label);
  return cells?.findLast((cell) => /^-?\d+\.\d\d$/.test(cell)) ?? null;
}

const ITEM = { Name: 'Beds', Type: 'Service', IncomeAccountRef: { value: '1' } };
const YEAR = ['2026-01-01', '2026-12-31'] as const;
const sold = (amount: number, item = '1') => ({
  Line: [
    { Amount: amount, DetailType: 'SalesItemLineDetail', SalesItemLineDetail: { ItemRef: { value: item } } },
    { Amount: amount, DetailType: 'SubTotalLineDetail', SubTotalLineDetail: {} },
  ],
});

/** A company with one of everything: 100.10 sold with 20.02 of tax, 30.00 of them refunded, 12.34 and 50.00 spent. */
async function aCompanyWithBooks() {
  const { company } = await aQuickBooks();
  const customer = (await company.write('customer', { DisplayName: 'Zum Anker' }))['Customer'] as { Id: string };
  const CustomerRef = { value: customer.Id };
  await company.write('item', ITEM);
  const book = (entity: string, object: object) => company.write(entity, { TxnDate: '2026-02-01', ...object });
  await book('invoice', { CustomerRef, ...sold(100.1), TxnTaxDetail: { TotalTax: 20.02 } });
  await book('payment', { CustomerRef, TxnDate: '2026-02-10', TotalAmt: 70.07 });
  await book('refundreceipt', { CustomerRef, ...sold(30) });
  await book('bill', {
    VendorRef: { value: '1' },
    Line: [{ Amount: 50, DetailType: 'AccountBasedExpenseLineDetail', AccountBasedExpenseLineDetail: {} }],
  });
  await book('billpayment', { VendorRef: { value: '1' }, TotalAmt: 20, PayType: 'Check' });
  await book('purchase', { TotalAmt: 12.34, PaymentType: 'Cash', AccountRef: { value: '2' } });
  return company;
}

describe('a report of the stand-in QuickBooks', () => {
  it('that there is not, or whose days are none, is refused as QuickBooks refuses', async () => {
    const { company } = await aQuickBooks();
    expect(await refusalOf(company.ask('GET', 'reports/Nothing'))).toMatchObject({ status: 400, code: '500' });
    expect(await refusalOf(company.ask('GET', 'reports/ProfitAndLoss?start_date=yesterday'))).toMatchObject({
      status: 400,
      type: 'ValidationFault',
    });
  });

  it.each(['ProfitAndLoss', 'BalanceSheet', 'GeneralLedger'])('without bookings says so: %s', async (name) => {
    const { company } = await aQuickBooks();
    const { Header, Rows } = await report(company, name, YEAR);
    expect(Header.Option).toContainEqual({ Name: 'NoReportData', Value: 'true' });
    expect(Rows).toEqual({});
  });

  it('adds up sales, refunds and expenses to the cent', async () => {
    const company = await aCompanyWithBooks();
    expect(await totalOf(company, 'ProfitAndLoss', 'Total Income')).toBe('70.10');
    expect(await totalOf(company, 'ProfitAndLoss', 'Total Expenses')).toBe('62.34');
    expect(await totalOf(company, 'ProfitAndLoss', 'Net Income')).toBe('7.76');
  });

  it('has a balance sheet whose sides are equal, with what is owed and due', async () => {
    const company = await aCompanyWithBooks();
    expect(await totalOf(company, 'BalanceSheet', 'Accounts Receivable (A/R)')).toBe('50.05');
    expect(await totalOf(company, 'BalanceSheet', 'Accounts Payable (A/P)')).toBe('30.00');
    expect(await totalOf(company, 'BalanceSheet', 'Sales Tax Payable')).toBe('20.02');
    const assets = await totalOf(company, 'BalanceSheet', 'Total ASSETS');
    expect(assets).toBe('57.78');
    expect(await totalOf(company, 'BalanceSheet', 'Total LIABILITIES AND EQUITY')).toBe(assets);
  });

  it('counts the days that it is asked for alone, and begins a ledger with what was before', async () => {
    const company = await aCompanyWithBooks();
    const before = ['2026-01-01', '2026-01-31'] as const;
    const after = ['2026-02-05', '2026-02-28'] as const;
    expect((await report(company, 'ProfitAndLoss', before)).Rows).toEqual({});
    expect(await totalOf(company, 'GeneralLedger', 'Beginning Balance', after)).toBe('70.10');
    const ledger = cellsIn((await report(company, 'GeneralLedger', after)).Rows.Row ?? []);
    expect(ledger).toContainEqual(['2026-02-10', 'Payment', '', 'Zum Anker', '', 'Current account', '-70.07', '50.05']);
  });

  it('forgets a voided invoice', async () => {
    const { company } = await aQuickBooks();
    await company.write('customer', { DisplayName: 'Zum Anker' });
    await company.write('item', ITEM);
    const invoice = (
      await company.write('invoice', { TxnDate: '2026-02-01', CustomerRef: { value: '1' }, ...sold(9) })
    )['Invoice'] as { Id: string; SyncToken: string };
    expect(await totalOf(company, 'ProfitAndLoss', 'Net Income')).toBe('9.00');
    await company.write('invoice?operation=void', invoice);
    expect((await report(company, 'ProfitAndLoss', YEAR)).Rows).toEqual({});
  });

  it('ends at its limit of cells with a sentence in place of the rest', async () => {
    const state = await openQuickBooksState(undefined);
    state.put('1', 'Payment', [['1', { Id: '1', TxnDate: '2026-02-01', TotalAmt: 5 }]]);
    const company = { state, id: '1', homeCurrency: 'GBP', nowMs: Date.now(), note: () => undefined };
    const whole = generalLedger(company, { from: '2026-01-01', to: '2026-12-31' }) as Report;
    expect(whole.Rows.Row).toHaveLength(2);
    const cut = generalLedger(company, { from: '2026-01-01', to: '2026-12-31' }, 24) as Report;
    expect(cut.Rows.Row?.map(({ Header, ColData }) => (Header?.ColData ?? ColData)?.[0]?.value)).toEqual([
      'Current account',
      'Unable to display more data. Please reduce the date range.',
    ]);
  });
});
