import { mix, seedCode } from '../control/seeds.ts';
import type { Shape, Stored } from '../http/table.ts';

export interface Recurring {
  readonly interval: 'day' | 'week' | 'month' | 'year';
  readonly interval_count: number;
  readonly trial_period_days: number | null;
}

/** The price in another currency: minor units, as in the price itself. */
export interface CurrencyOption {
  readonly tax_behavior: PriceFields['tax_behavior'];
  readonly unit_amount: number | null;
  readonly unit_amount_decimal: string;
}

/**
 * The fields of a price. Only `active`, `currency_options`, `lookup_key`, `metadata`, `nickname` and `tax_behavior`
 * ever change.
 */
export interface PriceFields {
  readonly active: boolean;
  readonly currency: string;
  /** Excludes the price's own currency. */
  readonly currency_options: Readonly<Record<string, CurrencyOption>>;
  readonly lookup_key: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly nickname: string | null;
  readonly product: string;
  readonly recurring: Recurring | null;
  readonly tax_behavior: 'exclusive' | 'inclusive' | 'unspecified';
  /** Minor units, or null when `unit_amount_decimal` has a fraction. */
  readonly unit_amount: number | null;
  /** Minor units with up to twelve decimal places. */
  readonly unit_amount_decimal: string;
}

export const EMPTY_PRICE: PriceFields = {
  active: true,
  currency: 'usd',
  currency_options: {},
  lookup_key: null,
  metadata: {},
  nickname: null,
  product: '',
  recurring: null,
  tax_behavior: 'unspecified',
  unit_amount: 0,
  unit_amount_decimal: '0',
};

/** The price resource of API 2026-10-28.endive: https://docs.stripe.com/api/prices/object. */
export function renderPrice({ id, created, fields }: Stored<PriceFields>) {
  return {
    id,
    object: 'price' as const,
    active: fields.active,
    billing_scheme: 'per_unit',
    created,
    currency: fields.currency,
    custom_unit_amount: null,
    livemode: false,
    lookup_key: fields.lookup_key,
    metadata: fields.metadata,
    nickname: fields.nickname,
    product: fields.product,
    recurring: fields.recurring && { ...fields.recurring, meter: null, usage_type: 'licensed' },
    tax_behavior: fields.tax_behavior,
    tiers_mode: null,
    transform_quantity: null,
    type: fields.recurring ? ('recurring' as const) : ('one_time' as const),
    unit_amount: fields.unit_amount,
    unit_amount_decimal: fields.unit_amount_decimal,
  };
}

/** The value of `expand[]=currency_options`: every currency of the price, including its own. */
export function renderCurrencyOptions({
  currency,
  currency_options: options,
  tax_behavior,
  unit_amount,
  unit_amount_decimal,
}: PriceFields): object {
  const all = { ...options, [currency]: { tax_behavior, unit_amount, unit_amount_decimal } };
  return Object.fromEntries(
    Object.entries(all).map(([code, option]) => [code, { custom_unit_amount: null, ...option }]),
  );
}

export const priceShape: Shape<PriceFields> = {
  render: renderPrice,
  keys: { product: ({ product }) => product, lookup_key: ({ lookup_key }) => lookup_key },
  seed: {
    id: (salt, no) => `price_1${seedCode(salt, no)}`,
    fields({ no, salt }) {
      const amount = 100 + (mix(no) % 20_000);
      return {
        ...EMPTY_PRICE,
        product: `prod_${seedCode(salt, no)}`,
        unit_amount: amount,
        unit_amount_decimal: String(amount),
      };
    },
  },
};
