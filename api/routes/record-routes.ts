import type { z } from 'zod';
import type { RecordId, VenueId } from '../../contracts/ids.ts';
import type { Resource } from '../../contracts/providers.ts';
import { RECORD_TABLES } from '../../db/records/record-tables.ts';
import type { RecordChanges, RecordStore, StoredRecord } from '../../db/records/record-store.ts';
import type { AuditTrail } from '../admin/audit-trail.ts';
import { readCursor, toPageBody } from '../http/cursor.ts';
import { endpoint, NOT_FOUND } from '../http/endpoint.ts';
import type { AnyIds, Answer, Endpoint } from '../http/endpoint.ts';
import { notFound } from '../errors/not-found.ts';
import { invalidRequest } from '../http/parse.ts';
import type { Parsed } from '../http/parse.ts';
import { checkChanged } from '../records/unchanged-fields.ts';
import { presentRecord } from '../schemas/records/record-kind.ts';
import type { RecordKind } from '../schemas/records/record-kind.ts';

export interface RecordRouteDeps<R extends Resource> {
  readonly kind: RecordKind<R>;
  readonly store: RecordStore<R>;
  readonly audit: AuditTrail;
}

/** The list of one resource's records, and each of them. The same for every resource. */
export function recordRoutes<R extends Resource>(deps: RecordRouteDeps<R>): Endpoint[] {
  return [listRecords(deps), getRecord(deps), replaceRecord(deps), changeRecord(deps), deleteRecord(deps)];
}

const SENT_BACK =
  'A field that holds what a read has answered is always accepted, also where a provider has brought what could not be sent otherwise.';

export const collectionPath = (resource: Resource): string => `/v1/venues/{venueId}/records/${resource}`;
const itemPath = ({ resource, id }: RecordKind): string => `${collectionPath(resource)}/{${id}}`;

function listRecords<R extends Resource>({ kind, store }: RecordRouteDeps<R>): Endpoint {
  const { words } = kind;
  return endpoint({
    name: `list${words.many}`,
    summary: `List ${words.several}`,
    description: 'In the order they were created. Every item shows its links to the providers.',
    tag: 'Records',
    method: 'get',
    path: collectionPath(kind.resource),
    role: 'viewer',
    query: kind.listQuery,
    answers: { 200: { description: `A page of ${words.several}.`, schema: kind.page } },
    problems: ['invalid-cursor'],
    async handle({ ids, query: { limit, cursor, ...filter }, path }) {
      const list = { path, filters: { ...filter }, order: 'id' } as const;
      const page = await store.list(venueOf(ids), filter, { limit, after: readCursor(cursor, list) });
      return { status: 200, body: toPageBody(page, list, presentRecord) };
    },
  });
}

function getRecord<R extends Resource>({ kind, store }: RecordRouteDeps<R>): Endpoint {
  return endpoint({
    name: `get${kind.words.one}`,
    summary: `Read ${kind.words.a}`,
    description: 'Also a deleted one: `deletedAt` is then set.',
    tag: 'Records',
    method: 'get',
    path: itemPath(kind),
    role: 'viewer',
    answers: { 200: { description: 'The record.', schema: kind.answer } },
    async handle({ ids }) {
      return found(kind, await store.find(venueOf(ids), recordOf(kind, ids)));
    },
  });
}

function replaceRecord<R extends Resource>(deps: RecordRouteDeps<R>): Endpoint {
  const { kind } = deps;
  return endpoint({
    name: `replace${kind.words.one}`,
    summary: `Replace ${kind.words.a}`,
    description: `Fields that are left out are cleared. An unchanged record keeps its version. ${SENT_BACK}`,
    tag: 'Records',
    method: 'put',
    path: itemPath(kind),
    role: 'operator',
    body: kind.replacement,
    checkBody: (ids, input) => checkBody(deps, ids, { schema: kind.replacement, input }),
    answers: { 200: { description: 'The record as it is now.', schema: kind.answer } },
    handle: ({ ids, body }) => update(deps, ids, body),
  });
}

