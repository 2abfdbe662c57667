import type { Stripe } from 'stripe';
import { ProviderError } from '../provider-error.ts';
import { nextAfter, startingAfter, wholePage } from './lists.ts';
import { PAGE_SIZE, RECORD_ID_KEY } from './names.ts';
import { samePrice } from './prices.ts';
import type { KnownPrice, PriceAmount } from './prices.ts';
import { priceSchema } from './product-responses.ts';
import type { StripePrice } from './product-responses.ts';
import type { ProductPayload } from './products.ts';
import { nullWhenMissing } from './requests.ts';
import type { Ask } from './requests.ts';
import { listSchema, objectWithId } from './responses.ts';

export interface PriceChange {
  /** The default price as the last reading or write left it. */
  readonly earlier: KnownPrice | null;
  readonly afterLostUpdate: boolean;
  /** Of the update that this is a part of. */
  readonly idempotencyKey: string;
}

export interface PriceChanger {
  /**
   * Makes the price that the product is to have, unless it is there. `defaultPrice` is what the product is to be told: '' for none, null for
   * nothing. `outdated` are the prices to retire once it was told.
   */
  change(product: string, payload: ProductPayload, change: PriceChange): Promise<{ readonly defaultPrice: string | null; readonly outdated: readonly string[] }>;
  retire(prices: readonly string[], idempotencyKey: string): Promise<void>;
}

export function createPriceChanger(stripe: Stripe, ask: Ask): PriceChanger {
  async function create(product: string, payload: ProductPayload & { readonly price: PriceAmount }, { earlier, idempotencyKey }: PriceChange): Promise<string> {
    try {
      const { id } = await ask(objectWithId, () => stripe.prices.create(newPriceParams(product, payload, earlier), { idempotencyKey: `${idempotencyKey}.price` }));
      return id;
    } catch (error) {
      throw asMissing(error);
    }
  }

  /** Prices in use that are ours: the one that was known, and those of an update whose further steps were never taken. */
  async function pricesLeft(product: string, { metadata }: ProductPayload, earlier: KnownPrice | null): Promise<readonly StripePrice[]> {
    const ours: StripePrice[] = [];
    let after: string | null = null;
    do {
      const params: Stripe.PriceListParams = { product, active: true, limit: PAGE_SIZE, ...startingAfter(after) };
      const page = wholePage(await ask(listSchema(priceSchema), () => stripe.prices.list(params)));
      ours.push(...page.data.filter((price) => price.id === earlier?.priceId || price.metadata[RECORD_ID_KEY] === metadata[RECORD_ID_KEY]));
      after = nextAfter(page);
    } while (after !== null);
    return ours;
  }

  return {
    async change(product, payload, change) {
      const { earlier, afterLostUpdate } = change;
      if (!afterLostUpdate && samePrice(payload.price, earlier)) return { defaultPrice: null, outdated: [] };
      const left = afterLostUpdate ? await pricesLeft(product, payload, earlier) : [];
      const known = [...new Set([...left.map(({ id }) => id), ...(earlier ? [earlier.priceId] : [])])];
      const { price } = payload;
      if (price === null) return { defaultPrice: known.length > 0 ? '' : null, outdated: known };
      const defaultPrice = left.find((one) => samePrice(price, amountOf(one)))?.id ?? (await create(product, { ...payload, price }, change));
      return { defaultPrice, outdated: known.filter((id) => id !== defaultPrice) };
    },

    async retire(prices, idempotencyKey) {
      for (const id of prices) {
        await nullWhenMissing(ask(objectWithId, () => stripe.prices.update(id, { active: false }, { idempotencyKey: `${idempotencyKey}.retire.${id}` })));
      }
    },
  };
}

const amountOf = ({ unit_amount: amount, currency }: StripePrice) => (amount === null ? null : { amount, currency });

/** A product that is gone is a 404 when it is asked for and a 400 when it is a parameter; to the caller it is the same. */
function asMissing(error: unknown): unknown {
  const details = error instanceof ProviderError ? error.details : null;
  return details?.code === 'resource_missing' && details.field === 'product' ? new ProviderError({ ...details, httpStatus: 404 }) : error;
}

/** Bought as often and taxed as the earlier price, and marked as ours. */
function newPriceParams(product: string, { price, metadata }: ProductPayload & { readonly price: PriceAmount }, earlier: KnownPrice | null): Stripe.PriceCreateParams {
  return {
    product,
    currency: price.currency,
    unit_amount: price.amount,
    metadata: { [RECORD_ID_KEY]: metadata[RECORD_ID_KEY] ?? '' },
    ...(earlier?.interval && { recurring: { interval: earlier.interval, interval_count: earlier.intervalCount ?? 1 } }),
    ...(earlier?.taxBehavior && { tax_behavior: earlier.taxBehavior }),
  };
}
