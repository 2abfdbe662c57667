import { isAbroad, textIn, timeOf } from '../state/quickbooks-state.ts';
import type { Company, WireObject } from '../state/quickbooks-state.ts';
import {
  amountMiscalculated,
  duplicateNumber,
  invalidReference,
  missing,
  notFound,
  tooLong,
  usTaxCode,
  validation,
} from './faults.ts';

/** https://www.chargebee.com/docs/billing/2.0/kb/accounting/qbo-error-code2050 (2026-11-29). */
const LONGEST_NUMBER = 21;
const SOLD = 'SalesItemLineDetail';
const SUBTOTAL = 'SubTotalLineDetail';
/** A company's usual terms, as in a recorded exchange. */
const DAYS_TO_PAY = 30;

/** An invoice as QuickBooks books it: with its number, its lines' ids, its sums and what is still to be paid. Throws a `Refusal`. */
export function bookedInvoice(company: Company, invoice: WireObject): WireObject {
  const before = company.state.get(company.id, 'Invoice', String(invoice['Id'])) ?? null;
  const customer = customerOf(company, invoice);
  const numbered = withNumber(company, invoice);
  const lines = linesOf(company, invoice);
  const tax = taxOf(company, invoice, lines);
  const total = totalOf(lines, tax);
  const paid = before === null ? 0 : centsOf(before['TotalAmt']) - centsOf(before['Balance']);
  return {
    ...USUAL,
    ...numbered,
    ...tax,
    ...customer,
    DueDate: textIn(invoice, 'DueDate') ?? laterDay(textIn(invoice, 'TxnDate') ?? '', DAYS_TO_PAY),
    Line: [...lines, { Amount: subtotalOf(lines) / 100, DetailType: SUBTOTAL, [SUBTOTAL]: {} }],
    TotalAmt: total / 100,
    Balance: (total - paid) / 100,
  };
}

/**
 * Outside the US the tax of each line by its code, and only added to the amounts: what an invoice looks like whose lines
 * hold it is not documented. In the US, where QuickBooks works it out of addresses, what was sent.
 */
function taxOf(company: Company, invoice: WireObject, lines: readonly WireObject[]): WireObject {
  if (!isAbroad(company)) return { TxnTaxDetail: { TotalTax: 0, ...(invoice['TxnTaxDetail'] as object | undefined) } };
  const calculation = textIn(invoice, 'GlobalTaxCalculation') ?? 'TaxExcluded';
  if (calculation !== 'TaxExcluded') throw validation(`${calculation} is not simulated.`);
  const cents = lines.reduce((sum, line) => {
    const code = company.state.get(company.id, 'TaxCode', textIn(line, SOLD, 'TaxCodeRef', 'value') ?? '');
    return sum + Math.round((centsOf(line['Amount']) * Number(code?.['rate'] ?? 0)) / 100);
  }, 0);
  return { GlobalTaxCalculation: calculation, TxnTaxDetail: { TotalTax: cents / 100 } };
}

/** As in a recorded exchange. */
const USUAL = {
  ...{ AllowIPNPayment: false, AllowOnlinePayment: false, AllowOnlineCreditCardPayment: false },
  ...{ AllowOnlineACHPayment: false, LinkedTxn: [], ApplyTaxAfterDiscount: false },
  ...{ PrintStatus: 'NeedToPrint', EmailStatus: 'NotSet' },
};

const centsOf = (amount: unknown): number => Math.round(Number(amount ?? 0) * 100);

/** The customer, who has to be there and in use, and whose currency the invoice is in. */
function customerOf({ state, id: company, homeCurrency }: Company, invoice: WireObject): WireObject {
  const id = textIn(invoice, 'CustomerRef', 'value');
  if (id === null) throw missing('CustomerRef');
  const customer = state.get(company, 'Customer', id);
  if (!customer) throw invalidReference('CustomerRef', id);
  if (customer['Active'] === false) throw notFound();
  const own = textIn(customer, 'CurrencyRef', 'value') ?? homeCurrency;
  const named = textIn(invoice, 'CurrencyRef', 'value') ?? own;
  if (named !== own) throw validation('The currency of the transaction must be that of the customer.');
  return {
    CustomerRef: { value: id, name: customer['DisplayName'] },
    CurrencyRef: { value: own },
  };
}

/** A number that the company gives where none is sent. It may forbid that one is used twice; the stand-in's companies do. */
function withNumber({ state, id: company }: Company, invoice: WireObject): WireObject {
  const others = state.list(company, 'Invoice').filter(({ Id: id }) => id !== invoice['Id']);
  const given = textIn(invoice, 'DocNumber');
  if (given === null) {
    const highest = others.reduce((most, { DocNumber: number }) => Math.max(most, Number(number) || 0), 1_000);
    return { ...invoice, DocNumber: String(highest + 1) };
  }
  if (Array.from(given).length > LONGEST_NUMBER) throw tooLong('DocNumber');
  const taken = others.find(({ DocNumber: number }) => number === given);
  if (taken) throw duplicateNumber(given, String(taken['Id']));
  return invoice;
}

