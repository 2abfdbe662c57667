import { isLongerThan } from '../../../domain/reference/characters.ts';
import type { ProductFields } from '../../../records/products.ts';
import type { MappedRecord, ResourceMapping } from '../../provider.ts';
import { XERO_IDEMPOTENCY } from '../http/ask.ts';
import { XERO_METADATA } from '../http/objects.ts';
import { madeCodeOf } from './product-fields.ts';

/** What Xero can hold of a product. */
export interface ProductPayload {
  /** The code of an item without a SKU. */
  readonly madeCode: string;
  readonly name: string;
  readonly description: string | null;
  readonly sku: string | null;
  /** Zero where there is none: Xero tells no difference. */
  readonly amountMinor: number;
  /** Null without a price. */
  readonly currency: string | null;
}

/** Images, metadata, a tax of its own and being out of use have no place in an item. */
export const productMapping: ResourceMapping = {
  toPayload({ id, fields }) {
    const payload = { madeCode: madeCodeOf(id), ...contentOf(fields as ProductFields) };
    return { payload, problems: problemsOf(payload) };
  },
  idempotency: XERO_IDEMPOTENCY,
  leavesAbsent: true,
  concurrency: 'versions',
  holdings: { active: 'nothing', taxable: 'nothing', images: 'nothing', metadata: XERO_METADATA },
  // An update reads the item first, because only changed properties are written. The currency is not known before the
  // first reading.
  callsToWrite: (_, remote) => (remote === null ? 1 : remote.externalState === null ? 3 : 2),
};

/** A product’s fields in the form in which two readings of one item are equal. */
export function contentOf(fields: ProductFields): Omit<ProductPayload, 'madeCode'> {
  const { name, description, sku, amountMinor, currency } = fields;
  return {
    name: name.trim(),
    description: description || null,
    sku: sku || null,
    amountMinor: amountMinor ?? 0,
    currency: amountMinor ? currency : null,
  };
}

/** https://developer.xero.com/documentation/api/accounting/items, read 2026-11-29. */
const LIMITS = { name: 50, description: 4_000, sku: 30 } as const;

const problemsOf = (payload: ProductPayload): MappedRecord['problems'] =>
  (['name', 'description', 'sku'] as const).flatMap((path) =>
    isLongerThan(payload[path] ?? '', LIMITS[path])
      ? [{ path, message: `Xero allows at most ${LIMITS[path]} characters.` }]
      : [],
  );
