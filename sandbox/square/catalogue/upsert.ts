import { invalidRequest } from '../errors.ts';
import { newSquareId } from '../state/ids.ts';
import type { SideEffect } from '../state/side-effects.ts';
import type { WireObject } from '../state/square-state.ts';
import { dataNameOf, dataOf, isA, isDeleted } from './catalogue.ts';
import type { Catalogue } from './catalogue.ts';
import { withAttributes } from './custom-attributes.ts';
import { withPlaintext } from './descriptions.ts';

export interface Upserted {
  /** Of the given objects, in their order. */
  readonly ids: readonly string[];
  readonly idMappings: readonly { readonly client_object_id: string; readonly object_id: string }[];
  readonly sideEffects: readonly SideEffect[];
}

/** The currency of every merchant of the stand-in. */
const CURRENCY = 'GBP';

interface Moment {
  readonly version: number;
  readonly nowMs: number;
}

/**
 * Replaces objects whole, or creates those with a temporary id that begins with `#`: all of them or none. Variations of
 * an item that it no longer lists are deleted. An object that is not changed keeps its version:
 * https://developer.squareup.com/docs/catalog-api/webhooks (2026-11).
 */
export function upsertObjects(catalogue: Catalogue, objects: readonly WireObject[], nowMs: number): Upserted {
  const moment = { version: catalogue.nextVersion(nowMs), nowMs };
  const mappings = new Map<string, string>();
  const idOf = (temporary: unknown): string => {
    const given = String(temporary);
    if (!given.startsWith('#')) return given;
    const id = mappings.get(given) ?? newSquareId();
    mappings.set(given, id);
    return id;
  };
  const ids = objects.map(({ id }) => idOf(id));
  if (new Set(ids).size < ids.length) throw invalidRequest('INVALID_VALUE', 'An object is in the batch twice.', 'id');
  const next = objects.map((object, index) => replacing(catalogue, { ...object, id: ids[index] }, { idOf, moment }));
  const sideEffects = next.flatMap(({ stored, dropped }) => [
    ...stored.flatMap((object) => priceChange(catalogue.get(String(object['id'])), object)),
    ...dropped.map(({ id }): SideEffect => ({ kind: 'variation-deleted', of: String(id), from: null, to: null })),
  ]);
  catalogue.put(next.flatMap(({ stored }) => stored));
  for (const object of next.flatMap(({ dropped }) => dropped)) catalogue.delete(object, nowMs);
  const idMappings = [...mappings].map(([client_object_id, object_id]) => ({ client_object_id, object_id }));
  return { ids, idMappings, sideEffects };
}

function priceChange(earlier: WireObject | undefined, later: WireObject): readonly SideEffect[] {
  if (!earlier || !isA(later, 'ITEM_VARIATION')) return [];
  const [from, to] = [earlier, later].map((object) => {
    const money = dataOf(object)['price_money'] as WireObject | undefined;
    return money ? `${String(money['amount'])} ${String(money['currency'])}` : null;
  });
  return from === to ? [] : [{ kind: 'price-change', of: String(later['id']), from: from ?? null, to: to ?? null }];
}

/** An object and its variations as they will be stored, and the variations that go. */
function replacing(
  catalogue: Catalogue,
  given: WireObject,
  { idOf, moment }: { readonly idOf: (temporary: unknown) => string; readonly moment: Moment },
) {
  const { variations, ...data } = dataOf(given);
  const listed = (Array.isArray(variations) ? variations : []) as readonly WireObject[];
  const children = listed.map((variation) => ({
    ...variation,
    id: idOf(variation['id']),
    item_variation_data: { ...dataOf(variation), item_id: given['id'] },
  }));
  if (isA(given, 'ITEM')) for (const child of children) checkPresence(given, child);
  const stored = [{ ...given, [String(dataNameOf(given['type']))]: data }, ...children].map((object) =>
    next(catalogue, object, moment),
  );
  const kept = new Set(stored.map((object) => object['id']));
  const earlier = isA(given, 'ITEM') ? catalogue.variationsOf(given['id']) : [];
  return { stored, dropped: earlier.filter((object) => !kept.has(object['id'])) };
}

/** Throws a `Refusal` for a version that is not the stored one, and for content that Square does not take. */
function next(catalogue: Catalogue, given: WireObject, { version, nowMs }: Moment): WireObject {
  const earlier = catalogue.get(String(given['id']));
  if (earlier && earlier['version'] !== given['version']) {
    const detail = 'Object version does not match latest database version.';
    throw invalidRequest('VERSION_MISMATCH', detail, 'version');
  }
  checkContent(given);
  const content = contentOf(withDefaults(withPlaintext(withAttributes(catalogue, given))));
  if (earlier && !isDeleted(earlier) && sameJson(contentOf(earlier), content)) return earlier;
  return { ...content, updated_at: new Date(nowMs).toISOString(), version, is_deleted: false };
}

/** "Indicates whether the item is taxable (`true`) or non-taxable (`false`). Default is `true`." (square 46.0.0, CatalogItem) */
function withDefaults(object: WireObject): WireObject {
  const data = dataOf(object);
  if (!isA(object, 'ITEM') || typeof data['is_taxable'] === 'boolean') return object;
  return { ...object, item_data: { ...data, is_taxable: true } };
}

/** A variation is nowhere that its item is not (https://developer.squareup.com/forums/t/24786, 2026-11). */
function checkPresence(item: WireObject, variation: WireObject): void {
  const isEverywhere = (object: WireObject) => object['present_at_all_locations'] !== false;
  if (isEverywhere(item) || !isEverywhere(variation)) return;
  const detail = `Object '${String(variation['id'])}' of type ITEM_VARIATION is enabled at all future locations, but the referenced object with token '${String(item['id'])}' of type ITEM is not.`;
  throw invalidRequest('INVALID_VALUE', detail, 'present_at_all_locations');
}

function checkContent(given: WireObject): void {
  const data = dataOf(given);
  const money = data['price_money'] as WireObject | undefined;
  if (money && money['currency'] !== CURRENCY)
    throw invalidRequest('INVALID_VALUE', `The seller's currency is ${CURRENCY}.`, 'price_money.currency');
  if (data['pricing_type'] === 'FIXED_PRICING' && money === undefined)
    throw invalidRequest('MISSING_REQUIRED_PARAMETER', 'A fixed price needs an amount.', 'price_money');
  if (isA(given, 'ITEM') && (typeof data['name'] !== 'string' || data['name'] === ''))
    throw invalidRequest('MISSING_REQUIRED_PARAMETER', 'An item needs a name.', 'item_data.name');
}

const SET_BY_SQUARE: ReadonlySet<string> = new Set(['version', 'updated_at', 'is_deleted']);

const contentOf = (object: WireObject): WireObject =>
  Object.fromEntries(Object.entries(object).filter(([name]) => !SET_BY_SQUARE.has(name)));

const sameJson = (one: unknown, other: unknown): boolean => canonical(one) === canonical(other);

const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([one], [other]) => (one < other ? -1 : 1)))
      : inner,
  );
