import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ProviderReport } from '../../../contracts/reports.ts';
import { createXeroAdapter } from '../../../providers/xero/adapter.ts';
import { XERO_REPORTS } from '../../../providers/xero/reports/reports.ts';
import { startXeroSandbox } from '../../../sandbox/xero/xero-sandbox.ts';
import { Secret } from '../../../vault/secret.ts';
import { startAnswerEditingProxy } from '../../support/sandbox/answer-editing-proxy.ts';
import type { AnswerEditingProxy } from '../../support/sandbox/answer-editing-proxy.ts';
import { xeroSandboxControl } from '../../support/sandbox/xero-organisation.ts';
import type { XeroOrganisation } from '../../support/sandbox/xero-organisation.ts';
import { detailsOf } from '../quickbooks/quickbooks-world.ts';

const MARCH = { from: '2026-03-01', to: '2026-03-31' };

let sandbox: Awaited<ReturnType<typeof startXeroSandbox>>;
let proxy: AnswerEditingProxy;
let organisation: XeroOrganisation;
beforeAll(async () => {
  sandbox = await startXeroSandbox();
  proxy = await startAnswerEditingProxy(sandbox.apiUrl);
});
beforeEach(async () => {
  proxy.edit(null);
  organisation = await control().addOrganisation();
});
afterAll(async () => {
  await proxy.close();
  await sandbox.close();
});
const control = () => xeroSandboxControl(sandbox);

function read(report: string, { token = organisation.token, days = MARCH } = {}): Promise<ProviderReport> {
  const { authorizeUrl, tokenUrl } = sandbox;
  const adapter = createXeroAdapter({ ...{ authorizeUrl, tokenUrl }, apiUrl: proxy.url, app: null });
  const session = adapter.open({
    ...{ secretKey: new Secret(token), onBehalfOf: organisation.id, call: (request) => request() },
  });
  if (!session.report) throw new Error('Xero makes reports');
  return session.report({ report, ...days });
}

const dated = (day: string) => ({ Date: `/Date(${Date.parse(day)}+0000)/`, Status: 'AUTHORISED' });
const line = (amount: number, tax = 0) => ({
  ...{ Quantity: 1, UnitAmount: amount, LineAmount: amount, TaxAmount: tax, AccountCode: '200' },
});
/** 100.10 sold with 20.02 of tax, of which 70.07 were paid, and 12.34 spent. */
async function keepBooks() {
  await organisation.put('Invoices', [
    { ...dated('2026-03-02'), InvoiceID: 'i1', Type: 'ACCREC', LineItems: [line(100.1, 20.02)] },
    { ...dated('2026-02-28'), InvoiceID: 'i2', Type: 'ACCREC', LineItems: [line(7)] },
    { ...dated('2026-03-02'), InvoiceID: 'i3', Type: 'ACCREC', LineItems: [line(1_000)], Status: 'VOIDED' },
  ]);
  await organisation.put('Payments', [
    { ...dated('2026-03-03'), PaymentID: 'p1', PaymentType: 'ACCRECPAYMENT', Amount: 70.07 },
  ]);
  await organisation.put('BankTransactions', [
    {
      ...{ ...dated('2026-03-04'), BankTransactionID: 'b1', Type: 'SPEND', LineAmountTypes: 'NoTax' },
      LineItems: [{ LineAmount: 12.34 }],
    },
  ]);
}
const SALES = '5690f1e8-1d02-4893-90c2-ee1a69eff901';

