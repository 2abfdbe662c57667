import { fingerprintOf } from '../fingerprint.ts';
import { NONE } from './part.ts';
import type { ListedPage, NewPart, PartBase, Verdict } from './part.ts';
import type { Offset } from './pull-plan.ts';

/** A list that is read by offset: the number of objects skipped. */
export interface OffsetPart extends PartBase {
  readonly strategy: 'offset';
  readonly after: number | null;
  /** Ids of the last objects read, with which the next page must begin. */
  readonly tail: readonly string[];
  /** Digest of the last page's ids, to detect a repeated page. */
  readonly lastPage: string | null;
  /** Size of the next step back, taken when a page does not contain the tail. */
  readonly stepBack: number;
  /** Steps back taken in this list. */
  readonly shifts: number;
  /** Answers in a row that equal the page before them. Absent in parts stored before they were counted. */
  readonly repeats?: number;
}

/** A list whose order shifts more often than this is too unstable to be read by offset. */
const MAX_SHIFTS = 50;
/** A list that answers so often in a row with the page before ignores the offset. */
const MAX_REPEATS = 6;

export const firstOffsetPart = (part: NewPart): OffsetPart => ({
  ...part,
  after: null,
  strategy: 'offset',
  ...{ tail: [], lastPage: null, stepBack: 0, shifts: 0, repeats: 0 },
});

/**
 * Offsets shift when objects in front of them are created or deleted, and an object that moves in front of the reading
 * position would be missed. So each page begins with the last objects of the previous page. When it does not, the
 * reader steps back, twice as far each time, until it finds them or reaches the start.
 */
export function checkOffsetPage(part: OffsetPart, page: ListedPage, { overlap }: Offset): Verdict<OffsetPart> {
  const ids = page.positions.map(({ id }) => id);
  const lastPage = ids.length === 0 ? part.lastPage : fingerprintOf(ids);
  const repeats = repeatsOf(part, ids.length === 0 ? null : lastPage);
  if (new Set(ids).size < ids.length || isDoubtful(repeats) || promisesNothing(page))
    return { do: 'ask-again', part: { ...part, repeats }, anomaly: 'page-repeats' };
  const met = meet(part, ids);
  if (met === 'lost') return takeStepBack(part, page);
  const next = nextOffset(page);
  const taken = Math.min(overlap, ids.length);
  const tail = ids.slice(-taken);
  const read = { tail, lastPage, repeats, stepBack: 0, pagesRead: part.pagesRead + 1 };
  return {
    do: 'take',
    left: next === null ? null : { ...part, ...read, after: next - taken },
    anomaly: met.isShifted ? 'order-shifted' : null,
    known: met.known,
    isReread: met.isShifted || part.shifts > 0,
  };
}

const repeatsOf = ({ lastPage, repeats = 0 }: OffsetPart, page: string | null): number =>
  page !== null && page === lastPage ? repeats + 1 : 0;

/**
 * Whether a page that equals the previous one is requested again. When that many objects were created in front, the same
 * page is the right answer: it is taken when it comes a second time.
 */
const isDoubtful = (repeats: number): boolean => repeats % 2 === 1 || repeats > MAX_REPEATS;

/** An empty page that claims to be followed by more. */
const promisesNothing = ({ after, positions }: ListedPage) => after !== null && positions.length === 0;

/** Looks for the tail on the page that must begin with it. */
function meet(
  { after, tail }: OffsetPart,
  ids: readonly string[],
): 'lost' | { readonly known: ReadonlySet<string>; readonly isShifted: boolean } {
  if ((after ?? 0) === 0 || tail.length === 0) return { known: NONE, isShifted: false };
  const onPage = new Set(ids);
  const known = new Set(tail.filter((id) => onPage.has(id)));
  if (known.size === 0) return 'lost';
  return { known, isShifted: tail.some((id, index) => ids[index] !== id) };
}

function takeStepBack(part: OffsetPart, { pageSize }: ListedPage): Verdict<OffsetPart> {
  const shifts = part.shifts + 1;
  if (shifts > MAX_SHIFTS) return { do: 'fail', code: 'order-keeps-shifting' };
  const stepBack = part.stepBack === 0 ? pageSize : part.stepBack * 2;
  const after = Math.max(0, (part.after ?? 0) - stepBack);
  return { do: 'ask-again', part: { ...part, after, stepBack, shifts, lastPage: null }, anomaly: 'order-shifted' };
}

/**
 * Throws when the cursor is not a number, because the adapter then declares a different strategy than it implements.
 */
function nextOffset({ after }: ListedPage): number | null {
  if (after === null || typeof after === 'number') return after;
  throw new TypeError('the cursor of a list that is read by offset is a number');
}
