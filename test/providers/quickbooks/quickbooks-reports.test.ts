import { describe, expect, it } from 'vitest';
import { MAX_REPORT_ROWS, boundedReport } from '../../../domain/reports/bounded-report.ts';
import { QUICKBOOKS_REPORTS } from '../../../providers/quickbooks/reports/reports.ts';
import { Secret } from '../../../vault/secret.ts';
import { createQuickBooksWorld, detailsOf } from './quickbooks-world.ts';

const world = createQuickBooksWorld();
const RANGE = { from: '2026-01-01', to: '2026-03-31' };

function read(report: string, days: { from: string | null; to: string | null } = RANGE) {
  const { id, token } = world.company();
  const session = world.adapter().open({ secretKey: new Secret(token), onBehalfOf: id, call: (request) => request() });
  if (!session.report) throw new Error('QuickBooks makes reports');
  return session.report({ report, ...days });
}
const answerWith = (change: (body: Report) => unknown) => {
  world.proxy().edit((answer) => {
    answer.body = change(answer.body as Report);
  });
};
interface Report {
  readonly Header: Readonly<Record<string, unknown>>;
  readonly Columns: object;
  readonly Rows: object;
}

/**
 * A report in the shape of Intuit's example: sections in sections, an account with sub-accounts, totals without rows
 * (https://developer.intuit.com/app/developer/qbo/docs/workflows/run-reports, read 2026-11-29).
 */
const NESTED = {
  Header: {
    ReportName: 'ProfitAndLoss',
    ReportBasis: 'Cash',
    Currency: 'USD',
    Option: [
      { Name: 'AccountingStandard', Value: 'GAAP' },
      { Name: 'NoReportData', Value: 'false' },
    ],
  },
  Columns: {
    Column: [
      { ColTitle: '', ColType: 'Account', MetaData: [{ Name: 'ColKey', Value: 'account' }] },
      { ColTitle: 'Total', ColType: 'Money', MetaData: [{ Name: 'ColKey', Value: 'total' }] },
    ],
  },
  Rows: {
    Row: [
      {
        Header: { ColData: [{ value: 'Income' }, { value: '' }] },
        Rows: {
          Row: [
            { ColData: [{ value: 'Design', id: '82' }, { value: '90071992547409.93' }], type: 'Data' },
            {
              Header: { ColData: [{ value: 'Landscaping', id: '45' }, { value: '1.00' }] },
              Rows: { Row: [{ ColData: [{ value: 'Labour', id: '47' }, { value: '-0.10' }], type: 'Data' }] },
              Summary: { ColData: [{ value: 'Total Landscaping' }, { value: '.90' }] },
              type: 'Section',
            },
          ],
        },
        Summary: { ColData: [{ value: 'Total Income' }, { value: '90071992547410.83' }] },
        type: 'Section',
        group: 'Income',
      },
      { Summary: { ColData: [{ value: 'Gross Profit' }, { value: '90071992547410.83' }] }, type: 'Section' },
    ],
  },
};

describe.each(QUICKBOOKS_REPORTS.map(({ id }) => id))('the report %s', (report) => {
  it.each<[string, object, object]>([
    ['throttled', { kind: 'status', status: 429, retryAfter: 60 }, { kind: 'rate-limited', retryAfterMs: 60_000 }],
    ['failed', { kind: 'status', status: 504 }, { kind: 'unavailable' }],
    ['cut off in the middle', { kind: 'truncate' }, { kind: 'unavailable' }],
    ['a web page', { kind: 'html' }, { kind: 'unexpected-response', httpStatus: 200 }],
    ['a fault inside 200', { kind: 'status', status: 500, body: 'inside-success' }, { kind: 'rejected', code: '6190' }],
    ['of an expired token', { kind: 'status', status: 401 }, { kind: 'needs-reauth', code: '3200' }],
  ])('that is %s is told so', async (_, fault, told) => {
    await world.control().fault({ ...fault, times: 1 });
    expect(await detailsOf(read(report))).toMatchObject({ provider: 'quickbooks', ...told });
  });

  it('without data has columns and no rows', async () => {
    const { columns, rows, truncated } = await read(report);
    expect(columns.length).toBeGreaterThan(1);
    expect({ rows, truncated }).toEqual({ rows: [], truncated: false });
  });

  it('takes one call, which QuickBooks meters as a read', async () => {
    const before = (await world.control().metering()).corePlus;
    await read(report);
    expect((await world.control().metering()).corePlus).toBe(before + 1);
  });
});

