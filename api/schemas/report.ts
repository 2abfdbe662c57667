import { z } from 'zod';
import { REPORT_COLUMN_TYPES, REPORT_PERIODS, REPORT_ROW_KINDS } from '../../contracts/reports.ts';
import type { ReportDays, ReportDefinition } from '../../contracts/reports.ts';
import type { StoredReport } from '../../db/reports/report-answer-store.ts';
import { checkDayOrder, whereRight } from './combined-fields.ts';
import { currencyAnswer, day, timestamp } from './common.ts';

/** A word in a path: which reports there are depends on the connection’s provider. */
export const reportName = z.string().meta({
  description: 'One of the `reports` that `GET /v1/integrations/{provider}` lists.',
  example: 'profit-and-loss',
});

export const reportQuery = z
  .strictObject({
    from: day.optional().meta({
      description: 'First day. Needed by a report of a `range`; others do not use it.',
      example: '2026-01-01',
    }),
    to: day.optional().meta({
      description: 'Last day. Needed by a report of a `range`, and by one of a `day`.',
      example: '2026-03-31',
    }),
  })
  .superRefine(checkDayOrder, whereRight('from', 'to'));

export const reportPeriod = z.enum(REPORT_PERIODS).meta({
  id: 'ReportPeriod',
  description:
    '`range`: takes `from` and `to`. `day`: takes `to` and shows how things stand at its end. `none`: takes neither.',
});

export const reportAnswer = z
  .object({
    report: reportName,
    title: z.string(),
    from: z.iso.date().nullable().meta({ description: 'First day; null where the report takes none.' }),
    to: z.iso.date().nullable().meta({ description: 'Last day; null where the report takes none.' }),
    currency: currencyAnswer
      .nullable()
      .meta({ description: 'ISO 4217 code of the amounts; null where there are none, or of several currencies.' }),
    basis: z.enum(['accrual', 'cash']).nullable().meta({
      description:
        'How an accounting provider counts, which is a setting of the account there; null: it does not tell.',
    }),
    readAt: timestamp.meta({ description: 'When the provider was asked.' }),
    truncated: z.boolean().meta({
      description: 'Rows are missing at the end, as the report is too large. Ask for fewer days.',
    }),
    columns: z.array(
      z.object({
        key: z.string().meta({ description: 'Names the column for programs.' }),
        title: z.string().meta({ description: 'Names the column for people.' }),
        type: z.enum(REPORT_COLUMN_TYPES).meta({
          description:
            '`amount` and `number` are decimal text, exact as the provider writes it; `day` is `YYYY-MM-DD`, `time` ISO 8601. A row that is no entry may have a label in any column.',
        }),
      }),
    ),
    rows: z.array(
      z.object({
        kind: z.enum(REPORT_ROW_KINDS).meta({
          description: '`heading` opens a section; its rows are one level deeper, and `total` closes it.',
        }),
        depth: z.int().min(0).meta({ description: 'How many sections the row stands in.' }),
        externalId: z
          .string()
          .nullable()
          .meta({ description: 'The provider’s id of what the row is about, such as an account or a campaign.' }),
        cells: z
          .array(z.string().nullable())
          .meta({ description: 'One for each column; null where the provider writes nothing.' }),
      }),
    ),
  })
  .meta({ id: 'Report' });

export function presentReport(
  { id, title }: ReportDefinition,
  days: ReportDays,
  { content, readAt }: StoredReport,
): z.input<typeof reportAnswer> {
  const { currency, basis, truncated, columns, rows } = content;
  return {
    ...{ report: id, title, ...days, currency, basis, readAt: readAt.toISOString(), truncated },
    columns: columns.map((column) => ({ ...column })),
    rows: rows.map(({ cells, ...row }) => ({ ...row, cells: [...cells] })),
  };
}