function changeRecord<R extends Resource>(deps: RecordRouteDeps<R>): Endpoint {
  const { kind } = deps;
  return endpoint({
    name: `change${kind.words.one}`,
    summary: `Change ${kind.words.a}`,
    description: `Fields that are left out keep their values; null clears one. An unchanged record keeps its version. ${SENT_BACK}`,
    tag: 'Records',
    method: 'patch',
    path: itemPath(kind),
    role: 'operator',
    body: kind.changes,
    checkBody: (ids, input) => checkBody(deps, ids, { schema: kind.changes, input }),
    answers: { 200: { description: 'The record as it is now.', schema: kind.answer } },
    handle: ({ ids, body }) => update(deps, ids, body),
  });
}

function deleteRecord<R extends Resource>({ kind, store, audit }: RecordRouteDeps<R>): Endpoint {
  return endpoint({
    name: `delete${kind.words.one}`,
    summary: `Delete ${kind.words.a}`,
    description:
      'The record keeps its id and can still be read; lists leave it out unless they are asked for deleted ones. A repeat answers the same. Sent again in a batch, the record comes back.',
    tag: 'Records',
    method: 'delete',
    path: itemPath(kind),
    role: 'operator',
    answers: { 200: { description: 'The record with the time at which it was deleted.', schema: kind.answer } },
    async handle({ ids, caller, requestId }) {
      const [venueId, id] = [venueOf(ids), recordOf(kind, ids)];
      const entry = audit.entry({ caller, requestId }, venueId, {
        action: 'record.deleted',
        targetType: kind.resource,
        targetId: id,
      });
      return found(kind, await store.remove(venueId, id, () => entry));
    },
  });
}

/** What a pull has stored may break the rules for input; only what differs from it is judged. */
function checkBody<R extends Resource, Body>(
  { kind, store }: RecordRouteDeps<R>,
  ids: AnyIds,
  { schema, input }: { readonly schema: z.ZodType<Body>; readonly input: unknown },
): Promise<Parsed<Body>> {
  const fields = ['sourceId', ...RECORD_TABLES[kind.resource].columns.map(({ field }) => field)];
  const readShown = async () => {
    const record = await store.find(venueOf(ids), recordOf(kind, ids));
    return record && presentRecord(record);
  };
  return checkChanged(schema, input, { readShown, fields });
}

async function update<R extends Resource>(
  { kind, store }: RecordRouteDeps<R>,
  ids: AnyIds,
  body: RecordChanges<R> & { readonly sourceId?: string | undefined },
): Promise<Answer> {
  const [venueId, id] = [venueOf(ids), recordOf(kind, ids)];
  const { sourceId, ...changes } = body;
  if (sourceId !== undefined) {
    const current = await store.find(venueId, id);
    if (current && current.sourceId !== sourceId)
      throw invalidRequest([{ path: 'sourceId', message: 'Cannot be changed' }]);
  }
  const result = await store.update(venueId, id, changes as unknown as RecordChanges<R>);
  if (Array.isArray(result)) throw invalidRequest(result);
  return found(kind, result as StoredRecord<R> | null);
}

// Paths are put together here, so their ids are known by name alone; every one has been read from the path that names it.

export const venueOf = (ids: AnyIds): VenueId => idOf(ids.venueId);
const recordOf = ({ id }: RecordKind, ids: AnyIds): RecordId => idOf(ids[id]);

function idOf<Id extends string>(id: Id | undefined): Id {
  if (id === undefined) throw new Error('the path does not hold the id');
  return id;
}

function found<R extends Resource>({ id }: RecordKind, record: StoredRecord<R> | null): Answer {
  if (!record) throw notFound(NOT_FOUND[id]);
  return { status: 200, body: presentRecord(record) };
}
