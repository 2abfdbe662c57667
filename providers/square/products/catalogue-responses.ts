import { z } from 'zod';
import { nullableText, versionNumber } from '../http/lists.ts';
import { moneySchema } from '../http/money.ts';

/** https://developer.squareup.com/reference/square/objects/CatalogObject, read 2026-11-28: as far as it is read here. */
const common = {
  id: z.string().min(1),
  version: versionNumber,
  updated_at: nullableText,
  is_deleted: z
    .boolean()
    .nullish()
    .transform((value) => value === true),
  custom_attribute_values: z.record(z.string(), z.unknown()).nullish(),
};
/** What an object of its type has; a deleted one may have nothing left. */
const dataOf = <Fields extends z.ZodRawShape>(fields: Fields) => z.preprocess((data) => data ?? {}, z.object(fields));
const flag = z
  .boolean()
  .nullish()
  .transform((value) => value ?? null);
const ids = z
  .array(z.string().min(1))
  .nullish()
  .transform((value) => value ?? []);

/** Variations are read one by one: one with a price that cannot be read holds up no other. */
export const itemSchema = z.object({
  type: z.literal('ITEM'),
  ...common,
  item_data: dataOf({
    name: nullableText,
    description: nullableText,
    description_plaintext: nullableText,
    is_taxable: flag,
    is_archived: flag,
    image_ids: ids,
    category_id: nullableText,
    categories: z
      .array(z.object({ id: z.string().min(1) }))
      .nullish()
      .transform((value) => value ?? []),
    variations: z
      .array(z.unknown())
      .nullish()
      .transform((value) => value ?? []),
  }),
});

export const variationSchema = z.object({
  type: z.literal('ITEM_VARIATION'),
  ...common,
  item_variation_data: dataOf({
    item_id: nullableText,
    name: nullableText,
    sku: nullableText,
    upc: nullableText,
    pricing_type: nullableText,
    price_money: moneySchema.nullish(),
    image_ids: ids,
  }),
});

/** An item or a variation, whichever it says it is. */
export const soldSchema = z.discriminatedUnion('type', [itemSchema, variationSchema]);

/** What an item names and its record shows. Whatever else is related is passed over. */
export const imageSchema = z.object({
  type: z.literal('IMAGE'),
  id: z.string().min(1),
  image_data: z.object({ url: nullableText }).nullish(),
});
export const categorySchema = z.object({
  type: z.literal('CATEGORY'),
  id: z.string().min(1),
  category_data: z.object({ name: nullableText }).nullish(),
});

export type SquareItem = z.output<typeof itemSchema>;
export type SquareVariation = z.output<typeof variationSchema>;
