import type { ProviderReport, ReportDefinition } from '../../../contracts/reports.ts';
import type { ReportRequest } from '../../provider.ts';
import { BaseCurrency } from '../http/base-currency.ts';
import type { Ask } from '../http/ask.ts';
import { reportsSchema, toReport } from './report-rows.ts';

/** The scope of the organisation's currency stands beside each report's own. */
const scopesFor = (report: string) => [`accounting.reports.${report}.read`, 'accounting.settings'];

/** https://developer.xero.com/documentation/api/accounting/reports, read 2026-11-29. */
export const XERO_REPORTS: readonly ReportDefinition[] = [
  { id: 'profit-and-loss', title: 'Profit and loss', period: 'range', scopes: scopesFor('profitandloss') },
  { id: 'balance-sheet', title: 'Balance sheet', period: 'day', scopes: scopesFor('balancesheet') },
];

const limits = { timeoutMs: 40_000, maxBodyBytes: 12 * 1_024 * 1_024 };

/** Reads a report by one call, and the organisation's currency by another. Throws for a report that is not one of Xero's. */
export async function readReport(ask: Ask, request: ReportRequest): Promise<ProviderReport> {
  const told = await ask(reportsSchema, { method: 'GET', limits, ...callFor(request) });
  // Without `paymentsOnly` Xero counts what is owed.
  return { ...toReport(told), currency: await new BaseCurrency(ask).get(), basis: 'accrual', truncated: false };
}

function callFor({ report, from, to }: ReportRequest) {
  if (report === 'profit-and-loss')
    return { path: 'Reports/ProfitAndLoss', query: { fromDate: from ?? '', toDate: to ?? '' } };
  if (report === 'balance-sheet') return { path: 'Reports/BalanceSheet', query: { date: to ?? '' } };
  throw new Error(`xero has no report ${report}`);
}
