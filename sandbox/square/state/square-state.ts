import { join } from 'node:path';
import { Journal } from '../../core/journal.ts';

/** The kinds of object that a merchant has. */
export const KINDS = [
  'customers',
  'catalogue',
  'counts',
  'changes',
  'payments',
  'refunds',
  'disputes',
  'orders',
  'invoices',
  'loyalty-accounts',
] as const;
export type Kind = (typeof KINDS)[number];

/** An object as it goes over the wire. */
export type WireObject = Readonly<Record<string, unknown>>;

interface Stored {
  readonly merchant: string;
  readonly kind: Kind;
  readonly id: string;
  readonly object: WireObject;
}

/** One line of the journal. */
type Entry =
  | { readonly op: 'put'; readonly rows: readonly Stored[] }
  | { readonly op: 'delete'; readonly merchant: string; readonly kind: Kind; readonly id: string }
  /** Removes what one merchant has, or with null what all have. */
  | { readonly op: 'reset'; readonly merchant: string | null };

/** Everything that Square's merchants have. Each change is in the journal before it is answered. */
export class SquareState {
  readonly #merchants = new Map<string, Map<Kind, Map<string, WireObject>>>();
  #journal: Journal<Entry> | null = null;
  /** Grows with every change. */
  revision = 0;

  /** `home`: a folder that only this process writes to; without one, state does not survive the process. */
  static async open(home: string | undefined): Promise<SquareState> {
    const state = new SquareState();
    if (home === undefined) return state;
    state.#journal = await Journal.open<Entry>(join(home, 'square-records.jsonl'), {
      apply: (entry) => {
        state.#apply(entry);
      },
      snapshot: () => state.#snapshot(),
    });
    return state;
  }

  get(merchant: string, kind: Kind, id: string): WireObject | undefined {
    return this.#merchants.get(merchant)?.get(kind)?.get(id);
  }

  /** In order of their first being stored. */
  list(merchant: string, kind: Kind): readonly WireObject[] {
    return [...(this.#merchants.get(merchant)?.get(kind)?.values() ?? [])];
  }

  /** Stores objects in one step, by the given ids. */
  put(merchant: string, kind: Kind, objects: readonly (readonly [id: string, object: WireObject])[]): void {
    this.#commit({ op: 'put', rows: objects.map(([id, object]) => ({ merchant, kind, id, object })) });
  }

  delete(merchant: string, kind: Kind, id: string): void {
    this.#commit({ op: 'delete', merchant, kind, id });
  }

  reset(merchant: string | null): void {
    this.#commit({ op: 'reset', merchant });
  }

  close(): void {
    this.#journal?.close();
  }

  #commit(entry: Entry): void {
    this.#journal?.append(entry);
    this.#apply(entry);
    this.#journal?.compactWhenLarge();
  }

  #apply(entry: Entry): void {
    this.revision += 1;
    if (entry.op === 'put') for (const row of entry.rows) this.#table(row.merchant, row.kind).set(row.id, row.object);
    else if (entry.op === 'delete') this.#table(entry.merchant, entry.kind).delete(entry.id);
    else if (entry.merchant === null) this.#merchants.clear();
    else this.#merchants.delete(entry.merchant);
  }

  #table(merchant: string, kind: Kind): Map<string, WireObject> {
    const kinds = this.#merchants.get(merchant) ?? new Map<Kind, Map<string, WireObject>>();
    this.#merchants.set(merchant, kinds);
    const table = kinds.get(kind) ?? new Map<string, WireObject>();
    kinds.set(kind, table);
    return table;
  }

  *#snapshot(): Iterable<Entry> {
    for (const [merchant, kinds] of this.#merchants)
      for (const [kind, table] of kinds)
        for (const [id, object] of table) yield { op: 'put', rows: [{ merchant, kind, id, object }] };
  }
}
