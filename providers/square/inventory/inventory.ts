import { z } from 'zod';
import { changeFeed } from '../../../domain/sync/pull/pull-plan.ts';
import { textAt, unreadableRejection } from '../../items.ts';
import type {
  ListQuery,
  PagePosition,
  ProviderPage,
  ProviderRecord,
  PullPlan,
  ResourceSession,
} from '../../provider.ts';
import type { Json } from '../../http/transport.ts';
import { unreadableObject } from '../http/ask.ts';
import type { Ask } from '../http/ask.ts';
import { CHANGES, cursorOf, isoOf, squareList } from '../http/lists.ts';
import { isChosen } from '../http/locations.ts';
import type { ChosenLocations } from '../http/locations.ts';
import { idOf, rawIdOf, readCounts, toRecord } from './counts.ts';
import type { SquareCount } from './counts.ts';
import { createInventoryWriter } from './inventory-writer.ts';

/** https://developer.squareup.com/reference/square/inventory-api/batch-retrieve-inventory-counts, read 2026-11-28. */
const PAGE_SIZE = 1_000;
/** What is on the shelf. Other states, such as what is sold or on its way, are no stock of the venue's. */
const STATES = ['IN_STOCK'];

/** Counts come newest first, and a cursor that has died costs the list once more. */
export const inventoryPullPlan: PullPlan = {
  listing: [[squareList('counts', { from: 'start' })]],
  changes: changeFeed([[squareList('changed-counts', { from: 'start' })]], CHANGES),
  mayVanish: true,
  dates: ['changes'],
};

const list = z
  .array(z.unknown())
  .nullish()
  .transform((value) => value ?? []);
const countsPage = z.object({ cursor: z.string().nullish(), counts: list });
const changesPage = z.object({ cursor: z.string().nullish(), changes: list });

export function createInventorySession(ask: Ask, chosen: ChosenLocations): ResourceSession {
  const read = async (filter: Readonly<Record<string, unknown>>) => {
    const body = { states: STATES, limit: PAGE_SIZE, ...filter };
    const page = await ask(countsPage, { method: 'POST', path: '/v2/inventory/counts/batch-retrieve', body });
    const { counts, unreadable } = readCounts(page.counts);
    const doubtful = counts.filter(({ quantity }) => Number(quantity) === 0);
    const everCounted = await readHistory(ask, doubtful);
    const real = counts.filter((count) => Number(count.quantity) !== 0 || everCounted.has(idOf(count)));
    return { page, unreadable, records: real.map(toRecord) };
  };
  return {
    async listPage(query): Promise<ProviderPage> {
      const { page, unreadable, records } = await read({
        ...sinceOf(query),
        ...(chosen && { location_ids: chosen }),
        ...cursorOf(query),
      });
      return {
        // Square takes an empty list of locations for all of them.
        records: records.filter(({ fields }) => isChosen(chosen, fields.location)),
        rejections: unreadable.map(unreadableRejection),
        after: page.cursor || null,
        pageSize: PAGE_SIZE,
        positions: page.counts.flatMap(positionOf),
      };
    },
    // Square counts no counts.
    count: () => Promise.resolve(null),
    versionOf: (askedAtMs) => askedAtMs,
    async retrieve(externalId) {
      const [object = '', location = ''] = externalId.split(':');
      const { records, unreadable } = await read({ catalog_object_ids: [object], location_ids: [location] });
      const [broken] = unreadable;
      if (broken) throw unreadableObject(broken.issues);
      return records.find((record) => record.externalId === externalId) ?? null;
    },
    writer: createInventoryWriter(ask, {
      chosen,
      presentOf: async (objects, locations) => {
        const found: ProviderRecord[] = [];
        let cursor: string | null = null;
        do {
          const { page, records }: Awaited<ReturnType<typeof read>> = await read({
            catalog_object_ids: objects,
            location_ids: locations,
            ...(cursor !== null && { cursor }),
          });
          found.push(...records);
          cursor = page.cursor || null;
        } while (cursor !== null);
        return found;
      },
    }),
  };
}

const sinceOf = ({ stream, fromEpochS }: ListQuery) =>
  stream === 'changed-counts' && fromEpochS !== null ? { updated_after: isoOf(fromEpochS) } : {};

function positionOf(raw: unknown): readonly PagePosition[] {
  const id = rawIdOf(raw);
  return id === null ? [] : [{ id, atEpochS: null }];
}

/**
 * Which of these were ever counted. Square answers 0 for what was never counted, exactly as for what is sold out: only the history tells them
 * apart, and a stock that nobody has counted must not empty the venue's (woocommerce/woocommerce-square pull request 529, read 2026-11-28).
 * A page of history may be of one busy variation: each further call asks for those alone that have shown none yet.
 */
async function readHistory(ask: Ask, counts: readonly SquareCount[]): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  let [missing, cursor]: [readonly SquareCount[], string | null] = [counts, null];
  while (missing.length > 0) {
    const body: Json = {
      catalog_object_ids: distinct(missing.map(({ catalog_object_id: object }) => object)),
      location_ids: distinct(missing.map(({ location_id: location }) => location)),
      limit: PAGE_SIZE,
      ...(cursor !== null && { cursor }),
    };
    const page: z.output<typeof changesPage> = await ask(changesPage, {
      method: 'POST',
      path: '/v2/inventory/changes/batch-retrieve',
      body,
    });
    for (const change of page.changes) for (const id of placesOf(change)) found.add(id);
    const left = missing.filter((count) => !found.has(idOf(count)));
    if (!page.cursor) break;
    // A cursor fits only the query that made it: it is used where the query stays.
    cursor = left.length === missing.length ? page.cursor : null;
    missing = left;
  }
  return found;
}

const distinct = (values: readonly string[]): readonly string[] => [...new Set(values)];

/** Where a change has touched stock. An adjustment may lead from one place to another. */
function placesOf(change: unknown): readonly string[] {
  const [counted, adjusted] = ['physical_count', 'adjustment'] as const;
  return [
    [counted, 'location_id'],
    [adjusted, 'location_id'],
    [adjusted, 'from_location_id'],
    [adjusted, 'to_location_id'],
  ].flatMap(([part = '', name = '']) => {
    const [object, location] = [textAt(change, part, 'catalog_object_id'), textAt(change, part, name)];
    return object === null || location === null ? [] : [`${object}:${location}`];
  });
}
