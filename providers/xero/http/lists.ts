import { z } from 'zod';
import { pageCursor } from '../../../domain/sync/pull/pull-plan.ts';
import type { PageCursor } from '../../../domain/sync/pull/pull-plan.ts';
import { issuesOf, readItems, textAt, unreadableIssuesOf, unreadableRejection } from '../../items.ts';
import type { UnreadableItem } from '../../items.ts';
import type { BulkRetrieval, Cursor, ListQuery, ProviderPage, ProviderRecord } from '../../provider.ts';
import { nullWhenMissing, unreadableObject } from './ask.ts';
import type { Ask } from './ask.ts';
import { wireTime } from './objects.ts';

/** Most objects of a page (https://developer.xero.com/documentation/api/accounting/overview, read 2026-11-29). */
export const PAGE_SIZE = 1_000;

/** Xero’s times have whole seconds where it is asked by them, and clocks differ. */
export const CHANGES = { reachS: null, overlapS: 300, handOffOverlapS: 300 } as const;

export const list = (name: string): PageCursor => pageCursor(name, { afterExpiry: { from: 'start' } });

/** How the objects of one collection become records. */
export interface Collection<Item> {
  /** As paths and answers name it. */
  readonly name: string;
  /** The property with an object’s id. */
  readonly idProperty: string;
  readonly schema: z.ZodType<Item>;
  /** Null for an object that is no record of the resource. */
  readonly toRecord: (item: Item) => ProviderRecord | null | Promise<ProviderRecord | null>;
  /** Parameters of every question. */
  readonly query?: Readonly<Record<string, string>>;
  /** Xero answers all objects at once and takes no page. */
  readonly isUnpaged?: true;
  /** A record’s id where it is not the object’s own. */
  readonly externalIdOf?: (id: string) => string;
}

/** How objects are asked for by their ids. */
export interface LookUp {
  /** Parameters that ask for the objects with these ids. */
  readonly withIds: (ids: readonly string[]) => Readonly<Record<string, string>>;
  /** How many ids one address holds. */
  readonly mostIds: number;
}

/**
 * The objects of a paged collection by their ids: with a page, answers hold lines and the details of a contact. Addresses
 * longer than some 2,000 characters are refused (https://github.com/XeroAPI/Xero-Java/pull/331, read 2026-11-29).
 */
export const PAGED_IDS: LookUp = {
  mostIds: 40,
  withIds: (ids) => ({ IDs: ids.join(','), page: '1', pageSize: String(ids.length) }),
};

/**
 * Where a list goes on. Pages are in the order of changes, and what changes meanwhile moves to the end. The next page is
 * therefore asked for from the time of the last object on: a number of a page would pass over as many objects as have
 * moved. `page` counts only while a whole page has one second.
 */
const placeSchema = z.object({
  sinceS: z.int(),
  page: z.int().min(1),
  lastMs: z.int(),
  /** Objects of the last millisecond that were read. */
  seen: z.array(z.string()),
});
type Place = z.output<typeof placeSchema>;

const answerOf = (name: string) => z.object({ [name]: z.array(z.unknown()) });
const countAnswer = z.object({ pagination: z.object({ itemCount: z.string().regex(/^\d{1,15}$/) }) });

/** The objects that a question finds. */
export async function askObjects(
  ask: Ask,
  { name, query: always = {} }: Pick<Collection<never>, 'name' | 'query'>,
  { query, sinceS = null }: { readonly query?: Readonly<Record<string, string>>; readonly sinceS?: number | null } = {},
): Promise<readonly unknown[]> {
  const call = { method: 'GET', path: name, query: { ...always, ...query }, modifiedSinceEpochS: sinceS } as const;
  return (await ask(answerOf(name), call))[name] ?? [];
}

/** How many objects a collection has; null where one call cannot tell. */
export async function countObjects<Item>(ask: Ask, collection: Collection<Item>): Promise<number | null> {
  const { name, query: always = {}, isUnpaged } = collection;
  if (isUnpaged) return (await askObjects(ask, collection)).length;
  const call = { method: 'GET', path: name, query: { ...always, page: '1', pageSize: '1' } } as const;
  return Number((await ask(countAnswer, call)).pagination.itemCount);
}

