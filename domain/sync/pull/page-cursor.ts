import { fingerprintOf } from '../fingerprint.ts';
import { NONE } from './part.ts';
import type { ListedPage, NewPart, PartBase, Verdict } from './part.ts';
import type { Cursor, PageCursor } from './pull-plan.ts';

/** A list that is read by one opaque cursor. */
export interface CursorPart extends PartBase {
  readonly strategy: 'pageCursor';
  /** The latest time read, in a list that is ordered by time. */
  readonly reachedEpochS: number | null;
  /** Digest of the last page's ids, to detect a repeated page. */
  readonly lastPage: string | null;
  /** Digest of an earlier cursor, to detect a list that loops. */
  readonly mark: string | null;
  /** Consecutive restarts at the same place after an expired cursor. */
  readonly restarts: number;
  /** Digest of the place of the last restart; absent before the first. */
  readonly restartedAt?: string;
}

/** A list whose cursor expires more often than this without progress cannot be completed. */
const MAX_RESTARTS = 5;

export const firstCursorPart = (part: NewPart): CursorPart => ({
  ...part,
  strategy: 'pageCursor',
  ...{ reachedEpochS: null, lastPage: null, mark: null, restarts: 0 },
});

/** Accepts an empty page with a new cursor, because providers may filter after paging. */
export function checkCursorPage(part: CursorPart, page: ListedPage): Verdict<CursorPart> {
  const ids = page.positions.map(({ id }) => id);
  const digest = ids.length === 0 ? part.lastPage : fingerprintOf(ids);
  const next = page.after === null ? null : fingerprintOf(page.after);
  const isSamePage = ids.length > 0 && digest === part.lastPage;
  const isSameCursor =
    next !== null && (next === part.mark || (part.after !== null && next === fingerprintOf(part.after)));
  if (isSamePage || isSameCursor || new Set(ids).size < ids.length)
    return { do: 'ask-again', part, anomaly: 'page-repeats' };
  return { do: 'take', left: advance(part, page, digest), anomaly: null, known: NONE, isReread: part.restarts > 0 };
}

function advance(part: CursorPart, { after, positions }: ListedPage, lastPage: string | null): CursorPart | null {
  if (after === null) return null;
  const times = positions.flatMap(({ atEpochS }) => atEpochS ?? []);
  const pagesRead = part.pagesRead + 1;
  return {
    ...part,
    ...{ after, pagesRead, lastPage },
    reachedEpochS: times.reduce<number | null>((latest, at) => Math.max(latest ?? at, at), part.reachedEpochS),
    // The mark moves at growing intervals, so that a loop of any length reaches it (Brent's algorithm).
    mark: (pagesRead & (pagesRead - 1)) === 0 ? fingerprintOf(after) : part.mark,
  };
}

/** The part without its expired cursor. Null after too many restarts without progress. */
export function restartCursorPart(part: CursorPart, { afterExpiry }: PageCursor): CursorPart | null {
  const place = restartsFrom(part, afterExpiry);
  const restartedAt = fingerprintOf(place);
  const restarts = restartedAt === part.restartedAt ? part.restarts + 1 : 1;
  return restarts > MAX_RESTARTS ? null : { ...part, ...place, restarts, restartedAt, lastPage: null, mark: null };
}

interface RestartPlace {
  readonly fromEpochS: number | null;
  readonly after: Cursor | null;
}

function restartsFrom(
  { fromEpochS, after, reachedEpochS }: CursorPart,
  afterExpiry: PageCursor['afterExpiry'],
): RestartPlace {
  if (afterExpiry.from === 'cursor') return { fromEpochS, after: after && afterExpiry.renewed(after) };
  if (afterExpiry.from === 'start' || reachedEpochS === null) return { fromEpochS, after: null };
  return { fromEpochS: Math.max(fromEpochS ?? -Infinity, reachedEpochS - afterExpiry.overlapS), after: null };
}
