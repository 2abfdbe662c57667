import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { Refusal } from '../../oauth/exchange.ts';
import { invalidRequest, notFound, staleVersion } from '../errors.ts';
import { bodyOf, queryOf, read } from '../http/endpoint.ts';
import type { Endpoint, SquareRequest } from '../http/endpoint.ts';
import { once } from '../http/idempotency.ts';
import { pageOf } from '../http/paging.ts';
import type { Place } from '../http/paging.ts';
import { noteSideEffect } from '../state/side-effects.ts';
import type { WireObject } from '../state/square-state.ts';
import { newSquareId } from '../state/ids.ts';
import { presentIdOf } from './merging.ts';

/** https://developer.squareup.com/reference/square/objects/Customer (2026-11), as far as it can be written. */
const address = z.strictObject(
  Object.fromEntries(
    [
      'address_line_1',
      'address_line_2',
      'address_line_3',
      'locality',
      'sublocality',
      'administrative_district_level_1',
      'postal_code',
      'country',
      'first_name',
      'last_name',
    ].map((name) => [name, z.string().max(500).nullish()]),
  ),
);
const text = (max: number) => z.string().max(max).nullish();
const customerFields = {
  given_name: text(300),
  family_name: text(300),
  company_name: text(500),
  nickname: text(100),
  email_address: text(254),
  address: address.nullish(),
  // "9–16 digits, with an optional + prefix": https://developer.squareup.com/reference/square/customers-api/create-customer
  // (2026-11). Separators do not count.
  phone_number: z
    .string()
    .regex(/^\+?(?:[ ().-]*\d){9,16}[ ().-]*$/)
    .nullish(),
  reference_id: text(100),
  note: text(100_000),
  birthday: z
    .string()
    .regex(/^\d{4}-\d{2}-\d{2}/)
    .nullish(),
};

const idempotencyKey = z.string().min(1).max(128);
const createdFields = z.strictObject(customerFields);
const createBody = createdFields.extend({ idempotency_key: idempotencyKey.optional() });
const updateBody = z.strictObject({ version: z.int().optional(), ...customerFields });
/** "A map of 1 to 100 individual requests" (square 46.0.0, BulkCreateCustomersRequest). */
const bulkOf = (key: z.ZodString) =>
  z.strictObject({
    customers: z
      .record(key, z.unknown())
      .refine((map) => Object.keys(map).length >= 1 && Object.keys(map).length <= 100, 'takes 1 to 100 customers'),
  });
const bulkCreateBody = bulkOf(idempotencyKey);
const bulkUpdateBody = bulkOf(z.string().min(1));
const bulkRetrieveBody = z.strictObject({ customer_ids: z.array(z.string()).min(1).max(100) });

const limit = z.coerce.number().pipe(z.int().min(1).max(100)).default(100);
const order = z.enum(['ASC', 'DESC']).default('ASC');
const sortField = z.enum(['DEFAULT', 'CREATED_AT']).default('DEFAULT');
const cursor = z.string().optional();

const listQuery = z.strictObject({
  cursor,
  limit,
  sort_field: sortField,
  sort_order: order,
  count: z.stringbool().default(false),
});

const instant = z.iso.datetime({ offset: true }).transform((given) => Date.parse(given));
const timeRange = z.strictObject({ start_at: instant.optional(), end_at: instant.optional() });
const exactly = z.strictObject({ exact: z.string() });
const searchBody = z.strictObject({
  cursor,
  limit,
  query: z
    .strictObject({
      filter: z
        .strictObject({
          created_at: timeRange.optional(),
          updated_at: timeRange.optional(),
          email_address: exactly.optional(),
          reference_id: exactly.optional(),
        })
        .default({}),
      sort: z.strictObject({ field: sortField, order }).default({ field: 'DEFAULT', order: 'ASC' }),
    })
    .default({ filter: {}, sort: { field: 'DEFAULT', order: 'ASC' } }),
  count: z.boolean().default(false),
});
type Filter = z.output<typeof searchBody>['query']['filter'];

