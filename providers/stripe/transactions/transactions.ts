import type { TransactionFields, TransactionStatus } from '../../../records/transactions.ts';
import type { ProviderRecord, PullPlan, RecordRefs } from '../../provider.ts';
import { stripeChanges, stripeList } from '../http/lists.ts';
import { tellable } from './amounts.ts';
import type {
  ExpandableMovement,
  StripeCharge,
  StripeDispute,
  StripeMovement,
  StripePaymentIntent,
  StripeRefund,
} from './transaction-responses.ts';

const HOUR_S = 3_600;

/**
 * Charges come before the objects that refer to them. `adjustments` and `balance_transactions` are the same Stripe
 * list: a full pass, which reads every charge, refund and dispute anyway, takes from it only what belongs to none of
 * them. A movement may appear in that list hours after the time it is dated by.
 */
export const transactionPullPlan: PullPlan = {
  listing: [
    ['charges', 'payment_intents'],
    ['refunds', 'disputes', 'adjustments', 'invoices'],
  ].map((stage) => stage.map(stripeList)),
  changes: stripeChanges([['balance_transactions', 'payment_intents', 'events'], ['invoice_events']], {
    balance_transactions: 12 * HOUR_S,
  }),
  mayVanish: false,
  dates: ['beginnings'],
  // An authorisation may be captured for up to 30 days
  // (https://docs.stripe.com/payments/extended-authorization, read 2026-11-28).
  createdBeforeS: 31 * 24 * HOUR_S,
  // What was captured or withdrawn days after its creation is told by its movement; what never moved by its own list.
  span: {
    streams: ['movements', 'charges', 'payment_intents', 'refunds', 'disputes'].map((name) => stripeList(name)),
    lookBackS: 0,
  },
};

/**
 * Money between the venue and itself, such as a payout to its bank or a reserve. It is no transaction of the venue, but
 * Stripe's fee for it is.
 */
const INTERNAL = /^(payout|topup|inbound_transfer|reserve|payment_network_reserve)(_|$)|^reserved_funds$/;

interface Movement {
  readonly id: string;
  readonly created: number;
  readonly amount: number;
  readonly fee: number;
  readonly currency: string;
}

