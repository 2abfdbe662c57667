import type { Draft, Objekt } from '../state/draft.ts';
import { Failure, invalidRequest } from '../http/failure.ts';
import { addCharge, addDispute, addLine, settle } from './money.ts';
import { cardOf } from './test-cards.ts';

/** The outcome of a payment: the intent, and the refusal to answer with when the card was declined. */
export interface Payment {
  readonly intent: Objekt<'payment_intent'>;
  readonly refusal?: Failure;
}

/** Charges the intent's card. Throws a `Failure` when the intent's status does not allow it, or when it has no card. */
export function confirm(draft: Draft, before: Objekt<'payment_intent'>): Payment {
  const { card, status } = before.fields;
  if (!['requires_payment_method', 'requires_confirmation', 'requires_action'].includes(status)) {
    throw unexpectedState(`You cannot confirm this PaymentIntent because it has a status of ${status}.`);
  }
  if (card === null) {
    throw unexpectedState(
      "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a payment method or ConfirmationToken.",
    );
  }
  const test = cardOf(card);
  if (test.needsAction)
    return {
      intent: draft.change('payment_intent.requires_action', {
        kind: 'payment_intent',
        before,
        patch: { status: 'requires_action' },
      }),
    };
  if (test.declined) return decline(draft, before, test.declined);
  return { intent: card === 'bank' ? begin(draft, before) : approve(draft, before, card) };
}

function approve(draft: Draft, before: Objekt<'payment_intent'>, card: string): Objekt<'payment_intent'> {
  const { amount, capture_method: method } = before.fields;
  const manual = method === 'manual';
  const charge = addCharge(draft, { fields: { ...chargeFields(before), captured: !manual } });
  draft.tell('charge.succeeded', { kind: 'charge', object: charge });
  const patch = manual
    ? { status: 'requires_capture' as const, amount_capturable: amount }
    : { status: 'succeeded' as const, amount_received: amount };
  const intent = draft.update('payment_intent', before, { ...patch, latest_charge: charge.id, failure: null });
  draft.tell(manual ? 'payment_intent.amount_capturable_updated' : 'payment_intent.succeeded', {
    kind: 'payment_intent',
    object: intent,
  });
  const { disputed } = cardOf(card);
  if (disputed !== undefined && !manual) addDispute(draft, charge, { reason: disputed });
  return intent;
}

/** A bank payment takes days; its charge is pending until then. */
function begin(draft: Draft, before: Objekt<'payment_intent'>): Objekt<'payment_intent'> {
  const charge = addCharge(draft, { fields: { ...chargeFields(before), status: 'pending' } });
  draft.tell('charge.pending', { kind: 'charge', object: charge });
  const intent = draft.update('payment_intent', before, {
    status: 'processing',
    latest_charge: charge.id,
    failure: null,
  });
  draft.tell('payment_intent.processing', { kind: 'payment_intent', object: intent });
  return intent;
}

function decline(
  draft: Draft,
  before: Objekt<'payment_intent'>,
  declined: NonNullable<ReturnType<typeof cardOf>['declined']>,
): Payment {
  const charge = addCharge(draft, {
    fields: { ...chargeFields(before), captured: false, status: 'failed', failure: declined },
  });
  draft.tell('charge.failed', { kind: 'charge', object: charge });
  const intent = draft.update('payment_intent', before, {
    status: 'requires_payment_method',
    latest_charge: charge.id,
    failure: declined,
  });
  draft.tell('payment_intent.payment_failed', { kind: 'payment_intent', object: intent });
  const refusal = new Failure(402, {
    type: 'card_error',
    charge: charge.id,
    ...declined,
    payment_intent: draft.render('payment_intent', intent),
  });
  return { intent, refusal };
}

