import { z } from 'zod';
import { changeFeed } from '../../../domain/sync/pull/pull-plan.ts';
import { unreadableRejection } from '../../items.ts';
import type { ListQuery, ProviderPage, ProviderRecord, PullPlan, ResourceSession } from '../../provider.ts';
import { nullWhenMissing, unreadableObject } from '../http/ask.ts';
import type { Ask } from '../http/ask.ts';
import { CHANGES, cursorOf, isoOf, listed, squareList } from '../http/lists.ts';
import { itemSchema, soldSchema, variationSchema } from './catalogue-responses.ts';
import type { SquareItem, SquareVariation } from './catalogue-responses.ts';
import { createProductWriter } from './product-writer.ts';
import { relatedIn, toDeletion, toProducts } from './products.ts';

/**
 * Square takes up to 1,000 and may give fewer (https://developer.squareup.com/reference/square/catalog-api/search-catalog-objects, read
 * 2026-11-28). An item brings up to 250 variations with it.
 */
const PAGE_SIZE = 200;

/** The catalogue can be ordered by nothing, so an expired cursor costs the list once more. */
export const productPullPlan: PullPlan = {
  listing: [[squareList('items', { from: 'start' })]],
  changes: changeFeed([[squareList('changed-objects', { from: 'start' })]], CHANGES),
  mayVanish: true,
  dates: ['changes', 'deletions'],
};

const list = z
  .array(z.unknown())
  .nullish()
  .transform((value) => value ?? []);
const pageSchema = z.object({ cursor: z.string().nullish(), objects: list, related_objects: list });
const variationAnswer = z.object({ object: variationSchema });
const itemAnswer = z.object({ object: itemSchema, related_objects: list });

export function createProductSession(ask: Ask): ResourceSession {
  const session = new ProductReader(ask);
  return {
    listPage: (query) => (query.stream === 'items' ? session.listItems(query) : session.listChanges(query)),
    // Square counts no objects.
    count: () => Promise.resolve(null),
    versionOf: (askedAtMs) => askedAtMs,
    retrieve: (externalId) => session.retrieve(externalId),
    writer: createProductWriter(ask),
  };
}

class ProductReader {
  readonly #ask: Ask;

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  async listItems(query: ListQuery): Promise<ProviderPage> {
    const { objects, related_objects: related, cursor } = await this.#search({ object_types: ['ITEM'] }, query);
    const page = listed(itemSchema, objects, cursor);
    return toPage(page, productsOf(page.items, related));
  }

  /**
   * Items and variations since then, also those that are deleted. A variation may change without its item, whose fields its record shows too:
   * the items of such are read in one more call.
   */
  async listChanges(query: ListQuery): Promise<ProviderPage> {
    const since = query.fromEpochS === null ? {} : { begin_time: isoOf(query.fromEpochS) };
    const {
      objects,
      related_objects: related,
      cursor,
    } = await this.#search(
      { object_types: ['ITEM', 'ITEM_VARIATION'], include_deleted_objects: true, ...since },
      query,
    );
    const page = listed(soldSchema, objects, cursor);
    const living = page.items.filter(({ is_deleted: isDeleted }) => !isDeleted);
    const items = living.filter((object) => object.type === 'ITEM');
    const known = new Set(items.map(({ id }) => id));
    const others = living.flatMap((object) => (isVariation(object) ? (object.item_variation_data.item_id ?? []) : []));
    const more = await this.#items([...new Set(others)].filter((id) => !known.has(id)));
    const products = productsOf([...items, ...more.items], [...related, ...more.related]);
    const ended = page.items.filter(({ is_deleted: isDeleted }) => isDeleted);
    return toPage(
      { ...page, unreadable: [...page.unreadable, ...more.unreadable] },
      { ...products, records: [...products.records, ...ended.flatMap(deletionsOf)] },
    );
  }

  /** Two calls: a variation leads to its item, and only the item to its images and categories. */
  async retrieve(externalId: string): Promise<ProviderRecord | null> {
    const found = await nullWhenMissing(
      this.#ask(variationAnswer, { method: 'GET', path: pathOf(externalId), isOneObject: true }),
    );
    const itemId = found?.object.item_variation_data.item_id ?? null;
    if (itemId === null || found?.object.is_deleted) return null;
    const answer = await nullWhenMissing(
      this.#ask(itemAnswer, {
        method: 'GET',
        path: pathOf(itemId),
        query: { include_related_objects: 'true' },
        isOneObject: true,
      }),
    );
    if (!answer) return null;
    const { items, unreadable } = toProducts(answer.object, relatedIn(answer.related_objects));
    const broken = unreadable.find((one) => one.externalId === externalId);
    if (broken) throw unreadableObject(broken.issues);
    return items.find((record) => record.externalId === externalId) ?? null;
  }

  #search(what: Readonly<Record<string, unknown>>, query: ListQuery) {
    const body = { ...what, include_related_objects: true, limit: PAGE_SIZE, ...cursorOf(query) };
    return this.#ask(pageSchema, { method: 'POST', path: '/v2/catalog/search', body });
  }

  async #items(ids: readonly string[]) {
    if (ids.length === 0) return { items: [], related: [], unreadable: [] };
    const body = { object_ids: ids, include_related_objects: true };
    const answer = await this.#ask(pageSchema, { method: 'POST', path: '/v2/catalog/batch-retrieve', body });
    const { items, unreadable } = listed(itemSchema, answer.objects, null);
    return { items, unreadable, related: answer.related_objects };
  }
}

const pathOf = (id: string) => `/v2/catalog/object/${encodeURIComponent(id)}`;

const isVariation = (object: SquareItem | SquareVariation): object is SquareVariation =>
  object.type === 'ITEM_VARIATION';

interface Products {
  readonly records: readonly ProviderRecord[];
  readonly unreadable: ReturnType<typeof toProducts>['unreadable'];
  readonly newFields: NonNullable<ProviderPage['newFields']>;
}

function productsOf(items: readonly SquareItem[], related: readonly unknown[]): Products {
  const all = items.map((item) => toProducts(item, relatedIn(related)));
  return {
    records: all.flatMap((each) => each.items),
    unreadable: all.flatMap(({ unreadable }) => unreadable),
    newFields: all.flatMap(({ newFields = [] }) => newFields),
  };
}

/** An item takes its variations with it, whether they are told as well or not. */
function deletionsOf(object: SquareItem | SquareVariation): readonly ProviderRecord[] {
  if (isVariation(object)) return [toDeletion(object)];
  return variationIdsOf(object).map((id) => ({ ...toDeletion(object), externalId: id }));
}

function variationIdsOf({ item_data: item }: SquareItem): readonly string[] {
  return item.variations.flatMap((raw) => withId.safeParse(raw).data?.id ?? []);
}

const withId = z.object({ id: z.string() });

const toPage = (
  { after, positions, unreadable, newFields = [] }: Omit<ReturnType<typeof listed>, 'items'>,
  products: Products,
): ProviderPage => ({
  records: products.records,
  rejections: [...unreadable, ...products.unreadable].map(unreadableRejection),
  after,
  pageSize: PAGE_SIZE,
  positions,
  newFields: [...newFields, ...products.newFields],
});
