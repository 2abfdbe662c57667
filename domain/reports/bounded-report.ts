import type { ProviderReport, ReportRow } from '../../contracts/reports.ts';

/** Most rows of an answer: a report for people, not an export. */
export const MAX_REPORT_ROWS = 10_000;
/** Most bytes of all rows as JSON, so that a process can hold a few answers at once. */
const MAX_REPORT_BYTES = 4 * 1_024 * 1_024;

/** The report with no more rows than an answer takes. What is left out is at the end, and `truncated` says so. */
export function boundedReport(report: ProviderReport): ProviderReport {
  const rows: ReportRow[] = [];
  let bytes = 0;
  for (const row of report.rows) {
    bytes += Buffer.byteLength(JSON.stringify(row));
    if (rows.length === MAX_REPORT_ROWS || bytes > MAX_REPORT_BYTES) return { ...report, rows, truncated: true };
    rows.push(row);
  }
  return report;
}
