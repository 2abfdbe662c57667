import { isLongerThan } from '../../../domain/reference/characters.ts';
import type { ProductFields } from '../../../records/products.ts';
import type { MappedRecord, ResourceMapping } from '../../provider.ts';
import { SQUARE_IDEMPOTENCY } from '../http/ask.ts';
import { SQUARE_METADATA } from '../http/lists.ts';

/** What Square can hold of a product: an item with one variation, or one variation of several. */
export interface ProductPayload {
  readonly name: string;
  readonly description: string | null;
  readonly sku: string | null;
  /** Both or neither: a product without them has a price that the seller enters. */
  readonly amountMinor: number | null;
  readonly currency: string | null;
  readonly active: boolean;
  readonly taxable: boolean | null;
  /** Our record's id, which a new variation carries as a custom attribute. */
  readonly recordId: string;
}

/** What is written of a product; fields that the venue has left out are missing. */
export type SentProduct = Partial<ProductPayload> & Pick<ProductPayload, 'name' | 'recordId'>;

/** Images are files at Square and metadata is the pull's own: neither is written. */
export const productMapping: ResourceMapping = {
  toPayload({ id, fields }) {
    const { taxable, ...content } = contentOf(fields as ProductFields);
    // An item that is not told to be taxable is taxed by default: a venue that does not say leaves that to the seller.
    const payload = { ...content, ...(taxable !== null && { taxable }), recordId: id };
    return { payload, problems: problemsOf(content) };
  },
  idempotency: SQUARE_IDEMPOTENCY,
  leavesAbsent: true,
  concurrency: 'versions',
  // An item without images at Square may have some at the venue. A renamed category leaves its items' versions as they are.
  holdings: { images: 'when-set', metadata: { ...SQUARE_METADATA, unversioned: ['square_categories'] } },
  // An update reads the item first, because a write replaces it whole. The item is not known before the first reading.
  callsToWrite: (_, remote) => (remote === null ? 1 : remote.externalState === null ? 3 : 2),
};

/** A product's fields in the form in which two readings of one product are equal. */
export function contentOf(fields: ProductFields): Omit<ProductPayload, 'recordId'> {
  const { name, description, sku, amountMinor, currency, active, taxable } = fields;
  return { name, description: description || null, sku: sku || null, amountMinor, currency, active, taxable };
}

/** https://developer.squareup.com/reference/square/objects/CatalogItem, read 2026-11-28. */
const LIMITS = { name: 512, description: 65_535 } as const;

const problemsOf = (payload: Pick<ProductPayload, 'name' | 'description'>): MappedRecord['problems'] =>
  (['name', 'description'] as const).flatMap((path) =>
    isLongerThan(payload[path] ?? '', LIMITS[path])
      ? [{ path, message: `Square allows at most ${LIMITS[path]} characters.` }]
      : [],
  );
