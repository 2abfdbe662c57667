import { z } from 'zod';
import type { ProviderReport, ReportColumn, ReportRow } from '../../../contracts/reports.ts';

const cell = z.object({
  Value: z.string().nullish(),
  Attributes: z.array(z.object({ Id: z.string().nullish(), Value: z.string().nullish() })).nullish(),
});
type Cell = z.output<typeof cell>;
const line = z.object({ RowType: z.string(), Cells: z.array(cell).nullish() });
type Line = z.output<typeof line>;

/**
 * A report as Xero tells it: a header, then sections, which hold rows and a summary and no further sections
 * (https://developer.xero.com/documentation/api/accounting/reports, read 2026-11-29).
 */
export const reportsSchema = z.object({
  Reports: z.tuple(
    [
      z.object({
        Rows: z.array(line.extend({ Title: z.string().nullish(), Rows: z.array(line).nullish() })).nullish(),
      }),
    ],
    z.unknown(),
  ),
});
type Section = NonNullable<z.output<typeof reportsSchema>['Reports'][0]['Rows']>[number];

export function toReport({
  Reports: [told],
}: z.output<typeof reportsSchema>): Pick<ProviderReport, 'columns' | 'rows'> {
  const all = told.Rows ?? [];
  const header = all.find(({ RowType }) => RowType === 'Header')?.Cells ?? [];
  const columns = header.map(columnOf);
  const rows = all.filter(({ RowType }) => RowType !== 'Header').flatMap((section) => rowsOf(section, columns.length));
  return { columns, rows };
}

/** The first column names accounts, and each other one a period by its last day. */
const columnOf = ({ Value: title }: Cell, at: number): ReportColumn =>
  at === 0
    ? { key: 'account', title: title ?? '', type: 'text' }
    : { key: `period-${at}`, title: title ?? '', type: 'amount' };

function rowsOf(section: Section, width: number): readonly ReportRow[] {
  if (section.RowType !== 'Section') return [rowOf(section, { kind: kindOf(section), depth: 0, width })];
  const title = section.Title?.trim() ?? '';
  const inside = section.Rows ?? [];
  // What stands in a section without a title, such as the net profit, sums up the sections above it.
  if (title === '') return inside.map((row) => rowOf(row, { kind: 'total', depth: 0, width }));
  return [
    rowOf({ RowType: 'Section', Cells: [{ Value: title }] }, { kind: 'heading', depth: 0, width }),
    ...inside.map((row) => rowOf(row, { kind: kindOf(row), depth: kindOf(row) === 'total' ? 0 : 1, width })),
  ];
}

const kindOf = ({ RowType }: Line): ReportRow['kind'] => (RowType === 'SummaryRow' ? 'total' : 'entry');

interface Place extends Pick<ReportRow, 'kind' | 'depth'> {
  readonly width: number;
}

const rowOf = ({ Cells }: Line, { width, ...place }: Place): ReportRow => ({
  ...place,
  externalId: (Cells ?? []).map(accountOf).find((id) => id !== null) ?? null,
  cells: Array.from({ length: width }, (_, at) => Cells?.[at]?.Value || null),
});

const accountOf = ({ Attributes }: Cell): string | null =>
  (Attributes ?? []).find(({ Id }) => Id === 'account')?.Value || null;
