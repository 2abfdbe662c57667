import { z } from 'zod';
import { invalidRequest } from '../errors.ts';
import { seededItem, isA } from '../catalogue/catalogue.ts';
import { bodyOf } from '../http/endpoint.ts';
import type { Endpoint, SquareRequest } from '../http/endpoint.ts';
import { pageOf } from '../http/paging.ts';
import { newSquareId } from '../state/ids.ts';
import type { WireObject } from '../state/square-state.ts';

const instant = z.iso.datetime({ offset: true });
const ids = z.array(z.string().min(1)).max(1_000).nullish();
const limit = z.int().min(1).max(1_000).default(1_000);
const filters = {
  catalog_object_ids: ids,
  location_ids: ids,
  states: z.array(z.string()).nullish(),
  updated_after: instant.nullish(),
  cursor: z.string().optional(),
  limit,
};
const countsBody = z.strictObject(filters);
const changesBody = z.strictObject({ ...filters, types: z.array(z.enum(['PHYSICAL_COUNT', 'ADJUSTMENT'])).nullish() });

const quantity = z.string().regex(/^\d+(\.\d{1,5})?$/);
const counted = z.strictObject({
  type: z.literal('PHYSICAL_COUNT'),
  physical_count: z.strictObject({
    catalog_object_id: z.string(),
    location_id: z.string(),
    state: z.literal('IN_STOCK'),
    quantity,
    occurred_at: instant,
  }),
});
const createBody = z.strictObject({
  idempotency_key: z.string().min(1).max(128),
  changes: z.array(counted).min(1).max(100),
  ignore_unchanged_counts: z.boolean().default(true),
});

export const INVENTORY_ENDPOINTS: readonly Endpoint[] = [
  { method: 'POST', path: /^\/v2\/inventory\/counts\/batch-retrieve$/, scope: 'INVENTORY_READ', run: retrieveCounts },
  { method: 'POST', path: /^\/v2\/inventory\/changes\/batch-retrieve$/, scope: 'INVENTORY_READ', run: retrieveChanges },
  { method: 'POST', path: /^\/v2\/inventory\/changes\/batch-create$/, scope: 'INVENTORY_WRITE', run: createChanges },
];

/** Newest first (square 46.0.0, inventory/client/Client.d.ts). */
function retrieveCounts(request: SquareRequest): object {
  const parameters = bodyOf(request, countsBody);
  const items = request.state.list(request.merchant, 'counts').filter((count) => fits(count, count, parameters));
  const placeOf = (count: WireObject) => [String(count['calculated_at']), keyOf(count)] as const;
  const page = pageOf(request, { items, placeOf, order: 'DESC', limit: parameters.limit, parameters });
  return { ...(page.items.length > 0 && { counts: page.items }), ...(page.cursor && { cursor: page.cursor }) };
}

/** Oldest first, by when they occurred. */
function retrieveChanges(request: SquareRequest): object {
  const parameters = bodyOf(request, changesBody);
  const items = request.state
    .list(request.merchant, 'changes')
    .filter((change) => parameters.types?.includes(change['type'] as 'ADJUSTMENT') ?? true)
    .filter((change) => fits(detailOf(change), { calculated_at: detailOf(change)['created_at'] }, parameters));
  const placeOf = (change: WireObject) =>
    [String(detailOf(change)['occurred_at']), String(detailOf(change)['id'])] as const;
  const page = pageOf(request, { items, placeOf, order: 'ASC', limit: parameters.limit, parameters });
  return { ...(page.items.length > 0 && { changes: page.items }), ...(page.cursor && { cursor: page.cursor }) };
}

const keyOf = ({ catalog_object_id: object, location_id: location, state }: WireObject): string =>
  `${String(object)}:${String(location)}:${String(state)}`;

const detailOf = (change: WireObject): WireObject =>
  (change['physical_count'] ?? change['adjustment'] ?? {}) as WireObject;

/** An adjustment may lead from one place to another. */
const PLACES = ['location_id', 'from_location_id', 'to_location_id'];

function fits(
  what: WireObject,
  { calculated_at: at }: WireObject,
  { catalog_object_ids: objects, location_ids: locations, states, updated_after: after }: z.output<typeof countsBody>,
): boolean {
  return (
    (objects?.includes(String(what['catalog_object_id'])) ?? true) &&
    (locations == null || PLACES.some((name) => locations.includes(String(what[name])))) &&
    (states?.includes(String(what['state'])) ?? true) &&
    (after == null || Date.parse(String(at)) > Date.parse(after))
  );
}

function createChanges(request: SquareRequest): object {
  const { changes, ignore_unchanged_counts: ignoring } = bodyOf(request, createBody);
  const { state, merchant, nowMs } = request;
  const now = new Date(nowMs).toISOString();
  const counts = changes.map(({ physical_count: count }): WireObject => {
    const object = state.get(merchant, 'catalogue', count.catalog_object_id);
    if (!object || !isA(object, 'ITEM_VARIATION'))
      throw invalidRequest('NOT_FOUND', 'The catalog object is not found.', 'catalog_object_id');
    const { catalog_object_id, location_id, state: stock, quantity: amount } = count;
    return {
      ...{ catalog_object_id, location_id, state: stock, quantity: amount },
      catalog_object_type: 'ITEM_VARIATION',
      calculated_at: now,
    };
  });
  const isChange = (count: WireObject) =>
    !ignoring || state.get(merchant, 'counts', keyOf(count))?.['quantity'] !== count['quantity'];
  const made = counts.filter(isChange);
  state.put(
    merchant,
    'counts',
    made.map((count) => [keyOf(count), count]),
  );
  state.put(
    merchant,
    'changes',
    made.map((count) => {
      const change = historyOf(count, now);
      return [String(detailOf(change)['id']), change];
    }),
  );
  return { counts };
}

const historyOf = (
  { catalog_object_id, catalog_object_type, location_id, state, quantity: counted_ }: WireObject,
  at: string,
): WireObject => ({
  type: 'PHYSICAL_COUNT',
  physical_count: {
    id: newSquareId(),
    ...{ catalog_object_id, catalog_object_type, location_id, state, quantity: counted_ },
    occurred_at: at,
    created_at: at,
  },
});

/** What a count is stored under. */
export const countId = keyOf;
export const changeId = (change: WireObject): string => String(detailOf(change)['id']);

/** An item that was counted once at a location: its objects, the count and the history that led to it. */
export function seededStock(index: number, createdAtMs: number, locationId: string) {
  const catalogue = seededItem(index, createdAtMs);
  const at = new Date(createdAtMs).toISOString();
  const count = {
    catalog_object_id: catalogue.find((object) => isA(object, 'ITEM_VARIATION'))?.['id'],
    catalog_object_type: 'ITEM_VARIATION',
    state: 'IN_STOCK',
    location_id: locationId,
    quantity: String(index + 1),
    calculated_at: at,
  };
  return { catalogue, count, change: historyOf(count, at) };
}
