import { addInvoice, finalize, pay } from '../billing/billing.ts';
import type { Draft, Objekt } from '../state/draft.ts';
import { randomId } from '../../core/ids.ts';
import type { InvoiceFields, InvoiceLine } from '../billing/invoice.ts';
import type { Recurring } from '../catalogue/price.ts';

/**
 * Bills the current period of the subscription and pays the invoice with its card. Returns the updated subscription.
 */
export function bill(
  draft: Draft,
  subscription: Objekt<'subscription'>,
  reason: InvoiceFields['billing_reason'],
): Objekt<'subscription'> {
  const { card, collection_method, currency, customer, days_until_due: days, period } = subscription.fields;
  const due_date = days === null ? null : draft.nowSeconds + days * 24 * 60 * 60;
  const lines = linesOf(subscription);
  const invoice = finalize(
    draft,
    addInvoice(draft, {
      auto_advance: true,
      billing_reason: reason,
      collection_method,
      currency,
      customer,
      due_date,
      lines,
      period,
      subscription: subscription.id,
    }),
  );
  const paid =
    invoice.fields.status !== 'paid' && card !== null && collection_method === 'charge_automatically'
      ? pay(draft, invoice, card).invoice
      : invoice;
  const unpaid = collection_method === 'charge_automatically' && paid.fields.status !== 'paid';
  const failing = reason === 'subscription_create' ? 'incomplete' : 'past_due';
  return draft.update('subscription', subscription, { latest_invoice: paid.id, status: unpaid ? failing : 'active' });
}

/**
 * Advances one subscription to a time: renews and bills each period at its end, or ends the subscription with the
 * period.
 */
export function advance(draft: Draft, start: Objekt<'subscription'>, toSeconds: number): Objekt<'subscription'> {
  let subscription = start;
  while (subscription.fields.status !== 'canceled' && subscription.fields.period.end <= toSeconds) {
    const { cancel_at_period_end: ends, items, period, billing_cycle_anchor: anchor } = subscription.fields;
    draft.at(period.end);
    if (ends) return end(draft, subscription);
    const recurring = items[0]?.price.fields.recurring ?? { interval: 'month', interval_count: 1 };
    const next = draft.update('subscription', subscription, {
      period: { start: period.end, end: periodAfter(anchor, period.end, recurring) },
    });
    const billed = bill(draft, next, 'subscription_cycle');
    draft.tell('customer.subscription.updated', { kind: 'subscription', object: billed, before: subscription });
    subscription = billed;
  }
  return subscription;
}

export function end(draft: Draft, before: Objekt<'subscription'>): Objekt<'subscription'> {
  const object = draft.update('subscription', before, {
    status: 'canceled',
    canceled_at: before.fields.canceled_at ?? draft.nowSeconds,
    ended_at: draft.nowSeconds,
  });
  draft.tell('customer.subscription.deleted', { kind: 'subscription', object });
  return object;
}

/**
 * The end of the period that begins at `start`. Months keep the anchor's day, or use the last day of a shorter month.
 */
export function periodAfter(
  anchor: number,
  start: number,
  { interval, interval_count: count }: Pick<Recurring, 'interval' | 'interval_count'>,
): number {
  if (interval === 'day' || interval === 'week') return start + count * (interval === 'day' ? 1 : 7) * 24 * 60 * 60;
  const from = new Date(start * 1_000);
  const months = interval === 'year' ? 12 * count : count;
  const day = new Date(anchor * 1_000).getUTCDate();
  const lastDay = new Date(Date.UTC(from.getUTCFullYear(), from.getUTCMonth() + months + 1, 0)).getUTCDate();
  const to = Date.UTC(
    from.getUTCFullYear(),
    from.getUTCMonth() + months,
    Math.min(day, lastDay),
    from.getUTCHours(),
    from.getUTCMinutes(),
    from.getUTCSeconds(),
  );
  return to / 1_000;
}

function linesOf({ fields }: Objekt<'subscription'>): InvoiceLine[] {
  return fields.items.map(({ id, price, quantity }) => ({
    id: randomId('il_1', 23),
    amount: Math.round(Number(price.fields.unit_amount_decimal) * quantity),
    description: price.fields.nickname,
    item: id,
    metadata: {},
    period: fields.period,
    price: { id: price.id, product: price.fields.product, unit_amount_decimal: price.fields.unit_amount_decimal },
    quantity,
  }));
}
