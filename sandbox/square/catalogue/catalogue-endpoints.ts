import { z } from 'zod';
import { invalidRequest, notFound } from '../errors.ts';
import { bodyOf, queryOf } from '../http/endpoint.ts';
import type { Endpoint, SquareRequest } from '../http/endpoint.ts';
import { once } from '../http/idempotency.ts';
import { pageOf } from '../http/paging.ts';
import { noteSideEffect } from '../state/side-effects.ts';
import type { WireObject } from '../state/square-state.ts';
import { Catalogue, dataOf, isA, isDeleted } from './catalogue.ts';
import { hasAttribute } from './custom-attributes.ts';
import { upsertObjects } from './upsert.ts';

const instant = z.iso.datetime({ offset: true }).transform((given) => Date.parse(given));
const searchBody = z.strictObject({
  cursor: z.string().optional(),
  object_types: z.array(z.string()).optional(),
  include_deleted_objects: z.boolean().default(false),
  include_related_objects: z.boolean().default(false),
  begin_time: instant.optional(),
  limit: z.int().min(1).max(1_000).default(100),
});
const retrieveQuery = z.strictObject({ include_related_objects: z.stringbool().default(false) });
const batchBody = z.strictObject({
  object_ids: z.array(z.string()).max(1_000),
  include_related_objects: z.boolean().default(false),
  include_deleted_objects: z.boolean().default(false),
});
const key = z.string().min(1).max(128);
const anObject = z.record(z.string(), z.unknown());
const upsertBody = z.strictObject({ idempotency_key: key, object: anObject });
/** One batch a request is simulated. Objects inside of objects do not count. */
const batchUpsertBody = z.strictObject({
  idempotency_key: key,
  batches: z.tuple([z.strictObject({ objects: z.array(anObject).min(1).max(1_000) })]),
});
const itemSearchBody = z.strictObject({
  cursor: z.string().optional(),
  limit: z.int().min(1).max(100).default(100),
  archived_state: z.enum(['ARCHIVED_STATE_NOT_ARCHIVED', 'ARCHIVED_STATE_ARCHIVED', 'ARCHIVED_STATE_ALL']).optional(),
  custom_attribute_filters: z
    .array(z.strictObject({ key, string_filter: z.string() }))
    .min(1)
    .max(10),
});

export const CATALOGUE_ENDPOINTS: readonly Endpoint[] = [
  { method: 'POST', path: /^\/v2\/catalog\/search$/, scope: 'ITEMS_READ', run: search },
  { method: 'POST', path: /^\/v2\/catalog\/batch-retrieve$/, scope: 'ITEMS_READ', run: batchRetrieve },
  { method: 'POST', path: /^\/v2\/catalog\/batch-upsert$/, scope: 'ITEMS_WRITE', run: batchUpsert },
  { method: 'POST', path: /^\/v2\/catalog\/search-catalog-items$/, scope: 'ITEMS_READ', run: searchItems },
  { method: 'POST', path: /^\/v2\/catalog\/object$/, scope: 'ITEMS_WRITE', run: upsert },
  { method: 'GET', path: /^\/v2\/catalog\/object\/([^/]+)$/, scope: 'ITEMS_READ', run: retrieve },
  { method: 'DELETE', path: /^\/v2\/catalog\/object\/([^/]+)$/, scope: 'ITEMS_WRITE', run: remove },
];

/** `begin_time` is exclusive (square 46.0.0, SearchCatalogObjectsRequest). */
function search(request: SquareRequest): object {
  const parameters = bodyOf(request, searchBody);
  const { object_types: types, include_deleted_objects: withDeleted, begin_time: since, limit } = parameters;
  const catalogue = new Catalogue(request);
  const items = catalogue
    .all()
    .filter((object) => types?.includes(String(object['type'])) ?? true)
    .filter((object) => withDeleted || !isDeleted(object))
    .filter((object) => since === undefined || Date.parse(String(object['updated_at'])) > since);
  const placeOf = ({ id, updated_at: at }: WireObject) => [String(at), String(id)] as const;
  const page = pageOf(request, { items, placeOf, order: 'ASC', limit, parameters });
  return {
    ...answerOf(catalogue, page.items, parameters.include_related_objects),
    ...(page.cursor !== undefined && { cursor: page.cursor }),
    latest_time: new Date(catalogue.nextVersion(0)).toISOString(),
  };
}

function batchRetrieve(request: SquareRequest): object {
  const parameters = bodyOf(request, batchBody);
  const catalogue = new Catalogue(request);
  const found = parameters.object_ids.map((id) => catalogue.get(id)).filter((object) => object !== undefined);
  const kept = found.filter((object) => parameters.include_deleted_objects || !isDeleted(object));
  return answerOf(catalogue, kept, parameters.include_related_objects);
}

