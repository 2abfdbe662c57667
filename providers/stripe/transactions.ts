import type { TransactionFields, TransactionStatus } from '../../contracts/records.ts';
import type { MappedRecord, ProviderRecord, PullPlan, ResourceMapping, TransactionRefs } from '../provider.ts';
import { toMoney } from './amounts.ts';
import type { ExpandableMovement, StripeCharge, StripeDispute, StripeMovement, StripePaymentIntent, StripeRefund } from './transaction-responses.ts';

/**
 * Charges come before what refers to them. `adjustments` and `balance_transactions` are the same list of Stripe's: a full pass, which
 * reads every charge, refund and dispute anyway, takes of it only what belongs to none of them.
 */
export const transactionPullPlan: PullPlan = {
  listing: [
    ['charges', 'payment_intents'],
    ['refunds', 'disputes', 'adjustments', 'invoices'],
  ],
  changes: [['balance_transactions', 'payment_intents', 'events'], ['invoice_events']],
  mayVanish: false,
};

/** Nothing is ever written: a payload only tells whether two readings say the same. */
export const transactionMapping: ResourceMapping = {
  toPayload: ({ fields }): MappedRecord => ({ payload: { ...fields }, problems: [] }),
  callsToWrite: () => 0,
};

/** Money between the venue and itself, such as to its own bank, or set aside: no transaction of the venue. */
const INTERNAL = /^(payout|topup|reserve|payment_network_reserve)(_|$)|^reserved_funds$/;

