import { z } from 'zod';
import { nullableText } from '../../items.ts';
import type { TransactionFields, TransactionKind, TransactionStatus } from '../../../records/transactions.ts';
import { decimalText } from '../../decimals.ts';
import type { ProviderRecord } from '../../provider.ts';
import type { BaseCurrency } from '../http/base-currency.ts';
import { unreadableObject } from '../http/ask.ts';
import { guid, instantOf, orNull, partOf, wireTime, withoutEmpty } from '../http/objects.ts';
import { amountOf, bookedFields, contactReference, currencyOf, lineOf } from './booked-responses.ts';

interface Meaning {
  readonly kind: TransactionKind;
  /** As seen from the venue. */
  readonly sign: 1 | -1;
  /** The contact is a customer and no supplier. */
  readonly isOfCustomer: boolean;
}

const customers = (kind: TransactionKind, sign: 1 | -1): Meaning => ({ kind, sign, isOfCustomer: true });
const suppliers = (sign: 1 | -1): Meaning => ({ kind: 'adjustment', sign, isOfCustomer: false });

/**
 * What a payment settles: a sales invoice, a bill, or a refund of a credit note, an overpayment or a prepayment of either
 * (https://developer.xero.com/documentation/api/accounting/types#payments, read 2026-11-29).
 */
const PAYMENTS = {
  ACCRECPAYMENT: customers('payment', 1),
  ARCREDITPAYMENT: customers('refund', -1),
  AROVERPAYMENTPAYMENT: customers('refund', -1),
  ARPREPAYMENTPAYMENT: customers('refund', -1),
  ACCPAYPAYMENT: suppliers(-1),
  APCREDITPAYMENT: suppliers(1),
  APOVERPAYMENTPAYMENT: suppliers(1),
  APPREPAYMENTPAYMENT: suppliers(1),
} as const satisfies Readonly<Record<string, Meaning>>;

/**
 * Money received and spent without an invoice, what was paid too much or ahead, and transfers between accounts of the
 * organisation (https://developer.xero.com/documentation/api/accounting/types#bank-transactions, read 2026-11-29).
 */
const BANK_TRANSACTIONS = {
  RECEIVE: customers('payment', 1),
  'RECEIVE-OVERPAYMENT': customers('payment', 1),
  'RECEIVE-PREPAYMENT': customers('payment', 1),
  SPEND: suppliers(-1),
  'SPEND-OVERPAYMENT': suppliers(-1),
  'SPEND-PREPAYMENT': suppliers(-1),
  'RECEIVE-TRANSFER': suppliers(1),
  'SPEND-TRANSFER': suppliers(-1),
} as const satisfies Readonly<Record<string, Meaning>>;

const wordsOf = <Word extends string>(meanings: Readonly<Record<Word, Meaning>>) =>
  z.enum(Object.keys(meanings) as [Word, ...Word[]]);

const SETTLED = { CurrencyCode: nullableText, Contact: contactReference };

/** https://developer.xero.com/documentation/api/accounting/payments, read 2026-11-29: as far as it is read here. */
const paymentSchema = z.object({
  PaymentID: guid,
  Date: wireTime,
  Amount: decimalText,
  Reference: nullableText,
  PaymentType: wordsOf(PAYMENTS),
  Status: z.enum(['AUTHORISED', 'DELETED']),
  Account: partOf({ Code: nullableText }),
  // Of an amount that is not in the organisation’s own currency.
  CurrencyRate: orNull(decimalText),
  // What is paid, which has the currency of the amount. Seen under `Invoice` for whichever type; Xero’s description of its
  // API has the others too (xero-node, accounting 2.0.5, read 2026-11-29).
  Invoice: partOf({ ...SETTLED, InvoiceID: nullableText, InvoiceNumber: nullableText }),
  CreditNote: partOf({ ...SETTLED, CreditNoteID: nullableText, CreditNoteNumber: nullableText }),
  Overpayment: partOf({ ...SETTLED, OverpaymentID: nullableText }),
  Prepayment: partOf({ ...SETTLED, PrepaymentID: nullableText }),
  UpdatedDateUTC: wireTime,
});

