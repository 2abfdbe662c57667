import { inShortQueries } from '../../http/short-queries.ts';
import { readItems, textAt, unreadableIssuesOf } from '../../items.ts';
import type { BulkHint, BulkSearch, ProviderRecord } from '../../provider.ts';
import type { Ask } from './ask.ts';
import { MOST_ELEMENTS } from './elements.ts';
import { askObjects, PAGE_SIZE } from './lists.ts';
import type { Collection } from './lists.ts';

type Found = ProviderRecord | null;

/** How what was written is found by a property that Xero keeps unique among the objects in use. */
export interface ValueSearch<Item> {
  readonly property: string;
  /** The value that a record has written; null for a record without one. */
  readonly valueOf: (hint: BulkHint) => string | null;
  /** The parameter that takes a list of values. Absent: a filter. */
  readonly listParameter?: string;
  /** Which of the objects with its value is the record's; undefined where that has to be looked up alone. */
  readonly choose: (items: readonly Item[], hint: BulkHint) => Found | undefined | Promise<Found | undefined>;
}

/** Looks for what several writes have left, by one call for as many values as an address holds. */
export const searchByValue = <Item>(ask: Ask, collection: Collection<Item>, search: ValueSearch<Item>): BulkSearch => ({
  size: MOST_ELEMENTS,
  async find(hints) {
    const known = await readByValues(ask, collection, { ...search, values: hints.map(search.valueOf) });
    const found = new Map<string, Found>();
    for (const hint of hints) {
      const items = known.get(search.valueOf(hint) ?? '');
      const chosen = items && (await readably(() => search.choose(items, hint)));
      if (chosen !== undefined) found.set(hint.recordId, chosen);
    }
    return found;
  },
});

/** The objects by their value, in whatever case where `isCaseless`. A value that cannot be asked for with others, or of an object that cannot be read, is absent. */
export async function readByValues<Item>(
  ask: Ask,
  { schema, idProperty, isUnpaged, ...collection }: Collection<Item>,
  {
    property,
    listParameter,
    values,
    isCaseless = false,
  }: Pick<ValueSearch<Item>, 'property' | 'listParameter'> & {
    readonly values: readonly (string | null)[];
    readonly isCaseless?: boolean;
  },
): Promise<ReadonlyMap<string, readonly Item[]>> {
  const conditionOf = (value: string) => `${property}=="${value}"`;
  const [separator, around] = listParameter === undefined ? [/["\\]/, `${conditionOf('')} OR `] : [/,/, ','];
  const asked = values.filter((value): value is string => value !== null && value !== '' && !separator.test(value));
  const keyOf = (value: string | null) => (isCaseless ? value?.toLowerCase() : value) ?? '';
  const found = new Map<string, Item[]>(asked.map((value) => [keyOf(value), []]));
  for (const some of inShortQueries(asked, around)) {
    const query =
      listParameter === undefined ? { where: some.map(conditionOf).join(' OR ') } : { [listParameter]: some.join(',') };
    const raw = await askObjects(ask, collection, {
      query: { ...query, ...(!isUnpaged && { page: '1', pageSize: String(PAGE_SIZE) }) },
    });
    const { items, unreadable } = readItems(schema, raw, (one) => textAt(one, idProperty));
    for (const item of items) found.get(keyOf(textAt(item, property)))?.push(item);
    for (const { raw: one } of unreadable) found.delete(keyOf(textAt(one, property)));
  }
  return found;
}

/** Undefined for an object that cannot be read. */
async function readably<Made>(make: () => Made | Promise<Made>): Promise<Made | undefined> {
  try {
    return await make();
  } catch (error) {
    if (unreadableIssuesOf(error) === null) throw error;
    return undefined;
  }
}
