import { textIn, TRANSACTION_ENTITIES } from '../state/quickbooks-state.ts';
import type { Company, WireObject } from '../state/quickbooks-state.ts';

/** What an account stands for in a balance sheet and a profit and loss statement. */
export type AccountClass = 'bank' | 'receivable' | 'payable' | 'tax' | 'income' | 'expense';

export interface LedgerAccount {
  readonly id: string;
  readonly name: string;
  readonly class: AccountClass;
}

/** One side of a booking. The postings of a transaction sum up to zero. */
export interface Posting {
  readonly account: LedgerAccount;
  /** Debits are positive. */
  readonly cents: number;
  readonly transaction: BookedTransaction;
}

export interface BookedTransaction {
  readonly id: string;
  readonly type: string;
  readonly day: string;
  readonly number: string;
  readonly name: { readonly value: string; readonly id: string };
  readonly memo: string;
}

/** Accounts that bookings need and that no request of the stand-in's has to name. */
const IMPLIED = {
  bank: { id: '2', name: 'Current account', class: 'bank' },
  income: { id: '1', name: 'Sales of Product Income', class: 'income' },
  receivable: { id: '84', name: 'Accounts Receivable (A/R)', class: 'receivable' },
  payable: { id: '33', name: 'Accounts Payable (A/P)', class: 'payable' },
  tax: { id: '89', name: 'Sales Tax Payable', class: 'tax' },
  discounts: { id: '86', name: 'Discounts given', class: 'income' },
  expense: { id: '31', name: 'Uncategorised Expense', class: 'expense' },
} as const satisfies Record<string, LedgerAccount>;

const CLASSES: Readonly<Record<string, AccountClass>> = {
  Income: 'income',
  Expense: 'expense',
  Bank: 'bank',
  'Credit Card': 'bank',
};

/** How each entity is booked, as accountants do and as QuickBooks does without being told otherwise. */
const BOOKED: Readonly<Record<string, { readonly type: string; readonly settles: keyof typeof IMPLIED }>> = {
  Invoice: { type: 'Invoice', settles: 'receivable' },
  SalesReceipt: { type: 'Sales Receipt', settles: 'bank' },
  CreditMemo: { type: 'Credit Memo', settles: 'receivable' },
  RefundReceipt: { type: 'Refund', settles: 'bank' },
  Payment: { type: 'Payment', settles: 'receivable' },
  Bill: { type: 'Bill', settles: 'payable' },
  BillPayment: { type: 'Bill Payment (Check)', settles: 'payable' },
  Purchase: { type: 'Expense', settles: 'bank' },
};

/** Every posting of a company, the earliest day first. */
export function postingsOf(company: Company): readonly Posting[] {
  const postings = TRANSACTION_ENTITIES.flatMap((entity) =>
    company.state.list(company.id, entity).flatMap((object) => book(company, entity, object)),
  );
  return postings
    .filter(({ cents }) => cents !== 0)
    .toSorted(
      ({ transaction: one }, { transaction: other }) =>
        one.day.localeCompare(other.day) || Number(one.id) - Number(other.id),
    );
}

type Post = (account: LedgerAccount, cents: number) => Posting;

function book(company: Company, entity: string, object: WireObject): readonly Posting[] {
  const { type, settles } = BOOKED[entity] ?? { type: entity, settles: 'bank' as const };
  const transaction = transactionOf(company, type, object);
  const post: Post = (account, cents) => ({ account, cents, transaction });
  return entity === 'Payment' || entity === 'BillPayment'
    ? paid(object, post, {
        from: entity === 'Payment' ? IMPLIED[settles] : IMPLIED.bank,
        to: entity === 'Payment' ? IMPLIED.bank : IMPLIED[settles],
      })
    : traded(company, entity, { object, post, settled: IMPLIED[settles] });
}

/** Money that goes from what is owed to the bank, or from the bank to whom it is owed. */
function paid(
  object: WireObject,
  post: Post,
  { from, to }: { readonly from: LedgerAccount; readonly to: LedgerAccount },
): readonly Posting[] {
  const cents = centsOf(textIn(object, 'TotalAmt'), object);
  return [post(to, cents), post(from, -cents)];
}