describe.each(XERO_REPORTS.map(({ id }) => id))('the report %s', (report) => {
  it.each<[string, object, object]>([
    ['throttled', { kind: 'status', status: 429, retryAfter: 30 }, { kind: 'rate-limited', retryAfterMs: 30_000 }],
    ['in trouble', { kind: 'status', status: 503 }, { kind: 'unavailable' }],
    ['a web page', { kind: 'html', status: 200 }, { kind: 'unexpected-response' }],
    ['a bare 403', { kind: 'html', status: 403 }, { kind: 'unavailable' }],
    ['cut off in the middle', { kind: 'truncate' }, { kind: 'unavailable' }],
  ])('that is %s is told so', async (_, fault, told) => {
    await control().fault({ ...fault, times: 1 });
    expect(await detailsOf(read(report))).toMatchObject({ provider: 'xero', ...told });
  });

  it('that the consent does not cover is refused as a matter of access', async () => {
    const token = await control().tokenFor(organisation.id, 'accounting.settings accounting.contacts');
    expect(await detailsOf(read(report, { token }))).toMatchObject({ kind: 'needs-reauth' });
  });

  it.each([
    ['no report', { Reports: [] }],
    ['rows that are none', { Reports: [{ Rows: 'none' }] }],
    ['a list', []],
  ])('whose answer is %s is unreadable', async (_what, body) => {
    proxy.edit((answer) => {
      answer.body = body;
    });
    expect(await detailsOf(read(report))).toMatchObject({ kind: 'unexpected-response' });
  });
});

describe('a profit and loss statement', () => {
  it('has sections with their totals, accounts by id, and amounts to the cent', async () => {
    await keepBooks();
    expect(await read('profit-and-loss')).toEqual({
      columns: [
        { key: 'account', title: '', type: 'text' },
        { key: 'period-1', title: '2026-03-31', type: 'amount' },
      ],
      rows: [
        { kind: 'heading', depth: 0, externalId: null, cells: ['Income', null] },
        { kind: 'entry', depth: 1, externalId: SALES, cells: ['Sales', '100.10'] },
        { kind: 'total', depth: 0, externalId: null, cells: ['Total Income', '100.10'] },
        { kind: 'heading', depth: 0, externalId: null, cells: ['Less Operating Expenses', null] },
        { kind: 'entry', depth: 1, externalId: expect.any(String) as string, cells: ['General Expenses', '12.34'] },
        { kind: 'total', depth: 0, externalId: null, cells: ['Total Operating Expenses', '12.34'] },
        { kind: 'total', depth: 0, externalId: null, cells: ['Net Profit', '87.76'] },
      ],
      currency: 'GBP',
      basis: 'accrual',
      truncated: false,
    });
  });

  it('of more than a year is refused by Xero, and the code says so', async () => {
    const days = { from: '2024-01-01', to: '2026-03-31' };
    expect(await detailsOf(read('profit-and-loss', { days }))).toMatchObject({ kind: 'rejected', httpStatus: 400 });
  });

  it('keeps every digit, and rows of kinds that it does not know', async () => {
    proxy.edit((answer) => {
      if (!answer.path.includes('/Reports/')) return;
      const cells = (...values: string[]) => values.map((Value) => ({ Value }));
      answer.body = {
        Reports: [
          {
            Rows: [
              { RowType: 'Header', Cells: cells('', 'March', 'February') },
              {
                RowType: 'Section',
                Title: ' Income',
                Rows: [{ RowType: 'Note', Cells: cells('a', '90071992547409.93') }],
              },
              { RowType: 'SummaryRow', Cells: cells('b', '', '-0.10') },
            ],
          },
        ],
      };
    });
    expect((await read('profit-and-loss')).rows).toMatchObject([
      { kind: 'heading', cells: ['Income', null, null] },
      { kind: 'entry', depth: 1, cells: ['a', '90071992547409.93', null] },
      { kind: 'total', depth: 0, cells: ['b', null, '-0.10'] },
    ]);
  });
});

describe('a balance sheet', () => {
  it('is as of the end of its day, and its sides are equal', async () => {
    await keepBooks();
    const { rows } = await read('balance-sheet');
    const amountOf = (label: string) => rows.find(({ cells: [first] }) => first === label)?.cells[1];
    expect(amountOf('Current account')).toBe('57.73');
    expect(amountOf('Accounts Receivable')).toBe('57.05');
    expect(amountOf('VAT')).toBe('20.02');
    expect(amountOf('Net Assets')).toBe('94.76');
    expect(amountOf('Total Equity')).toBe('94.76');
  });
});