/** The lines but for the subtotal, each with its id and its place. Throws a `Refusal`. */
function linesOf(company: Company, { Line: given }: WireObject): readonly WireObject[] {
  const lines = (Array.isArray(given) ? (given as readonly WireObject[]) : []).filter(
    ({ DetailType: type }) => type !== SUBTOTAL,
  );
  if (lines.length === 0) throw missing('Line');
  let lastId = lines.reduce((highest, { Id: id }) => Math.max(highest, Number(id ?? 0)), 0);
  return lines.map((line, index) => ({
    Id: textIn(line, 'Id') ?? String((lastId += 1)),
    LineNum: index + 1,
    ...lineOf(company, line),
  }));
}

function lineOf(company: Company, { Id: _, LineNum: __, ...line }: WireObject): WireObject {
  if (line['DetailType'] !== SOLD) return line;
  const detail = (line[SOLD] ?? {}) as WireObject;
  const [amount, quantity, price] = [textIn(line, 'Amount'), textIn(detail, 'Qty'), textIn(detail, 'UnitPrice')];
  if (amount === null) throw missing('Amount');
  if (quantity !== null && price !== null && centsOf(Number(quantity) * Number(price)) !== centsOf(amount))
    throw amountMiscalculated(amount);
  const item = itemOf(company, detail);
  // Without an item a line is a remark, whatever amount it has.
  if (item === null) return { ...line, Amount: 0 };
  return {
    ...line,
    Amount: Number(amount),
    [SOLD]: { ...detail, TaxCodeRef: taxCodeOf(company, detail), ItemRef: item },
  };
}

/**
 * In the US a line without a code is untaxed, as in a recorded exchange. Elsewhere it is refused
 * (https://github.com/intuit/quickbooks-online-mcp-server/issues/94, 2026-11).
 */
function taxCodeOf(company: Company, detail: WireObject): WireObject {
  const code = textIn(detail, 'TaxCodeRef', 'value');
  if (!isAbroad(company)) {
    if (code !== null && code !== 'TAX' && code !== 'NON') throw usTaxCode(code);
    return { value: code ?? 'NON' };
  }
  if (code === null) throw validation('Make sure all your transactions have a VAT rate before you save.');
  if (!company.state.get(company.id, 'TaxCode', code)) throw invalidReference('TaxCodeRef', code);
  return { value: code };
}

function itemOf({ state, id: company }: Company, detail: WireObject): WireObject | null {
  const id = textIn(detail, 'ItemRef', 'value');
  if (id === null) return null;
  const item = state.get(company, 'Item', id);
  if (!item) throw invalidReference('ItemRef', id);
  if (item['Active'] === false) throw notFound();
  return { value: id, name: item['Name'] };
}

const subtotalOf = (lines: readonly WireObject[]): number =>
  lines
    .filter(({ DetailType: type }) => type !== 'DiscountLineDetail')
    .reduce((cents, { Amount: amount }) => cents + centsOf(amount), 0);

function totalOf(lines: readonly WireObject[], invoice: WireObject): number {
  const discounts = lines
    .filter(({ DetailType: type }) => type === 'DiscountLineDetail')
    .reduce((cents, { Amount: amount }) => cents + centsOf(amount), 0);
  return subtotalOf(lines) - discounts + centsOf(textIn(invoice, 'TxnTaxDetail', 'TotalTax'));
}

const laterDay = (day: string, days: number): string =>
  new Date(Date.parse(day) + days * 86_400_000).toISOString().slice(0, 10);

/**
 * Takes what a payment pays off the balances of the invoices that it names. A balance that changes moves the time of the
 * invoice, not its SyncToken.
 */
export function payInvoices({ state, id: company, nowMs }: Company, payment: WireObject): void {
  const lines = (Array.isArray(payment['Line']) ? payment['Line'] : []) as readonly WireObject[];
  for (const line of lines) {
    const [linked] = (Array.isArray(line['LinkedTxn']) ? line['LinkedTxn'] : []) as readonly WireObject[];
    if (linked?.['TxnType'] !== 'Invoice') continue;
    const invoice = state.get(company, 'Invoice', String(linked['TxnId']));
    if (!invoice) throw invalidReference('TxnId', String(linked['TxnId']));
    const paid = {
      ...invoice,
      Balance: (centsOf(invoice['Balance']) - centsOf(line['Amount'])) / 100,
      LinkedTxn: [...((invoice['LinkedTxn'] ?? []) as readonly object[]), { TxnId: payment['Id'], TxnType: 'Payment' }],
      MetaData: { ...(invoice['MetaData'] as object), LastUpdatedTime: timeOf(nowMs) },
    };
    state.put(company, 'Invoice', [[String(invoice['Id']), paid]]);
  }
}
