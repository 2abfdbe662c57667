import type { ProductFields } from '../../../records/products.ts';
import { readItems } from '../../items.ts';
import type { ReadItems, UnreadableItem } from '../../items.ts';
import type { ProviderRecord } from '../../provider.ts';
import { changedAt, withoutEmpty } from '../http/lists.ts';
import { categorySchema, imageSchema, variationSchema } from './catalogue-responses.ts';
import type { SquareItem, SquareVariation } from './catalogue-responses.ts';
import { customAttributesOf, referenceIn } from './reference-attribute.ts';

/** What items name by id: the addresses of images and the names of categories. */
export interface Related {
  readonly images: ReadonlyMap<string, string>;
  readonly categories: ReadonlyMap<string, string>;
}

export function relatedIn(objects: readonly unknown[]): Related {
  const images = readItems(imageSchema, objects).items.map(
    ({ id, image_data: data }) => [id, data?.url ?? ''] as const,
  );
  const categories = readItems(categorySchema, objects).items.map(
    ({ id, category_data: data }) => [id, data?.name ?? ''] as const,
  );
  return {
    images: new Map(images.filter(([, url]) => url !== '')),
    categories: new Map(categories.filter(([, name]) => name !== '')),
  };
}

const NO_NAME = 'item_data.name: expected a text';

/**
 * The products of an item, one for each of its variations: a variation has the price and the SKU, and is what stock is counted of and
 * what orders name.
 */
export function toProducts(item: SquareItem, related: Related): ReadItems<ProviderRecord> {
  const { items: variations, unreadable, ...told } = readItems(variationSchema, item.item_data.variations);
  const living = variations.filter(({ is_deleted: isDeleted }) => !isDeleted);
  const isOnly = living.length + unreadable.length === 1;
  const records: ProviderRecord[] = [];
  const nameless: UnreadableItem[] = [];
  for (const variation of living) {
    const name = nameOf(item, variation, isOnly);
    if (name === null) nameless.push({ raw: variation, externalId: variation.id, issues: NO_NAME });
    else records.push(toRecord(item, variation, toFields(item, variation, { name, ...related })));
  }
  return { ...told, items: records, unreadable: [...unreadable, ...nameless] };
}

function toRecord(item: SquareItem, variation: SquareVariation, fields: ProductFields): ProviderRecord {
  const customFields = customAttributesOf(item.custom_attribute_values, variation.custom_attribute_values);
  return {
    externalId: variation.id,
    // Both are numbers of one catalogue, which grow with every change of it; either may have changed last.
    version: Math.max(item.version, variation.version),
    deleted: false,
    recordId: referenceIn(variation.custom_attribute_values),
    fields,
    ...changedAt(item.updated_at, variation.updated_at),
    ...(customFields.length > 0 && { customFields }),
    externalState: { itemId: item.id },
  };
}

/** The name of its item, and its own behind it where the item has several. */
function nameOf({ item_data: item }: SquareItem, { item_variation_data: own }: SquareVariation, isOnly: boolean) {
  const parts = isOnly ? [item.name ?? own.name] : [item.name, own.name];
  return parts.filter((part) => part !== null).join(', ') || null;
}

/** Whether it can be sold anywhere. What says nothing is present at all locations (square 46.0.0, CatalogObjectBase). */
const isPresent = ({
  present_at_all_locations: everywhere,
  present_at_location_ids: places,
}: SquareVariation): boolean => everywhere !== false || (places ?? []).length > 0;

function toFields(
  { id, item_data: item }: SquareItem,
  variation: SquareVariation,
  { name, images, categories }: Related & { readonly name: string },
): ProductFields {
  const own = variation.item_variation_data;
  const money = own.pricing_type === 'VARIABLE_PRICING' ? null : (own.price_money ?? null);
  return {
    name,
    description: item.description_plaintext ?? item.description,
    sku: own.sku,
    amountMinor: money && money.amount,
    currency: money && money.currency,
    active: item.is_archived !== true && isPresent(variation),
    taxable: item.is_taxable,
    images: [...own.image_ids, ...item.image_ids].flatMap((image) => images.get(image) ?? []),
    metadata: withoutEmpty({
      square_item_id: id,
      square_item_name: item.name,
      square_variation_name: own.name,
      square_upc: own.upc,
      square_categories: categoryIdsOf(item)
        .flatMap((category) => categories.get(category) ?? [])
        .join(', '),
    }),
  };
}

/** `category_id` is from before an item could have several. */
const categoryIdsOf = ({ categories, category_id: only }: SquareItem['item_data']): readonly string[] => [
  ...new Set([...categories.map(({ id }) => id), ...(only === null ? [] : [only])]),
];

/** An item or a variation that the catalogue no longer has. */
export function toDeletion({ id, version, updated_at: deletedAt }: SquareItem | SquareVariation): ProviderRecord {
  const deletedAtMs = Date.parse(deletedAt ?? '');
  return {
    externalId: id,
    version,
    deleted: true,
    ...(!Number.isNaN(deletedAtMs) && { deletedAtMs }),
    recordId: null,
    fields: null,
  };
}
