import { msOf, textOf } from '../state/xero-state.ts';
import type { Entity, Organisation, WireObject } from '../state/xero-state.ts';

export type AccountClass = 'bank' | 'receivable' | 'payable' | 'tax' | 'income' | 'expense';

export interface LedgerAccount {
  readonly id: string;
  readonly name: string;
  readonly class: AccountClass;
}

/** One side of a booking; debits are positive. The postings of a document sum up to zero. */
export interface Posting {
  readonly account: LedgerAccount;
  readonly cents: number;
  readonly day: string;
}

/** Accounts that bookings need and that no document names. */
const IMPLIED = {
  bank: { id: '5690f1e8-1d02-4893-90c2-ee1a69eff902', name: 'Current account', class: 'bank' },
  income: { id: '5690f1e8-1d02-4893-90c2-ee1a69eff901', name: 'Sales', class: 'income' },
  receivable: { id: '5690f1e8-1d02-4893-90c2-ee1a69eff903', name: 'Accounts Receivable', class: 'receivable' },
  payable: { id: '5690f1e8-1d02-4893-90c2-ee1a69eff904', name: 'Accounts Payable', class: 'payable' },
  tax: { id: '5690f1e8-1d02-4893-90c2-ee1a69eff905', name: 'VAT', class: 'tax' },
  expense: { id: '5690f1e8-1d02-4893-90c2-ee1a69eff906', name: 'General Expenses', class: 'expense' },
} as const satisfies Record<string, LedgerAccount>;

interface Booking {
  /** Credits of lines are negative: what is sold earns. */
  readonly sign: 1 | -1;
  readonly lines: LedgerAccount;
  readonly settles: LedgerAccount;
}

const SOLD: Booking = { sign: -1, lines: IMPLIED.income, settles: IMPLIED.receivable };
const BOUGHT: Booking = { sign: 1, lines: IMPLIED.expense, settles: IMPLIED.payable };
const DOCUMENTS: Readonly<Record<string, Booking>> = {
  ACCREC: SOLD,
  ACCRECCREDIT: { ...SOLD, sign: 1 },
  ACCPAY: BOUGHT,
  ACCPAYCREDIT: { ...BOUGHT, sign: -1 },
  RECEIVE: { ...SOLD, settles: IMPLIED.bank },
  SPEND: { ...BOUGHT, settles: IMPLIED.bank },
};

/** Documents in other statuses are in no books. */
const BOOKED: ReadonlySet<unknown> = new Set(['AUTHORISED', 'PAID']);

/** Every posting of an organisation. */
export function postingsOf(organisation: Organisation): readonly Posting[] {
  const booked = (entity: Entity) =>
    organisation.state.list(organisation.id, entity).filter(({ Status: status }) => BOOKED.has(status));
  const documents = (['Invoices', 'CreditNotes', 'BankTransactions'] as const).flatMap(booked);
  return [...documents.flatMap((document) => book(organisation, document)), ...booked('Payments').flatMap(pay)].filter(
    ({ cents }) => cents !== 0,
  );
}

function book(organisation: Organisation, document: WireObject): readonly Posting[] {
  const booking = DOCUMENTS[String(document['Type'])];
  if (!booking) return [];
  const { sign, settles } = booking;
  const day = dayOf(document);
  const lines = (Array.isArray(document['LineItems']) ? document['LineItems'] : []) as readonly WireObject[];
  const hasTax = document['LineAmountTypes'] !== 'NoTax';
  const postings = lines.flatMap((line): readonly Posting[] => {
    const tax = hasTax ? centsOf(line['TaxAmount']) : 0;
    const net = centsOf(line['LineAmount']) - (document['LineAmountTypes'] === 'Inclusive' ? tax : 0);
    const account = accountOf(organisation, textOf(line, 'AccountCode')) ?? booking.lines;
    return [
      { account, cents: sign * net, day },
      { account: IMPLIED.tax, cents: sign * tax, day },
    ];
  });
  const total = postings.reduce((sum, { cents }) => sum + cents, 0);
  return [...postings, { account: settles, cents: -total, day }];
}

function pay(payment: WireObject): readonly Posting[] {
  const [cents, day] = [centsOf(payment['Amount']), dayOf(payment)];
  const isBill = payment['PaymentType'] === 'ACCPAYPAYMENT';
  const owed = isBill ? IMPLIED.payable : IMPLIED.receivable;
  return [
    { account: IMPLIED.bank, cents: isBill ? -cents : cents, day },
    { account: owed, cents: isBill ? cents : -cents, day },
  ];
}

const CLASSES: Readonly<Record<string, AccountClass>> = { REVENUE: 'income', EXPENSE: 'expense' };

function accountOf({ state, id }: Organisation, code: string | null): LedgerAccount | null {
  const found = state.list(id, 'Accounts').find((account) => code !== null && account['Code'] === code);
  const type = CLASSES[String(found?.['Class'])];
  return found && type ? { id: String(found['AccountID']), name: String(found['Name']), class: type } : null;
}

const dayOf = (object: WireObject): string => new Date(msOf(object['Date']) || 0).toISOString().slice(0, 10);
const centsOf = (amount: unknown): number => Math.round(Number(amount ?? 0) * 100);