/** Ends a pending payment: the money arrived, or it failed and the money leaves the balance again. */
export function endPending(draft: Draft, charge: Objekt<'charge'>, arrived: boolean): Objekt<'charge'> {
  const { amount, currency, payment_intent: intentId } = charge.fields;
  const declined = {
    code: 'payment_method_microdeposit_failed',
    decline_code: 'insufficient_funds',
    message: 'The customer’s account has insufficient funds to cover this payment.',
  };
  const line = arrived
    ? null
    : addLine(draft, {
        type: 'payment_failure_refund',
        amount: -amount,
        currency,
        source: charge.id,
        description: charge.fields.description,
      });
  const ended = draft.update(
    'charge',
    charge,
    line ? { status: 'failed', failure: declined, failure_balance_transaction: line.id } : { status: 'succeeded' },
  );
  draft.tell(arrived ? 'charge.succeeded' : 'charge.failed', { kind: 'charge', object: ended });
  const before = intentId === null ? undefined : draft.find('payment_intent', intentId);
  if (before) {
    const object = draft.update(
      'payment_intent',
      before,
      arrived
        ? { status: 'succeeded', amount_received: amount }
        : { status: 'requires_payment_method', failure: declined },
    );
    draft.tell(arrived ? 'payment_intent.succeeded' : 'payment_intent.payment_failed', {
      kind: 'payment_intent',
      object,
    });
  }
  return ended;
}

/** Captures all or part of an authorised amount and releases the rest. */
export function capture(
  draft: Draft,
  before: Objekt<'payment_intent'>,
  amount = before.fields.amount_capturable,
): Objekt<'payment_intent'> {
  const { amount_capturable: most, latest_charge: chargeId, status } = before.fields;
  const authorised = chargeId === null ? undefined : draft.find('charge', chargeId);
  if (status !== 'requires_capture' || !authorised)
    throw unexpectedState(`This PaymentIntent could not be captured because it has a status of ${status}.`);
  if (amount > most)
    throw invalidRequest(`The amount to capture cannot be more than ${most}.`, {
      code: 'amount_too_large',
      param: 'amount_to_capture',
    });
  const charge = settle(draft, draft.update('charge', authorised, { captured: true, amount_captured: amount }));
  draft.tell('charge.captured', { kind: 'charge', object: charge, before: authorised });
  const intent = draft.update('payment_intent', before, {
    status: 'succeeded',
    amount_capturable: 0,
    amount_received: amount,
  });
  draft.tell('payment_intent.succeeded', { kind: 'payment_intent', object: intent });
  return intent;
}

/** Cancels the payment and releases an authorisation. */
export function cancel(
  draft: Draft,
  before: Objekt<'payment_intent'>,
  reason: string | null,
): Objekt<'payment_intent'> {
  const { latest_charge: chargeId, status } = before.fields;
  if (status === 'succeeded' || status === 'canceled')
    throw unexpectedState(`You cannot cancel this PaymentIntent because it has a status of ${status}.`);
  const authorised = status === 'requires_capture' && chargeId !== null ? draft.find('charge', chargeId) : undefined;
  if (authorised) {
    const released = draft.update('charge', authorised, { amount_refunded: authorised.fields.amount });
    draft.tell('charge.refunded', { kind: 'charge', object: released, before: authorised });
  }
  const object = draft.update('payment_intent', before, {
    status: 'canceled',
    amount_capturable: 0,
    canceled_at: draft.nowSeconds,
    cancellation_reason: reason,
  });
  draft.tell('payment_intent.canceled', { kind: 'payment_intent', object });
  return object;
}

function chargeFields({ id, fields }: Objekt<'payment_intent'>) {
  const { amount, card, currency, customer, description, metadata, receipt_email, shipping, statement_descriptor } =
    fields;
  return {
    amount,
    card: card ?? 'visa',
    currency,
    customer,
    description,
    metadata,
    receipt_email,
    shipping,
    statement_descriptor,
    payment_intent: id,
  };
}

function unexpectedState(message: string): Failure {
  return invalidRequest(message, { code: 'payment_intent_unexpected_state' });
}
