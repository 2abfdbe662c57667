import { PAGES_OF_THE_FIRST_PART, secondsPerPage } from './segments.ts';
import type { Segment, SegmentPage } from './segments.ts';

/** With so many pages left for each reader, a listing is near its end. */
const PAGES_A_READER_AT_THE_END = 2;

/**
 * Estimates the pages of a listing's open parts by the time that the last page of each has spanned. Near the end of a
 * listing parts of single pages are worth their calls: otherwise most readers have nothing to do while a few read their
 * last pages one after another.
 */
export class OpenPages {
  readonly #pages: Map<number, number>;

  /** Nothing is known of parts of which no page was read. */
  constructor(parts: readonly { readonly id: number }[]) {
    this.#pages = new Map(parts.map(({ id }) => [id, Infinity]));
  }

  /** A page of the part was read. `left`: what it leaves. */
  read(id: number, page: SegmentPage, left: readonly Segment[]): void {
    this.#pages.delete(id);
    for (const part of left) this.#pages.set(part.id, pagesOf(part, page));
  }

  /** How many pages the first part to be split off reaches back. */
  firstPartFor(readers: number): number {
    const left = [...this.#pages.values()].reduce((sum, pages) => sum + pages, 0);
    return left <= readers * PAGES_A_READER_AT_THE_END ? 1 : PAGES_OF_THE_FIRST_PART;
  }
}

function pagesOf({ fromEpochS, oldestEpochS, toEpochS }: Segment, page: SegmentPage): number {
  const seconds = fromEpochS === null ? null : secondsPerPage(page);
  return fromEpochS === null || seconds === null ? Infinity : ((oldestEpochS ?? toEpochS) - fromEpochS) / seconds;
}
