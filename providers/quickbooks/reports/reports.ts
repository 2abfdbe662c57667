import type { ProviderReport, ReportDefinition } from '../../../contracts/reports.ts';
import type { ReportRequest } from '../../provider.ts';
import type { CallLimits } from '../../http/transport.ts';
import type { Ask } from '../http/ask.ts';
import { reportSchema, toReport } from './report-rows.ts';

const SCOPES = ['com.intuit.quickbooks.accounting'];

interface QuickBooksReportDefinition extends ReportDefinition {
  /** What follows `reports/` in the path. */
  readonly path: string;
}

/** https://developer.intuit.com/app/developer/qbo/docs/workflows/run-reports, read 2026-11-29. */
const REPORTS: readonly QuickBooksReportDefinition[] = [
  { id: 'profit-and-loss', title: 'Profit and loss', period: 'range', scopes: SCOPES, path: 'ProfitAndLoss' },
  { id: 'balance-sheet', title: 'Balance sheet', period: 'day', scopes: SCOPES, path: 'BalanceSheet' },
  { id: 'general-ledger', title: 'General ledger', period: 'range', scopes: SCOPES, path: 'GeneralLedger' },
];

export const QUICKBOOKS_REPORTS: readonly ReportDefinition[] = REPORTS.map(({ path: _, ...report }) => report);

/**
 * QuickBooks makes a report while the caller waits, and gives up after two minutes. The body is far larger than the rows
 * that an answer takes, and far smaller than the 400,000 cells that QuickBooks may send.
 */
const LIMITS: CallLimits = { timeoutMs: 40_000, maxBodyBytes: 12 * 1_024 * 1_024 };

/** Reads a report by one call, which is metered as a read. Throws for a report that is not one of QuickBooks'. */
export async function readReport(ask: Ask, { report, from, to }: ReportRequest): Promise<ProviderReport> {
  const known = REPORTS.find(({ id }) => id === report);
  if (!known) throw new Error(`quickbooks has no report ${report}`);
  const told = await ask(reportSchema, {
    method: 'GET',
    path: `reports/${known.path}`,
    // The first day of a balance sheet would only choose what is compared.
    query: { ...(from !== null && { start_date: from }), ...(to !== null && { end_date: to }) },
    limits: LIMITS,
  });
  return toReport(told);
}