interface Trade {
  readonly object: WireObject;
  readonly post: Post;
  readonly settled: LedgerAccount;
}

/** A sale credits what was earned; a refund, an expense and a bill are the other way round. */
function traded(company: Company, entity: string, { object, post, settled }: Trade): readonly Posting[] {
  const earns = entity === 'Invoice' || entity === 'SalesReceipt' || object['Credit'] === true;
  const sign = earns ? -1 : 1;
  const lines = linesOf(company, entity, object).map(({ account, cents }) => post(account, sign * cents));
  const total = lines.reduce((sum, { cents }) => sum + cents, 0);
  return [...lines, post(accountOf(company, object['AccountRef'], settled), -total)];
}

function transactionOf(company: Company, type: string, object: WireObject): BookedTransaction {
  const told = (name: string) => textIn(object, name) ?? '';
  return {
    type,
    ...{ id: told('Id'), day: told('TxnDate'), number: told('DocNumber'), memo: told('PrivateNote') },
    name: partyOf(company, object),
  };
}

function linesOf(company: Company, entity: string, object: WireObject) {
  const isPurchase = entity === 'Purchase' || entity === 'Bill';
  const lines = (Array.isArray(object['Line']) ? object['Line'] : []) as readonly WireObject[];
  const booked = lines
    .filter(({ DetailType: type }) => type !== 'SubTotalLineDetail')
    .map((line) => ({ account: lineAccount(company, line, isPurchase), cents: signed(line, object) }));
  const tax = centsOf(textIn(object, 'TxnTaxDetail', 'TotalTax'), object);
  if (booked.length > 0) return [...booked, { account: IMPLIED.tax, cents: tax }];
  const total = centsOf(textIn(object, 'TotalAmt'), object);
  return [{ account: isPurchase ? IMPLIED.expense : IMPLIED.income, cents: total }];
}

const signed = (line: WireObject, object: WireObject): number =>
  (line['DetailType'] === 'DiscountLineDetail' ? -1 : 1) * centsOf(textIn(line, 'Amount'), object);

function lineAccount(company: Company, line: WireObject, isPurchase: boolean): LedgerAccount {
  if (line['DetailType'] === 'DiscountLineDetail') return IMPLIED.discounts;
  const named = (line['AccountBasedExpenseLineDetail'] as WireObject | undefined)?.['AccountRef'];
  if (isPurchase) return accountOf(company, named, IMPLIED.expense);
  const item = company.state.get(company.id, 'Item', textIn(line, 'SalesItemLineDetail', 'ItemRef', 'value') ?? '');
  return accountOf(company, item?.['IncomeAccountRef'], IMPLIED.income);
}

function accountOf({ state, id: company }: Company, reference: unknown, usual: LedgerAccount): LedgerAccount {
  const id = textIn((reference ?? {}) as WireObject, 'value');
  const account = id === null ? undefined : state.get(company, 'Account', id);
  if (id === null || account === undefined) return usual;
  return {
    id,
    name: textIn(account, 'Name') ?? '',
    class: CLASSES[textIn(account, 'AccountType') ?? ''] ?? usual.class,
  };
}

function partyOf({ state, id: company }: Company, object: WireObject): BookedTransaction['name'] {
  const customer = textIn(object, 'CustomerRef', 'value');
  const vendor = textIn(object, 'VendorRef', 'value') ?? textIn(object, 'EntityRef', 'value');
  const known = state.get(company, customer === null ? 'Vendor' : 'Customer', customer ?? vendor ?? '');
  return { value: (known && textIn(known, 'DisplayName')) ?? '', id: customer ?? vendor ?? '' };
}

/** In the company's own currency, which is all that its reports are in. */
const centsOf = (amount: string | null, object: WireObject): number =>
  Math.round(Number(amount ?? 0) * Number(textIn(object, 'ExchangeRate') ?? 1) * 100);
