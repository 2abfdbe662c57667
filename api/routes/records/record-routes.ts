import type { z } from 'zod';
import type { RecordId, VenueId } from '../../../contracts/ids.ts';
import type { RecordChanges, RecordStore, StoredRecord } from '../../../db/records/record-store.ts';
import type { AuditTrail } from '../../admin/audit-trail.ts';
import { readCursor, toTextPageAnswer } from '../../http/cursor.ts';
import { endpoint } from '../../http/endpoint.ts';
import type { AnyIds, Answer, Endpoint } from '../../http/endpoint.ts';
import { recordNotFound } from '../../errors/not-found.ts';
import { invalidRequest } from '../../http/parse.ts';
import type { Parsed } from '../../http/parse.ts';
import { checkRecordChanges } from '../../records/unchanged-fields.ts';
import type { RecordKind } from '../../../records/record-kind.ts';
import { schemasOf } from '../../schemas/records/record-schemas.ts';

export interface RecordRouteDeps {
  readonly kind: RecordKind;
  readonly store: RecordStore;
  readonly audit: AuditTrail;
}

/** The operations on lists and single records of one kind, the same for every kind. */
export function recordRoutes(deps: RecordRouteDeps): Endpoint[] {
  return [listRecords(deps), getRecord(deps), replaceRecord(deps), changeRecord(deps), deleteRecord(deps)];
}

export const SENT_BACK =
  'A field that holds what a read has answered is always accepted, also where a provider has brought what could not be sent otherwise.';

export const collectionPath = ({ name }: RecordKind): string => `/v1/venues/{venueId}/records/${name}`;
const itemPath = (kind: RecordKind): string => `${collectionPath(kind)}/{${kind.idName}}`;

function listRecords({ kind, store }: RecordRouteDeps): Endpoint {
  const { words } = kind;
  return endpoint({
    name: `list${words.many}`,
    summary: `List ${words.several}`,
    description: 'In the order they were created. Every item shows its links to the providers.',
    tag: 'Records',
    method: 'get',
    path: collectionPath(kind),
    role: 'viewer',
    query: schemasOf(kind).listQuery,
    answers: { 200: { description: `A page of ${words.several}.`, schema: schemasOf(kind).page } },
    problems: ['invalid-cursor'],
    async handle({ ids, query: { limit, cursor, ...filter }, path }) {
      const list = { path, filters: { ...filter }, order: 'id' } as const;
      const page = await store.list(venueOf(ids), filter, { limit, after: readCursor(cursor, list) });
      return toTextPageAnswer(page, list);
    },
  });
}

function getRecord({ kind, store }: RecordRouteDeps): Endpoint {
  return endpoint({
    name: `get${kind.words.one}`,
    summary: `Read ${kind.words.a}`,
    description: 'Also a deleted one: `deletedAt` is then set.',
    tag: 'Records',
    method: 'get',
    path: itemPath(kind),
    recordKind: kind,
    role: 'viewer',
    answers: { 200: { description: 'The record.', schema: schemasOf(kind).answer } },
    async handle({ ids }) {
      return found(kind, await store.find(venueOf(ids), recordOf(kind, ids)));
    },
  });
}

function replaceRecord(deps: RecordRouteDeps): Endpoint {
  const { kind } = deps;
  return endpoint({
    name: `replace${kind.words.one}`,
    summary: `Replace ${kind.words.a}`,
    description: `Fields that are left out are cleared. An unchanged record keeps its version. ${SENT_BACK}`,
    tag: 'Records',
    method: 'put',
    path: itemPath(kind),
    recordKind: kind,
    role: 'operator',
    body: schemasOf(kind).replacement,
    checkBody: (ids, input) => checkBody(deps, ids, { schema: schemasOf(kind).replacement, input }),
    answers: { 200: { description: 'The record as it is now.', schema: schemasOf(kind).answer } },
    handle: ({ ids, body }) => update(deps, ids, body),
  });
}

function changeRecord(deps: RecordRouteDeps): Endpoint {
  const { kind } = deps;
  return endpoint({
    name: `change${kind.words.one}`,
    summary: `Change ${kind.words.a}`,
    description: `Fields that are left out keep their values; null clears one. An unchanged record keeps its version. ${SENT_BACK}`,
    tag: 'Records',
    method: 'patch',
    path: itemPath(kind),
    recordKind: kind,
    role: 'operator',
    body: schemasOf(kind).changes,
    checkBody: (ids, input) => checkBody(deps, ids, { schema: schemasOf(kind).changes, input }),
    answers: { 200: { description: 'The record as it is now.', schema: schemasOf(kind).answer } },
    handle: ({ ids, body }) => update(deps, ids, body),
  });
}

function deleteRecord({ kind, store, audit }: RecordRouteDeps): Endpoint {
  return endpoint({
    name: `delete${kind.words.one}`,
    summary: `Delete ${kind.words.a}`,
    description:
      'The record keeps its id and can still be read; lists leave it out unless they are asked for deleted ones. A repeat answers the same. Sent again in a batch, the record comes back.',
    tag: 'Records',
    method: 'delete',
    path: itemPath(kind),
    recordKind: kind,
    role: 'operator',
    answers: {
      200: { description: 'The record with the time at which it was deleted.', schema: schemasOf(kind).answer },
    },
    async handle({ ids, caller, requestId }) {
      const [venueId, id] = [venueOf(ids), recordOf(kind, ids)];
      const entry = audit.entry({ caller, requestId }, venueId, {
        action: 'record.deleted',
        targetType: kind.name,
        targetId: id,
      });
      return found(kind, await store.remove(venueId, id, () => entry));
    },
  });
}

/** What a pull has stored may break the rules for input, so only changed fields are validated. */
function checkBody<Body extends object>(
  { kind, store }: RecordRouteDeps,
  ids: AnyIds,
  { schema, input }: { readonly schema: z.ZodType<Body>; readonly input: unknown },
): Promise<Parsed<Body>> {
  const ref = { venueId: venueOf(ids), id: recordOf(kind, ids) };
  return checkRecordChanges(schema, input, { store, ref, fields: Object.keys(kind.fields) });
}

async function update({ kind, store }: RecordRouteDeps, ids: AnyIds, changes: RecordChanges): Promise<Answer> {
  const [venueId, id] = [venueOf(ids), recordOf(kind, ids)];
  const result = await store.update({ venueId, id }, changes);
  if (Array.isArray(result)) throw invalidRequest(result);
  return found(kind, result as StoredRecord | null);
}

// Paths are composed here, so their ids are typed by name only; each id was parsed from the path that names it.

export const venueOf = (ids: AnyIds): VenueId => idOf(ids.venueId);
const recordOf = ({ idName }: RecordKind, ids: AnyIds): RecordId =>
  idOf((ids as Readonly<Record<string, RecordId | undefined>>)[idName]);

function idOf<Id extends string>(id: Id | undefined): Id {
  if (id === undefined) throw new Error('the path does not hold the id');
  return id;
}

function found(kind: RecordKind, record: StoredRecord | null): Answer {
  if (!record) throw recordNotFound(kind);
  return { status: 200, body: record };
}
