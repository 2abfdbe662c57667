import { z } from 'zod';
import { DOCUMENTED_NAMES, namesIn, nullableText } from '../../items.ts';
import { versionNumber } from '../http/lists.ts';
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
  present_at_all_locations: z.boolean().nullish(),
  present_at_location_ids: z.array(z.string()).nullish(),
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

const OBJECT_NAMES = `
  type id updated_at created_at version is_deleted custom_attribute_values catalog_v1_ids present_at_all_locations
  present_at_location_ids absent_at_location_ids image_id`;
const ITEM_NAMES = `
  name description abbreviation label_color is_taxable category_id buyer_facing_name tax_ids modifier_list_info variations
  product_type skip_modifier_screen item_options ecom_uri ecom_image_uris image_ids sort_name categories description_html
  description_plaintext kitchen_name channels is_archived ecom_seo_data food_and_beverage_details reporting_category
  is_alcoholic`;
const VARIATION_NAMES = `
  item_id name sku upc ordinal pricing_type price_money location_overrides track_inventory inventory_alert_type
  inventory_alert_threshold user_data service_duration available_for_booking item_option_values measurement_unit_id sellable
  stockable image_ids team_member_ids stockable_conversion kitchen_name vendor_information`;
const ITEM = { item_data: ITEM_NAMES };
const VARIATION = { item_variation_data: VARIATION_NAMES };

/** Variations are read one by one: one with a price that cannot be read holds up no other. */
export const itemSchema = z
  .object({
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
  })
  .register(DOCUMENTED_NAMES, namesIn(OBJECT_NAMES, ITEM));

export const variationSchema = z
  .object({
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
  })
  .register(DOCUMENTED_NAMES, namesIn(OBJECT_NAMES, VARIATION));

/** An item or a variation, whichever it says it is. */
export const soldSchema = z
  .discriminatedUnion('type', [itemSchema, variationSchema])
  .register(DOCUMENTED_NAMES, namesIn(OBJECT_NAMES, { ...ITEM, ...VARIATION }));

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
