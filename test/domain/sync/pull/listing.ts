import type { Segment } from '../../../../domain/sync/pull/segments.ts';

interface Item {
  readonly id: string;
  readonly atEpochS: number;
}

/** A provider's listing, newest first, paged as by Stripe. */
export class Listing {
  readonly pageSize: number;
  readonly #items: readonly Item[];
  readonly #places: ReadonlyMap<string, number>;

  constructor(created: readonly number[], pageSize: number) {
    this.pageSize = pageSize;
    this.#items = [...created].sort((a, b) => b - a).map((atEpochS, index) => ({ id: `id-${index}`, atEpochS }));
    this.#places = new Map(this.#items.map(({ id }, index) => [id, index]));
  }

  /** The ids of a segment's remaining records. */
  left(segment: Segment): readonly string[] {
    return this.#within(segment).map(({ id }) => id);
  }

  page(segment: Segment): { readonly after: string | null; readonly positions: readonly Item[] } {
    const left = this.#within(segment);
    const positions = left.slice(0, this.pageSize);
    return { after: left.length > positions.length ? (positions.at(-1)?.id ?? null) : null, positions };
  }

  #within({ fromEpochS, toEpochS, after }: Segment): readonly Item[] {
    const start = after === null ? 0 : (this.#places.get(after as string) ?? 0) + 1;
    return this.#items
      .slice(start)
      .filter(({ atEpochS }) => atEpochS < toEpochS && atEpochS >= (fromEpochS ?? -Infinity));
  }
}

export const whole = (toEpochS: number, fromEpochS: number | null): Segment => ({
  id: 0,
  stream: 'records',
  fromEpochS,
  toEpochS,
  after: null,
  oldestEpochS: null,
  pagesRead: 0,
});
