import { z } from 'zod';
import { isA, isDeleted, seededItem } from '../catalogue/catalogue.ts';
import { invalidRequest, notFound } from '../errors.ts';
import { bodyOf } from '../http/endpoint.ts';
import type { Endpoint, SquareRequest } from '../http/endpoint.ts';
import { once } from '../http/idempotency.ts';
import { pageOf } from '../http/paging.ts';
import { locationsOf } from '../locations.ts';
import { newSquareId } from '../state/ids.ts';
import { noteSideEffect } from '../state/side-effects.ts';
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
const what = { catalog_object_id: z.string(), quantity, occurred_at: instant };
const counted = z.strictObject({
  type: z.literal('PHYSICAL_COUNT'),
  physical_count: z.strictObject({
    ...what,
    location_id: z.string(),
    reference_id: z.string().max(255).optional(),
    state: z.literal('IN_STOCK'),
  }),
});
/** What leaves the shelf by a sale, or comes to it by a delivery, at one location. */
const adjusted = z.strictObject({
  type: z.literal('ADJUSTMENT'),
  adjustment: z.strictObject({
    ...what,
    from_location_id: z.string(),
    to_location_id: z.string().optional(),
    from_state: z.enum(['IN_STOCK', 'NONE']),
    to_state: z.enum(['SOLD', 'IN_STOCK']),
  }),
});
const createBody = z.strictObject({
  idempotency_key: z.string().min(1).max(128),
  changes: z
    .array(z.discriminatedUnion('type', [counted, adjusted]))
    .min(1)
    .max(100),
  ignore_unchanged_counts: z.boolean().default(true),
});
type Change = z.output<typeof createBody>['changes'][number];

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

/** "Cannot be older than 24 hours or in the future" (square 46.0.0, InventoryPhysicalCount). */
const OLDEST_MS = 24 * 3_600_000;
/** For clocks that differ. */
const SKEW_MS = 60_000;

function createChanges(request: SquareRequest): object {
  const { idempotency_key: key, ...content } = bodyOf(request, createBody);
  return once(request, { key, content }, () => {
    for (const change of content.changes) checkChange(request, change);
    const counts = content.changes.flatMap((change) => applied(request, change, content.ignore_unchanged_counts));
    return { counts };
  });
}

function checkChange({ state, merchant, nowMs, visit }: SquareRequest, change: Change): void {
  const { catalog_object_id: id, location_id: location, occurred_at: at } = placeOf(change);
  const object = state.get(merchant, 'catalogue', id);
  if (!object || !isA(object, 'ITEM_VARIATION') || isDeleted(object))
    throw notFound(`The catalog object ${id} is not found.`);
  const account = visit.accounts.list().find((one) => one.id === merchant);
  if (account && !locationsOf(account).some((one) => one.id === location))
    throw invalidRequest('INVALID_VALUE', 'The location is not one of the merchant.', 'location_id');
  const ageMs = nowMs - Date.parse(at);
  if (ageMs > OLDEST_MS || ageMs < -SKEW_MS)
    throw invalidRequest('INVALID_TIME', 'The time is older than 24 hours or in the future.', 'occurred_at');
}

const placeOf = (change: Change) =>
  change.type === 'PHYSICAL_COUNT'
    ? change.physical_count
    : { ...change.adjustment, location_id: change.adjustment.from_location_id };

/**
 * The count after a change. Changes are applied by when they occurred, "and may be sent out of order" (square 46.0.0,
 * BatchChangeInventoryRequest): what occurred after a count is still counted on top of it.
 */
function applied(request: SquareRequest, change: Change, ignoring: boolean): WireObject {
  const { state, merchant, nowMs } = request;
  const now = new Date(nowMs).toISOString();
  const { catalog_object_id, location_id } = placeOf(change);
  const where = { catalog_object_id, catalog_object_type: 'ITEM_VARIATION', location_id };
  const key = keyOf({ ...where, state: 'IN_STOCK' });
  const earlier = state.get(merchant, 'counts', key);
  if (ignoring && earlier && change.type === 'PHYSICAL_COUNT' && change.physical_count.quantity === earlier['quantity'])
    return earlier;
  const made = historyOf(change, { ...where, created_at: now });
  state.put(merchant, 'changes', [[changeId(made), made]]);
  const history = state.list(merchant, 'changes').filter((one) => samePlace(detailOf(one), where));
  const count = { ...where, state: 'IN_STOCK', quantity: quantityAfter(history), calculated_at: now };
  state.put(merchant, 'counts', [[key, count]]);
  const [from, to] = [textOrNull(earlier?.['quantity']), count.quantity];
  const kind = from === to ? 'stock-count' : 'stock-adjustment';
  noteSideEffect(request, { kind, of: `${catalog_object_id}:${location_id}`, from, to });
  return count;
}

const textOrNull = (value: unknown): string | null => (typeof value === 'string' ? value : null);

function historyOf(change: Change, more: WireObject): WireObject {
  const detail = { id: newSquareId(), ...placeOf(change), ...more };
  return change.type === 'PHYSICAL_COUNT'
    ? { type: change.type, physical_count: detail }
    : { type: change.type, adjustment: detail };
}

const samePlace = (one: WireObject, other: WireObject): boolean =>
  one['catalog_object_id'] === other['catalog_object_id'] && one['location_id'] === other['location_id'];

/** In units of a hundred-thousandth, the smallest that Square counts. */
const UNITS = 100_000;

/** The last physical count, and what has come and gone since it occurred. */
function quantityAfter(history: readonly WireObject[]): string {
  const timeOf = (change: WireObject) => Date.parse(String(detailOf(change)['occurred_at']));
  let units = 0;
  for (const change of [...history].sort((one, other) => timeOf(one) - timeOf(other))) {
    const amount = Math.round(Number(detailOf(change)['quantity']) * UNITS);
    if (change['type'] === 'PHYSICAL_COUNT') units = amount;
    else units += detailOf(change)['to_state'] === 'IN_STOCK' ? amount : -amount;
  }
  return String(units / UNITS);
}

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
  return { catalogue, count, change: countedOnce(count, at) };
}

const countedOnce = ({ calculated_at: _, ...count }: WireObject, at: string): WireObject => ({
  type: 'PHYSICAL_COUNT',
  physical_count: { id: newSquareId(), ...count, occurred_at: at, created_at: at },
});
