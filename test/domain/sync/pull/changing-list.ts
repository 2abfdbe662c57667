import { checkPage, firstPart, isSegment, restartPart } from '../../../../domain/sync/pull/strategies.ts';
import type { Part } from '../../../../domain/sync/pull/strategies.ts';
import type { ListedPage } from '../../../../domain/sync/pull/part.ts';
import type { Stream } from '../../../../domain/sync/pull/pull-plan.ts';
import { split } from '../../../../domain/sync/pull/segments.ts';

export interface Item {
  readonly id: string;
  readonly atEpochS: number;
}

/** What happens at the provider between two requests. `place` says where in the list, in percent. */
export interface ListChange {
  readonly kind: 'insert' | 'delete' | 'expire-cursors' | 'nothing';
  readonly place: number;
  readonly count: number;
}

/** Answers one request; null when the provider no longer knows the cursor. */
type Answer = (items: readonly Item[], part: Part, pageSize: number) => ListedPage | null;

/** A provider's list whose objects are inserted and deleted while it is read. Ordered by time, oldest first. */
export class ChangingList {
  readonly pageSize: number;
  items: readonly Item[];
  #generation = 0;
  #insertCount = 0;

  constructor(times: readonly number[], pageSize: number) {
    this.pageSize = pageSize;
    this.items = [...times].sort((a, b) => a - b).map((atEpochS, index) => ({ id: `first-${index}`, atEpochS }));
  }

  apply({ kind, place, count }: ListChange): void {
    const index = Math.floor((this.items.length * place) / 100);
    if (kind === 'expire-cursors') this.#generation += 1;
    if (kind === 'delete') this.items = this.items.toSpliced(index, count);
    if (kind === 'insert') this.items = this.items.toSpliced(index, 0, ...this.#newItems(index, count));
  }

  /** Objects that share the time of those between which they are inserted. */
  #newItems(index: number, count: number): readonly Item[] {
    const atEpochS = (this.items[index] ?? this.items.at(-1))?.atEpochS ?? 1_000;
    return Array.from({ length: count }, () => ({ id: `new-${(this.#insertCount += 1)}`, atEpochS }));
  }

  /** Newest first within the part's window, after the object that the cursor names. */
  readonly byWindow: Answer = (items, { fromEpochS, toEpochS, after }, pageSize) => {
    const newestFirst = items.toReversed();
    const place = after === null ? -1 : newestFirst.findIndex(({ id }) => id === after);
    if (after !== null && place === -1) return null;
    const left = newestFirst
      .slice(place + 1)
      .filter(({ atEpochS }) => atEpochS < toEpochS && atEpochS >= (fromEpochS ?? -Infinity));
    const positions = left.slice(0, pageSize);
    return { positions, pageSize, after: left.length > pageSize ? (positions.at(-1)?.id ?? null) : null };
  };

  /**
   * Oldest first, after the time and the number within that time which the cursor holds, so that a deleted object does
   * not matter. Every third object is filtered out after paging.
   */
  readonly byCursor: Answer = (items, { fromEpochS, after }, pageSize) => {
    const cursor = after as { readonly atEpochS: number; readonly id: string; readonly generation: number } | null;
    if (cursor !== null && cursor.generation !== this.#generation) return null;
    const isBehind = (item: Item) => cursor === null || isAfter(item, cursor);
    const left = items
      .filter((item) => item.atEpochS >= (fromEpochS ?? -Infinity) && isBehind(item))
      .sort((one, other) => (isAfter(one, other) ? 1 : -1));
    const page = left.slice(0, pageSize);
    const last = page.at(-1);
    return {
      positions: page.filter(({ id }) => !isFilteredOut(id)),
      pageSize,
      after: left.length > pageSize && last ? { ...last, generation: this.#generation } : null,
    };
  };

  /** Oldest first, after the number of objects that are to be skipped. */
  readonly byOffset: Answer = (items, { after }, pageSize) => {
    const skip = Number(after ?? 0);
    const positions = items.slice(skip, skip + pageSize).map(({ id }) => ({ id, atEpochS: null }));
    return { positions, pageSize, after: positions.length < pageSize ? null : skip + positions.length };
  };
}

export const isFilteredOut = (id: string): boolean => id.endsWith('3');

const isAfter = (one: Item, other: Item): boolean =>
  one.atEpochS === other.atEpochS ? one.id > other.id : one.atEpochS > other.atEpochS;

export interface Reading {
  readonly stream: Stream;
  readonly list: ChangingList;
  readonly answer: Answer;
  /** One happens after each request, until none is left. */
  readonly changes: readonly ListChange[];
  /** How many parts a time window is split into after each page. */
  readonly parts?: number;
}

/** As a pull does: so many answers in a row may repeat a page. */
const MAX_REPEATS = 3;
const MAX_REQUESTS = 1_000;

/** Reads the list to its end while it changes, as a pull does. Returns the ids that were read. Throws when it gives up. */
export function readWhileChanging(reading: Reading): ReadonlySet<string> {
  const { stream, list } = reading;
  const read = new Set<string>();
  const queue = [...reading.changes];
  const whole = { id: 0, stream: stream.name, fromEpochS: null, toEpochS: 1_000_000, after: null, pagesRead: 0 };
  const open: Part[] = [firstPart(stream, whole)];
  let repeats = 0;
  for (let requests = 1; open.length > 0; requests += 1) {
    if (requests > MAX_REQUESTS) throw new Error('the reading does not end');
    const step = readOne(reading, open.shift() as Part, requests * 100);
    repeats = step.isRepeat ? repeats + 1 : 0;
    if (repeats > MAX_REPEATS) throw new Error('the page repeats');
    for (const id of step.ids) read.add(id);
    open.push(...step.left);
    const change = queue.shift();
    if (change) list.apply(change);
  }
  return read;
}

interface Step {
  readonly ids: readonly string[];
  readonly left: readonly Part[];
  readonly isRepeat: boolean;
}

/** One request for a part. */
function readOne({ stream, list, answer, parts = 1 }: Reading, part: Part, firstId: number): Step {
  const page = answer(list.items, part, list.pageSize);
  if (page === null) return { ids: [], left: [restarted(stream, part)], isRepeat: false };
  const verdict = checkPage(stream, part, page);
  if (verdict.do === 'fail') throw new Error(verdict.code);
  if (verdict.do === 'ask-again')
    return { ids: [], left: [verdict.part], isRepeat: verdict.anomaly === 'page-repeats' };
  const ids = page.positions.map(({ id }) => id);
  const { left } = verdict;
  if (left === null) return { ids, left: [], isRepeat: false };
  return {
    ids,
    left: isSegment(left) ? split(left, page, { parts, firstId, pagesLeft: null }) : [left],
    isRepeat: false,
  };
}

function restarted(stream: Stream, part: Part): Part {
  const left = restartPart(stream, part);
  if (left === null) throw new Error('the cursor keeps expiring');
  return left;
}
