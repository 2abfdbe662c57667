import { availableOn, stripeFee } from './balance-transaction.ts';
import type { BalanceTransactionFields } from './balance-transaction.ts';
import { EMPTY_CHARGE } from './charge.ts';
import type { ChargeFields } from './charge.ts';
import { converted, exchangeRate, usualFee } from './currency.ts';
import type { DisputeFields } from './dispute.ts';
import type { Draft, Objekt } from '../state/draft.ts';
import { randomId } from '../../core/ids.ts';
import type { RefundFields } from './refund.ts';
import { cardOf } from './test-cards.ts';

const DISPUTE_FEE = 1_500;
const RESPONSE_TIME_SECONDS = 7 * 24 * 60 * 60;

/** How a payment settles when it differs from the default. Amounts are in minor units of the settlement currency. */
export interface Settlement {
  readonly currency?: string | undefined;
  readonly exchangeRate?: number | undefined;
  readonly fee?: number | undefined;
}

interface Line {
  readonly type: string;
  /** Minor units of `currency`, the charge's. */
  readonly amount: number;
  readonly currency: string;
  readonly source: string;
  readonly description?: string | null;
  /** Minor units of the settlement currency. */
  readonly fee?: number;
  readonly settlement?: Settlement | undefined;
  readonly created?: number | undefined;
}

/** Writes a balance transaction, converted when the account settles in another currency. */
export function addLine(
  draft: Draft,
  { type, amount, currency, source, description = null, fee = 0, settlement = {}, created }: Line,
): Objekt<'balance_transaction'> {
  const settled = settlement.currency ?? draft.account.profile.settlementCurrency ?? currency;
  const rate = settled === currency ? null : (settlement.exchangeRate ?? exchangeRate(currency, settled));
  const fields: BalanceTransactionFields = {
    amount: rate === null ? amount : converted(amount, rate, { from: currency, to: settled }),
    available_on: availableOn(created ?? draft.nowSeconds),
    currency: settled,
    description,
    exchange_rate: rate,
    fee,
    fee_details: stripeFee(fee, settled),
    payout: null,
    source,
    type,
  };
  return draft.insert('balance_transaction', { id: randomId('txn_3', 23), fields, created });
}

export interface NewCharge {
  readonly fields: Partial<ChargeFields> & Pick<ChargeFields, 'amount' | 'currency'>;
  readonly id?: string | undefined;
  readonly created?: number | undefined;
  readonly settlement?: Settlement | undefined;
}

/**
 * Adds a charge with its balance transaction. A failed charge has none; an authorised one has none until it is
 * captured.
 */
export function addCharge(
  draft: Draft,
  { fields: given, id = randomId('ch_3', 23), created, settlement = {} }: NewCharge,
): Objekt<'charge'> {
  const fields = { ...EMPTY_CHARGE, ...given };
  if (fields.status === 'failed' || !fields.captured) return draft.insert('charge', { id, created, fields });
  const charge = draft.insert('charge', { id, created, fields: { ...fields, amount_captured: fields.amount } });
  return settle(draft, charge, { settlement, created: charge.created });
}

/** Writes the balance transaction for the captured amount, dated by the capture: `created`, or now. */
export function settle(
  draft: Draft,
  charge: Objekt<'charge'>,
  { settlement = {}, created }: Pick<NewCharge, 'settlement' | 'created'> = {},
): Objekt<'charge'> {
  const { amount_captured: amount, currency, description, card } = charge.fields;
  const settled = settlement.currency ?? draft.account.profile.settlementCurrency ?? currency;
  const rate = settled === currency ? 1 : (settlement.exchangeRate ?? exchangeRate(currency, settled));
  const fee = settlement.fee ?? usualFee(converted(amount, rate, { from: currency, to: settled }), settled);
  const type = card === 'bank' ? 'payment' : 'charge';
  const line = addLine(draft, { type, amount, currency, source: charge.id, description, fee, settlement, created });
  return draft.update('charge', charge, { balance_transaction: line.id });
}

export interface NewRefund {
  readonly amount: number;
  readonly id?: string | undefined;
  readonly created?: number | undefined;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly reason?: RefundFields['reason'] | undefined;
  readonly status?: RefundFields['status'] | undefined;
}

/**
 * Adds a refund with its balance transaction at the charge's rate. Updates the charge and creates the events of both.
 */