export const CUSTOMER_ENDPOINTS: readonly Endpoint[] = [
  { method: 'GET', path: /^\/v2\/customers$/, scope: 'CUSTOMERS_READ', run: list },
  { method: 'POST', path: /^\/v2\/customers$/, scope: 'CUSTOMERS_WRITE', run: create },
  { method: 'POST', path: /^\/v2\/customers\/search$/, scope: 'CUSTOMERS_READ', run: search },
  { method: 'POST', path: /^\/v2\/customers\/bulk-create$/, scope: 'CUSTOMERS_WRITE', run: bulkCreate },
  { method: 'POST', path: /^\/v2\/customers\/bulk-update$/, scope: 'CUSTOMERS_WRITE', run: bulkUpdate },
  { method: 'POST', path: /^\/v2\/customers\/bulk-retrieve$/, scope: 'CUSTOMERS_READ', run: bulkRetrieve },
  { method: 'GET', path: /^\/v2\/customers\/([^/]+)$/, scope: 'CUSTOMERS_READ', run: retrieve },
  { method: 'PUT', path: /^\/v2\/customers\/([^/]+)$/, scope: 'CUSTOMERS_WRITE', run: update },
  { method: 'DELETE', path: /^\/v2\/customers\/([^/]+)$/, scope: 'CUSTOMERS_WRITE', run: remove },
];

function list(request: SquareRequest): object {
  const parameters = queryOf(request, listQuery);
  const { sort_field: field, sort_order, limit: most, count } = parameters;
  const items = listed(request);
  const page = pageOf(request, { items, placeOf: PLACES[field], order: sort_order, limit: most, parameters });
  return answerOf(page, count ? items.length : null);
}

function search(request: SquareRequest): object {
  const parameters = bodyOf(request, searchBody);
  const { query, limit: most, count } = parameters;
  const items = listed(request)
    .filter((customer) => fits(customer, query.filter))
    .filter(({ created_at: at }) => Date.parse(textOf(at)) <= request.searchedUntilMs);
  const { field, order: direction } = query.sort;
  const page = pageOf(request, { items, placeOf: PLACES[field], order: direction, limit: most, parameters });
  return answerOf(page, count ? items.length : null);
}

/** A list of nothing is an empty object: Square leaves out what is empty. */
function answerOf(
  { items, cursor: next }: { readonly items: readonly WireObject[]; readonly cursor?: string },
  count: number | null,
): object {
  return {
    ...(items.length > 0 && { customers: items }),
    ...(next !== undefined && { cursor: next }),
    ...(count !== null && { count }),
  };
}

const PUBLIC = ['given_name', 'family_name', 'company_name', 'email_address', 'phone_number'];

/** Only profiles with public information are listed (square 46.0.0, ListCustomersResponse). */
const listed = ({ state, merchant }: SquareRequest): readonly WireObject[] =>
  state.list(merchant, 'customers').filter((customer) => PUBLIC.some((name) => customer[name] !== undefined));

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

const PLACES: Readonly<Record<'DEFAULT' | 'CREATED_AT', (customer: WireObject) => Place>> = {
  DEFAULT: ({ id, given_name: given, family_name: family }) => [
    `${textOf(given)} ${textOf(family)}`.toLowerCase(),
    textOf(id),
  ],
  CREATED_AT: ({ id, created_at: created }) => [textOf(created), textOf(id)],
};

function fits(customer: WireObject, filter: Filter): boolean {
  return (
    isWithin(customer['created_at'], filter.created_at) &&
    isWithin(customer['updated_at'], filter.updated_at) &&
    (filter.email_address === undefined || sameText(customer['email_address'], filter.email_address.exact)) &&
    (filter.reference_id === undefined || customer['reference_id'] === filter.reference_id.exact)
  );
}

const sameText = (value: unknown, text_: string) => textOf(value).toLowerCase() === text_.toLowerCase();

function isWithin(time: unknown, range: z.output<typeof timeRange> | undefined): boolean {
  if (range === undefined) return true;
  const at = Date.parse(textOf(time));
  return at >= (range.start_at ?? -Infinity) && at <= (range.end_at ?? Infinity);
}

function retrieve(request: SquareRequest): object {
  return { customer: shown(request, request.part) };
}

/** A profile for a reader: the id of one that was merged shows the profile that it was merged into. */
const shown = (request: SquareRequest, id: string): WireObject =>
  found(request, presentIdOf(request.state, request.merchant, id));

function found({ state, merchant }: SquareRequest, id: string): WireObject {
  const customer = state.get(merchant, 'customers', id);
  if (!customer) throw notFound(`Customer with ID \`${id}\` not found.`);
  return customer;
}

function create(request: SquareRequest): object {
  const { idempotency_key: key, ...fields } = bodyOf(request, createBody);
  return once(request, { key, content: fields }, () => ({ customer: created(request, fields) }));
}

