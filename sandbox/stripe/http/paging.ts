import type { PageFault } from '../../core/faults.ts';
import { ALL_TIME } from '../../core/timeline.ts';
import type { CreatedRange, Page, PageQuery, Timeline, TimelineItem } from '../../core/timeline.ts';
import { invalidRequest, noSuch } from './failure.ts';
import { hash, integer, requiredText } from './params.ts';
import type { Read, Reader } from './params.ts';

const second = integer({ min: 0 });
const readRange = hash({ gt: second, gte: second, lt: second, lte: second });

/** `created` as one second, or as a range of `gt`, `gte`, `lt`, `lte`. */
const created: Reader<CreatedRange> = (value, param) => {
  if (typeof value === 'string') {
    const at = second(value, param);
    return { min: at, max: at };
  }
  const { gt, gte, lt, lte } = readRange(value, param);
  return {
    min: Math.max(gte ?? ALL_TIME.min, gt === undefined ? ALL_TIME.min : gt + 1),
    max: Math.min(lte ?? ALL_TIME.max, lt === undefined ? ALL_TIME.max : lt - 1),
  };
};

/** The parameters of every list, https://docs.stripe.com/api/pagination (2026-11). */
export const pagingSpec = {
  limit: integer({ min: 1, max: 100 }),
  starting_after: requiredText(255),
  ending_before: requiredText(255),
  created,
};

export const DEFAULT_LIMIT = 10;

interface ListOf<T extends TimelineItem> {
  readonly items: Timeline<T>;
  /** The items a cursor may refer to, when `items` is a subset of them. */
  readonly all?: Timeline<T>;
  readonly kind: string;
  readonly url: string;
  readonly accepts?: ((item: T) => boolean) | undefined;
  readonly render: (item: T) => string;
  readonly fault: PageFault | null;
}

/**
 * One page as Stripe's list object, in JSON.
 * Refuses a cursor that names a deleted object as missing, as Stripe does:
 * https://github.com/stripe/stripe-go/issues/1030 (2020-02).
 */
export function listPage<T extends TimelineItem>(of: ListOf<T>, params: Read<typeof pagingSpec>): string {
  if (params.starting_after !== undefined && params.ending_before !== undefined) {
    throw invalidRequest('You may only specify one of these parameters: starting_after, ending_before.', {
      code: 'parameters_exclusive',
    });
  }
  const cursor = (param: 'starting_after' | 'ending_before') => {
    const id = params[param];
    if (id === undefined) return undefined;
    const item = (of.all ?? of.items).get(id);
    if (!item) throw noSuch(of.kind, id, param);
    return item;
  };
  const page = faultyPage(of, {
    limit: params.limit ?? DEFAULT_LIMIT,
    created: params.created ?? ALL_TIME,
    startingAfter: cursor('starting_after'),
    endingBefore: cursor('ending_before'),
    accepts: of.accepts,
  });
  return `{"object":"list","data":[${page.items.map(of.render).join(',')}],"has_more":${page.hasMore},"url":"${of.url}"}`;
}

/** The requested page, with the page fault applied. */
function faultyPage<T extends TimelineItem>({ items, fault }: ListOf<T>, query: PageQuery<T>): Page<T> {
  if (fault === 'page-repeat' && query.startingAfter) {
    const before = items.page({
      ...query,
      limit: query.limit - 1,
      startingAfter: undefined,
      endingBefore: query.startingAfter,
    });
    return { items: [...before.items, query.startingAfter], hasMore: true };
  }
  const page = items.page(query);
  if (fault === 'page-skip') return items.page({ ...query, startingAfter: page.items.at(-1) ?? query.startingAfter });
  if (fault === 'page-shrink' && page.items.length > 1)
    return { items: page.items.slice(0, page.items.length >> 1), hasMore: true };
  return page;
}
