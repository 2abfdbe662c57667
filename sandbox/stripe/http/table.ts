import { Timeline } from '../../core/timeline.ts';
import type { TimelineItem } from '../../core/timeline.ts';
import type { SeedBatch } from '../control/seeds.ts';

/** Above this many objects of a kind, memory holds nothing that can be derived again. */
const KEEP_RENDERED_UP_TO = 50_000;

/** A stored object: `fields` are its mutable fields, `created` is in seconds. */
export interface Stored<F> extends TimelineItem {
  readonly fields: F;
}

/** An object inside a change. Null `fields` mean that it is deleted. */
export interface Item<F> extends TimelineItem {
  readonly fields: F | null;
}

/** An object in memory. A seeded one has no fields until somebody writes to it, which keeps a million of them cheap. */
export interface Row<F> extends TimelineItem {
  readonly seedNo: number | null;
  fields: F | null;
  /**
   * The fields that search still shows and the time of the write that made them out of date. Null for an object seeded
   * by number and never written.
   */
  stale: { readonly sinceMs: number; readonly fields: F | null } | null;
  /** The rendered JSON, cached while there are few enough objects. */
  json: string | null;
}

/** The inputs from which a seeded object's fields are derived. */
export interface Seeded {
  readonly no: number;
  readonly created: number;
  /** Differs between accounts, so that their seeds differ. */
  readonly salt: number;
  readonly batch: SeedBatch;
}

/** How one kind of object is rendered and found. */
export interface Shape<F> {
  /** Renders the object resource. `nowSeconds` is for fields that change with time alone. */
  readonly render: (stored: Stored<F>, nowSeconds: number) => object;
  /** True when the result of `render` changes with time alone. */
  readonly changesWithTime?: boolean;
  /** The keys that lists filter by. An index is built on first use. */
  readonly keys: Readonly<Record<string, (fields: F) => string | null>>;
  /** How objects are seeded by number, for kinds that support it. */
  readonly seed?: { readonly id: (salt: number, no: number) => string; readonly fields: (seeded: Seeded) => F };
}

/** All objects of one kind in one account, by age and by key. */
export class Table<F> {
  readonly rows = new Timeline<Row<F>>();
  readonly deleted = new Map<string, Item<F>>();
  readonly seeds: SeedBatch[] = [];
  nextSeedNo = 1;
  readonly #shape: Shape<F>;
  readonly #salt: number;
  readonly #indexes = new Map<string, Map<string, Timeline<Row<F>>>>();

  constructor(shape: Shape<F>, salt: number) {
    this.#shape = shape;
    this.#salt = salt;
  }

  get(id: string): Stored<F> | undefined {
    const row = this.rows.get(id);
    return row && this.stored(row);
  }

  stored(row: Row<F>): Stored<F> {
    return { id: row.id, created: row.created, order: row.order, fields: this.fieldsOf(row) };
  }

