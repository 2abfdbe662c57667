import type { Stripe } from 'stripe';
import { ProviderError } from '../provider-error.ts';
import type { ResourceWriter } from '../provider.ts';
import { knownPrice, samePrice } from './prices.ts';
import type { KnownPrice, PriceAmount } from './prices.ts';
import { priceSchema, productSchema } from './product-responses.ts';
import { productMetadata, productPayload, toProductRecord } from './products.ts';
import type { ProductPayload } from './products.ts';
import { nullWhenMissing } from './requests.ts';
import type { Ask } from './requests.ts';

const WITH_PRICE = { expand: ['default_price'] };

export function createProductWriter(stripe: Stripe, ask: Ask): Omit<ResourceWriter, 'findTwin'> {
  async function newPrice(product: string, amount: PriceAmount, { earlier, idempotencyKey }: { readonly earlier: KnownPrice | null; readonly idempotencyKey: string }) {
    try {
      return await ask(priceSchema, () => stripe.prices.create(newPriceParams(product, amount, earlier), { idempotencyKey }));
    } catch (error) {
      throw asMissing(error);
    }
  }

  return {
    async create(mapped, { idempotencyKey }) {
      const askedAtMs = Date.now();
      const { name, description, active, images, price, metadata } = productPayload(mapped);
      const params: Stripe.ProductCreateParams = {
        name,
        active,
        metadata,
        ...(description !== null && { description }),
        ...(images.length > 0 && { images: [...images] }),
        ...(price && { default_price_data: { currency: price.currency, unit_amount: price.amount } }),
        ...WITH_PRICE,
      };
      return toProductRecord(await ask(productSchema, () => stripe.products.create(params, { idempotencyKey })), ask.versionOf(askedAtMs));
    },

    // A price's amount cannot change, and a product's default price cannot be retired: a new price, then the product, then the earlier price.
    async update(externalId, mapped, { idempotencyKey, clearedMetadataKeys, externalState }) {
      const payload = productPayload(mapped);
      const earlier = knownPrice(externalState);
      const changed = !samePrice(payload.price, earlier);
      const created = changed && payload.price ? await newPrice(externalId, payload.price, { earlier, idempotencyKey: `${idempotencyKey}.price` }) : null;
      const params = updateParams(payload, clearedMetadataKeys, changed ? (created?.id ?? (earlier ? '' : null)) : null);
      const askedAtMs = Date.now();
      const product = await ask(productSchema, () => stripe.products.update(externalId, params, { idempotencyKey }));
      if (changed && earlier) {
        await nullWhenMissing(ask(priceSchema, () => stripe.prices.update(earlier.priceId, { active: false }, { idempotencyKey: `${idempotencyKey}.retire` })));
      }
      return toProductRecord(product, ask.versionOf(askedAtMs));
    },

    // Stripe deletes no product that has prices (https://docs.stripe.com/api/products/delete, read 2026-11-21).
    async archive(externalId, { idempotencyKey }) {
      const archived = await nullWhenMissing(ask(productSchema, () => stripe.products.update(externalId, { active: false, ...WITH_PRICE }, { idempotencyKey })));
      return archived ? 'archived' : 'deleted';
    },
  };
}

/** A product that is gone is a 404 when it is asked for and a 400 when it is a parameter; to the caller it is the same. */
function asMissing(error: unknown): unknown {
  const details = error instanceof ProviderError ? error.details : null;
  return details?.code === 'resource_missing' && details.field === 'product' ? new ProviderError({ ...details, httpStatus: 404 }) : error;
}

/** Bought as often and taxed as the earlier price. */
function newPriceParams(product: string, { amount, currency }: PriceAmount, earlier: KnownPrice | null): Stripe.PriceCreateParams {
  const recurring = earlier?.interval ? { interval: earlier.interval, interval_count: earlier.intervalCount ?? 1 } : undefined;
  return {
    product,
    currency,
    unit_amount: amount,
    ...(recurring && { recurring }),
    ...(earlier?.taxBehavior && { tax_behavior: earlier.taxBehavior }),
  };
}

/**
 * Says '' where an earlier value must be cleared; for the default price too, which the SDK's typings do not name
 * (https://github.com/stripe/stripe-python/issues/658, read 2026-11-21). A default price of null stays as it is.
 */
function updateParams({ name, description, active, images, metadata }: ProductPayload, clearedKeys: readonly string[], defaultPrice: string | null): Stripe.ProductUpdateParams {
  return {
    name,
    active,
    description: description ?? '',
    images: images.length > 0 ? [...images] : '',
    metadata: { ...productMetadata.clearing(clearedKeys), ...metadata },
    ...(defaultPrice !== null && { default_price: defaultPrice }),
    ...WITH_PRICE,
  };
}