describe('rows of a QuickBooks report', () => {
  it('are flattened with their depth, and keep every digit of an amount', async () => {
    answerWith(() => NESTED);
    expect(await read('profit-and-loss')).toEqual({
      columns: [
        { key: 'account', title: '', type: 'text' },
        { key: 'total', title: 'Total', type: 'amount' },
      ],
      rows: [
        { kind: 'heading', depth: 0, externalId: null, cells: ['Income', null] },
        { kind: 'entry', depth: 1, externalId: '82', cells: ['Design', '90071992547409.93'] },
        { kind: 'heading', depth: 1, externalId: '45', cells: ['Landscaping', '1.00'] },
        { kind: 'entry', depth: 2, externalId: '47', cells: ['Labour', '-0.10'] },
        { kind: 'total', depth: 1, externalId: null, cells: ['Total Landscaping', '.90'] },
        { kind: 'total', depth: 0, externalId: null, cells: ['Total Income', '90071992547410.83'] },
        { kind: 'total', depth: 0, externalId: null, cells: ['Gross Profit', '90071992547410.83'] },
      ],
      currency: 'USD',
      basis: 'cash',
      truncated: false,
    });
  });

  it('are none where QuickBooks says that there is no data, though it sends empty sections', async () => {
    answerWith(() => ({
      ...NESTED,
      Header: { ...NESTED.Header, Option: [{ Name: 'NoReportData', Value: 'true' }] },
      Rows: { Row: [{ Summary: { ColData: [{ value: 'Net Income' }, { value: '' }] }, type: 'Section' }] },
    }));
    expect((await read('profit-and-loss')).rows).toEqual([]);
  });

  it('are marked as truncated where QuickBooks ends with a sentence in place of the rest', async () => {
    const sentence = 'Unable to display more data. Please reduce the date range.';
    answerWith(() => ({
      ...NESTED,
      Rows: { Row: [...NESTED.Rows.Row, { ColData: [{ value: sentence }, { value: '' }], type: 'Data' }] },
    }));
    const { rows, truncated } = await read('profit-and-loss');
    expect(truncated).toBe(true);
    expect(rows).toHaveLength(7);
  });

  it.each([
    ['a column without its key or type', { Columns: { Column: [{ ColTitle: 'A' }, {}] } }, ['column-1', 'column-2']],
    ['a column whose type is its key', { Columns: { Column: [{ ColType: 'tx_date' }] } }, ['column-1']],
    ['no columns', { Columns: {} }, []],
  ])('survive %s', async (_what, change, keys) => {
    answerWith(() => ({ ...NESTED, ...change }));
    const { columns, rows } = await read('profit-and-loss');
    expect(columns.map(({ key }) => key)).toEqual(keys);
    for (const { cells } of rows) expect(cells).toHaveLength(keys.length);
  });

  it('hold names as people typed them, without what Postgres cannot store', async () => {
    answerWith(() => ({
      ...NESTED,
      Rows: { Row: [{ ColData: [{ value: 'nul\u0000 Ωmega' }, { value: '1.00' }], type: 'Data' }] },
    }));
    expect((await read('profit-and-loss')).rows[0]?.cells[0]).not.toContain('\u0000');
  });

  it.each([
    ['a list', []],
    ['an object without rows or columns', { Header: {} }],
    ['amounts as objects', { ...NESTED, Rows: { Row: [{ ColData: [{ value: { amount: 1 } }] }] } }],
  ])('of an answer that is %s are unreadable', async (_what, body) => {
    answerWith(() => body);
    expect(await detailsOf(read('profit-and-loss'))).toMatchObject({ kind: 'unexpected-response' });
  });

  it('of an answer above its size are not read, and the code says so', async () => {
    answerWith(() => ({ ...NESTED, padding: 'x'.repeat(13 * 1_024 * 1_024) }));
    expect(await detailsOf(read('profit-and-loss'))).toMatchObject({ code: 'body-too-large' });
  });
});

describe('a report that is larger than an answer', () => {
  const row = (text: string) => ({ kind: 'entry', depth: 0, externalId: null, cells: [text] }) as const;
  const reportOf = (rows: readonly ReturnType<typeof row>[]) => ({
    ...{ columns: [], rows, currency: null, basis: null, truncated: false },
  });

  it('ends after its rows, and says so', () => {
    const full = reportOf(Array.from({ length: MAX_REPORT_ROWS }, () => row('a')));
    expect(boundedReport(full)).toBe(full);
    const bounded = boundedReport(reportOf([...full.rows, row('b')]));
    expect(bounded).toMatchObject({ truncated: true });
    expect(bounded.rows).toHaveLength(MAX_REPORT_ROWS);
  });

  it('ends after its bytes, and says so', () => {
    const bounded = boundedReport(reportOf(Array.from({ length: 5 }, () => row('ü'.repeat(600_000)))));
    expect(bounded).toMatchObject({ truncated: true });
    expect(bounded.rows).toHaveLength(3);
  });
});
