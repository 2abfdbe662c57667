import { z } from 'zod';
import { decimalText } from '../http/decimals.ts';
import { nullableText, objectFields, orNull, reference } from '../http/objects.ts';

/**
 * What is sold. A category sorts others, and a bundle has no price of its own
 * (https://developer.intuit.com/app/developer/qbo/docs/api/accounting/all-entities/item, read 2026-11-28).
 */
export const SOLD_TYPES = ['Inventory', 'NonInventory', 'Service'];

/** https://developer.intuit.com/app/developer/qbo/docs/api/accounting/all-entities/item, read 2026-11-28: as far as it is read here. */
export const itemSchema = z.object({
  ...objectFields,
  Name: z.string().min(1),
  Type: nullableText,
  Active: z
    .boolean()
    .nullish()
    .transform((value) => value ?? true),
  Description: nullableText,
  Sku: nullableText,
  UnitPrice: orNull(decimalText),
  Taxable: orNull(z.boolean()),
  ParentRef: reference,
  FullyQualifiedName: nullableText,
  TrackQtyOnHand: orNull(z.boolean()),
  QtyOnHand: orNull(decimalText),
});
export type QuickBooksItem = z.output<typeof itemSchema>;
