/** How a resource is read: its lists, the strategy that each is read by, and what the provider tells of changes and deletions. */
export interface PullPlan {
  /** Lists that together hold everything. Each entry is a stage; its lists are read when the stage before is complete. */
  readonly listing: readonly (readonly Stream[])[];
  /** Null where nothing tells what changed: every pull then reads everything. */
  readonly changes: ChangeFeed | null;
  /** Whether a record that a complete listing does not bring may have been deleted. */
  readonly mayVanish: boolean;
  /** Lists only ids, and all of them. Read after the change feed where nothing else tells of deletions. */
  readonly ids?: Stream;
}

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
/** Where the next page of a list begins. Stored as it is; only the adapter reads it. */
export type Cursor = Exclude<Json, null>;

/** One of the provider's lists and the strategy that it is read by. */
export type Stream = TimeWindows | PageCursor | Offset;

interface NamedStream {
  /** Stored with a run's position: never rename one. */
  readonly name: string;
  /** Whether the provider refuses a page because it no longer knows the cursor. */
  readonly isCursorGone: (refusal: Refusal) => boolean;
}

/** What a provider said instead of a page, in the fields of `ProviderErrorDetails` that tell a lost cursor. */
export interface Refusal {
  readonly kind: string;
  readonly httpStatus?: number | undefined;
  readonly code?: string | undefined;
  readonly field?: string | undefined;
}

/** Newest first by creation inside a window of time, so that several readers can share a list. */
export interface TimeWindows extends NamedStream {
  readonly strategy: 'timeWindows';
}

/** One opaque cursor, page after page. */
export interface PageCursor extends NamedStream {
  readonly strategy: 'pageCursor';
  readonly afterExpiry: AfterExpiry;
}

/**
 * How a list whose cursor has expired is begun again. `from-start`: from its first page. `by-time`: from the time of the last object that was
 * read less `overlapS`, for a list that is ordered by a time, oldest first, and can be filtered by it.
 */
export type AfterExpiry = { readonly from: 'start' } | { readonly from: 'time'; readonly overlapS: number };

/** Objects are passed over by number, in an order that the provider keeps. */
export interface Offset extends NamedStream {
  readonly strategy: 'offset';
  /** Objects of a page that the next one brings again: they show that the order has not shifted. At least one. */
  readonly overlap: number;
}

/**
 * Lists that together tell everything that changed. `moment`: since a time, of ours or of the provider's. `token`: since the place that the page
 * before left as its `feedCursor`. Where the feed does not reach back far enough, or its token is gone, the pull reads everything.
 */
export type ChangeFeed = {
  /** In stages, as `PullPlan.listing`. */
  readonly streams: readonly (readonly Stream[])[];
} & (FeedSinceMoment | { readonly since: 'token' });

export interface FeedSinceMoment {
  readonly since: 'moment';
  /** How far back the feed tells changes; null: without limit. */
  readonly reachS: number | null;
  /** Time before the last watermark that is asked for again: clocks differ, and feeds lag. */
  readonly overlapS: number;
  /** The same, where a listing hands over to the feed and the provider's own clock says from when on. */
  readonly handOffOverlapS: number;
  /** How much further back a stream is read, by its name: for a list whose items may join it late. */
  readonly lookBackS?: Readonly<Record<string, number>>;
}

const never = () => false;

type Optional<Kind extends NamedStream> = Omit<Kind, 'strategy' | 'name' | 'isCursorGone'> &
  Partial<Pick<Kind, 'isCursorGone'>>;

export const timeWindows = (name: string, options: Optional<TimeWindows> = {}): TimeWindows => ({
  isCursorGone: never,
  ...options,
  strategy: 'timeWindows',
  name,
});

export const pageCursor = (name: string, options: Optional<PageCursor>): PageCursor => ({
  isCursorGone: never,
  ...options,
  strategy: 'pageCursor',
  name,
});

export const offset = (name: string, options: Optional<Offset>): Offset => ({
  isCursorGone: never,
  ...options,
  strategy: 'offset',
  name,
});

/** Tells changes since a moment. */
export const changeFeed = (
  streams: ChangeFeed['streams'],
  options: Omit<FeedSinceMoment, 'since'>,
): ChangeFeed & FeedSinceMoment => ({ ...options, since: 'moment', streams });

/** Tells changes since the token that the last page read has left. */
export const tokenFeed = (streams: ChangeFeed['streams']): ChangeFeed => ({ since: 'token', streams });

/** A list of ids alone, by any strategy. */
export const idSweep = (stream: Stream): Pick<PullPlan, 'ids'> => ({ ids: stream });

/** Every list of a plan, by name. */
export function streamsOf({ listing, changes, ids }: PullPlan): ReadonlyMap<string, Stream> {
  const all = [...listing.flat(), ...(changes?.streams.flat() ?? []), ...(ids ? [ids] : [])];
  return new Map(all.map((stream) => [stream.name, stream]));
}