function answerOf(catalogue: Catalogue, objects: readonly WireObject[], withRelated: boolean): object {
  const related = withRelated ? catalogue.relatedTo(objects) : [];
  return {
    ...(objects.length > 0 && { objects: objects.map((object) => catalogue.render(object)) }),
    ...(related.length > 0 && { related_objects: related }),
  };
}

function retrieve(request: SquareRequest): object {
  const { include_related_objects: withRelated } = queryOf(request, retrieveQuery);
  const catalogue = new Catalogue(request);
  const object = found(catalogue, request.part);
  const related = withRelated ? catalogue.relatedTo([object]) : [];
  return { object: catalogue.render(object), ...(related.length > 0 && { related_objects: related }) };
}

function found(catalogue: Catalogue, id: string): WireObject {
  const object = catalogue.get(id);
  if (object && !isDeleted(object)) return object;
  throw notFound(`Catalog object with ID ${id} not found.`);
}

const TYPES: ReadonlySet<unknown> = new Set([
  'ITEM',
  'ITEM_VARIATION',
  'CATEGORY',
  'IMAGE',
  'CUSTOM_ATTRIBUTE_DEFINITION',
]);

function upsert(request: SquareRequest): object {
  const { object, idempotency_key } = bodyOf(request, upsertBody);
  return once(request, { key: idempotency_key, content: object }, () => {
    const { objects, idMappings } = upserted(request, [object]);
    return { catalog_object: objects[0], ...(idMappings.length > 0 && { id_mappings: idMappings }) };
  });
}

/** All objects or none (square 46.0.0, BatchUpsertCatalogObjectsRequest). A refusal does not say which object is to blame. */
function batchUpsert(request: SquareRequest): object {
  const { batches, idempotency_key } = bodyOf(request, batchUpsertBody);
  return once(request, { key: idempotency_key, content: batches }, () => {
    const { objects, idMappings } = upserted(request, batches[0].objects);
    return {
      objects,
      updated_at: new Date(request.nowMs).toISOString(),
      ...(idMappings.length > 0 && { id_mappings: idMappings }),
    };
  });
}

function upserted(request: SquareRequest, objects: readonly WireObject[]) {
  if (!objects.every(({ type }) => TYPES.has(type)))
    throw invalidRequest('INVALID_VALUE', 'The stand-in does not simulate objects of this type.', 'object.type');
  const catalogue = new Catalogue(request);
  const { ids, idMappings, sideEffects } = upsertObjects(catalogue, objects, request.nowMs);
  for (const effect of sideEffects) noteSideEffect(request, effect);
  return { objects: ids.map((id) => catalogue.render(found(catalogue, id))), idMappings };
}

/** Items of which the item or a variation has all of the given custom attributes, by their ids. */
function searchItems(request: SquareRequest): object {
  const parameters = bodyOf(request, itemSearchBody);
  const { archived_state: wanted = 'ARCHIVED_STATE_NOT_ARCHIVED', custom_attribute_filters: filters } = parameters;
  const catalogue = new Catalogue(request);
  const fits = (object: WireObject) =>
    filters.every((filter) => hasAttribute(object, filter.key, filter.string_filter));
  const stateOf = (item: WireObject) =>
    dataOf(item)['is_archived'] === true ? 'ARCHIVED_STATE_ARCHIVED' : 'ARCHIVED_STATE_NOT_ARCHIVED';
  const items = catalogue
    .all()
    .filter((object) => isA(object, 'ITEM') && !isDeleted(object))
    .filter(({ updated_at: at }) => Date.parse(String(at)) <= request.searchedUntilMs)
    .filter((item) => wanted === 'ARCHIVED_STATE_ALL' || stateOf(item) === wanted)
    .filter((item) => [item, ...catalogue.variationsOf(item['id'])].some(fits));
  const placeOf = ({ id }: WireObject) => ['', String(id)] as const;
  const page = pageOf(request, { items, placeOf, order: 'ASC', limit: parameters.limit, parameters });
  const matched = page.items.flatMap((item) => catalogue.variationsOf(item['id'])).filter(fits);
  return {
    ...(page.items.length > 0 && { items: page.items.map((item) => catalogue.render(item)) }),
    ...(matched.length > 0 && { matched_variation_ids: matched.map(({ id }) => id) }),
    ...(page.cursor !== undefined && { cursor: page.cursor }),
  };
}

function remove(request: SquareRequest): object {
  const catalogue = new Catalogue(request);
  const deleted = catalogue.delete(found(catalogue, request.part), request.nowMs);
  return { deleted_object_ids: deleted, deleted_at: new Date(request.nowMs).toISOString() };
}
