import type { Company } from '../state/quickbooks-state.ts';
import { postingsOf } from './ledger.ts';
import type { AccountClass, Posting } from './ledger.ts';
import { amountOf, data, reportBody } from './report-shape.ts';
import type { Cell, ReportDays, ReportLine } from './report-shape.ts';

const COLUMNS = [
  { title: 'Date', type: 'Date', key: 'tx_date' },
  { title: 'Transaction Type', type: 'String', key: 'txn_type' },
  { title: 'Num', type: 'String', key: 'doc_num' },
  { title: 'Name', type: 'String', key: 'name' },
  { title: 'Memo/Description', type: 'String', key: 'memo' },
  { title: 'Split', type: 'String', key: 'split_acc' },
  { title: 'Amount', type: 'Money', key: 'subt_nat_amount' },
  { title: 'Balance', type: 'Money', key: 'rbal_nat_amount' },
] as const;

/** QuickBooks' own limit of a report, https://medium.com/intuitdev/quickbooks-online-reports-api-best-practices-and-troubleshooting-31edc9934b4c (2026-11). */
const MOST_CELLS = 400_000;
const CUT_SHORT = 'Unable to display more data. Please reduce the date range.';

/** `GET reports/GeneralLedger`: the postings of each account with a running balance. */
export function generalLedger(company: Company, days: ReportDays, mostCells = MOST_CELLS): object {
  const postings = postingsOf(company).filter(({ transaction: { day } }) => day <= days.to);
  const others = Map.groupBy(postings, ({ transaction: { type, id } }) => `${type}:${id}`);
  const byAccount = [...Map.groupBy(postings, ({ account }) => account.id).values()];
  const lines = byAccount.flatMap((own) => accountSection(own, days, others));
  return reportBody(company, { name: 'GeneralLedger', days, columns: COLUMNS, lines: cut(lines, mostCells) });
}

type Others = ReadonlyMap<string, readonly Posting[]>;

function accountSection(own: readonly Posting[], { from }: ReportDays, others: Others): readonly ReportLine[] {
  const [first] = own;
  if (!first) return [];
  const { account } = first;
  const sign = DEBITS.has(account.class) ? 1 : -1;
  const before = own.filter(({ transaction: { day } }) => day < from);
  const opening = before.reduce((sum, { cents }) => sum + sign * cents, 0);
  let balance = opening;
  const rows = own.slice(before.length).map((posting) => {
    balance += sign * posting.cents;
    return postingLine(posting, { others, amount: sign * posting.cents, balance });
  });
  if (rows.length === 0 && opening === 0) return [];
  const start = opening === 0 ? [] : [data(wide('Beginning Balance', ['', amountOf(opening)]))];
  return [
    {
      Header: { ColData: wide(account.name, ['', ''], account.id) },
      Rows: { Row: [...start, ...rows] },
      Summary: { ColData: wide(`Total for ${account.name}`, [amountOf(balance - opening), '']) },
      type: 'Section',
    },
  ];
}

/** Accounts whose balances grow with debits. */
const DEBITS: ReadonlySet<AccountClass> = new Set(['bank', 'receivable', 'expense']);

interface Line {
  readonly others: Others;
  readonly amount: number;
  readonly balance: number;
}

function postingLine({ account, transaction }: Posting, { others, amount, balance }: Line): ReportLine {
  const { id, type, day, number, name, memo } = transaction;
  const split = others.get(`${type}:${id}`)?.find((other) => other.account.id !== account.id)?.account;
  return data([
    ...[text(day), text(type, id), text(number), text(name.value, name.id), text(memo)],
    ...[text(split?.name ?? '', split?.id), text(amountOf(amount)), text(amountOf(balance))],
  ]);
}

const text = (value: string, id = ''): Cell => ({ value, ...(id !== '' && { id }) });

const wide = (label: string, [amount, balance]: readonly [string, string], id?: string): readonly Cell[] => [
  { value: label, ...(id !== undefined && { id }) },
  ...Array.from({ length: COLUMNS.length - 3 }, () => ({ value: '' })),
  { value: amount },
  { value: balance },
];

/** A report that is too large ends in the middle, with a sentence in place of the rest and an answer of 200. */
function cut(lines: readonly ReportLine[], mostCells: number): readonly ReportLine[] {
  const mostRows = Math.floor(mostCells / COLUMNS.length);
  const sizeOf = (line: ReportLine) => (line.type === 'Section' ? (line.Rows?.Row ?? []).length + 2 : 1);
  const kept: ReportLine[] = [];
  let rows = 0;
  for (const line of lines) {
    rows += sizeOf(line);
    if (rows > mostRows) return [...kept, data(wide(CUT_SHORT, ['', '']))];
    kept.push(line);
  }
  return kept;
}
