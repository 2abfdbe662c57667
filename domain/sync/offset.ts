import { fingerprintOf } from './fingerprint.ts';
import { NONE } from './part.ts';
import type { ListedPage, NewPart, PartBase, Verdict } from './part.ts';
import type { Offset } from './pull-plan.ts';

/** A list that is read by the number of objects passed over. */
export interface OffsetPart extends PartBase {
  readonly strategy: 'offset';
  readonly after: number | null;
  /** Ids of the last objects read: the next page has to bring them again. */
  readonly tail: readonly string[];
  /** Digest of the last page's ids: shows that a page comes again. */
  readonly lastPage: string | null;
  /** How far the next step back goes, where a page does not bring the tail. */
  readonly stepBack: number;
  /** Steps back that the list has taken. */
  readonly shifts: number;
}

/** A list whose order shifts this often has no order that could be read by numbers. */
const MAX_SHIFTS = 50;

export const firstOffsetPart = (part: NewPart): OffsetPart => ({
  ...part,
  after: null,
  strategy: 'offset',
  ...{ tail: [], lastPage: null, stepBack: 0, shifts: 0 },
});

/**
 * Numbers shift when objects before them come or go, and what shifts to the front past the place of reading would be missed. So each page begins
 * with the last objects of the page before; where it does not, the reader steps back, twice as far each time, until it meets them or begins anew.
 */
export function checkOffsetPage(part: OffsetPart, page: ListedPage, { overlap }: Offset): Verdict<OffsetPart> {
  const ids = page.positions.map(({ id }) => id);
  const lastPage = ids.length === 0 ? part.lastPage : fingerprintOf(ids);
  if (new Set(ids).size < ids.length || (ids.length > 0 && lastPage === part.lastPage) || promisesNothing(page))
    return { do: 'ask-again', part, anomaly: 'page-repeats' };
  const met = meet(part, ids);
  if (met === 'lost') return takeStepBack(part, page);
  const next = nextOffset(page);
  const taken = Math.min(overlap, ids.length);
  return {
    do: 'take',
    left:
      next === null
        ? null
        : {
            ...part,
            after: next - taken,
            pagesRead: part.pagesRead + 1,
            tail: ids.slice(-taken),
            lastPage,
            stepBack: 0,
          },
    anomaly: met.isShifted ? 'order-shifted' : null,
    known: met.known,
    isReread: met.isShifted || part.shifts > 0,
  };
}

/** Nothing on it, and yet there is said to be more. */
const promisesNothing = ({ after, positions }: ListedPage) => after !== null && positions.length === 0;

/** Looks for the tail on the page that has to begin with it. */
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

/** Throws for an adapter whose cursor is no number: it declares another strategy than it implements. */
function nextOffset({ after }: ListedPage): number | null {
  if (after === null || typeof after === 'number') return after;
  throw new TypeError('the cursor of a list that is read by offset is a number');
}
