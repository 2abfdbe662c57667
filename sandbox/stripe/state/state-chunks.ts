import type { AccountState } from './account-state.ts';
import { ControlError } from '../../core/control-api.ts';
import { renderEvent } from '../events/event.ts';
import { KINDS, PLURALS } from '../http/objects.ts';
import type { Kind } from '../http/objects.ts';

const CHUNK_OBJECTS = 500;

/**
 * `{"data": […]}` of one kind of object, newest first, in chunks, so that a million customers never form one string.
 */
export function stateChunks(
  account: AccountState,
  resource: string,
  options: { readonly includeDeleted: boolean; readonly nowSeconds: number },
): Iterable<string> {
  if (resource === 'events') return inChunks(events(account));
  const kind = KINDS.find((each) => PLURALS[each] === resource);
  if (kind) return inChunks(objects(account, kind, options));
  throw new ControlError(404, 'not-found', {
    message: `The sandbox holds no ${resource}; it holds ${Object.values(PLURALS).join(', ')} and events.`,
  });
}

function* objects(
  account: AccountState,
  kind: Kind,
  { includeDeleted, nowSeconds }: { readonly includeDeleted: boolean; readonly nowSeconds: number },
): Generator<string> {
  const table = account.table(kind);
  for (const row of table.rows.newestFirst()) yield table.json(row, nowSeconds);
  if (!includeDeleted) return;
  for (const id of table.deleted.keys()) yield JSON.stringify({ id, object: kind, deleted: true });
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
