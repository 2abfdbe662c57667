import type { AccountState } from './account-state.ts';
import { ControlError } from './control-api.ts';
import { deletedCustomer } from './customer.ts';
import { renderEvent } from './event.ts';

const CHUNK_OBJECTS = 500;

/** `{"data": […]}` of one kind of object, newest first and in pieces: a million customers make no million-customer string. */
export function stateChunks(account: AccountState, resource: string, includeDeleted: boolean): Iterable<string> {
  if (resource === 'customers') return inChunks(customers(account, includeDeleted));
  if (resource === 'events') return inChunks(events(account));
  throw new ControlError(404, 'not-found', { message: `The sandbox holds no ${resource}; it holds customers and events.` });
}

function* customers(account: AccountState, includeDeleted: boolean): Generator<string> {
  for (const row of account.customers.newestFirst()) yield account.customerJson(row);
  if (!includeDeleted) return;
  for (const id of account.deletedCustomers.keys()) yield JSON.stringify(deletedCustomer(id));
}

function* events(account: AccountState): Generator<string> {
  for (const event of account.events.newestFirst()) yield renderEvent(event);
}

function* inChunks(objects: Iterable<string>): Generator<string> {
  let chunk = '{"data":[';
  let count = 0;
  for (const object of objects) {
    chunk += count === 0 ? object : `,${object}`;
    count += 1;
    if (count % CHUNK_OBJECTS !== 0) continue;
    yield chunk;
    chunk = '';
  }
  yield `${chunk}]}`;
}