interface Told {
  readonly id: string;
  readonly kind: TransactionFields['kind'];
  readonly status: TransactionStatus;
  readonly created: number;
  /** Signed, in Stripe's units. */
  readonly amount: number;
  readonly currency: string;
  /** The balance movement of the object; null when there is none or only its id is known. */
  readonly movement: Movement | null;
  readonly refs: RecordRefs;
  /** Null entries are omitted. */
  readonly facts: Readonly<Record<string, string | null>>;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * A movement has its own date: money captured days after its authorisation moves on the day of the capture, and a past
 * day does not change. Throws for money that ISO 4217 minor units cannot represent.
 */
function toRecord(told: Told, version: number): ProviderRecord {
  const { feeMinor, facts } = feeOf(told);
  const beganAtMs = (told.movement?.created ?? told.created) * 1_000;
  const fields: TransactionFields = {
    kind: told.kind,
    occurredAt: new Date(beganAtMs).toISOString(),
    ...tellable('amount', told),
    feeMinor,
    status: told.status,
    posted: told.movement !== null,
    customerSourceId: null,
    relatedTransactionId: null,
    lines: [],
    metadata: { ...told.metadata, ...withoutNulls({ ...told.facts, ...facts }) },
  };
  return { externalId: told.id, version, deleted: false, beganAtMs, recordId: null, fields, refs: told.refs };
}

/**
 * Stripe takes its fee in the settlement currency. A fee in a currency other than the transaction's goes into metadata
 * and is never converted.
 */
function feeOf({ movement, currency }: Told): { readonly feeMinor: number | null; readonly facts: Told['facts'] } {
  if (movement === null) return { feeMinor: null, facts: {} };
  const fee = tellable('fee', { amount: movement.fee, currency: movement.currency });
  if (movement.currency === currency) return { feeMinor: fee.amountMinor, facts: {} };
  const settled = tellable('settled amount', movement);
  return {
    feeMinor: null,
    facts: {
      stripe_settled_currency: settled.currency,
      stripe_settled_minor: String(settled.amountMinor),
      stripe_settled_fee_minor: String(fee.amountMinor),
    },
  };
}

function gone(externalId: string, version: number): ProviderRecord {
  return { externalId, version, deleted: true, superseded: true, recordId: null, fields: null };
}

/** A charge is one attempt at a payment. */
export function chargeRecord(charge: StripeCharge, version: number): ProviderRecord {
  const {
    id,
    created,
    currency,
    captured,
    customer,
    payment_intent: payment,
    balance_transaction: movement,
    metadata,
  } = charge;
  const told: Told = {
    id,
    kind: 'payment',
    status: chargeStatus(charge),
    created,
    // Money that was authorised but not captured never was the venue's.
    amount: charge.status === 'succeeded' && captured ? charge.amount_captured : charge.amount,
    currency,
    movement: movementOf(movement),
    refs: { customer, related: null, payment },
    facts: {
      stripe_payment_intent: payment,
      stripe_balance_transaction: idOfMovement(movement),
      stripe_failure_code: charge.failure_code,
    },
    metadata,
  };
  return toRecord(told, version);
}

function chargeStatus({ status, captured, refunded }: StripeCharge): TransactionStatus {
  if (status !== 'succeeded') return status;
  if (captured) return 'succeeded';
  return refunded ? 'cancelled' : 'pending';
}

/** A payment that nobody has attempted yet. Once there is a charge, the charge replaces it. */
export function paymentIntentRecord(intent: StripePaymentIntent, version: number): ProviderRecord {
  const { id, created, amount, currency, customer, metadata } = intent;
  if (intent.latest_charge !== null) return gone(id, version);
  const status = intent.status === 'canceled' ? 'cancelled' : 'pending';
  const refs = { customer, related: null, payment: id };
  return toRecord(
    {
      id,
      kind: 'payment',
      status,
      created,
      amount,
      currency,
      movement: null,
      refs,
      facts: { stripe_payment_intent: id },
      metadata,
    },
    version,
  );
}

const REFUND_STATUS: Readonly<Record<NonNullable<StripeRefund['status']>, TransactionStatus>> = {
  pending: 'pending',
  requires_action: 'pending',
  succeeded: 'succeeded',
  failed: 'failed',
  canceled: 'cancelled',
};
/** Stripe's type allows a refund without a status; it counts as pending. */
const refundStatus = ({ status }: StripeRefund): TransactionStatus =>
  status === null ? 'pending' : REFUND_STATUS[status];

/**
 * Null for one that has succeeded without a movement. It releases an authorised amount that was never captured, or was
 * reported a moment too early: then its movement reports it.
 */
export function refundRecord(refund: StripeRefund, version: number): ProviderRecord | null {
  const {
    id,
    created,
    amount,
    currency,
    charge,
    customer,
    payment_intent: payment,
    balance_transaction: movement,
    metadata,
  } = refund;
  if (movement === null && refund.status === 'succeeded') return null;
  if (releasesAuthorisation(movement)) return gone(id, version);
  const told: Told = {
    id,
    kind: 'refund',
    status: refundStatus(refund),
    created,
    amount: -amount,
    currency,
    movement: movementOf(movement),
    refs: { customer, related: charge, payment },
    facts: {
      stripe_charge: charge,
      stripe_payment_intent: payment,
      stripe_balance_transaction: idOfMovement(movement),
      stripe_refund_reason: refund.reason,
      stripe_failure_code: refund.failure_reason,
    },
    metadata,
  };
  return toRecord(told, version);
}

/**
 * Stripe also reports a refund when it releases an authorised amount that was never captured; the charge does not count
 * that amount either.
 */
const releasesAuthorisation = (movement: ExpandableMovement): boolean =>
  movement !== null && typeof movement !== 'string' && movement.reporting_category === 'partial_capture_reversal';

const DISPUTE_STATUS: Readonly<Record<StripeDispute['status'], TransactionStatus>> = {
  warning_needs_response: 'pending',
  warning_under_review: 'pending',
  needs_response: 'pending',
  under_review: 'pending',
  appeal_needs_response: 'pending',
  appeal_under_review: 'pending',
  won: 'won',
  lost: 'lost',
  warning_closed: 'cancelled',
  prevented: 'cancelled',
  charge_refunded: 'cancelled',
};

/**
 * The first withdrawal for the dispute: zero at the beginning, and always zero for an inquiry. Money that Stripe gives
 * back or takes again is an adjustment on the day on which that happens.
 */
export function disputeRecord(dispute: StripeDispute, version: number): ProviderRecord {
  const { id, currency, charge, payment_intent: payment, metadata } = dispute;
  const withdrawal = withdrawalOf(dispute);
  const disputed = tellable('amount', dispute);
  const told: Told = {
    id,
    kind: 'dispute',
    status: DISPUTE_STATUS[dispute.status],
    created: dispute.created,
    amount: disputedAmount(dispute, withdrawal),
    currency,
    movement: withdrawal,
    refs: { customer: null, related: charge, payment },
    facts: {
      stripe_charge: charge,
      stripe_payment_intent: payment,
      stripe_disputed_minor: String(disputed.amountMinor),
      stripe_dispute_reason: dispute.reason,
      stripe_dispute_status: dispute.status,
    },
    metadata,
  };
  return toRecord(told, version);
}

/** The first movement that took money for a dispute; null before there is one. */
function withdrawalOf({
  balance_transactions: movements,
}: StripeDispute): StripeDispute['balance_transactions'][number] | null {
  const withdrawals = movements.filter(({ amount }) => amount < 0);
  return withdrawals.sort((a, b) => a.created - b.created || a.id.localeCompare(b.id))[0] ?? null;
}

function disputedAmount({ amount, currency }: StripeDispute, withdrawal: ReturnType<typeof withdrawalOf>): number {
  if (withdrawal === null) return 0;
  return withdrawal.currency === currency ? withdrawal.amount : -amount;
}

/**
 * The transaction of a balance movement by itself; null when it belongs to a charge, refund or dispute, which report
 * it, or is the venue's own affair. So exactly one transaction reports each movement on its own day, and a later
 * reversal does not change it: a bank that takes a payment back, or returns a refund, is an adjustment.
 */
export function adjustmentRecord(movement: StripeMovement, version: number): ProviderRecord | null {
  const { id, type, created, fee, currency, source } = movement;
  const isOnlyFee = INTERNAL.test(type) || movement.reporting_category === 'partial_capture_reversal';
  if (isOnlyFee ? fee === 0 : isToldBySource(movement)) return null;
  const amount = isOnlyFee ? 0 : movement.amount;
  const told: Told = {
    id,
    kind: 'adjustment',
    status: 'succeeded',
    created,
    amount,
    currency,
    movement: { id, created, amount, fee, currency },
    refs: { customer: null, related: chargeOf(source), payment: null },
    facts: {
      stripe_balance_transaction: id,
      stripe_type: type,
      stripe_source: typeof source === 'string' ? source : (source?.id ?? null),
    },
    metadata: {},
  };
  return toRecord(told, version);
}

function chargeOf(source: StripeMovement['source']): string | null {
  if (source === null || typeof source === 'string') return null;
  return 'charge' in source ? source.charge : source.id;
}

/** The types of movements that a charge or refund names as its own; for a source that was not expanded. */
const OWN_TYPES = /^(charge|payment|refund|payment_refund)$/;

function isToldBySource({ id, type, source }: StripeMovement): boolean {
  if (source === null) return false;
  if (typeof source === 'string') return OWN_TYPES.test(type);
  if (source.object === 'dispute') return withdrawalOf(source as StripeDispute)?.id === id;
  return (
    (source.object === 'charge' || source.object === 'refund') &&
    isOwn({ id, type }, source as StripeCharge | StripeRefund)
  );
}

/** An object reported a moment too early does not name its movement yet. */
function isOwn(
  { id, type }: Pick<StripeMovement, 'id' | 'type'>,
  { balance_transaction: movement }: StripeCharge | StripeRefund,
): boolean {
  return movement === null ? OWN_TYPES.test(type) : idOfMovement(movement) === id;
}

/**
 * Reads the object that caused a movement and came with it. The movement that the object names adds its fee and its
 * day. Another movement's copy of the object counts as slightly older, so that it never overrides.
 */
export function sourceRecord({ source, ...movement }: StripeMovement, version: number): ProviderRecord | null {
  if (source === null || typeof source === 'string') return null;
  if (source.object === 'dispute') return disputeRecord(source as StripeDispute, version);
  if (source.object !== 'charge' && source.object !== 'refund') return null;
  const object = source as StripeCharge | StripeRefund;
  const own = isOwn(movement, object);
  const told = own ? { ...object, balance_transaction: { ...movement, source: object.id } } : object;
  const toldVersion = own ? version : version - 1;
  return told.object === 'charge' ? chargeRecord(told, toldVersion) : refundRecord(told, toldVersion);
}

/**
 * What caused a movement, where the movement is the one that the object names as its own. Null for any other movement of
 * the object: it does not tell when the object's own money moved.
 */
export function ownSourceRecord(movement: StripeMovement, version: number): ProviderRecord | null {
  const { source } = movement;
  if (source === null || typeof source === 'string' || !isToldBySource(movement)) return null;
  return sourceRecord(movement, version);
}

/**
 * How far an object has progressed, from 0 to 9. Events have a resolution of one second, which often holds an object's
 * creation and its end: of two events of one second, the further one is newer.
 */
export function progressOf(subject: StripeCharge | StripeRefund | StripeDispute | StripePaymentIntent): number {
  switch (subject.object) {
    case 'payment_intent':
      return subject.latest_charge === null ? Number(subject.status === 'canceled') : 2;
    case 'charge':
      return { pending: subject.status === 'pending' ? 0 : 1, succeeded: 2, cancelled: 3, failed: 3, won: 0, lost: 0 }[
        chargeStatus(subject)
      ];
    case 'refund':
      return { pending: 0, requires_action: 0, succeeded: 1, failed: 2, canceled: 2 }[subject.status ?? 'pending'];
    case 'dispute':
      return Math.min(subject.balance_transactions.length, 4) + (DISPUTE_STATUS[subject.status] === 'pending' ? 0 : 5);
  }
}

const movementOf = (movement: ExpandableMovement) => (typeof movement === 'string' ? null : movement);
const idOfMovement = (movement: ExpandableMovement) =>
  typeof movement === 'string' ? movement : (movement?.id ?? null);
const withoutNulls = (facts: Told['facts']) =>
  Object.fromEntries(Object.entries(facts).filter((fact): fact is [string, string] => fact[1] !== null));
