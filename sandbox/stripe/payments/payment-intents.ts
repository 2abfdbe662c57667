import { checkAmount, currencyCode } from './currency.ts';
import type { Draft, Objekt } from '../state/draft.ts';
import { expandable } from '../http/expansion.ts';
import { given } from '../../core/given.ts';
import { randomId } from '../../core/ids.ts';
import { mergeMetadata, metadata, metadataPatch } from '../http/metadata.ts';
import {
  boolean,
  clearable,
  email,
  hash,
  integer,
  list,
  missing,
  oneOf,
  readForm,
  requiredText,
  text,
} from '../http/params.ts';
import { cancel, capture, confirm } from './paying.ts';
import type { Payment } from './paying.ts';
import { EMPTY_PAYMENT_INTENT } from './payment-intent.ts';
import { listing, named, retrieval, subject, writing } from '../http/resource.ts';
import { searching } from '../http/search.ts';
import { testPaymentMethod } from './test-cards.ts';

export const listPaymentIntents = listing('payment_intent', { customer: { read: requiredText(255), key: 'customer' } });
export const retrievePaymentIntent = retrieval('payment_intent');
export const searchPaymentIntents = searching('payment_intent', {
  texts: ['currency', 'customer', 'status'],
  numbers: ['amount'],
});

const expand = expandable('payment_intent');

/** https://docs.stripe.com/api/payment_intents/create (2026-11). */
const sharedSpec = {
  amount: integer({ min: 1 }),
  capture_method: oneOf('automatic', 'automatic_async', 'manual'),
  currency: currencyCode,
  customer: requiredText(255),
  description: clearable(text(1_000)),
  expand,
  metadata,
  payment_method: testPaymentMethod,
  receipt_email: clearable(email(800)),
  statement_descriptor: text(22),
};

const createSpec = {
  ...sharedSpec,
  allowed_payment_method_types: list(text(100), 50),
  automatic_payment_methods: hash({ allow_redirects: oneOf('always', 'never'), enabled: boolean }),
  confirm: boolean,
  off_session: boolean,
  return_url: text(5_000),
};

export const createPaymentIntent = writing('payment_intent', (call, draft) => {
  const params = readForm(call.params, createSpec);
  const {
    amount,
    currency,
    customer,
    payment_method: card,
    capture_method,
    description,
    receipt_email,
    statement_descriptor,
  } = params;
  if (amount === undefined) throw missing('amount');
  if (currency === undefined) throw missing('currency');
  checkAmount(amount, currency);
  if (customer !== undefined) named(draft, 'customer', { id: customer, param: 'customer' });
  const object = draft.insert('payment_intent', {
    id: randomId('pi_3', 23),
    fields: {
      ...EMPTY_PAYMENT_INTENT,
      ...given({ capture_method, card, customer, description, receipt_email, statement_descriptor }),
      amount,
      currency,
      metadata: mergeMetadata({}, params.metadata ?? new Map()),
      status: card === undefined ? 'requires_payment_method' : 'requires_confirmation',
    },
  });
  draft.tell('payment_intent.created', { kind: 'payment_intent', object });
  return params.confirm === true ? answered(confirm(draft, object), params.expand) : { object, expand: params.expand };
});

export const updatePaymentIntent = writing('payment_intent', (call, draft) => {
  const before = subject(call, draft, 'payment_intent');
  const { expand: plan, metadata: keys, payment_method: card, ...params } = readForm(call.params, sharedSpec);
  checkAmount(params.amount ?? before.fields.amount, params.currency ?? before.fields.currency);
  const patch = { ...given(params), ...metadataPatch(before.fields.metadata, keys), ...withCard(before, card) };
  return { object: draft.change('payment_intent.updated', { kind: 'payment_intent', before, patch }), expand: plan };
});

const confirmSpec = {
  capture_method: sharedSpec.capture_method,
  expand,
  off_session: boolean,
  payment_method: testPaymentMethod,
  return_url: text(5_000),
};

export const confirmPaymentIntent = writing('payment_intent', (call, draft) => {
  const before = subject(call, draft, 'payment_intent');
  const { expand: plan, payment_method: card, capture_method } = readForm(call.params, confirmSpec);
  const ready = draft.update('payment_intent', before, { ...withCard(before, card), ...given({ capture_method }) });
  return answered(confirm(draft, ready), plan);
});

const captureSpec = { amount_to_capture: integer({ min: 1 }), expand, metadata };

export const capturePaymentIntent = writing('payment_intent', (call, draft) => {
  const before = subject(call, draft, 'payment_intent');
  const { expand: plan, amount_to_capture: amount, metadata: keys } = readForm(call.params, captureSpec);
  return {
    object: capture(draft, draft.update('payment_intent', before, metadataPatch(before.fields.metadata, keys)), amount),
    expand: plan,
  };
});

const cancelSpec = {
  cancellation_reason: oneOf('abandoned', 'duplicate', 'fraudulent', 'requested_by_customer'),
  expand,
};

export const cancelPaymentIntent = writing('payment_intent', (call, draft: Draft) => {
  const before = subject(call, draft, 'payment_intent');
  const { expand: plan, cancellation_reason: reason = null } = readForm(call.params, cancelSpec);
  return { object: cancel(draft, before, reason), expand: plan };
});

function withCard({ fields }: Objekt<'payment_intent'>, card: string | undefined) {
  if (card === undefined) return {};
  return { card, ...(fields.status === 'requires_payment_method' && { status: 'requires_confirmation' as const }) };
}

function answered({ intent, refusal }: Payment, plan: ReturnType<typeof expand> | undefined) {
  return { object: intent, expand: plan, refusal };
}
