import type { ExternalState } from '../../provider.ts';
import { toMoney } from '../transactions/amounts.ts';
import type { Money } from '../transactions/amounts.ts';
import type { StripePrice } from './product-responses.ts';

/** In Stripe's own units; a payload holds it. */
export interface PriceAmount {
  readonly amount: number;
  readonly currency: string;
}

/** The default price of a remote record as the last reading or write left it. What a new price has to take over is with it. */
export interface KnownPrice extends PriceAmount {
  readonly priceId: string;
  readonly interval: string | null;
  readonly intervalCount: number | null;
  readonly taxBehavior: string | null;
}

/**
 * What one piece costs. Null for a price that one amount cannot tell: tiers, packages, use that is metered or of a kind that nobody knows, an amount that the buyer chooses, a
 * part of a minor unit. Such a price is never replaced or retired by what the venue does not say.
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

/** What the next write has to know. Empty where there is no price that it could replace: a null would leave an earlier state standing. */
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
