import { z } from 'zod';
import { Refusal } from '../../oauth/exchange.ts';
import { squareError } from '../errors.ts';
import { bodyOf, queryOf } from '../http/endpoint.ts';
import type { Endpoint, SquareRequest } from '../http/endpoint.ts';
import { pageOf } from '../http/paging.ts';
import { newSquareId } from '../state/ids.ts';
import type { Kind, WireObject } from '../state/square-state.ts';

const YEAR_MS = 365 * 24 * 3_600_000;

const instant = z.iso.datetime({ offset: true }).transform((given) => Date.parse(given));
const limit = z.coerce.number().pipe(z.int().min(1)).default(100);
const timed = {
  begin_time: instant.optional(),
  end_time: instant.optional(),
  updated_at_begin_time: instant.optional(),
  updated_at_end_time: instant.optional(),
  sort_field: z.enum(['CREATED_AT', 'UPDATED_AT']).default('CREATED_AT'),
  sort_order: z.enum(['ASC', 'DESC']).default('DESC'),
  location_id: z.string().optional(),
  cursor: z.string().optional(),
  limit,
};
const timedQuery = z.strictObject(timed);
const disputesQuery = z.strictObject({ cursor: z.string().optional() });
const ordersBody = z.strictObject({ order_ids: z.array(z.string()).min(1).max(100) });

export const PAYMENT_ENDPOINTS: readonly Endpoint[] = [
  { method: 'GET', path: /^\/v2\/payments$/, scope: 'PAYMENTS_READ', run: listPayments },
  { method: 'GET', path: /^\/v2\/payments\/([^/]+)$/, scope: 'PAYMENTS_READ', run: getting('payments', 'payment') },
  { method: 'GET', path: /^\/v2\/refunds$/, scope: 'PAYMENTS_READ', run: listRefunds },
  { method: 'GET', path: /^\/v2\/refunds\/([^/]+)$/, scope: 'PAYMENTS_READ', run: getting('refunds', 'refund') },
  { method: 'GET', path: /^\/v2\/disputes$/, scope: 'DISPUTES_READ', run: listDisputes },
  { method: 'GET', path: /^\/v2\/disputes\/([^/]+)$/, scope: 'DISPUTES_READ', run: getting('disputes', 'dispute') },
  { method: 'POST', path: /^\/v2\/orders\/batch-retrieve$/, scope: 'ORDERS_READ', run: retrieveOrders },
];

/** "By default, results are returned for the default (main) location" (square 46.0.0, ListPaymentsRequest). */
function listPayments(request: SquareRequest): object {
  return listTimed(request, { kind: 'payments', defaultLocation: mainLocationOf(request) });
}

/** Of all locations by default (square 46.0.0, ListRefundsRequest). */
function listRefunds(request: SquareRequest): object {
  return listTimed(request, { kind: 'refunds', defaultLocation: null });
}

/** Without `begin_time` a list goes back one year, and a limit above 100 counts as 100. */
function listTimed(
  request: SquareRequest,
  { kind, defaultLocation }: { readonly kind: 'payments' | 'refunds'; readonly defaultLocation: string | null },
): object {
  const parameters = queryOf(request, timedQuery);
  const { nowMs, state, merchant } = request;
  const location = parameters.location_id ?? defaultLocation;
  const items = state
    .list(merchant, kind)
    .filter((object) => location === null || object['location_id'] === location)
    .filter((object) =>
      isWithin(object['created_at'], parameters.begin_time ?? nowMs - YEAR_MS, parameters.end_time ?? nowMs),
    )
    .filter((object) =>
      isWithin(object['updated_at'], parameters.updated_at_begin_time, parameters.updated_at_end_time),
    );
  const field = parameters.sort_field === 'CREATED_AT' ? 'created_at' : 'updated_at';
  const page = pageOf(request, {
    items,
    placeOf: (object) => [String(object[field]), String(object['id'])],
    order: parameters.sort_order,
    limit: Math.min(100, parameters.limit),
    parameters,
  });
  return { ...(page.items.length > 0 && { [kind]: page.items }), ...(page.cursor && { cursor: page.cursor }) };
}

function isWithin(time: unknown, from: number | undefined, to: number | undefined): boolean {
  const at = Date.parse(String(time));
  return at >= (from ?? -Infinity) && at <= (to ?? Infinity);
}

function listDisputes(request: SquareRequest): object {
  const parameters = queryOf(request, disputesQuery);
  const page = pageOf(request, {
    items: request.state.list(request.merchant, 'disputes'),
    placeOf: ({ created_at: at, id }) => [String(at), String(id)],
    order: 'DESC',
    limit: 100,
    parameters,
  });
  return { ...(page.items.length > 0 && { disputes: page.items }), ...(page.cursor && { cursor: page.cursor }) };
}

/** Answers one object of a kind, under a name. */
export function getting(kind: Kind, name: string): Endpoint['run'] {
  return ({ state, merchant, part }) => {
    const object = state.get(merchant, kind, part);
    if (object) return { [name]: object };
    const detail = `Could not find ${name} with id: ${part}`;
    throw new Refusal(squareError(404, { category: 'INVALID_REQUEST_ERROR', code: 'NOT_FOUND', detail }));
  };
}

/** Orders that are not there are left out. */
function retrieveOrders(request: SquareRequest): object {
  const { order_ids: ids } = bodyOf(request, ordersBody);
  const orders = ids
    .map((id) => request.state.get(request.merchant, 'orders', id))
    .filter((order) => order !== undefined);
  return orders.length > 0 ? { orders } : {};
}

function mainLocationOf({ visit, merchant }: SquareRequest): string {
  return visit.accounts.list().find(({ id }) => id === merchant)?.details['mainLocationId'] ?? '';
}

/** A card payment as it was taken at this time at a location. */
export function seededPayment(index: number, createdAtMs: number, locationId: string): WireObject {
  const at = new Date(createdAtMs).toISOString();
  const money = { amount: 1_000 + index, currency: 'GBP' };
  return {
    id: newSquareId(),
    created_at: at,
    updated_at: at,
    amount_money: money,
    total_money: money,
    processing_fee: [
      { effective_at: at, type: 'INITIAL', amount_money: { amount: 20 + (index % 10), currency: 'GBP' } },
    ],
    status: 'COMPLETED',
    source_type: 'CARD',
    card_details: { status: 'CAPTURED', card_payment_timeline: { authorized_at: at, captured_at: at } },
    location_id: locationId,
    receipt_number: String(index).padStart(4, '0'),
  };
}
