import { invalidRequest, unsupported } from '../http/endpoint.ts';
import type { Endpoint } from '../http/endpoint.ts';
import type { Company } from '../state/quickbooks-state.ts';
import { generalLedger } from './general-ledger.ts';
import type { ReportDays } from './report-shape.ts';
import { balanceSheet, profitAndLoss } from './statements.ts';

const REPORTS: Readonly<Record<string, (company: Company, days: ReportDays) => object>> = {
  ProfitAndLoss: profitAndLoss,
  BalanceSheet: balanceSheet,
  GeneralLedger: generalLedger,
};

/** Reports are read, and so metered as reads are. */
export const REPORT_ENDPOINTS: readonly Endpoint[] = [
  {
    method: 'GET',
    rest: /^reports\/\w+$/,
    run({ company, visit, rest }) {
      const report = REPORTS[rest.slice('reports/'.length)];
      if (!report) throw unsupported(visit.path);
      return report(company, daysOf(company, visit.query));
    },
  },
];

/** Without days QuickBooks takes the fiscal year to date. */
function daysOf({ nowMs }: Company, query: URLSearchParams): ReportDays {
  const today = new Date(nowMs).toISOString().slice(0, 10);
  const dayOf = (name: string, usual: string): string => {
    const text = query.get(name) ?? usual;
    if (!/^\d{4}-\d{2}-\d{2}$/.test(text) || Number.isNaN(Date.parse(text)))
      throw invalidRequest(`${name} is not a date.`);
    return text;
  };
  return { from: dayOf('start_date', `${today.slice(0, 4)}-01-01`), to: dayOf('end_date', today) };
}
