import type { Company } from '../state/quickbooks-state.ts';
import { postingsOf } from './ledger.ts';
import type { AccountClass, LedgerAccount, Posting } from './ledger.ts';
import { data, reportBody, section, summary, textAndAmount, TOTAL_COLUMNS } from './report-shape.ts';
import type { ReportDays, ReportLine } from './report-shape.ts';

const within =
  ({ from, to }: ReportDays) =>
  ({ transaction: { day } }: Posting): boolean =>
    day >= from && day <= to;

/** What the accounts of some classes come to, by account. `sign` turns credits positive where a report shows them so. */
function balances(
  postings: readonly Posting[],
  classes: readonly AccountClass[],
  sign: 1 | -1,
): { readonly lines: readonly ReportLine[]; readonly total: number } {
  const sums = new Map<string, { readonly account: LedgerAccount; readonly cents: number }>();
  for (const { account, cents } of postings.filter((one) => classes.includes(one.account.class)))
    sums.set(account.id, { account, cents: (sums.get(account.id)?.cents ?? 0) + sign * cents });
  const found = [...sums.values()];
  return {
    lines: found.map(({ account, cents }) => data(textAndAmount(account.name, cents, account.id))),
    total: found.reduce((sum, { cents }) => sum + cents, 0),
  };
}

/** `GET reports/ProfitAndLoss`. */
export function profitAndLoss(company: Company, days: ReportDays): object {
  const postings = postingsOf(company).filter(within(days));
  const income = balances(postings, ['income'], -1);
  const expenses = balances(postings, ['expense'], 1);
  const net = income.total - expenses.total;
  const lines = [
    ...section('Income', 'Income', income),
    summary('GrossProfit', 'Gross Profit', income.total),
    ...section('Expenses', 'Expenses', expenses),
    summary('NetOperatingIncome', 'Net Operating Income', net),
    summary('NetIncome', 'Net Income', net),
  ];
  const isEmpty = income.lines.length === 0 && expenses.lines.length === 0;
  return reportBody(company, { name: 'ProfitAndLoss', days, columns: TOTAL_COLUMNS, lines: isEmpty ? [] : lines });
}

/** `GET reports/BalanceSheet`, as of the last day. */
export function balanceSheet(company: Company, days: ReportDays): object {
  const postings = postingsOf(company).filter(({ transaction: { day } }) => day <= days.to);
  const assetsOf = (classes: readonly AccountClass[]) => balances(postings, classes, 1);
  const [bank, receivable] = [assetsOf(['bank']), assetsOf(['receivable'])];
  const liabilities = balances(postings, ['payable', 'tax'], -1);
  const earned = balances(postings, ['income', 'expense'], -1).total;
  const assets = {
    total: bank.total + receivable.total,
    lines: [...section('BankAccounts', 'Bank Accounts', bank), ...section('AR', 'Accounts Receivable', receivable)],
  };
  const equity = { total: earned, lines: [data(textAndAmount('Net Income', earned))] };
  const owed = {
    total: liabilities.total + earned,
    lines: [...section('Liabilities', 'Liabilities', liabilities), ...section('Equity', 'Equity', equity)],
  };
  const lines = [
    ...section('TotalAssets', 'ASSETS', assets),
    ...section('TotalLiabilitiesAndEquity', 'LIABILITIES AND EQUITY', owed),
  ];
  return reportBody(company, {
    name: 'BalanceSheet',
    days,
    columns: TOTAL_COLUMNS,
    lines: postings.length === 0 ? [] : lines,
  });
}
