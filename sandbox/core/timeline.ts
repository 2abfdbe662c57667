/**
 * An item of a timeline. `created` is in seconds. `order` is the order of arrival and breaks ties, so the order is
 * total and never changes.
 */
export interface TimelineItem {
  readonly id: string;
  readonly created: number;
  readonly order: number;
}

/** Whole seconds, both ends inclusive. */
export interface CreatedRange {
  readonly min: number;
  readonly max: number;
}

export interface PageQuery<T> {
  readonly limit: number;
  readonly created: CreatedRange;
  /** Selects the page of the next older items. Excludes the cursor itself. */
  readonly startingAfter?: T | undefined;
  /** Selects the page of the next newer items. Excludes the cursor itself. */
  readonly endingBefore?: T | undefined;
  readonly accepts?: ((item: T) => boolean) | undefined;
}

export interface Page<T> {
  /** Newest first in either paging direction. */
  readonly items: readonly T[];
  readonly hasMore: boolean;
}

export const ALL_TIME: CreatedRange = { min: 0, max: Number.MAX_SAFE_INTEGER };

const byAge = (a: TimelineItem, b: TimelineItem): number => a.created - b.created || a.order - b.order;

/**
 * Items by age. A page costs O(log n + page) without a filter. Items that arrive during paging never shift pages
 * already read.
 */
export class Timeline<T extends TimelineItem> {
  #oldestFirst: T[] = [];
  readonly #byId = new Map<string, T>();

  get size(): number {
    return this.#oldestFirst.length;
  }

  get(id: string): T | undefined {
    return this.#byId.get(id);
  }

  get oldest(): T | undefined {
    return this.#oldestFirst[0];
  }

  add(item: T): void {
    this.#byId.set(item.id, item);
    const newest = this.#oldestFirst.at(-1);
    if (!newest || byAge(newest, item) < 0) this.#oldestFirst.push(item);
    else this.#oldestFirst.splice(this.#position(item), 0, item);
  }

  /** Adds many items at once. They may be older than the existing ones. */
  addAll(items: readonly T[]): void {
    for (const item of items) this.#byId.set(item.id, item);
    const sorted = items.toSorted(byAge);
    const [first] = sorted;
    const newest = this.#oldestFirst.at(-1);
    if (first && newest && byAge(newest, first) > 0) this.#oldestFirst = this.#oldestFirst.concat(sorted).sort(byAge);
    else for (const item of sorted) this.#oldestFirst.push(item);
  }

  remove(item: T): void {
    if (!this.#byId.delete(item.id)) return;
    this.#oldestFirst.splice(this.#position(item), 1);
  }

  /** Drops everything created before `created` and returns the number dropped. */
  removeOlderThan(created: number): number {
    const dropped = this.#oldestFirst.splice(0, this.#position({ id: '', created, order: -1 }));
    for (const item of dropped) this.#byId.delete(item.id);
    return dropped.length;
  }

  page(query: PageQuery<T>): Page<T> {
    const [from, to] = this.#bounds(query);
    const upwards = query.endingBefore !== undefined;
    const found: T[] = [];
    for (let step = 0; step < to - from && found.length <= query.limit; step++) {
      const item = this.#oldestFirst[upwards ? from + step : to - 1 - step];
      if (item && (query.accepts?.(item) ?? true)) found.push(item);
    }
    const items = found.slice(0, query.limit);
    return { items: upwards ? items.reverse() : items, hasMore: found.length > query.limit };
  }

  *newestFirst(): Generator<T> {
    for (let index = this.#oldestFirst.length - 1; index >= 0; index--) {
      const item = this.#oldestFirst[index];
      if (item) yield item;
    }
  }

  *oldestFirst(): Generator<T> {
    yield* this.#oldestFirst;
  }

  /** The range of positions a page may come from; the end is exclusive. */
  #bounds({ created, startingAfter, endingBefore }: PageQuery<T>): [from: number, to: number] {
    const from = this.#position({ id: '', created: created.min, order: -1 });
    const to = this.#position({ id: '', created: created.max, order: Number.MAX_SAFE_INTEGER });
    return [
      endingBefore ? Math.max(from, this.#position(endingBefore) + 1) : from,
      startingAfter ? Math.min(to, this.#position(startingAfter)) : to,
    ];
  }

  /** The position of an item, or where it would be inserted. */
  #position(item: TimelineItem): number {
    let low = 0;
    let high = this.#oldestFirst.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const probe = this.#oldestFirst[middle];
      if (probe && byAge(probe, item) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
