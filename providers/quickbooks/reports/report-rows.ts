import { z } from 'zod';
import type { ProviderReport, ReportColumn, ReportRow } from '../../../contracts/reports.ts';

/**
 * A report as QuickBooks tells it: sections that hold sections, data rows, and a summary each
 * (https://developer.intuit.com/app/developer/qbo/docs/workflows/run-reports, read 2026-11-29).
 */
const colData = z.object({ value: z.string().nullish(), id: z.string().nullish() });
const cellsSchema = z.object({ ColData: z.array(colData) }).nullish();

interface WireRow {
  readonly ColData?: readonly z.output<typeof colData>[] | null | undefined;
  readonly Header?: z.output<typeof cellsSchema>;
  readonly Rows?: { readonly Row?: readonly WireRow[] | null | undefined } | null | undefined;
  readonly Summary?: z.output<typeof cellsSchema>;
}

const rowSchema: z.ZodType<WireRow> = z.object({
  ColData: z.array(colData).nullish(),
  Header: cellsSchema,
  get Rows() {
    return z.object({ Row: z.array(rowSchema).nullish() }).nullish();
  },
  Summary: cellsSchema,
});

const named = z.array(z.object({ Name: z.string(), Value: z.string().nullish() })).nullish();

export const reportSchema = z.object({
  Header: z.object({
    Currency: z.string().nullish(),
    ReportBasis: z.string().nullish(),
    Option: named,
  }),
  Columns: z.object({
    Column: z
      .array(z.object({ ColTitle: z.string().nullish(), ColType: z.string().nullish(), MetaData: named }))
      .nullish(),
  }),
  Rows: z.object({ Row: z.array(rowSchema).nullish() }).nullish(),
});
export type QuickBooksReport = z.output<typeof reportSchema>;

/**
 * A report ends at 400,000 cells with this sentence in place of the rest, in an answer of 200
 * (https://medium.com/intuitdev/quickbooks-online-reports-api-best-practices-and-troubleshooting-31edc9934b4c, read
 * 2026-11-29).
 */
const CUT_SHORT = 'Unable to display more data';

export function toReport(told: QuickBooksReport): ProviderReport {
  const columns = (told.Columns.Column ?? []).map(columnOf);
  const rows = hasData(told) ? [...rowsOf(told.Rows?.Row ?? [], 0, columns.length)] : [];
  const isCut = ({ cells }: ReportRow) => cells.some((cell) => cell?.startsWith(CUT_SHORT) === true);
  return {
    columns,
    rows: rows.filter((row) => !isCut(row)),
    currency: currencyOf(told.Header.Currency),
    basis: basisOf(told.Header.ReportBasis),
    truncated: rows.some(isCut),
  };
}

/** A report without data may have empty rows, or sections with nothing in them. */
const hasData = ({ Header }: QuickBooksReport): boolean =>
  !(Header.Option ?? []).some(({ Name, Value }) => Name === 'NoReportData' && Value === 'true');

function columnOf(
  { ColTitle, ColType, MetaData }: NonNullable<QuickBooksReport['Columns']['Column']>[number],
  at: number,
): ReportColumn {
  const key = (MetaData ?? []).find(({ Name }) => Name === 'ColKey')?.Value;
  return { key: key ?? `column-${at + 1}`, title: ColTitle ?? '', type: TYPES[ColType?.toLowerCase() ?? ''] ?? 'text' };
}

/** Types that say more than text. Some reports write the column's key in place of its type. */
const TYPES: Readonly<Record<string, ReportColumn['type']>> = {
  money: 'amount',
  subt_nat_amount: 'amount',
  rbal_nat_amount: 'amount',
  date: 'day',
  tx_date: 'day',
};

function* rowsOf(rows: readonly WireRow[], depth: number, width: number): Generator<ReportRow> {
  for (const { Header, Rows, Summary, ColData } of rows) {
    if (Header) yield rowOf('heading', { cells: Header.ColData, depth, width });
    if (ColData) yield rowOf('entry', { cells: ColData, depth, width });
    if (Rows) yield* rowsOf(Rows.Row ?? [], depth + 1, width);
    if (Summary) yield rowOf('total', { cells: Summary.ColData, depth, width });
  }
}

interface WireCells {
  readonly cells: readonly z.output<typeof colData>[];
  readonly depth: number;
  readonly width: number;
}

function rowOf(kind: ReportRow['kind'], { cells, depth, width }: WireCells): ReportRow {
  return {
    ...{ kind, depth },
    externalId: cells.map(({ id }) => id ?? '').find((id) => id !== '') ?? null,
    // A heading may have fewer cells than the report has columns.
    cells: Array.from({ length: width }, (_, at) => (cells[at]?.value ?? '') || null),
  };
}

const currencyOf = (text: string | null | undefined) => (/^[A-Z]{3}$/.test(text ?? '') ? (text ?? null) : null);

function basisOf(text: string | null | undefined): ProviderReport['basis'] {
  const basis = text?.toLowerCase();
  return basis === 'accrual' || basis === 'cash' ? basis : null;
}
