import { z } from 'zod';
import { Refusal } from '../../oauth/exchange.ts';
import { invalidRequest, squareError } from '../errors.ts';
import { bodyOf, queryOf } from '../http/endpoint.ts';
import type { Endpoint, SquareRequest } from '../http/endpoint.ts';
import { pageOf } from '../http/paging.ts';
import type { WireObject } from '../state/square-state.ts';
import { Catalogue, isA, isDeleted } from './catalogue.ts';
import { upsertObject } from './upsert.ts';

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
const upsertBody = z.strictObject({ idempotency_key: z.string().min(1), object: z.record(z.string(), z.unknown()) });

export const CATALOGUE_ENDPOINTS: readonly Endpoint[] = [
  { method: 'POST', path: /^\/v2\/catalog\/search$/, scope: 'ITEMS_READ', run: search },
  { method: 'POST', path: /^\/v2\/catalog\/batch-retrieve$/, scope: 'ITEMS_READ', run: batchRetrieve },
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
  const detail = `Catalog object with ID ${id} not found.`;
  throw new Refusal(squareError(404, { category: 'INVALID_REQUEST_ERROR', code: 'NOT_FOUND', detail }));
}

function upsert(request: SquareRequest): object {
  const { object } = bodyOf(request, upsertBody);
  if (!isA(object, 'ITEM') && !isA(object, 'CATEGORY') && !isA(object, 'IMAGE') && !isA(object, 'ITEM_VARIATION'))
    throw invalidRequest('INVALID_VALUE', 'The stand-in does not simulate objects of this type.', 'object.type');
  const catalogue = new Catalogue(request);
  const { id, idMappings } = upsertObject(catalogue, object, request.nowMs);
  return {
    catalog_object: catalogue.render(found(catalogue, id)),
    ...(idMappings.length > 0 && { id_mappings: idMappings }),
  };
}

function remove(request: SquareRequest): object {
  const catalogue = new Catalogue(request);
  const deleted = catalogue.delete(found(catalogue, request.part), request.nowMs);
  return { deleted_object_ids: deleted, deleted_at: new Date(request.nowMs).toISOString() };
}
