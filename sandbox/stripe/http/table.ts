import { Timeline } from '../../core/timeline.ts';
import type { TimelineItem } from '../../core/timeline.ts';
import type { SeedBatch } from '../control/seeds.ts';

/** Above this many objects of a kind, nothing that can be made again is kept in memory. */
const KEEP_RENDERED_UP_TO = 50_000;

/** An object as it stands: `fields` is what can change about it, `created` is in seconds. */
export interface Stored<F> extends TimelineItem {
  readonly fields: F;
}

/** An object as a change carries it. Null fields: deleted. */
export interface Item<F> extends TimelineItem {
  readonly fields: F | null;
}

/** An object in memory. Seeded ones hold no fields until somebody writes to them: a million of them stay cheap. */
export interface Row<F> extends TimelineItem {
  readonly seedNo: number | null;
  fields: F | null;
  /** What search still shows, and since when it is out of date: search lags behind. Null for what was seeded by number. */
  stale: { readonly sinceMs: number; readonly fields: F | null } | null;
  /** The object in JSON, kept while there are few enough of them. */
  json: string | null;
}

/** A seeded object on its way to its fields. */
export interface Seeded {
  readonly no: number;
  readonly created: number;
  /** Tells one account's seeds from another's. */
  readonly salt: number;
  readonly batch: SeedBatch;
}

/** How one kind of object looks and is found. */
export interface Shape<F> {
  /** The object resource. `nowSeconds` is for what time alone changes. */
  readonly render: (stored: Stored<F>, nowSeconds: number) => object;
  /** True when time alone changes what `render` answers. */
  readonly changesWithTime?: boolean;
  /** What lists look objects up by. An index is built when it is first asked for. */
  readonly keys: Readonly<Record<string, (fields: F) => string | null>>;
  /** How objects seeded by number are made, where the kind can be. */
  readonly seed?: { readonly id: (salt: number, no: number) => string; readonly fields: (seeded: Seeded) => F };
}

/** All objects of one kind in one account, by age and by whatever they are looked up by. */
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

  /** False for what was created while a write is younger than the delay. */
  isSeenBySearch({ stale }: Row<F>, seenSinceMs: number): boolean {
    return stale === null || stale.sinceMs <= seenSinceMs || stale.fields !== null;
  }

  /** The object as search shows it: as it was before a write that is younger than the delay. */
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

  /** What rebuilds the table beside its seeds: a seeded object that nobody wrote to comes back with its batch. */
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