/** https://developer.xero.com/documentation/api/accounting/creditnotes, read 2026-11-29. */
const creditNoteSchema = z.object({
  ...bookedFields,
  CreditNoteID: guid,
  CreditNoteNumber: nullableText,
  Type: z.enum(['ACCRECCREDIT', 'ACCPAYCREDIT']),
  Status: z.enum(['DRAFT', 'SUBMITTED', 'AUTHORISED', 'PAID', 'VOIDED', 'DELETED']),
  RemainingCredit: orNull(decimalText),
});

/** https://developer.xero.com/documentation/api/accounting/banktransactions, read 2026-11-29. */
const bankTransactionSchema = z.object({
  ...bookedFields,
  BankTransactionID: guid,
  Type: wordsOf(BANK_TRANSACTIONS),
  Status: z.enum(['AUTHORISED', 'DELETED', 'VOIDED']),
  BankAccount: partOf({ Code: nullableText }),
  OverpaymentID: nullableText,
  PrepaymentID: nullableText,
});

type Payment = z.output<typeof paymentSchema>;
type CreditNote = z.output<typeof creditNoteSchema>;
type BankTransaction = z.output<typeof bankTransactionSchema>;

/** Ids of three collections are those of one resource, so each says of which it is. */
export const externalIdOf = (collection: string, id: string): string => `${collection}:${id}`;

/** A collection whose objects become transactions. */
interface Source<Item> {
  readonly idProperty: string;
  readonly schema: z.ZodType<Item>;
  /** A condition of every list. */
  readonly where?: string;
  /** Null for an object that is no transaction here. */
  readonly toRecord: (item: Item, base: BaseCurrency) => Promise<ProviderRecord | null>;
}

const payments: Source<Payment> = { idProperty: 'PaymentID', schema: paymentSchema, toRecord: ofPayment };
const creditNotes: Source<CreditNote> = {
  ...{ idProperty: 'CreditNoteID', schema: creditNoteSchema, toRecord: ofCreditNote },
  where: 'Type=="ACCRECCREDIT"',
};
const bankTransactions: Source<BankTransaction> = {
  ...{ idProperty: 'BankTransactionID', schema: bankTransactionSchema, toRecord: ofBankTransaction },
};

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- each collection has its own type of object
export const SOURCES: ReadonlyMap<string, Source<any>> = new Map<string, Source<any>>([
  ['Payments', payments],
  ['CreditNotes', creditNotes],
  ['BankTransactions', bankTransactions],
]);

type Facts = Pick<TransactionFields, 'kind' | 'amountMinor' | 'currency' | 'status' | 'posted' | 'lines' | 'metadata'>;

const recordOf = (
  externalId: string,
  { Date: day, UpdatedDateUTC: changedAtMs }: { readonly Date: number; readonly UpdatedDateUTC: number },
  { refs, ...facts }: Facts & Pick<Required<ProviderRecord>, 'refs'>,
): ProviderRecord => ({
  ...{ externalId, version: changedAtMs, deleted: false, changedAtMs, recordId: null, refs },
  fields: {
    occurredAt: instantOf(day),
    // Xero books what a payment cost as money spent.
    feeMinor: null,
    customerSourceId: null,
    relatedTransactionId: null,
    ...facts,
  } satisfies TransactionFields,
});

/** A payment that was undone stays listed as deleted: its money never moved. */
const STATUSES: Readonly<Record<CreditNote['Status'], TransactionStatus>> = {
  DRAFT: 'pending',
  SUBMITTED: 'pending',
  AUTHORISED: 'succeeded',
  PAID: 'succeeded',
  VOIDED: 'cancelled',
  DELETED: 'cancelled',
};

const signed = (minor: number, sign: 1 | -1): number => (minor === 0 ? 0 : sign * minor);

/** The contact as a customer, or as the supplier that it is. */
const contactOf = ({ isOfCustomer }: Meaning, { ContactID: id }: z.output<typeof contactReference>) => ({
  customer: isOfCustomer ? id : null,
  supplier: isOfCustomer ? null : id,
});

