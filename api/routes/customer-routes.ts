import type { RecordId, VenueId } from '../../contracts/ids.ts';
import type { CustomerRecord } from '../../contracts/records.ts';
import type { CustomerChanges, CustomerStore } from '../../db/customer-store.ts';
import { readCursor, toPageBody } from '../cursor.ts';
import { endpoint } from '../endpoint.ts';
import type { Answer, Endpoint } from '../endpoint.ts';
import { notFound } from '../not-found.ts';
import { invalidRequest } from '../parse.ts';
import { pageOf } from '../schemas/common.ts';
import { customerAnswer, customerChangesBody, customerListQuery, customerReplacementBody, presentCustomer, toReplacement } from '../schemas/customer.ts';

export interface CustomerRouteDeps {
  readonly customers: CustomerStore;
}

const COLLECTION = '/v1/venues/{venueId}/records/customers';
const ITEM = '/v1/venues/{venueId}/records/customers/{customerId}';

export function customerRoutes(deps: CustomerRouteDeps): Endpoint[] {
  return [listCustomers(deps), getCustomer(deps), replaceCustomer(deps), changeCustomer(deps)];
}

function listCustomers({ customers }: CustomerRouteDeps): Endpoint {
  return endpoint({
    name: 'listCustomers',
    summary: 'List customers',
    description: 'In the order they were created. Every item shows its links to the providers.',
    tag: 'Records',
    method: 'get',
    path: COLLECTION,
    role: 'viewer',
    query: customerListQuery,
    answers: { 200: { description: 'A page of customers.', schema: pageOf(customerAnswer) } },
    problems: ['invalid-cursor'],
    async handle({ ids: { venueId }, query: { limit, cursor, ...filter }, path }) {
      const list = { path, filters: filter, order: 'id' } as const;
      const page = await customers.list(venueId, filter, { limit, after: readCursor(cursor, list) });
      return { status: 200, body: toPageBody(page, list, presentCustomer) };
    },
  });
}

function getCustomer({ customers }: CustomerRouteDeps): Endpoint {
  return endpoint({
    name: 'getCustomer',
    summary: 'Read a customer',
    description: 'Also a deleted one: `deletedAt` is then set.',
    tag: 'Records',
    method: 'get',
    path: ITEM,
    role: 'viewer',
    answers: { 200: { description: 'The customer.', schema: customerAnswer } },
    async handle({ ids: { venueId, customerId } }) {
      return found(await customers.find(venueId, customerId));
    },
  });
}

function replaceCustomer({ customers }: CustomerRouteDeps): Endpoint {
  return endpoint({
    name: 'replaceCustomer',
    summary: 'Replace a customer',
    description: 'Fields that are left out are cleared.',
    tag: 'Records',
    method: 'put',
    path: ITEM,
    role: 'operator',
    body: customerReplacementBody,
    answers: { 200: { description: 'The customer as it is now.', schema: customerAnswer } },
    async handle({ ids, body: { sourceId, ...given } }) {
      return found(await update(customers, ids, { sourceId, changes: toReplacement(given) }));
    },
  });
}

function changeCustomer({ customers }: CustomerRouteDeps): Endpoint {
  return endpoint({
    name: 'changeCustomer',
    summary: 'Change a customer',
    description: 'Fields that are left out keep their values; null clears one. An unchanged customer keeps its version.',
    tag: 'Records',
    method: 'patch',
    path: ITEM,
    role: 'operator',
    body: customerChangesBody,
    answers: { 200: { description: 'The customer as it is now.', schema: customerAnswer } },
    async handle({ ids, body: { sourceId, ...changes } }) {
      return found(await update(customers, ids, { sourceId, changes }));
    },
  });
}

async function update(
  customers: CustomerStore,
  { venueId, customerId }: { readonly venueId: VenueId; readonly customerId: RecordId },
  { sourceId, changes }: { readonly sourceId: string | undefined; readonly changes: CustomerChanges },
): Promise<CustomerRecord | null> {
  if (sourceId !== undefined) {
    const current = await customers.find(venueId, customerId);
    if (current && current.sourceId !== sourceId) throw invalidRequest([{ path: 'sourceId', message: 'Cannot be changed' }]);
  }
  return customers.update(venueId, customerId, changes);
}

function found(customer: CustomerRecord | null): Answer {
  if (!customer) throw notFound('customer-not-found');
  return { status: 200, body: presentCustomer(customer) };
}
