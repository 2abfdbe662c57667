import { randomUUID } from 'node:crypto';
import { ElementProblem } from '../http/writing.ts';
import { dateOf, dayOf, msOf, textOf } from '../state/xero-state.ts';
import type { Entity, Organisation, WireObject } from '../state/xero-state.ts';
import { withDecimals } from './decimals.ts';

/** A document that something is paid of, and how its sums are called. */
interface Settled {
  readonly entity: Entity;
  readonly idName: string;
  readonly numberName: string;
  /** What is left to be paid. */
  readonly due: string;
  readonly paymentType: string;
}

const INVOICE: Settled = {
  ...{
    entity: 'Invoices',
    idName: 'InvoiceID',
    numberName: 'InvoiceNumber',
    due: 'AmountDue',
    paymentType: 'ACCRECPAYMENT',
  },
};
const BILL: Settled = { ...INVOICE, paymentType: 'ACCPAYPAYMENT' };
const CREDIT_NOTE: Settled = {
  ...{
    entity: 'CreditNotes',
    idName: 'CreditNoteID',
    numberName: 'CreditNoteNumber',
    due: 'RemainingCredit',
    paymentType: 'ARCREDITPAYMENT',
  },
};

type Found = { readonly settled: Settled; readonly document: WireObject };

/** The approved document that an element names. Throws an `ElementProblem`. */
export function documentOf({ state, id: tenant }: Organisation, element: WireObject): Found {
  const settled = 'CreditNote' in element ? CREDIT_NOTE : INVOICE;
  const { entity, idName, numberName } = settled;
  const named = (element['CreditNote'] ?? element['Invoice'] ?? {}) as WireObject;
  const document =
    state.get(tenant, entity, textOf(named, idName)?.toLowerCase() ?? '') ??
    state.list(tenant, entity).find((one) => one[numberName] === (named[numberName] ?? null));
  if (!document) throw new ElementProblem('The document could not be found');
  return { settled: document['Type'] === 'ACCPAY' ? BILL : settled, document };
}

/**
 * A document of which this much more is settled; negative where a settlement is undone. What is paid of an invoice and
 * what is credited to it are different sums, and either moves its last change. Throws an `ElementProblem`.
 */
export function settle(
  { nowMs }: Organisation,
  { document, settled }: Found,
  { amount, as }: { readonly amount: number; readonly as: 'AmountPaid' | 'AmountCredited' },
): WireObject {
  const due = withDecimals(Number(document[settled.due]) - amount, 2);
  if (due < 0) throw new ElementProblem('Payment amount exceeds the amount outstanding on this document');
  return {
    ...document,
    [settled.due]: due,
    ...(settled.entity === 'Invoices' && { [as]: withDecimals(Number(document[as] ?? 0) + amount, 2) }),
    Status: due === 0 ? 'PAID' : 'AUTHORISED',
    ...(due === 0 ? { FullyPaidOnDate: dateOf(nowMs) } : { FullyPaidOnDate: undefined }),
    UpdatedDateUTC: dateOf(nowMs),
  };
}

/** A payment of an element, and the document that it settles. Throws an `ElementProblem`. */
export function paymentOf(
  organisation: Organisation,
  element: WireObject,
): { readonly payment: WireObject; readonly entity: Entity; readonly document: WireObject } {
  const { state, id: tenant, nowMs } = organisation;
  const found = documentOf(organisation, element);
  const { document, settled } = found;
  const account = element['Account'] as WireObject | undefined;
  const known = state
    .list(tenant, 'Accounts')
    .find(
      ({ Code, AccountID }) => Code === (account?.['Code'] ?? null) || AccountID === (account?.['AccountID'] ?? null),
    );
  if (!known) throw new ElementProblem('Account could not be found');
  if (document['Status'] !== 'AUTHORISED')
    throw new ElementProblem('Payments can only be made against Authorised documents');
  const amount = withDecimals(element['Amount'], 2);
  if (!(amount > 0)) throw new ElementProblem('Payment amount must be greater than zero');
  const [PaymentID, day] = [randomUUID(), textOf(element, 'Date') ?? new Date(nowMs).toISOString()];
  const mark = {
    PaymentID,
    Date: dayOf(new Date(msOf(day.slice(0, 10))).toISOString()),
    Amount: amount,
    CurrencyRate: 1,
  };
  const payment = {
    ...{ ...mark, BankAmount: amount, Reference: element['Reference'] ?? '', PaymentType: settled.paymentType },
    ...{ Status: 'AUTHORISED', HasAccount: true, IsReconciled: false, UpdatedDateUTC: dateOf(nowMs) },
    Account: { AccountID: known['AccountID'], Code: known['Code'] },
    // A refund names its credit note here too.
    Invoice: {
      ...{ Type: document['Type'], InvoiceID: document[settled.idName], CurrencyCode: document['CurrencyCode'] },
      ...{ InvoiceNumber: document['InvoiceNumber'] ?? document['CreditNoteNumber'], Contact: document['Contact'] },
    },
  };
  const paid = settle(organisation, found, { amount, as: 'AmountPaid' });
  const marks = [...((document['Payments'] ?? []) as readonly WireObject[]), mark];
  return { payment, entity: settled.entity, document: { ...paid, Payments: marks } };
}

/** The document of a payment that is undone, as it was without it. */
export function withoutPayment(
  organisation: Organisation,
  payment: WireObject,
): { readonly entity: Entity; readonly document: WireObject } {
  const { Type: type, InvoiceID: id } = payment['Invoice'] as WireObject;
  const named = type === 'ACCRECCREDIT' ? { CreditNote: { CreditNoteID: id } } : { Invoice: { InvoiceID: id } };
  const found = documentOf(organisation, named);
  const undone = settle(organisation, found, { amount: -Number(payment['Amount']), as: 'AmountPaid' });
  const marks = ((undone['Payments'] ?? []) as readonly WireObject[]).filter(
    ({ PaymentID }) => PaymentID !== payment['PaymentID'],
  );
  return { entity: found.settled.entity, document: { ...undone, Payments: marks } };
}