/** The document that a payment settles, under whichever name it is told. Throws where its currency cannot be known. */
function settledBy({ Invoice, CreditNote, Overpayment, Prepayment, CurrencyRate: rate }: Payment) {
  const documents = [
    { ...Invoice, id: Invoice.InvoiceID, number: Invoice.InvoiceNumber },
    { ...CreditNote, id: CreditNote.CreditNoteID, number: CreditNote.CreditNoteNumber },
    { ...Overpayment, id: Overpayment.OverpaymentID, number: null },
    { ...Prepayment, id: Prepayment.PrepaymentID, number: null },
  ];
  const settled = documents.find(({ id, CurrencyCode }) => id !== null || CurrencyCode !== null) ?? NOTHING_SETTLED;
  // The organisation’s own currency has no rate, or 1.
  if (settled.CurrencyCode === null && rate !== null && Number(rate) !== 1)
    throw unreadableObject('Invoice.CurrencyCode: expected a currency of an amount that has a rate');
  return settled;
}

const NOTHING_SETTLED = { id: null, number: null, CurrencyCode: null, Contact: { ContactID: null } };

async function ofPayment(payment: Payment, base: BaseCurrency): Promise<ProviderRecord> {
  const { PaymentID: id, PaymentType: type } = payment;
  const meaning = PAYMENTS[type];
  const settled = settledBy(payment);
  const currency = await currencyOf(settled.CurrencyCode, base);
  const { customer, supplier } = contactOf(meaning, settled.Contact);
  const noteId = type === 'ARCREDITPAYMENT' ? settled.id : null;
  return recordOf(externalIdOf('Payments', id), payment, {
    kind: meaning.kind,
    amountMinor: signed(amountOf(payment.Amount, currency, 'Amount'), meaning.sign),
    currency,
    status: STATUSES[payment.Status],
    posted: null,
    lines: [],
    metadata: withoutEmpty({
      xero_type: type,
      xero_reference: payment.Reference,
      xero_account_code: payment.Account.Code,
      // Of the invoice, the bill or the credit note.
      xero_settled_id: settled.id,
      xero_settled_number: settled.number,
      xero_supplier_id: supplier,
    }),
    refs: { customer, related: noteId && externalIdOf('CreditNotes', noteId) },
  });
}

/** A credit note is a promise: its money moves with a refund, or never. */
async function ofCreditNote(note: CreditNote, base: BaseCurrency): Promise<ProviderRecord | null> {
  if (note.Type !== 'ACCRECCREDIT') return null;
  const currency = await currencyOf(note.CurrencyCode, base);
  return recordOf(externalIdOf('CreditNotes', note.CreditNoteID), note, {
    kind: 'adjustment',
    amountMinor: signed(amountOf(note.Total, currency, 'Total'), -1),
    currency,
    status: STATUSES[note.Status],
    posted: false,
    lines: note.LineItems.map((line) => lineOf(line, currency)),
    metadata: withoutEmpty({
      xero_type: note.Type,
      xero_number: note.CreditNoteNumber,
      xero_reference: note.Reference,
      xero_line_amount_types: note.LineAmountTypes,
      xero_remaining_credit: note.RemainingCredit,
    }),
    refs: { customer: note.Contact.ContactID },
  });
}

async function ofBankTransaction(transaction: BankTransaction, base: BaseCurrency): Promise<ProviderRecord> {
  const { BankTransactionID: id, Type: type } = transaction;
  const meaning = BANK_TRANSACTIONS[type];
  const currency = await currencyOf(transaction.CurrencyCode, base);
  const { customer, supplier } = contactOf(meaning, transaction.Contact);
  return recordOf(externalIdOf('BankTransactions', id), transaction, {
    kind: meaning.kind,
    amountMinor: signed(amountOf(transaction.Total, currency, 'Total'), meaning.sign),
    currency,
    status: STATUSES[transaction.Status],
    posted: null,
    lines: transaction.LineItems.map((line) => lineOf(line, currency)),
    metadata: withoutEmpty({
      xero_type: type,
      xero_reference: transaction.Reference,
      xero_account_code: transaction.BankAccount.Code,
      xero_line_amount_types: transaction.LineAmountTypes,
      xero_overpayment_id: transaction.OverpaymentID,
      xero_prepayment_id: transaction.PrepaymentID,
      xero_supplier_id: supplier,
    }),
    refs: { customer },
  });
}
