import { timeOf } from '../state/quickbooks-state.ts';
import type { Company } from '../state/quickbooks-state.ts';

/** The days that a request asks for. */
export interface ReportDays {
  readonly from: string;
  readonly to: string;
}

export interface Cell {
  readonly value: string;
  readonly id?: string;
}

export type ReportLine =
  | { readonly ColData: readonly Cell[]; readonly type: 'Data' }
  | {
      readonly Header?: { readonly ColData: readonly Cell[] };
      readonly Rows?: { readonly Row: readonly ReportLine[] };
      readonly Summary: { readonly ColData: readonly Cell[] };
      readonly type: 'Section';
      readonly group?: string;
    };

/** An amount as reports write it: two decimals, or nothing. */
export const amountOf = (cents: number | null): string => {
  if (cents === null) return '';
  const digits = String(Math.abs(cents)).padStart(3, '0');
  return `${cents < 0 ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}`;
};

export const textAndAmount = (text: string, cents: number | null, id?: string): readonly Cell[] => [
  { value: text, ...(id !== undefined && { id }) },
  { value: amountOf(cents) },
];

export const data = (ColData: readonly Cell[]): ReportLine => ({ ColData, type: 'Data' });

/** A section with a total. One without lines is left out, unless it only sums up. */
export const section = (
  group: string,
  title: string,
  { lines, total }: { readonly lines: readonly ReportLine[]; readonly total: number },
): readonly ReportLine[] =>
  lines.length === 0
    ? []
    : [
        {
          Header: { ColData: textAndAmount(title, null) },
          Rows: { Row: lines },
          Summary: { ColData: textAndAmount(`Total ${title}`, total) },
          type: 'Section',
          group,
        },
      ];

export const summary = (group: string, title: string, total: number): ReportLine => ({
  Summary: { ColData: textAndAmount(title, total) },
  type: 'Section',
  group,
});

export interface ReportParts {
  readonly name: string;
  readonly days: ReportDays;
  readonly columns: readonly { readonly title: string; readonly type: string; readonly key: string }[];
  readonly lines: readonly ReportLine[];
}

/** https://developer.intuit.com/app/developer/qbo/docs/workflows/run-reports (2026-11). */
export const reportBody = ({ homeCurrency, nowMs }: Company, { name, days, columns, lines }: ReportParts): object => ({
  Header: {
    Time: timeOf(nowMs),
    ReportName: name,
    ReportBasis: 'Accrual',
    StartPeriod: days.from,
    EndPeriod: days.to,
    SummarizeColumnsBy: 'Total',
    Currency: homeCurrency,
    Option: [
      { Name: 'AccountingStandard', Value: 'GAAP' },
      { Name: 'NoReportData', Value: String(lines.length === 0) },
    ],
  },
  Columns: {
    Column: columns.map(({ title, type, key }) => ({
      ColTitle: title,
      ColType: type,
      MetaData: [{ Name: 'ColKey', Value: key }],
    })),
  },
  Rows: lines.length === 0 ? {} : { Row: lines },
});

/** The columns of reports that sum up. */
export const TOTAL_COLUMNS = [
  { title: '', type: 'Account', key: 'account' },
  { title: 'Total', type: 'Money', key: 'total' },
] as const;
