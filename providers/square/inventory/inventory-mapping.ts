import type { InventoryFields } from '../../../records/inventory.ts';
import type { MappedRecord, ResourceMapping } from '../../provider.ts';
import { SQUARE_IDEMPOTENCY } from '../http/ask.ts';
import { SQUARE_METADATA } from '../http/lists.ts';
import { placeId } from './counts.ts';

/** A count of one product at one place. The time belongs to it: the same number counted again later is another count. */
export interface CountPayload {
  /** Square's id of the variation; null while it has none. */
  readonly product: string | null;
  readonly location: string;
  readonly quantity: string;
  readonly countedAt: string;
}

export const inventoryMapping: ResourceMapping = {
  toPayload({ fields, refs = {} }) {
    const { location, quantity, countedAt } = fields as InventoryFields;
    const payload: CountPayload = {
      product: refs['product'] ?? null,
      location,
      quantity: canonicalDecimal(quantity),
      countedAt: new Date(countedAt).toISOString(),
    };
    return { payload: { ...payload }, problems: problemsOf(payload) };
  },
  idempotency: SQUARE_IDEMPOTENCY,
  leavesAbsent: true,
  holdings: { metadata: SQUARE_METADATA },
  remoteIdOf: (payload) => {
    const { product, location } = payload as unknown as CountPayload;
    return product === null ? null : placeId(product, location);
  },
  // The present count is read first, because a count that Square has already is not written.
  callsToWrite: () => 2,
};

/** The same number in one form: Square writes `10.00000` for 10. */
export function canonicalDecimal(text: string): string {
  const [, sign = '', whole = '0', fraction = ''] = /^([+-]?)0*(\d+)(?:\.(\d*?)0*)?$/.exec(text) ?? [];
  const digits = fraction === '' ? whole : `${whole}.${fraction}`;
  return sign === '-' && /[1-9]/.test(digits) ? `-${digits}` : digits;
}

/** "A decimal string. Can support up to 5 digits after the decimal point" (square 46.0.0, InventoryPhysicalCount). */
function problemsOf({ product, quantity }: CountPayload): MappedRecord['problems'] {
  return [
    ...(product === null
      ? [{ path: 'productSourceId', message: 'Square does not have this product yet: push products first.' }]
      : []),
    ...(/^\d{1,18}(\.\d{1,5})?$/.test(quantity)
      ? []
      : [{ path: 'quantity', message: 'Square takes a count that is not negative, with at most 5 decimals.' }]),
  ];
}
