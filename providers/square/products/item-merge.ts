import { ProviderError } from '../../provider-error.ts';
import type { ProviderRecord } from '../../provider.ts';
import type { ProductFields } from '../../../records/products.ts';
import { contentOf } from './product-mapping.ts';
import type { ProductPayload, SentProduct } from './product-mapping.ts';
import { REFERENCE_KEY } from './reference-attribute.ts';

/** An object of the catalogue as it came over the wire, with the fields that are not known here. */
export type RawObject = Readonly<Record<string, unknown>>;

/** A new item with one variation. Both ids are temporary and end with the batch. */
export function newItem(payload: SentProduct): RawObject {
  const [itemId, variationId] = [`#${payload.recordId}`, variationIdFor(payload.recordId)];
  const variation = {
    type: 'ITEM_VARIATION',
    id: variationId,
    present_at_all_locations: true,
    custom_attribute_values: { [REFERENCE_KEY]: { string_value: payload.recordId } },
    item_variation_data: { item_id: itemId, name: 'Regular', ...skuOf(payload), ...priceOf(payload) },
  };
  const { name, description, taxable, active } = payload;
  const item = {
    name,
    ...(description != null && { description_html: htmlOf(description) }),
    ...(taxable != null && { is_taxable: taxable }),
    ...(active === false && { is_archived: true }),
    variations: [variation],
  };
  return { type: 'ITEM', id: itemId, present_at_all_locations: true, item_data: item };
}

export const variationIdFor = (recordId: string): string => `#${recordId}-variation`;

/** What a variation is now, and what becomes of it. */
export interface VariationChange {
  readonly present: ProviderRecord;
  readonly sent: SentProduct;
}

/**
 * An item with one variation changed: only what differs from the present reading is replaced, since a write replaces the
 * item whole and what is left out would be cleared. The same object where nothing differs.
 */
export function mergedInto(item: RawObject, { present, sent }: VariationChange): RawObject {
  const now = contentOf(present.fields as ProductFields);
  const wanted = { ...now, ...sent };
  const data = dataIn(item, 'item_data');
  const variations = (data['variations'] ?? []) as readonly RawObject[];
  const index = variations.findIndex(({ id }) => id === present.externalId);
  const own = variations[index] ?? {};
  const names =
    wanted.name === now.name ? {} : namesFor(wanted.name, { item: data, own, isOnly: variations.length === 1 });
  const nextData = {
    ...without(data, wanted.description === now.description ? [] : DESCRIPTIONS),
    ...names.item,
    ...(wanted.description !== now.description && describedAs(wanted.description)),
    ...(wanted.taxable !== now.taxable && { is_taxable: wanted.taxable }),
  };
  const nextOwn = { ...names.own, ...variationChanges(now, wanted) };
  const isSame = Object.keys(nextOwn).length === 0 && sameContent(now, wanted);
  if (isSame) return item;
  const changed = { ...own, item_variation_data: withoutNulls({ ...dataIn(own, 'item_variation_data'), ...nextOwn }) };
  const merged = {
    ...item,
    item_data: withoutNulls({ ...nextData, variations: variations.map((one, at) => (at === index ? changed : one)) }),
  };
  return wanted.active === now.active ? merged : withActivity(merged, index, wanted.active);
}

/**
 * An item with its product in use or out of it. Square archives items alone, so that of several variations one is out of
 * use where it is present at no location; the others stay as they are, also when an archived item comes back for one.
 */
function withActivity(item: RawObject, index: number, isActive: boolean): RawObject {
  const data = dataIn(item, 'item_data');
  const variations = (data['variations'] ?? []) as readonly RawObject[];
  const [isOnly, isArchived] = [variations.length === 1, data['is_archived'] === true];
  const activity = (one: RawObject, at: number): RawObject => {
    if (at === index && isActive) return isPresentNowhere(one) ? presentLike(item, one) : one;
    if (at === index) return isOnly ? one : presentNowhere(one);
    return isActive && isArchived ? presentNowhere(one) : one;
  };
  const archived = isActive ? { is_archived: false } : { is_archived: isOnly || isArchived };
  return {
    ...item,
    item_data: { ...data, ...((isOnly || isArchived) && archived), variations: variations.map(activity) },
  };
}

