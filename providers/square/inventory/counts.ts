import { z } from 'zod';
import type { InventoryFields } from '../../../records/inventory.ts';
import { issuesOf, textAt } from '../../items.ts';
import type { UnreadableItem } from '../../items.ts';
import type { ProviderRecord } from '../../provider.ts';

/** https://developer.squareup.com/reference/square/objects/InventoryCount, read 2026-11-28: as far as it is read here. */
const countSchema = z.object({
  catalog_object_id: z.string().min(1),
  // Square Restaurants also counts items, which are no products here.
  catalog_object_type: z.literal('ITEM_VARIATION'),
  location_id: z.string().min(1),
  // "A decimal string. Can support up to 5 digits after the decimal point."
  quantity: z.string().regex(/^-?\d{1,18}(\.\d{1,5})?$/, 'expected a decimal number'),
  calculated_at: z.iso.datetime({ offset: true }),
});
export type SquareCount = z.output<typeof countSchema>;

/** Counts, each read by itself. */
export function readCounts(raw: readonly unknown[]) {
  const counts: SquareCount[] = [];
  const unreadable: UnreadableItem[] = [];
  for (const one of raw) {
    const { data, error } = countSchema.safeParse(one);
    if (data) counts.push(data);
    else unreadable.push({ raw: one, externalId: rawIdOf(one), issues: issuesOf(error) });
  }
  return { counts, unreadable };
}

/** The ids of Square have no colon. */
export const placeId = (object: string, location: string): string => `${object}:${location}`;

export const idOf = ({ catalog_object_id: object, location_id: location }: SquareCount): string =>
  placeId(object, location);

export function rawIdOf(raw: unknown): string | null {
  const [object, location] = [textAt(raw, 'catalog_object_id'), textAt(raw, 'location_id')];
  return object === null || location === null ? null : placeId(object, location);
}

export function toRecord(count: SquareCount) {
  const calculatedAtMs = Date.parse(count.calculated_at);
  const fields: Omit<InventoryFields, 'productSourceId'> & { readonly productSourceId: null } = {
    // Filled in from the reference.
    productSourceId: null,
    location: count.location_id,
    quantity: count.quantity,
    countedAt: new Date(calculatedAtMs).toISOString(),
    metadata: {},
  };
  return {
    externalId: idOf(count),
    version: calculatedAtMs,
    // When the newest count or adjustment of the place was received (square 46.0.0, InventoryCount).
    changedAtMs: calculatedAtMs,
    deleted: false,
    recordId: null,
    fields,
    refs: { product: count.catalog_object_id },
  } satisfies ProviderRecord;
}
