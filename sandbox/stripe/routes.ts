import { renderAccount } from './account.ts';
import { createCustomer, deleteCustomer, listCustomers, retrieveCustomer, searchCustomers, updateCustomer } from './customers.ts';
import { answer } from './endpoint.ts';
import type { Endpoint } from './endpoint.ts';
import { listEvents, retrieveEvent } from './events.ts';
import { expand, readForm } from './params.ts';

export interface Route {
  readonly method: string;
  /** Matches the whole path; its group is the id. */
  readonly path: RegExp;
  /** What a restricted key would need, or null where the sandbox's restricted key is enough. */
  readonly permission: string | null;
  readonly endpoint: Endpoint;
}

const retrieveAccount: Endpoint = ({ account, params }) => {
  readForm(params, { expand: expand() });
  return answer(JSON.stringify(renderAccount(account.profile)));
};

const ROUTES: readonly Route[] = [
  { method: 'GET', path: /^\/v1\/account$/, permission: null, endpoint: retrieveAccount },
  { method: 'GET', path: /^\/v1\/customers$/, permission: 'rak_customer_read', endpoint: listCustomers },
  { method: 'POST', path: /^\/v1\/customers$/, permission: 'rak_customer_write', endpoint: createCustomer },
  { method: 'GET', path: /^\/v1\/customers\/search$/, permission: 'rak_customer_read', endpoint: searchCustomers },
  { method: 'GET', path: /^\/v1\/customers\/([^/]+)$/, permission: 'rak_customer_read', endpoint: retrieveCustomer },
  { method: 'POST', path: /^\/v1\/customers\/([^/]+)$/, permission: 'rak_customer_write', endpoint: updateCustomer },
  { method: 'DELETE', path: /^\/v1\/customers\/([^/]+)$/, permission: 'rak_customer_write', endpoint: deleteCustomer },
  { method: 'GET', path: /^\/v1\/events$/, permission: 'rak_event_read', endpoint: listEvents },
  { method: 'GET', path: /^\/v1\/events\/([^/]+)$/, permission: 'rak_event_read', endpoint: retrieveEvent },
];

export function findRoute(method: string, path: string): { readonly route: Route; readonly id: string } | null {
  for (const route of ROUTES) {
    const match = route.method === method ? route.path.exec(path) : null;
    if (match) return { route, id: match[1] ?? '' };
  }
  return null;
}
