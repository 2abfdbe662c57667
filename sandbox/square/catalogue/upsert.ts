import { invalidRequest } from '../errors.ts';
import { newSquareId } from '../state/ids.ts';
import type { WireObject } from '../state/square-state.ts';
import { dataNameOf, dataOf, isA, isDeleted } from './catalogue.ts';
import type { Catalogue } from './catalogue.ts';

export interface Upserted {
  readonly id: string;
  readonly idMappings: readonly { readonly client_object_id: string; readonly object_id: string }[];
}

/**
 * Replaces an object whole, or creates it under a temporary id that begins with `#`. Variations of an item that it no
 * longer lists are deleted. An object that is not changed keeps its version:
 * https://developer.squareup.com/docs/catalog-api/webhooks (2026-11).
 */
export function upsertObject(catalogue: Catalogue, given: WireObject, nowMs: number): Upserted {
  const version = catalogue.nextVersion(nowMs);
  const mappings = new Map<string, string>();
  const idOf = (temporary: string): string => {
    if (!temporary.startsWith('#')) return temporary;
    const id = mappings.get(temporary) ?? newSquareId();
    mappings.set(temporary, id);
    return id;
  };
  const id = idOf(String(given['id']));
  const { variations, ...data } = dataOf(given);
  const listed = (Array.isArray(variations) ? variations : []) as readonly WireObject[];
  const children = listed.map((variation) => ({
    ...variation,
    item_variation_data: { ...dataOf(variation), item_id: id },
  }));
  const stored = [{ ...given, [String(dataNameOf(given['type']))]: data }, ...children].map((object) =>
    next(catalogue, { ...object, id: idOf(String((object as WireObject)['id'])) }, { version, nowMs }),
  );
  const kept = new Set(stored.map((object) => object['id']));
  const dropped = isA(given, 'ITEM') ? catalogue.variationsOf(id).filter((object) => !kept.has(object['id'])) : [];
  catalogue.put(stored);
  for (const object of dropped) catalogue.delete(object, nowMs);
  const idMappings = [...mappings].map(([client_object_id, object_id]) => ({ client_object_id, object_id }));
  return { id, idMappings };
}

/** Throws a `Refusal` for a version that is not the stored one. */
function next(
  catalogue: Catalogue,
  given: WireObject,
  { version, nowMs }: { readonly version: number; readonly nowMs: number },
): WireObject {
  const content = contentOf(given);
  const earlier = catalogue.get(String(given['id']));
  if (earlier && earlier['version'] !== given['version']) {
    const detail = 'Object version does not match latest database version.';
    throw invalidRequest('VERSION_MISMATCH', detail, 'version');
  }
  if (earlier && !isDeleted(earlier) && sameJson(contentOf(earlier), content)) return earlier;
  return { ...content, updated_at: new Date(nowMs).toISOString(), version, is_deleted: false };
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
