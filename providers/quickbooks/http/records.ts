import { z } from 'zod';
import { issuesOf, readItems, unreadableIssuesOf, unreadableRejection } from '../../items.ts';
import type { BulkRetrieval, FoundRecords, ListQuery, ProviderPage, ProviderRecord } from '../../provider.ts';
import { nullWhenMissing, unreadableObject } from './ask.ts';
import type { Ask } from './ask.ts';
import { listChanges, listObjects, queryObjects } from './lists.ts';
import type { Listed } from './lists.ts';
import { deletionIn, idOf, toPage } from './objects.ts';
import type { ReadRecords } from './objects.ts';
import { ACTIVE_OR_NOT, quotedList, select } from './query.ts';

/** How the objects of one entity become records. */
export interface ReadEntity<Item> {
  readonly listed: Listed;
  /** Conditions of the list of changes in place of the listing's. */
  readonly whenChanged?: readonly string[];
  readonly schema: z.ZodType<Item>;
  /** Null for an object that is no record of the resource. */
  readonly toRecord: (item: Item) => ProviderRecord | null | Promise<ProviderRecord | null>;
  /** A record's id where it is not the object's own. */
  readonly externalIdOf?: (id: string) => string;
}

/** A page of one entity's list. */
export async function listRecords<Item>(ask: Ask, entity: ReadEntity<Item>, query: ListQuery): Promise<ProviderPage> {
  const page = await listObjects(ask, entity.listed, query);
  return toPage(page, await readObjects(entity, page.raw), externalIdIn(entity));
}

/** A page of what changed of several entities, the newest first. */
export async function listChangedRecords(
  ask: Ask,
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- each entity has its own type of object
  entities: readonly ReadEntity<any>[],
  query: ListQuery,
): Promise<ProviderPage> {
  const listed = entities.map(({ listed: one, whenChanged }) => ({ ...one, where: whenChanged ?? one.where ?? [] }));
  const { changed, after } = await listChanges(ask, listed, query);
  const pages = await Promise.all(
    entities.map(async (entity) => {
      const raw = changed.filter((one) => one.entity === entity.listed.entity).map((one) => one.raw);
      return toPage({ raw, after }, await readChanged(entity, raw), externalIdIn(entity));
    }),
  );
  return {
    records: pages.flatMap(({ records }) => records).sort((one, other) => other.version - one.version),
    rejections: pages.flatMap(({ rejections = [] }) => rejections),
    newFields: pages.flatMap(({ newFields = [] }) => newFields),
    positions: pages.flatMap(({ positions }) => positions),
    after,
    pageSize: pages[0]?.pageSize ?? 0,
  };
}

const OBJECT_ID = /^\d{1,18}$/;

/** One object by its id; null where it is not there or is no record of the resource. */
export async function retrieveRecord<Item>(
  ask: Ask,
  { listed: { entity }, schema, toRecord }: Pick<ReadEntity<Item>, 'listed' | 'schema' | 'toRecord'>,
  id: string,
): Promise<ProviderRecord | null> {
  // Anything else would be another path of the API.
  if (!OBJECT_ID.test(id)) return null;
  const path = `${entity.toLowerCase()}/${id}`;
  const answer = await nullWhenMissing(ask(z.record(z.string(), z.unknown()), { method: 'GET', path }));
  if (answer === null) return null;
  const { data, error } = schema.safeParse(answer[entity]);
  if (error) throw unreadableObject(issuesOf(error));
  return data === undefined ? null : toRecord(data);
}

/** Most objects that one query is asked for by their ids; each id makes its address longer. */
export const MOST_IDS = 30;

/** Objects of one entity by their ids, each query for up to 30 of them. */
export const retrievalOf = <Item>(ask: Ask, entity: ReadEntity<Item>): BulkRetrieval => ({
  size: MOST_IDS,
  read: (ids) => retrieveObjects(ask, entity, ids),
});

/** As `retrieveRecord` for each of the ids, by one query. What is out of use is asked for too, where the entity has such. */
export async function retrieveObjects<Item>(
  ask: Ask,
  entity: ReadEntity<Item>,
  ids: readonly string[],
): Promise<FoundRecords> {
  const known = ids.filter((id) => OBJECT_ID.test(id));
  if (known.length === 0) return { records: [] };
  const { entity: name, hasInactive = false } = entity.listed;
  const where = [`Id in ${quotedList(known)}`, ...(hasInactive ? [ACTIVE_OR_NOT] : [])];
  const raw = await queryObjects(ask, name, select({ entity: name, where, limit: known.length }));
  const { records, unreadable } = await readObjects(entity, raw);
  return { records: records.filter(({ deleted }) => !deleted), rejections: unreadable.map(unreadableRejection) };
}

async function readObjects<Item>(entity: ReadEntity<Item>, raw: readonly unknown[]): Promise<ReadRecords> {
  const { schema, toRecord } = entity;
  const { items, unreadable, ...told } = readItems(schema, raw, externalIdIn(entity));
  const read = await Promise.all(
    items.map(async (item) => {
      try {
        return await toRecord(item);
      } catch (error) {
        const issues = unreadableIssuesOf(error);
        if (issues === null) throw error;
        return { raw: item, externalId: externalIdIn(entity)(item), issues };
      }
    }),
  );
  return {
    ...told,
    records: read.flatMap((one) => (one !== null && 'version' in one ? [one] : [])),
    unreadable: [...unreadable, ...read.flatMap((one) => (one !== null && 'issues' in one ? [one] : []))],
  };
}

/** As `readObjects`, with what was deleted. */
async function readChanged<Item>(entity: ReadEntity<Item>, raw: readonly unknown[]): Promise<ReadRecords> {
  const { externalIdOf = sameId } = entity;
  const ended = raw.flatMap((one) => deletionIn(one)?.record ?? []);
  const living = await readObjects(
    entity,
    raw.filter((one) => deletionIn(one) === null),
  );
  return {
    ...living,
    records: [...living.records, ...ended.map((one) => ({ ...one, externalId: externalIdOf(one.externalId) }))],
  };
}

const sameId = (id: string): string => id;

const externalIdIn =
  <Item>({ externalIdOf = sameId }: Pick<ReadEntity<Item>, 'externalIdOf'>) =>
  (raw: unknown): string | null => {
    const id = idOf(raw);
    return id === null ? null : externalIdOf(id);
  };
