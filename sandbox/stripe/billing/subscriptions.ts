import type { Draft, Objekt } from '../state/draft.ts';
import { expandable } from '../http/expansion.ts';
import { invalidRequest } from '../http/failure.ts';
import { given } from '../../core/given.ts';
import { randomId } from '../../core/ids.ts';
import { mergeMetadata, metadata, metadataPatch } from '../http/metadata.ts';
import {
  boolean,
  clearable,
  hash,
  integer,
  list,
  missing,
  oneOf,
  readForm,
  requiredText,
  text,
} from '../http/params.ts';
import type { Read } from '../http/params.ts';
import { listing, named, retrieval, subject, writing } from '../http/resource.ts';
import { bill, end, periodAfter } from '../events/subscribing.ts';
import type { SubscriptionItem } from './subscription.ts';
import { testPaymentMethod } from '../payments/test-cards.ts';

const STATUSES = [
  'active',
  'all',
  'canceled',
  'ended',
  'incomplete',
  'incomplete_expired',
  'past_due',
  'paused',
  'trialing',
  'unpaid',
] as const;

/** Omits canceled subscriptions unless requested: https://docs.stripe.com/api/subscriptions/list (2026-11). */
export const listSubscriptions = listing('subscription', {
  customer: { read: requiredText(255), key: 'customer' },
  price: {
    read: requiredText(255),
    accepts: ({ fields }, price) => fields.items.some((item) => item.price.id === price),
  },
  status: {
    read: oneOf(...STATUSES),
    unsent: 'live',
    accepts({ fields }, wanted) {
      if (wanted === 'all') return true;
      if (wanted === 'live') return fields.status !== 'canceled';
      return wanted === 'ended' ? fields.ended_at !== null : fields.status === wanted;
    },
  },
  test_clock: { read: requiredText(255), key: 'test_clock' },
});
export const retrieveSubscription = retrieval('subscription');

const expand = expandable('subscription');
const itemSpec = { price: requiredText(255), quantity: integer({ min: 0 }) };

/** https://docs.stripe.com/api/subscriptions/create (2026-11). */
const createSpec = {
  cancel_at_period_end: boolean,
  collection_method: oneOf('charge_automatically', 'send_invoice'),
  customer: requiredText(255),
  days_until_due: integer({ min: 0 }),
  default_payment_method: testPaymentMethod,
  description: clearable(text(500)),
  expand,
  items: list(hash(itemSpec), 20),
  metadata,
  off_session: boolean,
  payment_behavior: oneOf('allow_incomplete', 'default_incomplete'),
};

/**
 * Requires a test card when the subscription charges automatically: the sandbox's customers keep no payment methods.
 */
export const createSubscription = writing('subscription', (call, draft) => {
  const { expand: plan, ...params } = readForm(call.params, createSpec);
  const customer = payingCustomer(draft, params);
  const clock = customer.fields.test_clock == null ? undefined : draft.find('test_clock', customer.fields.test_clock);
  if (clock) draft.at(clock.fields.frozen_time);
  const items = (params.items ?? []).map((item, index) => itemOf(draft, item, index));
  const [first] = items;
  if (!first) throw missing('items');
  const { cancel_at_period_end, collection_method, days_until_due, description } = params;
  const start = draft.nowSeconds;
  const fresh = draft.insert('subscription', {
    id: randomId('sub_1', 23),
    fields: {
      ...UNSET,
      ...given({ cancel_at_period_end, collection_method, days_until_due, description }),
      billing_cycle_anchor: start,
      card: params.default_payment_method ?? null,
      currency: first.price.fields.currency,
      customer: customer.id,
      items,
      metadata: mergeMetadata({}, params.metadata ?? new Map()),
      period: { start, end: periodAfter(start, start, first.price.fields.recurring ?? MONTHLY) },
      test_clock: clock?.id ?? null,
    },
  });
  const object = bill(draft, fresh, 'subscription_create');
  draft.tell('customer.subscription.created', { kind: 'subscription', object });
  return { object, expand: plan };
});

const MONTHLY = { interval: 'month', interval_count: 1 } as const;
const UNSET = {
  cancel_at_period_end: false,
  canceled_at: null,
  collection_method: 'charge_automatically',
  days_until_due: null,
  description: null,
  ended_at: null,
  latest_invoice: null,
  status: 'incomplete',
} as const;

function payingCustomer(
  draft: Draft,
  params: Read<
    Pick<typeof createSpec, 'customer' | 'collection_method' | 'default_payment_method' | 'payment_behavior'>
  >,
): Objekt<'customer'> {
  if (params.customer === undefined) throw missing('customer');
  const customer = named(draft, 'customer', { id: params.customer, param: 'customer' });
  const charges = params.collection_method !== 'send_invoice' && params.payment_behavior !== 'default_incomplete';
  if (charges && params.default_payment_method === undefined) {
    throw invalidRequest(
      'This customer has no attached payment source or default payment method. Please consider adding a default payment method.',
      { code: 'resource_missing' },
    );
  }
  return customer;
}

const updateSpec = {
  cancel_at_period_end: boolean,
  default_payment_method: testPaymentMethod,
  description: clearable(text(500)),
  expand,
  metadata,
};

export const updateSubscription = writing('subscription', (call, draft) => {
  const before = live(subject(call, draft, 'subscription'));
  const { default_payment_method: card, expand: plan, metadata: keys, ...params } = readForm(call.params, updateSpec);
  const ends = params.cancel_at_period_end;
  const patch = {
    ...given({ ...params, card }),
    ...metadataPatch(before.fields.metadata, keys),
    ...(ends !== undefined &&
      ends !== before.fields.cancel_at_period_end && { canceled_at: ends ? draft.nowSeconds : null }),
  };
  return {
    object: draft.change('customer.subscription.updated', { kind: 'subscription', before, patch }),
    expand: plan,
  };
});

export const cancelSubscription = writing('subscription', (call, draft: Draft) => {
  const before = live(subject(call, draft, 'subscription'));
  const { expand: plan } = readForm(call.params, { expand, invoice_now: boolean, prorate: boolean });
  return { object: end(draft, before), expand: plan };
});

function live(subscription: Objekt<'subscription'>): Objekt<'subscription'> {
  if (subscription.fields.status === 'canceled')
    throw invalidRequest('A canceled subscription can only update its cancellation_details and metadata.');
  return subscription;
}

function itemOf(
  draft: Draft,
  { price: priceId, quantity = 1 }: Read<typeof itemSpec>,
  index: number,
): SubscriptionItem {
  if (priceId === undefined) throw missing(`items[${index}][price]`);
  const price = named(draft, 'price', { id: priceId, param: `items[${index}][price]` });
  if (!price.fields.active)
    throw invalidRequest('The price specified is inactive. This field only accepts active prices.', {
      param: `items[${index}][price]`,
    });
  if (!price.fields.recurring) {
    throw invalidRequest(
      `The price specified is set to \`type=one_time\` but this field only accepts prices with \`type=recurring\`.`,
      { param: `items[${index}][price]` },
    );
  }
  return { id: randomId('si_', 14), created: draft.nowSeconds, price, quantity };
}
