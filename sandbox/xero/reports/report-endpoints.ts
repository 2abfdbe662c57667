import { badRequest, notFound, scopeMissing } from '../errors.ts';
import type { Endpoint, OrganisationRequest } from '../http/endpoint.ts';
import { dateOf } from '../state/xero-state.ts';
import type { Organisation } from '../state/xero-state.ts';
import { callerOf } from '../tokens.ts';
import { postingsOf } from './ledger.ts';
import type { AccountClass, LedgerAccount, Posting } from './ledger.ts';

/** https://developer.xero.com/documentation/api/accounting/reports (2026-11). */
export const REPORT_ENDPOINTS: readonly Endpoint[] = [
  {
    ...{ method: 'GET', collection: 'Reports', one: true },
    scopes: ['profitandloss', 'balancesheet'].map(scopeOf),
    run(request) {
      const make = REPORTS[request.rest];
      if (!make) return notFound();
      if (!callerOf(request.visit).token.scopes.includes(scopeOf(request.rest.toLowerCase()))) throw scopeMissing();
      return { Reports: [make(request)] };
    },
  },
];

function scopeOf(report: string): string {
  return `accounting.reports.${report}.read`;
}

const REPORTS: Readonly<Record<string, (request: OrganisationRequest) => object>> = {
  ProfitAndLoss({ organisation, visit }) {
    const [from, to] = [dayIn(visit.query, 'fromDate'), dayIn(visit.query, 'toDate')];
    if (Date.parse(to) - Date.parse(from) > YEAR_MS)
      throw badRequest('ValidationException', 'The dates must be within 365 days of each other.');
    const postings = postingsOf(organisation).filter(({ day }) => day >= from && day <= to);
    const income = balances(postings, ['income'], -1);
    const expenses = balances(postings, ['expense'], 1);
    return report(organisation, { id: 'ProfitAndLoss', name: 'Profit and Loss', title: to }, [
      section('Income', income),
      section('Less Operating Expenses', expenses, 'Total Operating Expenses'),
      untitled('Net Profit', income.total - expenses.total),
    ]);
  },

  BalanceSheet({ organisation, visit }) {
    const to = dayIn(visit.query, 'date');
    const postings = postingsOf(organisation).filter(({ day }) => day <= to);
    const [bank, current] = [balances(postings, ['bank'], 1), balances(postings, ['receivable'], 1)];
    const owed = balances(postings, ['payable', 'tax'], -1);
    const earned = balances(postings, ['income', 'expense'], -1).total;
    return report(organisation, { id: 'BalanceSheet', name: 'Balance Sheet', title: to }, [
      { RowType: 'Section', Title: 'Assets', Rows: [] },
      section('Bank', bank),
      section('Current Assets', current),
      untitled('Total Assets', bank.total + current.total),
      section('Current Liabilities', owed),
      untitled('Net Assets', bank.total + current.total - owed.total),
      section('Equity', { rows: [row('Current Year Earnings', earned)], total: earned }),
    ]);
  },
};

/** The longest range of a profit and loss statement. */
const YEAR_MS = 365 * 86_400_000;

/** Xero has days of its own choice where none are given; the stand-in wants them. */
function dayIn(query: URLSearchParams, name: string): string {
  const text = query.get(name) ?? '';
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) throw badRequest('ValidationException', `${name} is not a date.`);
  return text;
}

interface Balances {
  readonly rows: readonly object[];
  readonly total: number;
}

function balances(postings: readonly Posting[], classes: readonly AccountClass[], sign: 1 | -1): Balances {
  const sums = new Map<string, { readonly account: LedgerAccount; readonly cents: number }>();
  for (const { account, cents } of postings.filter((one) => classes.includes(one.account.class)))
    sums.set(account.id, { account, cents: (sums.get(account.id)?.cents ?? 0) + sign * cents });
  const found = [...sums.values()];
  return {
    rows: found.map(({ account, cents }) => row(account.name, cents, account.id)),
    total: found.reduce((sum, { cents }) => sum + cents, 0),
  };
}

const amountOf = (cents: number): string => {
  const digits = String(Math.abs(cents)).padStart(3, '0');
  return `${cents < 0 ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}`;
};

const cells = (label: string, cents: number, account?: string) =>
  [label, amountOf(cents)].map((Value) => ({
    Value,
    ...(account !== undefined && { Attributes: [{ Value: account, Id: 'account' }] }),
  }));

const row = (label: string, cents: number, account?: string) => ({
  RowType: 'Row',
  Cells: cells(label, cents, account),
});

const section = (Title: string, { rows, total }: Balances, label = `Total ${Title}`) => ({
  RowType: 'Section',
  Title,
  Rows: [...rows, { RowType: 'SummaryRow', Cells: cells(label, total) }],
});

const untitled = (label: string, cents: number) => ({ RowType: 'Section', Title: '', Rows: [row(label, cents)] });

const report = (
  { name: organisation, nowMs }: Organisation,
  { id, name, title }: { readonly id: string; readonly name: string; readonly title: string },
  sections: readonly object[],
): object => ({
  ...{ ReportID: id, ReportName: name, ReportType: id, ReportTitles: [name, organisation, title] },
  ...{ ReportDate: title, UpdatedDateUTC: dateOf(nowMs) },
  Rows: [{ RowType: 'Header', Cells: [{ Value: '' }, { Value: title }] }, ...sections],
});
