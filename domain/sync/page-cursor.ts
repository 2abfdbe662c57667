import { fingerprintOf } from './fingerprint.ts';
import { NONE } from './part.ts';
import type { ListedPage, NewPart, PartBase, Verdict } from './part.ts';
import type { PageCursor } from './pull-plan.ts';

/** A list that is read by one opaque cursor. */
export interface CursorPart extends PartBase {
  readonly strategy: 'pageCursor';
  /** The latest time that was read, in a list that is ordered by one. */
  readonly reachedEpochS: number | null;
  /** Digest of the last page's ids: shows that a page comes again. */
  readonly lastPage: string | null;
  /** Digest of an earlier cursor: a list that comes to it again goes in a circle. */
  readonly mark: string | null;
  /** Times in a row that the cursor expired and the list was begun again at the same place. */
  readonly restarts: number;
}

/** A list whose cursor expires this often before its end does not come to one. */
const MAX_RESTARTS = 5;

export const firstCursorPart = (part: NewPart): CursorPart => ({
  ...part,
  strategy: 'pageCursor',
  ...{ reachedEpochS: null, lastPage: null, mark: null, restarts: 0 },
});

/** An empty page with another cursor is one as it should be: providers filter after they have cut pages. */
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
    // The mark moves on ever more rarely, so that a circle of any length comes to it (Brent's algorithm).
    mark: (pagesRead & (pagesRead - 1)) === 0 ? fingerprintOf(after) : part.mark,
  };
}

/** The part without its cursor, which the provider no longer knows. Null: it was begun again too often without getting further. */
export function restartCursorPart(part: CursorPart, { afterExpiry }: PageCursor): CursorPart | null {
  const fromEpochS = restartsFrom(part, afterExpiry);
  const restarts = fromEpochS === part.fromEpochS ? part.restarts + 1 : 1;
  return restarts > MAX_RESTARTS ? null : { ...part, fromEpochS, restarts, after: null, lastPage: null, mark: null };
}

function restartsFrom(part: CursorPart, afterExpiry: PageCursor['afterExpiry']): number | null {
  if (afterExpiry.from === 'start' || part.reachedEpochS === null) return part.fromEpochS;
  return Math.max(part.fromEpochS ?? -Infinity, part.reachedEpochS - afterExpiry.overlapS);
}