interface Told {
  readonly id: string;
  readonly kind: TransactionFields['kind'];
  readonly status: TransactionStatus;
  readonly created: number;
  /** Signed, in Stripe's units. */
  readonly amount: number;
  readonly currency: string;
  readonly movements: readonly { readonly id: string; readonly amount: number; readonly fee: number; readonly currency: string }[];
  readonly refs: TransactionRefs;
  /** Null entries are left out. */
  readonly facts: Readonly<Record<string, string | null>>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Null for money that cannot be told in ISO 4217 minor units. */
function toRecord(told: Told, version: number): ProviderRecord | null {
  const money = toMoney(told.amount, told.currency);
  if (money === null) return null;
  const { feeMinor, facts } = feeOf(told);
  const fields: TransactionFields = {
    kind: told.kind,
    occurredAt: new Date(told.created * 1_000).toISOString(),
    ...money,
    feeMinor,
    status: told.status,
    customerSourceId: null,
    relatedTransactionId: null,
    lines: [],
    metadata: { ...told.metadata, ...withoutNulls({ ...told.facts, ...facts }) },
  };
  return { externalId: told.id, version, deleted: false, recordId: null, fields, refs: told.refs };
}

/** Stripe takes its fee in the currency that it settles in. One in another currency than the transaction is told beside it, never converted. */
function feeOf({ movements, currency }: Told): { readonly feeMinor: number | null; readonly facts: Told['facts'] } {
  const [first] = movements;
  if (!first) return { feeMinor: null, facts: {} };
  const fee = toMoney(sumOf(movements, (movement) => movement.fee), first.currency);
  if (first.currency === currency) return { feeMinor: fee?.amountMinor ?? null, facts: {} };
  const settled = toMoney(sumOf(movements, (movement) => movement.amount), first.currency);
  return {
    feeMinor: null,
    facts: { stripe_settled_currency: settled?.currency ?? null, stripe_settled_minor: text(settled?.amountMinor), stripe_settled_fee_minor: text(fee?.amountMinor) },
  };
}

function gone(externalId: string, version: number): ProviderRecord {
  return { externalId, version, deleted: true, superseded: true, recordId: null, fields: null };
}

/** A charge is one attempt at a payment. */
export function chargeRecord(charge: StripeCharge, version: number): ProviderRecord | null {
  const { id, created, currency, captured, customer, payment_intent: payment, balance_transaction: movement, metadata } = charge;
  const told: Told = {
    id,
    kind: 'payment',
    status: chargeStatus(charge),
    created,
    // What was authorised and not captured was never the venue's.
    amount: charge.status === 'succeeded' && captured ? charge.amount_captured : charge.amount,
    currency,
    movements: movementsOf(movement),
    refs: { customer, related: null, payment },
    facts: { stripe_payment_intent: payment, stripe_balance_transaction: idOfMovement(movement), stripe_failure_code: charge.failure_code },
    metadata,
  };
  return toRecord(told, version);
}

function chargeStatus({ status, captured, refunded }: StripeCharge): TransactionStatus {
  if (status !== 'succeeded') return status;
  if (captured) return 'succeeded';
  return refunded ? 'cancelled' : 'pending';
}

/** A payment that nobody has attempted yet. Once there is a charge, that takes its place. */
export function paymentIntentRecord(intent: StripePaymentIntent, version: number): ProviderRecord | null {
  const { id, created, amount, currency, customer, metadata } = intent;
  if (intent.latest_charge !== null) return gone(id, version);
  const status = intent.status === 'canceled' ? 'cancelled' : 'pending';
  const refs = { customer, related: null, payment: id };
  return toRecord({ id, kind: 'payment', status, created, amount, currency, movements: [], refs, facts: { stripe_payment_intent: id }, metadata }, version);
}

const REFUND_STATUS: Readonly<Record<NonNullable<StripeRefund['status']>, TransactionStatus>> = {
  pending: 'pending',
  requires_action: 'pending',
  succeeded: 'succeeded',
  failed: 'failed',
  canceled: 'cancelled',
};
/** Stripe's type allows a refund without a status; it is on its way. */
const refundStatus = ({ status }: StripeRefund): TransactionStatus => (status === null ? 'pending' : REFUND_STATUS[status]);

export function refundRecord(refund: StripeRefund, version: number): ProviderRecord | null {
  const { id, created, amount, currency, charge, customer, payment_intent: payment, balance_transaction: movement, metadata } = refund;
  if (releasesAuthorisation(refund)) return gone(id, version);
  const told: Told = {
    id,
    kind: 'refund',
    status: refundStatus(refund),
    created,
    amount: -amount,
    currency,
    movements: movementsOf(movement),
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

/** Stripe also calls it a refund when it lets go of what was authorised and never captured: the charge does not count that either. */
function releasesAuthorisation({ status, balance_transaction: movement }: StripeRefund): boolean {
  if (movement === null) return status === 'succeeded';
  return typeof movement !== 'string' && movement.reporting_category === 'partial_capture_reversal';
}

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

/** What was withdrawn for it: nothing at first, and for an inquiry never. What Stripe gives back is an adjustment, on the day on which it does. */
export function disputeRecord(dispute: StripeDispute, version: number): ProviderRecord | null {
  const { id, currency, charge, payment_intent: payment, metadata } = dispute;
  const withdrawals = dispute.balance_transactions.filter((movement) => movement.amount < 0);
  const inCurrency = withdrawals.every((movement) => movement.currency === currency);
  const disputed = toMoney(dispute.amount, currency);
  const told: Told = {
    id,
    kind: 'dispute',
    status: DISPUTE_STATUS[dispute.status],
    created: Math.min(...withdrawals.map(({ created }) => created), withdrawals.length === 0 ? dispute.created : Infinity),
    amount: inCurrency ? sumOf(withdrawals, (movement) => movement.amount) : -dispute.amount,
    currency,
    movements: withdrawals,
    refs: { customer: null, related: charge, payment },
    facts: {
      stripe_charge: charge,
      stripe_payment_intent: payment,
      stripe_disputed_minor: text(disputed?.amountMinor),
      stripe_dispute_reason: dispute.reason,
      stripe_dispute_status: dispute.status,
    },
    metadata,
  };
  return toRecord(told, version);
}

/** What a movement of the balance is by itself; null where it belongs to a charge, a refund or a dispute, which tell it, or is the venue's own affair. */
export function adjustmentRecord(movement: StripeMovement, version: number): ProviderRecord | null {
  const { id, type, created, amount, fee, currency, source } = movement;
  if (INTERNAL.test(type) || isToldBySource(movement)) return null;
  const told: Told = {
    id,
    kind: 'adjustment',
    status: 'succeeded',
    created,
    amount,
    currency,
    movements: [{ id, amount, fee, currency }],
    refs: { customer: null, related: chargeOf(source), payment: null },
    facts: { stripe_balance_transaction: id, stripe_type: type, stripe_source: typeof source === 'string' ? source : (source?.id ?? null) },
    metadata: {},
  };
  return toRecord(told, version);
}

function chargeOf(source: StripeMovement['source']): string | null {
  if (source === null || typeof source === 'string') return null;
  return 'charge' in source ? source.charge : source.id;
}

/** A failed charge or refund says so itself, so the movement that undoes it is none of its own; a dispute tells what was withdrawn. */
const TOLD_TYPES = /^(charge|payment|refund|payment_refund|refund_failure|payment_failure_refund|payment_reversal)$/;

function isToldBySource({ type, amount, source }: StripeMovement): boolean {
  return TOLD_TYPES.test(type) || (typeof source !== 'string' && source?.object === 'dispute' && amount < 0);
}

/** A movement with what caused it, as an incremental pull reads it: everything that it tells. */
export function movementRecords(movement: StripeMovement, version: number): readonly ProviderRecord[] {
  const { source } = movement;
  const adjustment = adjustmentRecord(movement, version);
  const told = source === null || typeof source === 'string' ? null : sourceRecord(movement, version);
  return [told, adjustment].filter((record) => record !== null);
}

/** The movement that an object names brings its fee; what another one brings of it counts as just before, so that it never stands in the way. */
function sourceRecord({ source, ...movement }: StripeMovement, version: number): ProviderRecord | null {
  if (source === null || typeof source === 'string') return null;
  if (source.object === 'dispute') return disputeRecord(source as StripeDispute, version);
  if (source.object !== 'charge' && source.object !== 'refund') return null;
  const object = source as StripeCharge | StripeRefund;
  const isOwn = object.balance_transaction === movement.id;
  const told = isOwn ? { ...object, balance_transaction: { ...movement, source: object.id } } : object;
  const toldVersion = isOwn ? version : version - 1;
  return told.object === 'charge' ? chargeRecord(told, toldVersion) : refundRecord(told, toldVersion);
}

/**
 * How far an object has come, from 0 to 9. Events are a second apart at best, and one second often holds an object's creation and its
 * end: of two events of one second, the one that has come further is the newer.
 */
export function progressOf(subject: StripeCharge | StripeRefund | StripeDispute | StripePaymentIntent): number {
  switch (subject.object) {
    case 'payment_intent':
      return subject.latest_charge === null ? Number(subject.status === 'canceled') : 2;
    case 'charge':
      return { pending: subject.status === 'pending' ? 0 : 1, succeeded: 2, cancelled: 3, failed: 3, won: 0, lost: 0 }[chargeStatus(subject)];
    case 'refund':
      return { pending: 0, requires_action: 0, succeeded: 1, failed: 2, canceled: 2 }[subject.status ?? 'pending'];
    case 'dispute':
      return Math.min(subject.balance_transactions.length, 4) + (DISPUTE_STATUS[subject.status] === 'pending' ? 0 : 5);
  }
}

const movementsOf = (movement: ExpandableMovement) => (movement === null || typeof movement === 'string' ? [] : [movement]);
const idOfMovement = (movement: ExpandableMovement) => (typeof movement === 'string' ? movement : (movement?.id ?? null));
const sumOf = <T>(items: readonly T[], amountOf: (item: T) => number) => items.reduce((sum, item) => sum + amountOf(item), 0);
const text = (value: number | undefined) => (value === undefined ? null : String(value));
const withoutNulls = (facts: Told['facts']) => Object.fromEntries(Object.entries(facts).filter((fact): fact is [string, string] => fact[1] !== null));
