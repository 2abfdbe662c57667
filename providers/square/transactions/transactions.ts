import type { TransactionFields, TransactionLine, TransactionStatus } from '../../../records/transactions.ts';
import type { ProviderRecord, RecordRefs } from '../../provider.ts';
import { withoutEmpty } from '../http/lists.ts';
import type { SquareMoney } from '../http/money.ts';
import { describeLine } from '../orders/orders.ts';
import type { SquareOrder } from '../orders/orders.ts';
import type { SquareDispute, SquarePayment, SquareRefund } from './transaction-responses.ts';

interface Told {
  readonly id: string;
  readonly kind: TransactionFields['kind'];
  readonly status: TransactionStatus;
  readonly occurredAt: string;
  readonly changedAt: string;
  /** The direction as seen from the venue. */
  readonly amountMinor: number;
  readonly currency: string;
  readonly feeMinor: number | null;
  readonly lines?: readonly TransactionLine[];
  readonly refs: RecordRefs;
  readonly facts: Readonly<Record<string, string | null>>;
}

/** Square's times have milliseconds, so the time of the last change orders readings. */
function toRecord({ id, changedAt, occurredAt, lines = [], refs, facts, ...told }: Told): ProviderRecord {
  const { kind, status, amountMinor, currency, feeMinor } = told;
  const fields: TransactionFields = {
    ...{ kind, status, amountMinor, currency, feeMinor, lines },
    occurredAt: new Date(occurredAt).toISOString(),
    // A payment does not say when its money was paid out.
    posted: null,
    customerSourceId: null,
    relatedTransactionId: null,
    metadata: withoutEmpty(facts),
  };
  const [version, beganAtMs] = [Date.parse(changedAt), Date.parse(occurredAt)];
  return { externalId: id, version, deleted: false, beganAtMs, recordId: null, fields, refs };
}

/** Square's fee: null while it tells none, and for a fee in another currency, which is never converted. */
function feeOf(fees: readonly SquareMoney[], currency: string): number | null {
  if (fees.length === 0 || fees.some((fee) => fee.currency !== currency)) return null;
  return fees.reduce((sum, { amount }) => sum + amount, 0);
}

const PAYMENT_STATUS: Readonly<Record<SquarePayment['status'], TransactionStatus>> = {
  APPROVED: 'pending',
  PENDING: 'pending',
  COMPLETED: 'succeeded',
  CANCELED: 'cancelled',
  FAILED: 'failed',
};

/** A payment is dated by its capture, because the money of an earlier authorisation moves then. */
export function paymentRecord(payment: SquarePayment, order: SquareOrder | null): ProviderRecord {
  const { total_money: total, tip_money: tip, status } = payment;
  const capturedAt = payment.card_details?.card_payment_timeline?.captured_at ?? null;
  return toRecord({
    id: payment.id,
    kind: 'payment',
    status: PAYMENT_STATUS[status],
    occurredAt: status === 'COMPLETED' && capturedAt !== null ? capturedAt : payment.created_at,
    changedAt: payment.updated_at ?? payment.created_at,
    amountMinor: total.amount,
    currency: total.currency,
    feeMinor: feeOf(payment.processing_fee, total.currency),
    lines: order && isFirstTender(order, payment.id) ? linesOf(order, total.currency) : [],
    refs: { customer: payment.customer_id },
    facts: {
      square_order_id: payment.order_id,
      square_location_id: payment.location_id,
      square_source_type: payment.source_type,
      square_receipt_number: payment.receipt_number,
      square_tip_minor: tip && String(tip.amount),
    },
  });
}

const REFUND_STATUS: Readonly<Record<SquareRefund['status'], TransactionStatus>> = {
  PENDING: 'pending',
  COMPLETED: 'succeeded',
  REJECTED: 'failed',
  FAILED: 'failed',
};

export function refundRecord(refund: SquareRefund): ProviderRecord {
  const { amount_money: money } = refund;
  return toRecord({
    id: refund.id,
    kind: 'refund',
    status: REFUND_STATUS[refund.status],
    occurredAt: refund.created_at,
    changedAt: refund.updated_at ?? refund.created_at,
    amountMinor: minus(money.amount),
    currency: money.currency,
    feeMinor: feeOf(refund.processing_fee, money.currency),
    refs: { related: refund.payment_id },
    facts: {
      square_payment_id: refund.payment_id,
      square_order_id: refund.order_id,
      square_location_id: refund.location_id,
    },
  });
}

/**
 * An inquiry takes no money, and the money of a won dispute is the venue's again
 * (https://developer.squareup.com/docs/disputes-api/process-disputes, read 2026-11-28).
 */
const DISPUTE_STATES: Readonly<
  Record<SquareDispute['state'], { readonly status: TransactionStatus; readonly takes: boolean }>
> = {
  INQUIRY_EVIDENCE_REQUIRED: { status: 'pending', takes: false },
  INQUIRY_PROCESSING: { status: 'pending', takes: false },
  INQUIRY_CLOSED: { status: 'cancelled', takes: false },
  EVIDENCE_REQUIRED: { status: 'pending', takes: true },
  PROCESSING: { status: 'pending', takes: true },
  WON: { status: 'won', takes: false },
  LOST: { status: 'lost', takes: true },
  ACCEPTED: { status: 'lost', takes: true },
};

export function disputeRecord(dispute: SquareDispute): ProviderRecord {
  const { amount_money: money, state } = dispute;
  const { status, takes } = DISPUTE_STATES[state];
  const paymentId = dispute.disputed_payment?.payment_id ?? null;
  return toRecord({
    id: dispute.id,
    kind: 'dispute',
    status,
    occurredAt: dispute.created_at,
    changedAt: dispute.updated_at ?? dispute.created_at,
    amountMinor: takes ? minus(money.amount) : 0,
    currency: money.currency,
    feeMinor: null,
    refs: { related: paymentId },
    facts: {
      square_payment_id: paymentId,
      square_location_id: dispute.location_id,
      square_disputed_minor: String(money.amount),
      square_dispute_reason: dispute.reason,
      square_dispute_state: state,
    },
  });
}

/** Turns -0 into 0, because -0 would look like a change for ever. */
const minus = (amount: number): number => (amount === 0 ? 0 : -amount);

/** An order paid in parts has its lines on its first payment, because they would count several times on all. */
function isFirstTender({ tenders }: SquareOrder, paymentId: string): boolean {
  const known = (tenders ?? []).map(({ id, payment_id: payment, created_at: at }) => ({
    payment: payment ?? id ?? '',
    at: at ?? '',
  }));
  if (known.length === 0) return true;
  const [first] = known.sort(
    (one, other) => one.at.localeCompare(other.at) || one.payment.localeCompare(other.payment),
  );
  return first?.payment === paymentId;
}

function linesOf({ line_items: items }: SquareOrder, currency: string): readonly TransactionLine[] {
  return (items ?? [])
    .filter(({ total_money: total }) => total.currency === currency)
    .map((line) => ({
      description: describeLine(line),
      quantity: line.quantity,
      amountMinor: line.total_money.amount,
      productSourceId: null,
    }));
}
