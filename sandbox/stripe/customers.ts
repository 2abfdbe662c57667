import type { CustomerChange } from './account-state.ts';
import { deletedCustomer, previousAttributes, renderCustomer } from './customer.ts';
import type { CustomerRow } from './customer.ts';
import { createSpec, listSpec, mergeFields, retrieveSpec, updateSpec } from './customer-params.ts';
import { parseSearch } from './customer-search.ts';
import { answer } from './endpoint.ts';
import type { ApiCall, Endpoint, Outcome } from './endpoint.ts';
import { anEvent } from './event.ts';
import { invalidRequest, noSuch } from './failure.ts';
import { randomId } from './ids.ts';
import { DEFAULT_LIMIT, listPage } from './paging.ts';
import { expand, integer, missing, readForm, requiredText, text } from './params.ts';
import type { Change } from './state.ts';

export const listCustomers: Endpoint = ({ account, params }) => {
  const query = readForm(params, listSpec);
  const { email } = query;
  return answer(
    listPage(
      {
        items: account.customers,
        kind: 'customer',
        url: '/v1/customers',
        accepts: email === undefined ? undefined : (row) => account.fieldsOf(row).email === email,
        render: (row) => account.customerJson(row),
      },
      query,
    ),
  );
};

export const retrieveCustomer: Endpoint = ({ account, params, id }) => {
  readForm(params, retrieveSpec);
  if (account.deletedCustomers.has(id)) return answer(JSON.stringify(deletedCustomer(id)));
  return answer(account.customerJson(liveCustomer({ account, id })));
};

export const createCustomer: Endpoint = (call) => {
  const fields = mergeFields(readForm(call.params, createSpec));
  const created = call.state.clock.nowSeconds();
  const customer = { id: randomId('cus_', 14), created, order: call.account.nextOrder, fields };
  const body = JSON.stringify(renderCustomer(customer.id, created, fields));
  return written(call, customer, { type: 'customer.created', body, objectJson: body, previous: null });
};

export const updateCustomer: Endpoint = (call) => {
  const row = liveCustomer(call);
  const before = call.account.fieldsOf(row);
  const fields = mergeFields(readForm(call.params, updateSpec), before);
  const body = JSON.stringify(renderCustomer(row.id, row.created, fields));
  const previous = previousAttributes(renderCustomer(row.id, row.created, before), renderCustomer(row.id, row.created, fields));
  if (previous === null) return answer(body);
  return written(call, { ...keyOf(row), fields }, { type: 'customer.updated', body, objectJson: body, previous });
};

export const deleteCustomer: Endpoint = (call) => {
  readForm(call.params, {});
  const row = liveCustomer(call);
  const body = JSON.stringify(deletedCustomer(row.id));
  const objectJson = call.account.customerJson(row);
  return written(call, { ...keyOf(row), fields: null }, { type: 'customer.deleted', body, objectJson, previous: null });
};

const searchSpec = { query: requiredText(5_000), limit: integer({ min: 1, max: 100 }), page: text(500), expand: expand() };

/** https://docs.stripe.com/search: eventually consistent, so a write shows only after the sandbox's search delay. */
export const searchCustomers: Endpoint = ({ state, account, params }) => {
  const { query, limit = DEFAULT_LIMIT, page } = readForm(params, searchSpec);
  if (query === undefined) throw missing('query');
  const matches = parseSearch(query);
  const seenSinceMs = state.clock.nowMs() - state.limits.searchDelayMs;
  const found = account.customers.page({
    limit,
    created: { min: 0, max: Number.MAX_SAFE_INTEGER },
    startingAfter: page === undefined ? undefined : pageStart(account.customers.get(Buffer.from(page, 'base64url').toString())),
    accepts(row) {
      const visible = row.stale && row.stale.sinceMs > seenSinceMs ? row.stale.fields : account.fieldsOf(row);
      return visible !== null && matches(visible, row.created);
    },
  });
  const next = found.hasMore ? Buffer.from(found.items.at(-1)?.id ?? '').toString('base64url') : null;
  const data = found.items.map((row) => account.customerJson(row)).join(',');
  return answer(`{"object":"search_result","data":[${data}],"has_more":${found.hasMore},"next_page":${JSON.stringify(next)},"url":"/v1/customers/search"}`);
};

function pageStart(row: CustomerRow | undefined): CustomerRow {
  if (!row) throw invalidRequest('Invalid page: it does not come from an earlier search.', { param: 'page' });
  return row;
}

function liveCustomer({ account, id }: Pick<ApiCall, 'account' | 'id'>): CustomerRow {
  const row = account.customers.get(id);
  if (!row) throw noSuch('customer', id, 'id');
  return row;
}

function keyOf({ id, created, order }: CustomerRow) {
  return { id, created, order };
}

interface Wrote {
  readonly type: string;
  readonly body: string;
  readonly objectJson: string;
  readonly previous: Readonly<Record<string, unknown>> | null;
}

function written(call: ApiCall, customer: CustomerChange, { type, body, objectJson, previous }: Wrote): Outcome {
  const account = call.account.profile.id;
  const event = anEvent({
    type,
    objectJson,
    previous,
    created: call.state.clock.nowSeconds(),
    order: Math.max(call.account.nextOrder, customer.order + 1),
    requestId: call.requestId,
    idempotencyKey: call.idempotencyKey,
  });
  const changes: Change[] = [
    { op: 'customer', account, customer },
    { op: 'event', account, event },
  ];
  return { body, changes };
}
