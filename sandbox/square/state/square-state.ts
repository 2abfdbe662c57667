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
  'side-effects',
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

/** What was answered under an idempotency key. */
export interface KeptAnswer {
  /** Digest of the request. */
  readonly request: string;
  readonly body: object;
}

/** One line of the journal. */
type Entry =
  | { readonly op: 'put'; readonly rows: readonly Stored[] }
  | { readonly op: 'delete'; readonly merchant: string; readonly kind: Kind; readonly id: string }
  | { readonly op: 'answer'; readonly merchant: string; readonly key: string; readonly answer: KeptAnswer }
  | { readonly op: 'forget-answers'; readonly merchant: string }
  /** Removes what one merchant has, or with null what all have. */
  | { readonly op: 'reset'; readonly merchant: string | null };

/** Everything that Square's merchants have. Each change is in the journal before it is answered. */
export class SquareState {
  readonly #merchants = new Map<string, Map<Kind, Map<string, WireObject>>>();
  readonly #answers = new Map<string, Map<string, KeptAnswer>>();
  #journal: Journal<Entry> | null = null;
  /** Grows with every change of an object. */
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

  answerUnder(merchant: string, key: string): KeptAnswer | undefined {
    return this.#answers.get(merchant)?.get(key);
  }

  keepAnswer(merchant: string, key: string, answer: KeptAnswer): void {
    this.#commit({ op: 'answer', merchant, key, answer });
  }

  /** Forgets all idempotency keys of a merchant, as Square does some time after their use. */
  forgetAnswers(merchant: string): void {
    this.#commit({ op: 'forget-answers', merchant });
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
    if (entry.op === 'answer' || entry.op === 'forget-answers') {
      this.#applyAnswer(entry);
      return;
    }
    this.revision += 1;
    if (entry.op === 'put') for (const row of entry.rows) this.#table(row.merchant, row.kind).set(row.id, row.object);
    else if (entry.op === 'delete') this.#table(entry.merchant, entry.kind).delete(entry.id);
    else this.#forget(entry.merchant);
  }

  #applyAnswer(entry: Extract<Entry, { readonly op: 'answer' | 'forget-answers' }>): void {
    if (entry.op === 'forget-answers') {
      this.#answers.delete(entry.merchant);
      return;
    }
    const answers = this.#answers.get(entry.merchant) ?? new Map<string, KeptAnswer>();
    this.#answers.set(entry.merchant, answers.set(entry.key, entry.answer));
  }

  #forget(merchant: string | null): void {
    for (const known of [this.#merchants, this.#answers]) {
      if (merchant === null) known.clear();
      else known.delete(merchant);
    }
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
    for (const [merchant, answers] of this.#answers)
      for (const [key, answer] of answers) yield { op: 'answer', merchant, key, answer };
  }
}
