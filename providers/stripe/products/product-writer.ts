import type { Stripe } from 'stripe';
import type { ResourceWriter } from '../../provider.ts';
import { createPriceChanger, UNCHANGED_PRICE } from './price-changer.ts';
import { knownPrice } from './prices.ts';
import { productSchema } from './product-responses.ts';
import { productMapping, productMetadata, productPayload, toProductRecord } from './products.ts';
import type { SentProduct } from './products.ts';
import { changeOf } from '../http/metadata.ts';
import { nullWhenMissing, stillThere } from '../http/requests.ts';
import type { Ask } from '../http/requests.ts';
import { deletable, objectWithId } from '../http/responses.ts';

const WITH_PRICE = { expand: ['default_price'] };

export function createProductWriter(stripe: Stripe, ask: Ask): Omit<ResourceWriter, 'findRemote'> {
  const prices = createPriceChanger(stripe, ask);

  return {
    async create(mapped, { idempotencyKey }) {
      const askedAtMs = Date.now();
      const { name, description, active, images, price, metadata } = productPayload(mapped);
      const params: Stripe.ProductCreateParams = {
        name,
        ...(active !== undefined && { active }),
        metadata,
        ...(description != null && { description }),
        ...(images && images.length > 0 && { images: [...images] }),
        ...(price && { default_price_data: { currency: price.currency, unit_amount: price.amount } }),
        ...WITH_PRICE,
      };
      return toProductRecord(
        await ask(productSchema, () => stripe.products.create(params, { idempotencyKey })),
        ask.versionOf(askedAtMs),
      );
    },

    // A price's amount cannot change, and a default price cannot be retired. So the order is: new price, product,
    // retirement of the earlier price.
    async update(externalId, mapped, options) {
      const { idempotencyKey, externalState, afterLostUpdate = false } = options;
      const payload = productPayload(mapped);
      const earlier = knownPrice(externalState);
      const change = { earlier, afterLostUpdate, idempotencyKey };
      const { price, metadata } = payload;
      const { defaultPrice, outdated, notes } =
        price === undefined ? UNCHANGED_PRICE : await prices.change(externalId, { price, metadata }, change);
      const params = updateParams(
        payload,
        productMetadata.changes(metadata, changeOf(productMapping, mapped, options)),
        defaultPrice,
      );
      const askedAtMs = Date.now();
      const product = stillThere(
        await ask(deletable('product', productSchema), () =>
          stripe.products.update(externalId, params, { idempotencyKey }),
        ),
      );
      await prices.retire(outdated, idempotencyKey);
      return { ...toProductRecord(product, ask.versionOf(askedAtMs)), notes };
    },

    // Stripe deletes no product that has prices (https://docs.stripe.com/api/products/delete, read 2026-11-21).
    async archive(externalId, { idempotencyKey }) {
      const archived = await nullWhenMissing(
        ask(objectWithId, () =>
          stripe.products.update(externalId, { active: false, ...WITH_PRICE }, { idempotencyKey }),
        ),
      );
      return archived ? 'archived' : 'deleted';
    },
  };
}

/**
 * Writes '' to clear an earlier value, also for the default price, where the SDK's typings omit it
 * (https://github.com/stripe/stripe-python/issues/658, read 2026-11-21). A null default price is left as it is.
 */
function updateParams(
  { name, description, active, images }: SentProduct,
  metadata: Stripe.MetadataParam,
  defaultPrice: string | null,
): Stripe.ProductUpdateParams {
  return {
    name,
    ...(active !== undefined && { active }),
    ...(description !== undefined && { description: description ?? '' }),
    ...(images && { images: images.length > 0 ? [...images] : ('' as const) }),
    metadata,
    ...(defaultPrice !== null && { default_price: defaultPrice }),
    ...WITH_PRICE,
  };
}
