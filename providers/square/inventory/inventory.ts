import { z } from 'zod';
import type { InventoryFields } from '../../../records/inventory.ts';
import { changeFeed } from '../../../domain/sync/pull/pull-plan.ts';
import { issuesOf, textAt, unreadableRejection } from '../../items.ts';
import type { UnreadableItem } from '../../items.ts';
import type {
  ListQuery,
  PagePosition,
  ProviderPage,
  ProviderRecord,
  PullPlan,
  ResourceSession,
} from '../../provider.ts';
import type { Json } from '../../transport.ts';
import { unreadableObject } from '../http/ask.ts';
import type { Ask } from '../http/ask.ts';
import { CHANGES, cursorOf, isoOf, squareList } from '../http/lists.ts';
import { isChosen } from '../http/locations.ts';
import type { ChosenLocations } from '../http/locations.ts';

/** https://developer.squareup.com/reference/square/inventory-api/batch-retrieve-inventory-counts, read 2026-11-28. */
const PAGE_SIZE = 1_000;
/** What is on the shelf. Other states, such as what is sold or on its way, are no stock of the venue's. */
const STATES = ['IN_STOCK'];

/** Counts come newest first, and a cursor that has died costs the list once more. */
export const inventoryPullPlan: PullPlan = {
  listing: [[squareList('counts', { from: 'start' })]],
  changes: changeFeed([[squareList('changed-counts', { from: 'start' })]], CHANGES),
  mayVanish: true,
};

/** https://developer.squareup.com/reference/square/objects/InventoryCount, read 2026-11-28: as far as it is read here. */
const countSchema = z.object({
  catalog_object_id: z.string().min(1),
  // Square Restaurants also counts items, which are no products here.
  catalog_object_type: z.literal('ITEM_VARIATION'),
  location_id: z.string().min(1),
  // "A decimal string. Can support up to 5 digits after the decimal point."
  quantity: z.string().regex(/^-?\d{1,18}(\.\d{1,5})?$/, 'expected a decimal number'),
  calculated_at: z.iso.datetime({ offset: true }),
});
type SquareCount = z.output<typeof countSchema>;

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
    writer: null,
  };
}

const sinceOf = ({ stream, fromEpochS }: ListQuery) =>
  stream === 'changed-counts' && fromEpochS !== null ? { updated_after: isoOf(fromEpochS) } : {};

function readCounts(raw: readonly unknown[]) {
  const counts: SquareCount[] = [];
  const unreadable: UnreadableItem[] = [];
  for (const one of raw) {
    const { data, error } = countSchema.safeParse(one);
    if (data) counts.push(data);
    else unreadable.push({ raw: one, externalId: rawIdOf(one), issues: issuesOf(error) });
  }
  return { counts, unreadable };
}

/** The ids of Square have no colon. */
const idOf = ({ catalog_object_id: object, location_id: location }: SquareCount): string => `${object}:${location}`;

function rawIdOf(raw: unknown): string | null {
  const [object, location] = [textAt(raw, 'catalog_object_id'), textAt(raw, 'location_id')];
  return object === null || location === null ? null : `${object}:${location}`;
}

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

function toRecord(count: SquareCount) {
  const calculatedAtMs = Date.parse(count.calculated_at);
  const fields: Omit<InventoryFields, 'productSourceId'> & { readonly productSourceId: null } = {
    // Filled in from the reference.
    productSourceId: null,
    location: count.location_id,
    quantity: count.quantity,
    countedAt: new Date(calculatedAtMs).toISOString(),
    metadata: {},
  };
  return {
    externalId: idOf(count),
    version: calculatedAtMs,
    deleted: false,
    recordId: null,
    fields,
    refs: { product: count.catalog_object_id },
  } satisfies ProviderRecord;
}
