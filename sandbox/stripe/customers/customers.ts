import { deletedCustomer } from './customer.ts';
import { createSpec, mergeFields, updateSpec } from './customer-params.ts';
import { Draft } from '../state/draft.ts';
import { answer } from '../http/endpoint.ts';
import type { Endpoint } from '../http/endpoint.ts';
import { given } from '../../core/given.ts';
import { randomId } from '../../core/ids.ts';
import { readForm, requiredText, text } from '../http/params.ts';
import { searching } from '../http/search.ts';
import { listing, named, retrieval, subject, writing } from '../http/resource.ts';

export const listCustomers = listing('customer', {
  email: { read: text(512), key: 'email' },
  test_clock: { read: requiredText(255), key: 'test_clock' },
});

export const searchCustomers = searching('customer', { texts: ['email', 'name', 'phone'] });

const retrieveLive = retrieval('customer');

export const retrieveCustomer: Endpoint = (call) => {
  const live = call.account.table('customer').deleted.has(call.id) ? null : retrieveLive(call);
  return live ?? answer(JSON.stringify(deletedCustomer(call.id)));
};

export const createCustomer = writing('customer', (call, draft) => {
  const { expand, test_clock: clock, ...params } = readForm(call.params, createSpec);
  if (clock !== undefined) named(draft, 'test_clock', { id: clock, param: 'test_clock' });
  const object = draft.insert('customer', {
    id: randomId('cus_', 14),
    fields: { ...mergeFields(params), ...given({ test_clock: clock }) },
  });
  draft.tell('customer.created', { kind: 'customer', object });
  return { object, expand };
});

export const updateCustomer = writing('customer', (call, draft) => {
  const before = subject(call, draft, 'customer');
  const { expand, ...params } = readForm(call.params, updateSpec);
  return {
    object: draft.change('customer.updated', { kind: 'customer', before, patch: mergeFields(params, before.fields) }),
    expand,
  };
});

export const deleteCustomer: Endpoint = (call) => {
  readForm(call.params, {});
  const draft = new Draft(call);
  const object = subject(call, draft, 'customer');
  draft.remove('customer', object);
  draft.tell('customer.deleted', { kind: 'customer', object });
  return { body: JSON.stringify(deletedCustomer(object.id)), changes: draft.changes };
};