function update(request: SquareRequest): object {
  return { customer: updated(request, request.part, bodyOf(request, updateBody)) };
}

function remove(request: SquareRequest): object {
  found(request, request.part);
  request.state.delete(request.merchant, 'customers', request.part);
  return {};
}

/** Each entry has its own outcome; the key of a creation is its idempotency key (square 46.0.0, BulkCreateCustomersRequest). */
function bulkCreate(request: SquareRequest): object {
  const { customers } = bodyOf(request, bulkCreateBody);
  return responsesOf(Object.entries(customers), (key, given) => {
    const fields = read(createdFields, given);
    return once(request, { key, content: fields }, () => ({ customer: created(request, fields) }));
  });
}

function bulkUpdate(request: SquareRequest): object {
  const { customers } = bodyOf(request, bulkUpdateBody);
  return responsesOf(Object.entries(customers), (id, given) => ({
    customer: updated(request, id, read(updateBody, given)),
  }));
}

function bulkRetrieve(request: SquareRequest): object {
  const { customer_ids: ids } = bodyOf(request, bulkRetrieveBody);
  return responsesOf(
    ids.map((id) => [id, null]),
    (id) => ({ customer: shown(request, id) }),
  );
}

function responsesOf(
  entries: readonly (readonly [key: string, given: unknown])[],
  run: (key: string, given: unknown) => object,
): object {
  const answerTo = (key: string, given: unknown): object => {
    try {
      return run(key, given);
    } catch (error) {
      if (error instanceof Refusal) return JSON.parse(error.reply.body) as object;
      throw error;
    }
  };
  return { responses: Object.fromEntries(entries.map(([key, given]) => [key, answerTo(key, given)])) };
}

function created(request: SquareRequest, fields: WireObject): WireObject {
  if (!PUBLIC.some((name) => fields[name] != null))
    throw invalidRequest('BAD_REQUEST', `At least one of ${PUBLIC.join(', ')} is required for a customer.`);
  const now = new Date(request.nowMs).toISOString();
  return stored(request, {
    id: newSquareId(),
    created_at: now,
    updated_at: now,
    ...withoutNulls(fields),
    preferences: { email_unsubscribed: false },
    creation_source: 'THIRD_PARTY',
    version: 0,
  });
}

function updated(
  request: SquareRequest,
  id: string,
  { version, address: given, ...fields }: z.output<typeof updateBody>,
): WireObject {
  const earlier = found(request, id);
  if (version !== undefined && version !== earlier['version'])
    throw staleVersion(`The provided version ${version} does not match the current version.`);
  const changed = {
    ...withoutNulls({
      ...earlier,
      ...fields,
      // "Only new or changed fields are required" holds for the address too (square 46.0.0, UpdateCustomerRequest).
      ...(given !== undefined && {
        address: given && withoutNulls({ ...(earlier['address'] as WireObject | undefined), ...given }),
      }),
    }),
  };
  const [from, to] = [earlier['version'], Number(earlier['version']) + 1].map(String);
  if (isDeepStrictEqual(changed, earlier))
    noteSideEffect(request, { kind: 'version-without-change', of: id, from: from ?? null, to: to ?? null });
  return stored(request, { ...changed, updated_at: new Date(request.nowMs).toISOString(), version: Number(to) });
}

function stored({ state, merchant }: SquareRequest, customer: WireObject): WireObject {
  state.put(merchant, 'customers', [[String(customer['id']), customer]]);
  return customer;
}

/** A null clears a field, and an empty field is not part of an answer. */
const withoutNulls = (fields: WireObject): WireObject =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null && value !== undefined));

/** A customer as a seller's own software made it, at this time. */
export function seededCustomer(index: number, createdAtMs: number): WireObject {
  const at = new Date(createdAtMs).toISOString();
  return {
    id: newSquareId(),
    created_at: at,
    updated_at: at,
    given_name: `Customer ${index}`,
    family_name: 'Seeded',
    email_address: `customer-${index}-${randomUUID().slice(0, 8)}@example.com`,
    phone_number: `+4930${String(index).padStart(7, '0')}`,
    address: { address_line_1: `${index} High Street`, locality: 'Berlin', postal_code: '10115', country: 'DE' },
    preferences: { email_unsubscribed: index % 5 === 0 },
    creation_source: 'DIRECTORY',
    version: 0,
  };
}
