import type { Stripe } from 'stripe';
import type { RecordNote } from '../../../contracts/records.ts';
import { RECORD_ID_KEY } from '../customers/names.ts';
import type { KnownPrice, PriceAmount } from './prices.ts';
import type { StripePrice } from './product-responses.ts';

/** https://docs.stripe.com/api/metadata, read 2026-11-21. */
const MAX_METADATA_KEYS = 50;

/** What a new price inherits from the one it replaces, and notes about the rest. */
export interface CarriedDetails {
  readonly params: Partial<Stripe.PriceCreateParams>;
  readonly notes: readonly RecordNote[];
}

export const NOTES = {
  otherPrices: {
    code: 'other-prices-active',
    message: 'The product has other active prices at Stripe. They were left as they are.',
  },
  detailsUnknown: {
    code: 'price-details-lost',
    message:
      'The replaced price was not in use any more: its lookup key, nickname, metadata, trial and currency options were not carried over.',
  },
  currencyOptions: {
    code: 'currency-options-lost',
    message: 'Currency options of the replaced price that hold no plain amount were not carried over.',
  },
  metadata: {
    code: 'price-metadata-lost',
    message:
      'Stripe allows 50 metadata keys on a price, one of which is ours: one entry of the replaced price was not carried over.',
  },
} as const satisfies Readonly<Record<string, RecordNote>>;

/**
 * Attributes by which others find or sell the replaced price: lookup key, which the same call moves away from the
 * earlier price, nickname, metadata, subscription interval and trial, tax behaviour, and amounts in other currencies
 * (https://docs.stripe.com/api/prices/create, read 2026-11-28). `source` is null when the earlier price is no longer
 * active; the link's memory of it is used then.
 */
export function carriedDetails(
  price: PriceAmount,
  {
    source,
    earlier,
    recordId,
  }: { readonly source: StripePrice | null; readonly earlier: KnownPrice | null; readonly recordId: string },
): CarriedDetails {
  const marker = { [RECORD_ID_KEY]: recordId };
  if (source === null)
    return {
      params: { ...remembered(earlier), metadata: marker },
      notes: earlier === null ? [] : [NOTES.detailsUnknown],
    };
  const { lookup_key: lookupKey, nickname, recurring, tax_behavior: taxBehavior } = source;
  const foreign = Object.entries(source.metadata).filter(([key]) => key !== RECORD_ID_KEY);
  const options = currencyOptions(source, price.currency);
  const params = {
    metadata: { ...Object.fromEntries(foreign.slice(0, MAX_METADATA_KEYS - 1)), ...marker },
    ...(lookupKey !== null && { lookup_key: lookupKey, transfer_lookup_key: true }),
    ...(nickname !== null && { nickname }),
    ...(recurring && { recurring: termsOf(recurring) }),
    ...(taxBehavior !== null && { tax_behavior: taxBehavior }),
    ...(Object.keys(options.kept).length > 0 && { currency_options: options.kept }),
  };
  return {
    params,
    notes: [
      ...(options.lost ? [NOTES.currencyOptions] : []),
      ...(foreign.length >= MAX_METADATA_KEYS ? [NOTES.metadata] : []),
    ],
  };
}

const termsOf = ({
  interval,
  interval_count,
  trial_period_days: trialDays,
}: NonNullable<StripePrice['recurring']>): Stripe.PriceCreateParams.Recurring => ({
  ...{ interval, interval_count },
  ...(trialDays != null && { trial_period_days: trialDays }),
});

const remembered = (earlier: KnownPrice | null): Partial<Stripe.PriceCreateParams> => ({
  ...(earlier?.interval && { recurring: { interval: earlier.interval, interval_count: earlier.intervalCount ?? 1 } }),
  ...(earlier?.taxBehavior && { tax_behavior: earlier.taxBehavior }),
});

/** Omits the currencies of the earlier and the new price: an option may not repeat the price's own currency. */
function currencyOptions(
  { currency_options: options, currency: ownCurrency }: StripePrice,
  newCurrency: string,
): { readonly kept: NonNullable<Stripe.PriceCreateParams['currency_options']>; readonly lost: boolean } {
  const others = Object.entries(options ?? {}).filter(
    ([currency]) => currency !== ownCurrency && currency !== newCurrency,
  );
  const kept = others.flatMap(
    ([
      currency,
      { unit_amount: amount, unit_amount_decimal: decimal, tax_behavior: taxBehavior, custom_unit_amount: chosen },
    ]) => {
      if (chosen != null || (amount == null && decimal === null)) return [];
      // The SDK's typings ask for its own decimal class, the wire for text.
      const money =
        amount == null ? { unit_amount_decimal: decimal as unknown as Stripe.Decimal } : { unit_amount: amount };
      return [[currency, { ...money, ...(taxBehavior !== null && { tax_behavior: taxBehavior }) }] as const];
    },
  );
  return { kept: Object.fromEntries(kept), lost: kept.length < others.length };
}
