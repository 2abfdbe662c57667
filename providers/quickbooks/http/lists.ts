import { z } from 'zod';
import { offset, pageCursor } from '../../../domain/sync/pull/pull-plan.ts';
import type { Offset, PageCursor } from '../../../domain/sync/pull/pull-plan.ts';
import { textAt } from '../../items.ts';
import { ProviderError } from '../../provider-error.ts';
import type { ListQuery } from '../../provider.ts';
import type { Ask } from './ask.ts';
import type { RawPage } from './objects.ts';
import { isoOf, PAGE_SIZE, select, selectCount } from './query.ts';

/** One entity of QuickBooks, and which of its objects are read. */
export interface Listed {
  /** As the query language writes it. */
  readonly entity: string;
  readonly where?: readonly string[];
  /** The entity has objects that are out of use, which a query has to ask for. */
  readonly hasInactive?: true;
}

/**
 * A list in the order of creation, which no change moves. Ids are no longer to be sorted by (Intuit's announcement of 2025-08,
 * https://github.com/sahat/hackathon-starter/pull/1510, read 2026-11-28). What is deleted moves the rest, so each page repeats an object.
 */
export const entityList = (name: string): Offset => offset(name, { overlap: 1 });

export const changeList = (name: string): PageCursor => pageCursor(name, { afterExpiry: { from: 'start' } });

/**
 * Change data capture reaches back 30 days
 * (https://developer.intuit.com/app/developer/qbo/docs/learn/explore-the-quickbooks-online-api/change-data-capture, read 2026-11-28).
 * An hour is left for clocks that differ.
 */
const REACH_S = 30 * 86_400 - 3_600;
export const CHANGES = { reachS: REACH_S, overlapS: 300, handOffOverlapS: 300 } as const;
/** "Returns a maximum of 1,000 objects", over all entities and without a next page. */
const MOST_CHANGES = 1_000;

const response = z.record(z.string(), z.unknown());
// Where nothing is found, the response is empty. An answer without any says nothing, and is no list without objects.
const queryAnswer = z.object({ QueryResponse: response });
const countAnswer = z.object({ QueryResponse: z.object({ totalCount: z.string().regex(/^\d{1,15}$/) }) });
const changesAnswer = z.object({ CDCResponse: z.array(z.object({ QueryResponse: z.array(response).nullish() })) });

const QUERY = { method: 'GET', path: 'query' } as const;

/** The objects that a query finds. */
export async function queryObjects(ask: Ask, entity: string, query: string): Promise<readonly unknown[]> {
  const { QueryResponse } = await ask(queryAnswer, { ...QUERY, query: { query } });
  return objectsIn(QueryResponse, entity);
}

function objectsIn(told: z.output<typeof response>, entity: string): readonly unknown[] {
  const objects = told[entity] ?? [];
  if (Array.isArray(objects)) return objects as readonly unknown[];
  throw new ProviderError({ provider: 'quickbooks', kind: 'unexpected-response', httpStatus: 200 });
}

export async function countObjects(ask: Ask, listed: Listed): Promise<number> {
  const { QueryResponse } = await ask(countAnswer, { ...QUERY, query: { query: selectCount(listed) } });
  return Number(QueryResponse.totalCount);
}

/** One page of an entity's list. */
export async function listObjects(
  ask: Ask,
  { entity, where = [] }: Listed,
  { fromEpochS, after }: ListQuery,
): Promise<RawPage> {
  const skip = typeof after === 'number' ? after : 0;
  const since = fromEpochS === null ? [] : [changedSince(isoOf(fromEpochS))];
  const query = select({ entity, where: [...where, ...since], orderBy: 'MetaData.CreateTime', skip });
  const raw = await queryObjects(ask, entity, query);
  return { raw, after: raw.length < PAGE_SIZE ? null : skip + raw.length };
}

const changedSince = (iso: string): string => `MetaData.LastUpdatedTime >= '${iso}'`;

/** A page of changes: objects by their entity. */
export interface ChangedPage extends Pick<RawPage, 'after'> {
  readonly changed: readonly { readonly entity: string; readonly raw: unknown }[];
}

/** Where a list of changes goes on that change data capture could not tell whole. */
const placeSchema = z.object({
  /** Position of the entity among those that are read. */
  entity: z.int().min(0),
  since: z.string(),
  skip: z.int().min(0),
});

/**
 * What changed since a time. One call of change data capture tells it, with what was deleted. An answer that is full was cut
 * somewhere: then each entity's changes are read by queries, which tell no deletion; the next full pass finds those.
 */
export async function listChanges(
  ask: Ask,
  entities: readonly Listed[],
  { fromEpochS, after }: ListQuery,
): Promise<ChangedPage> {
  const since = isoOf(fromEpochS ?? Math.floor(Date.now() / 1_000) - REACH_S);
  if (after !== null) return queryChanges(ask, entities, placeSchema.parse(after));
  const names = entities.map(({ entity }) => entity);
  const { CDCResponse } = await ask(changesAnswer, {
    ...{ method: 'GET', path: 'cdc' },
    query: { entities: names.join(','), changedSince: since },
  });
  const responses = CDCResponse.flatMap(({ QueryResponse }) => QueryResponse ?? []);
  const changed = responses.flatMap((told) =>
    names.flatMap((entity) => objectsIn(told, entity).map((raw) => ({ entity, raw }))),
  );
  return { changed, after: changed.length < MOST_CHANGES ? null : { entity: 0, since, skip: 0 } };
}

/** Goes on behind the time of the last object: what changes meanwhile moves to the end and shifts nothing. */
async function queryChanges(
  ask: Ask,
  entities: readonly Listed[],
  { entity: index, since, skip }: z.output<typeof placeSchema>,
): Promise<ChangedPage> {
  const { entity, where = [] } = entities[index] ?? { entity: '' };
  const query = select({
    ...{ entity, where: [...where, changedSince(since)], orderBy: 'MetaData.LastUpdatedTime', skip },
  });
  const raw = await queryObjects(ask, entity, query);
  const changed = raw.map((one) => ({ entity, raw: one }));
  if (raw.length < PAGE_SIZE)
    return { changed, after: index + 1 < entities.length ? { entity: index + 1, since, skip: 0 } : null };
  const last = textAt(raw.at(-1), 'MetaData', 'LastUpdatedTime') ?? since;
  const isSameSecond = Date.parse(last) <= Date.parse(since);
  return {
    changed,
    after: { entity: index, ...(isSameSecond ? { since, skip: skip + raw.length } : { since: last, skip: 0 }) },
  };
}