/** A page of a collection: of everything, or of what was changed since a time. */
export async function listRecords<Item>(
  ask: Ask,
  collection: Collection<Item>,
  { fromEpochS, after }: ListQuery,
): Promise<ProviderPage> {
  const place = after === null ? null : placeSchema.parse(after);
  const paging = { page: String(place?.page ?? 1), pageSize: String(PAGE_SIZE), order: 'UpdatedDateUTC ASC' };
  const raw = await askObjects(ask, collection, {
    sinceS: place?.sinceS ?? fromEpochS,
    ...(!collection.isUnpaged && { query: paging }),
  });
  const fresh = raw.filter((one) => isUnread(one, collection, place));
  const { records, unreadable, ...told } = await readObjects(collection, fresh);
  return {
    ...told,
    records: [...records].sort((one, other) => other.version - one.version),
    rejections: unreadable.map(unreadableRejection),
    positions: fresh.flatMap((one) => {
      const id = externalIdIn(collection)(one);
      return id === null ? [] : [{ id, atEpochS: null }];
    }),
    pageSize: collection.isUnpaged ? Math.max(1, raw.length) : PAGE_SIZE,
    after: collection.isUnpaged || raw.length < PAGE_SIZE ? null : nextPlace(raw, collection, place),
  };
}

const changedMsOf = (raw: unknown): number => wireTime.safeParse(textAt(raw, 'UpdatedDateUTC')).data ?? 0;

function isUnread(raw: unknown, { idProperty }: { readonly idProperty: string }, place: Place | null): boolean {
  if (place === null) return true;
  const atMs = changedMsOf(raw);
  return atMs > place.lastMs || (atMs === place.lastMs && !place.seen.includes(textAt(raw, idProperty) ?? ''));
}

function nextPlace(
  raw: readonly unknown[],
  { idProperty }: { readonly idProperty: string },
  place: Place | null,
): Cursor {
  const lastMs = changedMsOf(raw.at(-1));
  const sinceS = Math.floor(lastMs / 1_000);
  const last = raw.filter((one) => changedMsOf(one) === lastMs).flatMap((one) => textAt(one, idProperty) ?? []);
  return {
    sinceS,
    // A page of one second alone: the same question is asked for its next page.
    page: sinceS === place?.sinceS ? place.page + 1 : 1,
    lastMs,
    seen: lastMs === place?.lastMs ? [...new Set([...place.seen, ...last])] : last,
  };
}

interface Records extends Pick<ProviderPage, 'newFields'> {
  readonly records: readonly ProviderRecord[];
  readonly unreadable: readonly UnreadableItem[];
}

async function readObjects<Item>(collection: Collection<Item>, raw: readonly unknown[]): Promise<Records> {
  const { schema, toRecord } = collection;
  const idOf = externalIdIn(collection);
  const { items, unreadable, ...told } = readItems(schema, raw, idOf);
  const records: ProviderRecord[] = [];
  const refused: UnreadableItem[] = [...unreadable];
  for (const item of items)
    try {
      const record = await toRecord(item);
      if (record) records.push(record);
    } catch (error) {
      const issues = unreadableIssuesOf(error);
      if (issues === null) throw error;
      refused.push({ raw: item, externalId: idOf(item), issues });
    }
  return { ...told, records, unreadable: refused };
}

const externalIdIn =
  <Item>({ idProperty, externalIdOf = (id: string) => id }: Collection<Item>) =>
  (raw: unknown): string | null => {
    const id = textAt(raw, idProperty);
    return id === null ? null : externalIdOf(id);
  };

/** One object of a path: by its id, or by a unique property that Xero takes in its place. Null where it is not there. */
export async function readOne<Item>(ask: Ask, collection: Collection<Item>, key: string): Promise<Item | null> {
  const { name, schema, query = {} } = collection;
  const call = { method: 'GET', path: `${name}/${encodeURIComponent(key)}`, query } as const;
  const answer = await nullWhenMissing(ask(answerOf(name), call));
  const [found] = answer?.[name] ?? [];
  if (found === undefined) return null;
  const { data, error } = schema.safeParse(found);
  if (error) throw unreadableObject(issuesOf(error));
  return data;
}

const GUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;

/** One record by its id; null where it is not there or is no record of the resource. */
export async function retrieveRecord<Item>(
  ask: Ask,
  collection: Collection<Item>,
  id: string,
): Promise<ProviderRecord | null> {
  // Anything else would be looked for as a number or a name.
  if (!GUID.test(id)) return null;
  const found = await readOne(ask, collection, id);
  const record = found && (await collection.toRecord(found));
  return record?.deleted === false ? record : null;
}

/** The records that one question finds. */
export async function readListed<Item>(
  ask: Ask,
  collection: Collection<Item>,
  query: Readonly<Record<string, string>>,
): Promise<Records> {
  return readObjects(collection, await askObjects(ask, collection, { query }));
}

/** As `retrieveRecord` for each of the ids, by one call for up to 40 of them. */
export const retrievalOf = <Item>(ask: Ask, collection: Collection<Item>): BulkRetrieval => ({
  size: PAGED_IDS.mostIds,
  async read(ids) {
    const known = ids.filter((id) => GUID.test(id));
    if (known.length === 0) return { records: [] };
    const { records, unreadable } = await readListed(ask, collection, PAGED_IDS.withIds(known));
    return { records: records.filter(({ deleted }) => !deleted), rejections: unreadable.map(unreadableRejection) };
  },
});
