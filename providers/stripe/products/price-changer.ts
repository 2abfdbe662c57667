import type { Stripe } from 'stripe';
import type { z } from 'zod';
import type { RecordNote } from '../../../contracts/records.ts';
import { ProviderError } from '../../provider-error.ts';
import { nextAfter, startingAfter, wholePage } from '../http/lists.ts';
import { PAGE_SIZE, RECORD_ID_KEY } from '../customers/names.ts';
import { carriedDetails, NOTES } from './price-details.ts';
import { moneyOf, samePrice } from './prices.ts';
import type { KnownPrice, PriceAmount } from './prices.ts';
import { priceSchema } from './product-responses.ts';
import type { StripePrice } from './product-responses.ts';
import type { ProductPayload } from './products.ts';
import { nullWhenMissing } from '../http/requests.ts';
import type { Ask } from '../http/requests.ts';
import { listSchema, objectWithId } from '../http/responses.ts';

export interface PriceChange {
  /** The default price after the last reading or write. */
  readonly earlier: KnownPrice | null;
  readonly afterLostUpdate: boolean;
  /** The idempotency key of the update that this is part of. */
  readonly idempotencyKey: string;
}

/** What to write to the product, and what remains to do afterwards. */
interface ChangedPrice {
  /** '' removes the default price, null leaves it. */
  readonly defaultPrice: string | null;
  /** Prices to retire after the product was written. */
  readonly outdated: readonly string[];
  readonly notes: readonly RecordNote[];
}

/** A product whose price is among what is written. */
type PricedProduct = Pick<ProductPayload, 'price' | 'metadata'>;

export interface PriceChanger {
  /** Creates the price that the product needs, unless it exists. */
  change(product: string, payload: PricedProduct, change: PriceChange): Promise<ChangedPrice>;
  retire(prices: readonly string[], idempotencyKey: string): Promise<void>;
}

interface ActivePrices {
  /** The known price, and prices left by an interrupted update; newest first. */
  readonly ours: readonly StripePrice[];
  /** Prices of other systems, which may sell by them. */
  readonly others: readonly StripePrice[];
}

const pricePage = listSchema(priceSchema);

export function createPriceChanger(stripe: Stripe, askStripe: Ask): PriceChanger {
  const ask = <Schema extends z.ZodType>(schema: Schema, request: () => Promise<Stripe.Response<object>>) =>
    askStripe(schema, request).catch((error: unknown) => {
      throw asMissing(error);
    });

  async function activePrices(product: string, recordId: string, earlier: KnownPrice | null): Promise<ActivePrices> {
    const all: StripePrice[] = [];
    let after: string | null = null;
    do {
      const params: Stripe.PriceListParams = {
        product,
        active: true,
        limit: PAGE_SIZE,
        expand: ['data.currency_options'],
        ...startingAfter(after),
      };
      const page = wholePage(await ask(pricePage, () => stripe.prices.list(params)));
      all.push(...page.data);
      after = nextAfter(page);
    } while (after !== null);
    const isOurs = (price: StripePrice) => price.id === earlier?.priceId || price.metadata[RECORD_ID_KEY] === recordId;
    return { ours: all.filter(isOurs), others: all.filter((price) => !isOurs(price)) };
  }

  /** The existing price, or a new one that inherits from the earlier one. */
  async function offer(
    product: string,
    price: PriceAmount,
    { active, change, recordId }: Offer,
  ): Promise<{ readonly id: string; readonly notes: readonly RecordNote[] }> {
    const { earlier, idempotencyKey } = change;
    const found =
      active.ours.find((one) => samePrice(price, amountOf(one))) ??
      (earlier === null
        ? active.others.find((one) => isPlainOneOff(one) && samePrice(price, amountOf(one)))
        : undefined);
    if (found) return { id: found.id, notes: [] };
    const { params, notes } = carriedDetails(price, { source: active.ours[0] ?? null, earlier, recordId });
    const created = { product, currency: price.currency, unit_amount: price.amount, ...params };
    const { id } = await ask(objectWithId, () =>
      stripe.prices.create(created, { idempotencyKey: `${idempotencyKey}.price` }),
    );
    return { id, notes };
  }

  return {
    async change(product, payload, change) {
      const { earlier, afterLostUpdate } = change;
      const { price } = payload;
      if (!afterLostUpdate && samePrice(price, earlier)) return UNCHANGED_PRICE;
      const recordId = payload.metadata[RECORD_ID_KEY] ?? '';
      // Looks before it creates a price: the answer shows what the new price inherits, what others sell by, and what an
      // interrupted attempt has created.
      const active = afterLostUpdate || price !== null ? await activePrices(product, recordId, earlier) : NONE_ACTIVE;
      const known = idsOf(active.ours, earlier);
      if (price === null) return { defaultPrice: known.length > 0 ? '' : null, outdated: known, notes: [] };
      const { id: defaultPrice, notes } = await offer(product, price, { active, change, recordId });
      const othersLeft = earlier === null && active.others.some(({ id }) => id !== defaultPrice);
      return {
        defaultPrice,
        outdated: known.filter((id) => id !== defaultPrice),
        notes: [...notes, ...(othersLeft ? [NOTES.otherPrices] : [])],
      };
    },

    async retire(prices, idempotencyKey) {
      for (const id of prices) {
        await nullWhenMissing(
          ask(objectWithId, () =>
            stripe.prices.update(id, { active: false }, { idempotencyKey: `${idempotencyKey}.retire.${id}` }),
          ),
        );
      }
    },
  };
}

interface Offer {
  readonly active: ActivePrices;
  readonly change: PriceChange;
  readonly recordId: string;
}

const idsOf = (ours: readonly StripePrice[], earlier: KnownPrice | null): readonly string[] => [
  ...new Set([...ours.map(({ id }) => id), ...(earlier ? [earlier.priceId] : [])]),
];

/** Leaves the price as it is. */
export const UNCHANGED_PRICE: ChangedPrice = { defaultPrice: null, outdated: [], notes: [] };
const NONE_ACTIVE: ActivePrices = { ours: [], others: [] };

const amountOf = ({ unit_amount: amount, currency }: StripePrice) => (amount === null ? null : { amount, currency });

/** The details of a first price of ours. */
const isPlainOneOff = (price: StripePrice) => price.recurring == null && moneyOf(price) !== null;

/** A missing product is a 404 when requested and a 400 as a parameter; callers treat both alike. */
function asMissing(error: unknown): unknown {
  const details = error instanceof ProviderError ? error.details : null;
  return details?.code === 'resource_missing' && details.field === 'product'
    ? new ProviderError({ ...details, httpStatus: 404 })
    : error;
}
