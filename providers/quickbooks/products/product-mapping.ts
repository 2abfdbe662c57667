import { isLongerThan } from '../../../domain/reference/characters.ts';
import type { ProductFields } from '../../../records/products.ts';
import type { MappedRecord, ResourceMapping } from '../../provider.ts';
import { nameProblems } from '../customers/customer-mapping.ts';
import { QUICKBOOKS_IDEMPOTENCY } from '../http/ask.ts';
import { QUICKBOOKS_METADATA } from '../http/objects.ts';

/** What QuickBooks can hold of a product. */
export interface ProductPayload {
  readonly name: string;
  readonly description: string | null;
  readonly sku: string | null;
  /** Zero where there is none: QuickBooks tells no difference. */
  readonly amountMinor: number;
  /** Null without a price. */
  readonly currency: string | null;
  readonly active: boolean;
  readonly taxable: boolean;
}

/** Images and metadata have no place in an item. */
export const productMapping: ResourceMapping = {
  toPayload({ fields }) {
    const { taxable: told } = fields as ProductFields;
    const { taxable, ...content } = contentOf(fields as ProductFields);
    // A venue that does not say whether a product is taxed leaves that to the accountant.
    return { payload: { ...content, ...(told !== null && { taxable }) }, problems: problemsOf(content) };
  },
  idempotency: QUICKBOOKS_IDEMPOTENCY,
  leavesAbsent: true,
  concurrency: 'versions',
  holdings: { images: 'nothing', metadata: QUICKBOOKS_METADATA },
  // An update reads the item first, because only changed properties are written and the SyncToken is carried. The home
  // currency is not known before the first reading. An item out of use takes the update twice.
  callsToWrite({ payload }, remote) {
    if (remote === null) return 1;
    return (remote.externalState === null ? 3 : 2) + (payload['active'] === false ? 2 : 0);
  },
};

/** A product's fields in the form in which two readings of one product are equal. */
export function contentOf(fields: ProductFields): ProductPayload {
  const { name, description, sku, amountMinor, currency, active, taxable } = fields;
  return {
    name: name.trim().replace(/ +/g, ' '),
    description: description || null,
    sku: sku || null,
    amountMinor: amountMinor ?? 0,
    currency: amountMinor ? currency : null,
    active,
    taxable: taxable ?? false,
  };
}

/** https://developer.intuit.com/app/developer/qbo/docs/api/accounting/all-entities/item, read 2026-11-28. */
const LIMITS = { name: 100, description: 4_000, sku: 100 } as const;

const problemsOf = (payload: Omit<ProductPayload, 'taxable'>): MappedRecord['problems'] => [
  ...(['name', 'description', 'sku'] as const).flatMap((path) =>
    isLongerThan(payload[path] ?? '', LIMITS[path])
      ? [{ path, message: `QuickBooks allows at most ${LIMITS[path]} characters.` }]
      : [],
  ),
  ...nameProblems(payload.name || null),
];