export function addRefund(draft: Draft, charge: Objekt<'charge'>, wanted: NewRefund): Objekt<'refund'> {
  const { amount, id = randomId('re_3', 23), created } = wanted;
  const { currency, payment_intent, card } = charge.fields;
  const line = addLine(draft, {
    type: card === 'bank' ? 'payment_refund' : 'refund',
    amount: -amount,
    currency,
    source: id,
    description: charge.fields.description,
    settlement: rateOf(draft, charge),
    created,
  });
  const fields: RefundFields = {
    amount,
    balance_transaction: line.id,
    card: card !== 'bank',
    charge: charge.id,
    currency,
    failure_balance_transaction: null,
    failure_reason: null,
    metadata: wanted.metadata ?? {},
    payment_intent,
    reason: wanted.reason ?? null,
    status: wanted.status ?? 'succeeded',
  };
  const refund = draft.insert('refund', { id, created, fields });
  const refunded = draft.update('charge', charge, { amount_refunded: charge.fields.amount_refunded + amount });
  draft.tell('refund.created', { kind: 'refund', object: refund });
  draft.tell('charge.refunded', { kind: 'charge', object: refunded, before: charge });
  if (cardOf(card).refund === 'failed' && fields.status === 'succeeded')
    return failRefund(draft, refund, 'expired_or_canceled_card');
  return refund;
}

/** The bank returns a refund: the money goes back to the balance, and the charge no longer counts it. */
export function failRefund(draft: Draft, refund: Objekt<'refund'>, reason: string): Objekt<'refund'> {
  const { amount, currency, charge: chargeId } = refund.fields;
  const charge = chargeId === null ? undefined : draft.find('charge', chargeId);
  const line = addLine(draft, {
    type: 'refund_failure',
    amount,
    currency,
    source: refund.id,
    description: 'REFUND FAILURE',
    ...(charge && { settlement: rateOf(draft, charge) }),
  });
  const failed = draft.update('refund', refund, {
    status: 'failed',
    failure_reason: reason,
    failure_balance_transaction: line.id,
  });
  for (const type of ['refund.updated', 'refund.failed', 'charge.refund.updated'])
    draft.tell(type, { kind: 'refund', object: failed, before: refund });
  if (charge) draft.update('charge', charge, { amount_refunded: charge.fields.amount_refunded - amount });
  return failed;
}

export interface NewDispute {
  readonly id?: string | undefined;
  readonly amount?: number | undefined;
  readonly created?: number | undefined;
  readonly reason?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Adds a dispute: the bank withdraws the money, and Stripe charges a dispute fee. */
export function addDispute(draft: Draft, charge: Objekt<'charge'>, wanted: NewDispute = {}): Objekt<'dispute'> {
  const { id = randomId('du_1', 23), created, amount = charge.fields.amount - charge.fields.amount_refunded } = wanted;
  const { currency, payment_intent } = charge.fields;
  const line = addLine(draft, {
    type: 'adjustment',
    amount: -amount,
    currency,
    source: id,
    description: `Chargeback withdrawal for ${charge.id}`,
    fee: DISPUTE_FEE,
    settlement: rateOf(draft, charge),
    created,
  });
  const fields: DisputeFields = {
    amount,
    balance_transactions: [line],
    charge: charge.id,
    currency,
    due_by: (created ?? draft.nowSeconds) + RESPONSE_TIME_SECONDS,
    evidence: {},
    metadata: wanted.metadata ?? {},
    payment_intent,
    reason: wanted.reason ?? 'general',
    status: 'needs_response',
    submission_count: 0,
  };
  const object = draft.insert('dispute', { id, created, fields });
  draft.update('charge', charge, { disputed: true });
  draft.tell('charge.dispute.created', { kind: 'dispute', object });
  draft.tell('charge.dispute.funds_withdrawn', { kind: 'dispute', object });
  return object;
}

/** Closes a dispute. A won dispute returns the money and the fee. */
export function closeDispute(draft: Draft, before: Objekt<'dispute'>, status: 'won' | 'lost'): Objekt<'dispute'> {
  const lines = [...before.fields.balance_transactions];
  if (status === 'won') {
    const { amount, currency, charge: chargeId } = before.fields;
    const charge = draft.find('charge', chargeId);
    lines.push(
      addLine(draft, {
        type: 'adjustment',
        amount,
        currency,
        source: before.id,
        description: `Chargeback reversal for ${chargeId}`,
        fee: -DISPUTE_FEE,
        ...(charge && { settlement: rateOf(draft, charge) }),
      }),
    );
  }
  const object = draft.update('dispute', before, { status, balance_transactions: lines });
  draft.tell('charge.dispute.closed', { kind: 'dispute', object });
  if (status === 'won') draft.tell('charge.dispute.funds_reinstated', { kind: 'dispute', object });
  return object;
}

/** The charge's settlement, so that its refunds and disputes settle alike. */
function rateOf(draft: Draft, charge: Objekt<'charge'>): Settlement {
  const line =
    charge.fields.balance_transaction === null
      ? undefined
      : draft.find('balance_transaction', charge.fields.balance_transaction);
  return line ? { currency: line.fields.currency, exchangeRate: line.fields.exchange_rate ?? undefined } : {};
}
