import { z } from 'zod';
import { invalidRequest } from '../errors.ts';
import { bodyOf } from '../http/endpoint.ts';
import type { Endpoint, SquareRequest } from '../http/endpoint.ts';
import { pageOf } from '../http/paging.ts';
import { getting } from '../payments/payments.ts';
import { newSquareId } from '../state/ids.ts';
import type { WireObject } from '../state/square-state.ts';

const searchBody = z.strictObject({
  query: z.strictObject({
    filter: z.strictObject({ location_ids: z.array(z.string()) }),
    sort: z
      .strictObject({ field: z.literal('INVOICE_SORT_DATE'), order: z.enum(['ASC', 'DESC']) })
      .default({ field: 'INVOICE_SORT_DATE', order: 'DESC' }),
  }),
  limit: z.int().min(1).max(200).default(100),
  cursor: z.string().optional(),
});

export const INVOICE_ENDPOINTS: readonly Endpoint[] = [
  { method: 'POST', path: /^\/v2\/invoices\/search$/, scope: 'INVOICES_READ', run: search },
  { method: 'GET', path: /^\/v2\/invoices\/([^/]+)$/, scope: 'INVOICES_READ', run: getting('invoices', 'invoice') },
];

/** "In the current implementation, only one location can be specified" (square 46.0.0, InvoiceFilter). */
function search(request: SquareRequest): object {
  const parameters = bodyOf(request, searchBody);
  const { filter, sort } = parameters.query;
  const [location, ...others] = filter.location_ids;
  if (location === undefined || others.length > 0)
    throw invalidRequest('INVALID_VALUE', 'Exactly one location has to be given.', 'query.filter.location_ids');
  const page = pageOf(request, {
    items: request.state.list(request.merchant, 'invoices').filter((invoice) => invoice['location_id'] === location),
    placeOf: ({ created_at: at, id }) => [String(at), String(id)],
    order: sort.order,
    limit: parameters.limit,
    parameters,
  });
  return { ...(page.items.length > 0 && { invoices: page.items }), ...(page.cursor && { cursor: page.cursor }) };
}

/** An unpaid invoice as it was published at this time at a location. */
export function seededInvoice(index: number, createdAtMs: number, locationId: string): WireObject {
  const at = new Date(createdAtMs).toISOString();
  return {
    id: `inv:0-${newSquareId()}`,
    version: 1,
    location_id: locationId,
    invoice_number: `INV-${index}`,
    status: 'UNPAID',
    created_at: at,
    updated_at: at,
    payment_requests: [
      {
        uid: newSquareId(),
        request_type: 'BALANCE',
        due_date: at.slice(0, 10),
        computed_amount_money: { amount: 5_000 + index, currency: 'GBP' },
        total_completed_amount_money: { amount: 0, currency: 'GBP' },
      },
    ],
  };
}