  fieldsOf(row: Row<F>): F {
    if (row.fields) return row.fields;
    const no = row.seedNo ?? 0;
    const batch = this.seeds.findLast(({ firstNo }) => firstNo <= no);
    if (!batch || !this.#shape.seed) throw new Error(`${row.id} has no fields`);
    const fields = this.#shape.seed.fields({ no, created: row.created, salt: this.#salt, batch });
    if (this.#keepsRendered) row.fields = fields;
    return fields;
  }

  json(row: Row<F>, nowSeconds: number): string {
    if (row.json !== null) return row.json;
    const json = JSON.stringify(this.#shape.render(this.stored(row), nowSeconds));
    if (this.#keepsRendered && this.#shape.changesWithTime !== true) row.json = json;
    return json;
  }

  /** Objects whose `key` has this value, oldest first. Throws when the kind has no such key. */
  where(key: string, value: string): Stored<F>[] {
    return [...this.indexed(key, value).oldestFirst()].map((row) => this.stored(row));
  }

  /** The rows whose `key` has this value. Throws when the kind has no such key. */
  indexed(key: string, value: string): Timeline<Row<F>> {
    return this.#index(key).get(value) ?? new Timeline<Row<F>>();
  }

  /** False for an object created less than the search delay ago. */
  isSeenBySearch({ stale }: Row<F>, seenSinceMs: number): boolean {
    return stale === null || stale.sinceMs <= seenSinceMs || stale.fields !== null;
  }

  /** The object as search shows it: without a write more recent than the search delay. */
  seenBySearch(row: Row<F>, seenSinceMs: number): Stored<F> {
    const stored = this.stored(row);
    return row.stale?.fields && row.stale.sinceMs > seenSinceMs ? { ...stored, fields: row.stale.fields } : stored;
  }

  put(items: readonly Item<F>[], nowMs: number): void {
    const added: Row<F>[] = [];
    for (const item of items) {
      const row = this.rows.get(item.id);
      if (row) this.#replace(row, item, nowMs);
      else if (item.fields === null) this.deleted.set(item.id, item);
      else added.push({ ...item, seedNo: null, stale: { sinceMs: nowMs, fields: null }, json: null });
    }
    this.#add(added);
  }

  seed(batch: SeedBatch): void {
    const { seed } = this.#shape;
    if (!seed) return;
    this.seeds.push(batch);
    this.nextSeedNo = Math.max(this.nextSeedNo, batch.firstNo + batch.count);
    const rows: Row<F>[] = [];
    for (let index = 0; index < batch.count; index++) {
      const seedNo = batch.firstNo + index;
      const created = Math.max(0, batch.newestCreated - batch.secondsApart * (batch.count - 1 - index));
      rows.push({
        id: seed.id(this.#salt, seedNo),
        created,
        order: batch.firstOrder + index,
        seedNo,
        fields: null,
        stale: null,
        json: null,
      });
    }
    this.#add(rows);
  }

  /** What the journal needs beside the seeds: a seeded object that was never written comes back with its batch. */
  *items(): Generator<Item<F>> {
    for (const row of this.rows.oldestFirst()) {
      if (row.stale !== null) yield this.stored(row);
    }
    yield* this.deleted.values();
  }

  get #keepsRendered(): boolean {
    return this.rows.size <= KEEP_RENDERED_UP_TO;
  }

  #add(rows: readonly Row<F>[]): void {
    if (rows.length === 0) return;
    addTo(this.rows, rows);
    for (const [key, index] of this.#indexes) this.#fill(index, key, rows);
  }

  #replace(row: Row<F>, item: Item<F>, nowMs: number): void {
    const before = this.fieldsOf(row);
    for (const [key, index] of this.#indexes) index.get(this.#shape.keys[key]?.(before) ?? '')?.remove(row);
    if (item.fields === null) {
      this.rows.remove(row);
      this.deleted.set(item.id, item);
      return;
    }
    Object.assign(row, { fields: item.fields, stale: { sinceMs: nowMs, fields: before }, json: null });
    for (const [key, index] of this.#indexes) this.#fill(index, key, [row]);
  }

  #index(key: string): Map<string, Timeline<Row<F>>> {
    const known = this.#indexes.get(key);
    if (known) return known;
    const index = new Map<string, Timeline<Row<F>>>();
    this.#fill(index, key, [...this.rows.oldestFirst()]);
    this.#indexes.set(key, index);
    return index;
  }

  #fill(index: Map<string, Timeline<Row<F>>>, key: string, rows: readonly Row<F>[]): void {
    const valueOf = this.#shape.keys[key];
    if (!valueOf) throw new Error(`there is no index ${key}`);
    for (const [value, found] of Map.groupBy(rows, (row) => valueOf(this.fieldsOf(row)))) {
      if (value === null) continue;
      const timeline = index.get(value) ?? new Timeline<Row<F>>();
      index.set(value, timeline);
      addTo(timeline, found);
    }
  }
}

function addTo<F>(timeline: Timeline<Row<F>>, rows: readonly Row<F>[]): void {
  const [only] = rows;
  if (rows.length === 1 && only) timeline.add(only);
  else timeline.addAll(rows);
}
