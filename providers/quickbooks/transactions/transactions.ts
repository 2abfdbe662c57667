import { z } from 'zod';
import { nullableText } from '../../items.ts';
import type { TransactionFields, TransactionKind } from '../../../records/transactions.ts';
import type { ProviderRecord } from '../../provider.ts';
import { decimalText } from '../http/decimals.ts';
import { customFieldsOf, orNull, reference, versionOf, withoutEmpty } from '../http/objects.ts';
import { amountOf, bookedFields, hasAmount, instantOf, isVoided, lineOf } from './booked-responses.ts';

/** The objects that become transactions, https://developer.intuit.com/app/developer/qbo/docs/api/accounting/all-entities, read 2026-11-28. */
export const transactionSchema = z.object({
  ...bookedFields,
  PaymentRefNum: nullableText,
  PayType: nullableText,
  PaymentType: nullableText,
  PaymentMethodRef: reference,
  VendorRef: reference,
  EntityRef: reference,
  Credit: orNull(z.boolean()),
  UnappliedAmt: orNull(decimalText),
});
export type QuickBooksTransaction = z.output<typeof transactionSchema>;

interface Meaning {
  readonly kind: TransactionKind;
  /** As seen from the venue. */
  readonly sign: 1 | -1;
  /** False: no money moves by it. */
  readonly movesMoney: boolean;
}

/** A credit memo is a promise: its money moves with a refund receipt, or never. */
export const MEANINGS: Readonly<Record<string, Meaning>> = {
  Payment: { kind: 'payment', sign: 1, movesMoney: true },
  SalesReceipt: { kind: 'payment', sign: 1, movesMoney: true },
  RefundReceipt: { kind: 'refund', sign: -1, movesMoney: true },
  CreditMemo: { kind: 'adjustment', sign: -1, movesMoney: false },
  BillPayment: { kind: 'adjustment', sign: -1, movesMoney: true },
  Purchase: { kind: 'adjustment', sign: -1, movesMoney: true },
};

export const externalIdOf = (entity: string, id: string): string => `${entity}:${id}`;

export function toRecord(entity: string, transaction: QuickBooksTransaction, currency: string): ProviderRecord {
  return {
    externalId: externalIdOf(entity, transaction.Id),
    version: versionOf(transaction),
    deleted: false,
    changedAtMs: Date.parse(transaction.MetaData.LastUpdatedTime),
    recordId: null,
    fields: toFields(entity, transaction, currency),
    refs: { customer: transaction.CustomerRef?.value ?? null },
    ...customFieldsOf(transaction),
  };
}

function toFields(entity: string, transaction: QuickBooksTransaction, currency: string): TransactionFields {
  const { kind, sign, movesMoney } = MEANINGS[entity] ?? { kind: 'adjustment', sign: 1, movesMoney: false };
  // An expense that is a credit brings money back.
  const direction = transaction.Credit === true ? -sign : sign;
  const amount = amountOf(transaction.TotalAmt, currency, 'TotalAmt');
  return {
    kind,
    occurredAt: instantOf(transaction.TxnDate),
    amountMinor: amount === 0 ? 0 : direction * amount,
    currency,
    // QuickBooks books what a payment cost as an expense of its own.
    feeMinor: null,
    status: isVoided(transaction) ? 'cancelled' : 'succeeded',
    posted: movesMoney ? null : false,
    customerSourceId: null,
    relatedTransactionId: null,
    lines: transaction.Line.filter(hasAmount)
      .filter(() => entity !== 'Payment' && entity !== 'BillPayment')
      .map((line) => lineOf(line, currency)),
    metadata: factsOf(entity, transaction),
  };
}

const factsOf = (entity: string, transaction: QuickBooksTransaction): Readonly<Record<string, string>> =>
  withoutEmpty({
    quickbooks_type: entity,
    quickbooks_number: transaction.DocNumber,
    quickbooks_reference: transaction.PaymentRefNum,
    quickbooks_payment_type: transaction.PayType ?? transaction.PaymentType,
    quickbooks_payment_method_id: transaction.PaymentMethodRef?.value ?? null,
    quickbooks_vendor_id: (transaction.VendorRef ?? transaction.EntityRef)?.value ?? null,
    quickbooks_unapplied: transaction.UnappliedAmt,
  });