const PRESENCE = ['present_at_all_locations', 'present_at_location_ids', 'absent_at_location_ids'];

const presentNowhere = (variation: RawObject): RawObject => ({
  ...without(variation, PRESENCE),
  present_at_all_locations: false,
});

const isPresentNowhere = ({ present_at_all_locations: everywhere, present_at_location_ids: places }: RawObject) =>
  everywhere === false && (!Array.isArray(places) || places.length === 0);

/** At the locations of its item: Square refuses a variation where its item is not (https://developer.squareup.com/forums/t/24786, read 2026-11-29). */
const presentLike = (item: RawObject, variation: RawObject): RawObject => ({
  ...without(variation, PRESENCE),
  present_at_all_locations: true,
  ...Object.fromEntries(Object.entries(item).filter(([name]) => PRESENCE.includes(name))),
});

/** Whether nothing of the item differs: its variation is compared by what is written to it. */
const sameContent = (now: Omit<ProductPayload, 'recordId'>, wanted: ProductPayload): boolean =>
  (['name', 'description', 'taxable', 'active'] as const).every((field) => now[field] === wanted[field]);

function variationChanges(now: Omit<ProductPayload, 'recordId'>, wanted: ProductPayload): RawObject {
  const isPriced = wanted.amountMinor === now.amountMinor && wanted.currency === now.currency;
  return { ...(wanted.sku !== now.sku && { sku: wanted.sku }), ...(!isPriced && priceOf(wanted)) };
}

const skuOf = ({ sku }: SentProduct) => (sku == null ? {} : { sku });

const priceOf = ({ amountMinor, currency }: SentProduct): RawObject =>
  amountMinor == null
    ? { pricing_type: 'VARIABLE_PRICING', price_money: null }
    : { pricing_type: 'FIXED_PRICING', price_money: { amount: amountMinor, currency } };

interface Naming {
  readonly item: RawObject;
  readonly own: RawObject;
  readonly isOnly: boolean;
}

/**
 * A product of an item with several variations is called by both names, so a new name says which of the two changed only
 * while the other stays.
 */
function namesFor(
  name: string,
  { item, own, isOnly }: Naming,
): { readonly item?: RawObject; readonly own?: RawObject } {
  if (isOnly) return { item: { name } };
  const [of, called] = [item['name'], dataIn(own, 'item_variation_data')['name']];
  if (typeof of === 'string' && name.startsWith(`${of}, `)) return { own: { name: name.slice(of.length + 2) } };
  if (typeof called === 'string' && name.endsWith(`, ${called}`))
    return { item: { name: name.slice(0, -called.length - 2) } };
  throw new ProviderError({ provider: 'square', kind: 'rejected', code: 'ambiguous-name', field: 'name' });
}

const DESCRIPTIONS = ['description', 'description_html', 'description_plaintext'];

const describedAs = (text: string | null) => (text === null ? {} : { description_html: htmlOf(text) });

/** Square generates the plain text, which is what is read (square 46.0.0, CatalogItem): a paragraph a line. */
const htmlOf = (text: string): string =>
  text
    .split('\n')
    .map((line) => `<p>${line.replace(/[&<>"']/g, (character) => ESCAPED[character] ?? character)}</p>`)
    .join('');

const ESCAPED: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

const dataIn = (object: RawObject, name: string): RawObject => (object[name] ?? {}) as RawObject;

const without = (object: RawObject, names: readonly string[]): RawObject =>
  Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name)));

const withoutNulls = (object: RawObject): RawObject =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null));

/**
 * Whether each number is one that JavaScript holds exactly. What is written back has been parsed: a larger whole number
 * would come back rounded.
 */
export function isExact(value: unknown): boolean {
  if (typeof value === 'number') return !Number.isInteger(value) || Number.isSafeInteger(value);
  return typeof value !== 'object' || value === null || Object.values(value).every(isExact);
}
