/** How a resource is read: its lists with their strategies, and how the provider reports changes and deletions. */
export interface PullPlan {
  /**
   * Lists that together contain everything. Each entry is a stage; its lists are read once the previous stage is
   * complete.
   */
  readonly listing: readonly (readonly Stream[])[];
  /** Null when the provider does not report changes, so that every pull reads everything. */
  readonly changes: ChangeFeed | null;
  /** Whether a record missing from a complete listing may have been deleted. */
  readonly mayVanish: boolean;
  /** A list of all ids and nothing else. Read after the change feed when deletions are not reported otherwise. */
  readonly ids?: Stream;
  /** How everything of a span of time is read; absent when the provider cannot be asked by time. */
  readonly span?: SpanLists;
  /**
   * What the provider dates. Changes and deletions, at least in its change feed: the policy `newest` needs them. The
   * beginning of every record: history can then be left out before a day. Absent: nothing.
   */
  readonly dates?: readonly DatedEvent[];
  /** With beginnings: how much earlier an object may have been created than what it tells began. Absent: not at all. */
  readonly createdBeforeS?: number;
}

/** What may have happened to an object. */
export type DatedEvent = 'beginnings' | 'changes' | 'deletions';

/**
 * Lists that together tell every record of a span of time as it is now. Each is asked for what was created in the span.
 */
export interface SpanLists {
  readonly streams: readonly Stream[];
  /** How much earlier an object may have been created whose own time is in the span. */
  readonly lookBackS: number;
  /** Transactions have days of the account's and no times; each is told as its day's first instant in UTC. */
  readonly hasDaysAlone?: true;
}

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
/** Where the next page of a list begins. Stored as it is; only the adapter interprets it. */
export type Cursor = Exclude<Json, null>;

/** One of the provider's lists, with its strategy. */
export type Stream = TimeWindows | PageCursor | Offset;

interface NamedStream {
  /** Stored with a run's position: never rename one. */
  readonly name: string;
  /** Whether the provider refused a page because it no longer knows the cursor. */
  readonly isCursorGone: (refusal: Refusal) => boolean;
}

/**
 * The provider's refusal of a page, reduced to the fields of `ProviderErrorDetails` that identify an expired cursor.
 */
export interface Refusal {
  readonly kind: string;
  readonly httpStatus?: number | undefined;
  readonly code?: string | undefined;
  readonly field?: string | undefined;
}

/** Newest first by creation within a time window, so that several readers can share a list. */
export interface TimeWindows extends NamedStream {
  readonly strategy: 'timeWindows';
}

/** One opaque cursor, page by page. */
export interface PageCursor extends NamedStream {
  readonly strategy: 'pageCursor';
  readonly afterExpiry: AfterExpiry;
}

/**
 * How to restart a list whose cursor has expired. `start`: at its first page. `time`: at the time of the last object
 * read minus `overlapS`, for a list that is ordered by time, oldest first, and can be filtered by it. `cursor`: at the
 * cursor that `renewed` makes of the expired one, for a list that an adapter joins from several, such as one for each
 * location: its cursor holds which of them is being read, and how far.
 */
export type AfterExpiry =
  | { readonly from: 'start' }
  | { readonly from: 'time'; readonly overlapS: number }
  | { readonly from: 'cursor'; readonly renewed: (expired: Cursor) => Cursor };

/** Skips objects by number, in an order that the provider keeps. */
export interface Offset extends NamedStream {
  readonly strategy: 'offset';
  /** Number of objects that the next page repeats to show that the order has not shifted. At least one. */
  readonly overlap: number;
}

/**
 * Lists that together report everything that changed. `moment`: since a time, by our clock or the provider's. `token`:
 * since the `feedCursor` of the previous page. When the feed does not reach back far enough, or its token has expired,
 * the pull reads everything.
 */
export type ChangeFeed = {
  /** In stages, like `PullPlan.listing`. */
  readonly streams: readonly (readonly Stream[])[];
} & (FeedSinceMoment | { readonly since: 'token' });

export interface FeedSinceMoment {
  readonly since: 'moment';
  /** How far back the feed reaches; null for no limit. */
  readonly reachS: number | null;
  /** Time before the last watermark that is read again, because clocks differ and feeds lag. */
  readonly overlapS: number;
  /** The same overlap when a listing is followed by the feed and the provider's own clock gives the starting time. */
  readonly handOffOverlapS: number;
  /** Additional seconds by which a stream is read further back, by name, for a list that items may join late. */
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

/** A feed of changes since a time. */
export const changeFeed = (
  streams: ChangeFeed['streams'],
  options: Omit<FeedSinceMoment, 'since'>,
): ChangeFeed & FeedSinceMoment => ({ ...options, since: 'moment', streams });

/** A feed of changes since the token of the last page read. */
export const tokenFeed = (streams: ChangeFeed['streams']): ChangeFeed => ({ since: 'token', streams });

/** A list of ids only, with any strategy. */
export const idSweep = (stream: Stream): Pick<PullPlan, 'ids'> => ({ ids: stream });

/** Every list of a plan, by name. */
export function streamsOf({ listing, changes, ids }: PullPlan): ReadonlyMap<string, Stream> {
  const all = [...listing.flat(), ...(changes?.streams.flat() ?? []), ...(ids ? [ids] : [])];
  return new Map(all.map((stream) => [stream.name, stream]));
}
