import type { ExternalState } from '../../provider.ts';
import { toMoney } from '../transactions/amounts.ts';
import type { Money } from '../transactions/amounts.ts';
import type { StripePrice } from './product-responses.ts';

/** In Stripe's own units; part of a payload. */
export interface PriceAmount {
  readonly amount: number;
  readonly currency: string;
}

/** A remote record's default price after the last reading or write, with what a new price has to inherit. */
export interface KnownPrice extends PriceAmount {
  readonly priceId: string;
  readonly interval: string | null;
  readonly intervalCount: number | null;
  readonly taxBehavior: string | null;
}

/**
 * The price of one piece. Null for a price that one amount cannot express: tiers, packages, metered or unknown usage,
 * an amount chosen by the buyer, or a fraction of a minor unit. Such a price is never replaced or retired because of
 * fields that the venue leaves out.
 */
export function moneyOf(price: StripePrice): Money | null {
  const {
    unit_amount: amount,
    billing_scheme: scheme,
    custom_unit_amount: chosen,
    transform_quantity: packages,
    recurring,
    currency,
  } = price;
  const plain =
    scheme === 'per_unit' &&
    chosen == null &&
    packages == null &&
    (recurring == null || recurring.usage_type === 'licensed');
  return plain && amount !== null ? toMoney(amount, currency) : null;
}

/** What the next write has to know. Empty when there is no price to replace: a null would keep an earlier state. */
export function stateOf(price: StripePrice | null): ExternalState {
  if (price?.unit_amount == null || moneyOf(price) === null) return {};
  const { id, unit_amount: amount, currency, recurring, tax_behavior: taxBehavior } = price;
  return {
    priceId: id,
    amount,
    currency,
    ...(recurring && { interval: recurring.interval, intervalCount: recurring.interval_count }),
    ...(taxBehavior !== null && { taxBehavior }),
  };
}

export function knownPrice(state: ExternalState | null): KnownPrice | null {
  const { priceId, amount, currency } = state ?? {};
  if (typeof priceId !== 'string' || typeof amount !== 'number' || typeof currency !== 'string') return null;
  const { interval, intervalCount, taxBehavior } = state ?? {};
  return {
    priceId,
    amount,
    currency,
    interval: typeof interval === 'string' ? interval : null,
    intervalCount: typeof intervalCount === 'number' ? intervalCount : null,
    taxBehavior: typeof taxBehavior === 'string' ? taxBehavior : null,
  };
}

export const samePrice = (one: PriceAmount | null, other: PriceAmount | null) =>
  one?.amount === other?.amount && one?.currency === other?.currency;
