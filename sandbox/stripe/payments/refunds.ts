import type { Draft, Objekt } from '../state/draft.ts';
import { expandable } from '../http/expansion.ts';
import { invalidRequest, noSuch } from '../http/failure.ts';
import { mergeMetadata, metadata, metadataPatch } from '../http/metadata.ts';
import { addRefund } from './money.ts';
import { integer, notSimulated, oneOf, readForm, requiredText } from '../http/params.ts';
import { listing, named, retrieval, subject, writing } from '../http/resource.ts';
import { cardOf } from './test-cards.ts';

export const listRefunds = listing('refund', {
  charge: { read: requiredText(255), key: 'charge' },
  payment_intent: { read: requiredText(255), key: 'payment_intent' },
});

export const retrieveRefund = retrieval('refund');

/** https://docs.stripe.com/api/refunds/create (2026-11). */
const createSpec = {
  amount: integer({ min: 1 }),
  charge: requiredText(255),
  expand: expandable('refund'),
  instructions_email: notSimulated,
  metadata,
  origin: notSimulated,
  payment_intent: requiredText(255),
  reason: oneOf('duplicate', 'fraudulent', 'requested_by_customer'),
  refund_application_fee: notSimulated,
  reverse_transfer: notSimulated,
};

export const createRefund = writing('refund', (call, draft) => {
  const {
    expand,
    amount: wanted,
    charge: chargeId,
    payment_intent: intentId,
    metadata: keys,
    reason,
  } = readForm(call.params, createSpec);
  const charge = chargeFor(draft, { chargeId, intentId });
  const amount = amountOf(charge, wanted);
  const status = cardOf(charge.fields.card).refund === 'pending' ? 'pending' : 'succeeded';
  return {
    object: addRefund(draft, charge, { amount, reason, status, metadata: mergeMetadata({}, keys ?? new Map()) }),
    expand,
  };
});

const updateSpec = { expand: expandable('refund'), metadata };

export const updateRefund = writing('refund', (call, draft) => {
  const before = subject(call, draft, 'refund');
  const { expand, metadata: keys } = readForm(call.params, updateSpec);
  return {
    object: draft.change('refund.updated', {
      kind: 'refund',
      before,
      patch: metadataPatch(before.fields.metadata, keys),
    }),
    expand,
  };
});

function chargeFor(
  draft: Draft,
  { chargeId, intentId }: { readonly chargeId: string | undefined; readonly intentId: string | undefined },
): Objekt<'charge'> {
  if (chargeId !== undefined) return named(draft, 'charge', { id: chargeId, param: 'charge' });
  if (intentId === undefined)
    throw invalidRequest('One of the following params should be provided for this request: payment_intent or charge.');
  const { fields } = named(draft, 'payment_intent', { id: intentId, param: 'payment_intent' });
  const charge = fields.latest_charge === null ? undefined : draft.find('charge', fields.latest_charge);
  if (charge?.fields.status !== 'succeeded')
    throw invalidRequest(`This PaymentIntent (${intentId}) does not have a successful charge to refund.`);
  return charge;
}

/** The amount to refund: everything left by default. Throws a `Failure` when that is not possible. */
function amountOf({ id, fields }: Objekt<'charge'>, wanted: number | undefined): number {
  if (fields.status !== 'succeeded' || !fields.captured) throw noSuch('successful charge', id, 'charge');
  if (fields.disputed)
    throw invalidRequest(`Charge ${id} has been charged back; cannot issue a refund.`, { code: 'charge_disputed' });
  const left = fields.amount_captured - fields.amount_refunded;
  if (left === 0) throw invalidRequest(`Charge ${id} has already been refunded.`, { code: 'charge_already_refunded' });
  if ((wanted ?? left) > left) {
    throw invalidRequest(
      `Refund amount (${wanted} ${fields.currency}) is greater than unrefunded amount on charge (${left} ${fields.currency})`,
      { param: 'amount' },
    );
  }
  return wanted ?? left;
}
