import type { ProductFields } from '../../../records/products.ts';
import { isLongerThan } from '../../../domain/reference/characters.ts';
import type { MappedRecord, ProviderRecord, PullPlan, ResourceMapping } from '../../provider.ts';
import { toStripeAmount } from '../transactions/amounts.ts';
import { stripeChanges, stripeList } from '../http/lists.ts';
import { metadataCodec } from '../http/metadata.ts';
import { RECORD_ID_KEY, STRIPE_IDEMPOTENCY } from '../customers/names.ts';
import { knownPrice, moneyOf, samePrice, stateOf } from './prices.ts';
import type { PriceAmount } from './prices.ts';
import type { StripeProduct } from './product-responses.ts';

const SKU_KEY = 'interlock_sku';
// Metadata keeps `taxable`: Stripe's tax codes classify a product, and one set by us would override the venue's own
// choice.
const TAXABLE_KEY = 'interlock_taxable';
export const productMetadata = metadataCodec({ [SKU_KEY]: 'sku', [TAXABLE_KEY]: 'taxable' });

// https://docs.stripe.com/api/products/create, read 2026-11-21. That page sets no limit for the name; this is the limit
// of Stripe's own product editor.
const LIMITS = { name: 250, description: 40_000, sku: 500, images: 8, imageUrl: 2_048 } as const;

export interface ProductPayload {
  readonly name: string;
  readonly description: string | null;
  readonly active: boolean;
  readonly images: readonly string[];
  readonly price: PriceAmount | null;
  readonly metadata: Readonly<Record<string, string>>;
}

/** What is written of a product; fields that the venue has left out are missing. */
export type SentProduct = Partial<ProductPayload> & Pick<ProductPayload, 'name' | 'metadata'>;

export const productPayload = (mapped: MappedRecord) => mapped.payload as unknown as SentProduct;

export const productPullPlan: PullPlan = {
  listing: [[stripeList('products')]],
  changes: stripeChanges([['events']]),
  mayVanish: true,
  dates: ['beginnings', 'changes', 'deletions'],
};

export const productMapping: ResourceMapping = {
  toPayload({ id, sourceId, fields: given }) {
    const fields = given as ProductFields;
    const { price, problems: priceProblems } = priceOf(fields);
    const payload: ProductPayload = {
      name: fields.name,
      description: fields.description || null,
      active: fields.active,
      images: fields.images.filter((url) => url !== ''),
      price,
      metadata: productMetadata.write(
        { id, sourceId, metadata: fields.metadata },
        { [SKU_KEY]: fields.sku || null, [TAXABLE_KEY]: fields.taxable === null ? null : String(fields.taxable) },
      ),
    };
    return { payload: { ...payload }, problems: [...problemsOf(payload, fields), ...priceProblems] };
  },

  idempotency: STRIPE_IDEMPOTENCY,
  leavesAbsent: true,
  concurrency: 'parts',
  // A new price carries the record's id.
  alwaysSent: ['metadata'],

  callsToWrite(mapped, remote) {
    if (remote === null) return 1;
    const { price } = productPayload(mapped);
    const earlier = knownPrice(remote.externalState);
    if (price === undefined || samePrice(price, earlier)) return 1;
    // The look at active prices, the new price, the update, and the retirement of the earlier price.
    return 1 + (price ? 2 : 0) + (earlier ? 1 : 0);
  },
};

function priceOf({ amountMinor, currency }: ProductFields): {
  readonly price: PriceAmount | null;
  readonly problems: MappedRecord['problems'];
} {
  if (amountMinor === null) return { price: null, problems: [] };
  if (currency === null) return { price: null, problems: [{ path: 'currency', message: 'A price needs a currency.' }] };
  if (amountMinor < 0)
    return { price: null, problems: [{ path: 'amountMinor', message: 'Stripe takes no negative price.' }] };
  const converted = toStripeAmount({ amountMinor, currency });
  if (converted.problem !== null)
    return { price: null, problems: [{ path: 'amountMinor', message: converted.problem }] };
  return { price: { amount: converted.amount, currency: converted.currency }, problems: [] };
}

function problemsOf(payload: ProductPayload, { sku, images, metadata }: ProductFields): MappedRecord['problems'] {
  const texts = { name: payload.name, description: payload.description, sku } as const;
  return [
    ...(payload.name.trim() === '' ? [{ path: 'name', message: 'Stripe allows no product without a name.' }] : []),
    ...(['name', 'description', 'sku'] as const).flatMap((path) =>
      isLongerThan(texts[path] ?? '', LIMITS[path])
        ? [{ path, message: `Stripe allows at most ${LIMITS[path]} characters.` }]
        : [],
    ),
    ...(payload.images.length > LIMITS.images
      ? [{ path: 'images', message: `Stripe allows at most ${LIMITS.images} images.` }]
      : []),
    ...images.flatMap((url, index) =>
      isLongerThan(url, LIMITS.imageUrl)
        ? [{ path: `images.${index}`, message: `Stripe allows at most ${LIMITS.imageUrl} characters.` }]
        : [],
    ),
    ...productMetadata.problems(metadata, payload.metadata),
  ];
}

function toProductFields({
  name,
  description,
  active,
  images,
  default_price: price,
  metadata,
}: StripeProduct): ProductFields {
  const taxable = metadata[TAXABLE_KEY];
  const money = price && moneyOf(price);
  return {
    name,
    description,
    sku: metadata[SKU_KEY] ?? null,
    amountMinor: money?.amountMinor ?? null,
    currency: money?.currency ?? null,
    active,
    taxable: taxable === undefined ? null : taxable === 'true',
    images,
    metadata: productMetadata.read(metadata),
  };
}

export function toProductRecord(product: StripeProduct, version: number): ProviderRecord {
  return {
    externalId: product.id,
    version,
    deleted: false,
    beganAtMs: product.created * 1_000,
    recordId: product.metadata[RECORD_ID_KEY] ?? null,
    fields: toProductFields(product),
    ...(product.updated !== null && { changedAtMs: product.updated * 1_000 }),
    externalState: stateOf(product.default_price),
  };
}
