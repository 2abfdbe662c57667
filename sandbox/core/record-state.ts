import { join } from 'node:path';
import { Journal } from './journal.ts';

/** An object as it goes over the wire. */
export type WireObject = Readonly<Record<string, unknown>>;

interface Stored<Kind extends string> {
  readonly account: string;
  readonly kind: Kind;
  readonly id: string;
  readonly object: WireObject;
}

/** Objects of one kind that were stored or deleted in one step. */
export interface RecordChange<Kind extends string> {
  readonly account: string;
  readonly kind: Kind;
  readonly objects: readonly ChangedObject[];
}

export interface ChangedObject {
  readonly id: string;
  /** Undefined for a new object. */
  readonly before: WireObject | undefined;
  /** Undefined for a deleted object. */
  readonly after: WireObject | undefined;
}

/** What was answered under an idempotency key. */
export interface KeptAnswer {
  /** Digest of the request. */
  readonly request: string;
  readonly body: object;
}

/** One line of the journal. */
type Entry<Kind extends string> =
  | { readonly op: 'put'; readonly rows: readonly Stored<Kind>[] }
  | { readonly op: 'delete'; readonly account: string; readonly kind: Kind; readonly id: string }
  | { readonly op: 'answer'; readonly account: string; readonly key: string; readonly answer: KeptAnswer }
  | { readonly op: 'forget-answers'; readonly account: string }
  /** Removes what one account has, or with null what all have. */
  | { readonly op: 'reset'; readonly account: string | null };

/** Everything that the accounts of a stand-in have, by kinds of object. Each change is in the journal before it is answered. */
export class RecordState<Kind extends string> {
  readonly #accounts = new Map<string, Map<Kind, Map<string, WireObject>>>();
  readonly #answers = new Map<string, Map<string, KeptAnswer>>();
  #journal: Journal<Entry<Kind>> | null = null;
  /** Grows with every change of an object. */
  revision = 0;
  /** Called with each change of objects after it is written. A reset is no change. */
  onChange: ((change: RecordChange<Kind>) => void) | null = null;

  /** `home`: a folder that only this process writes to; without one, state does not survive the process. */
  static async open<Kind extends string>(home: string | undefined, name: string): Promise<RecordState<Kind>> {
    const state = new RecordState<Kind>();
    if (home === undefined) return state;
    state.#journal = await Journal.open<Entry<Kind>>(join(home, `${name}.jsonl`), {
      apply: (entry) => {
        state.#apply(entry);
      },
      snapshot: () => state.#snapshot(),
    });
    return state;
  }

  get(account: string, kind: Kind, id: string): WireObject | undefined {
    return this.#accounts.get(account)?.get(kind)?.get(id);
  }

  /** In order of their first being stored. */
  list(account: string, kind: Kind): readonly WireObject[] {
    return [...(this.#accounts.get(account)?.get(kind)?.values() ?? [])];
  }

  /** Stores objects in one step, by the given ids. */
  put(account: string, kind: Kind, objects: readonly (readonly [id: string, object: WireObject])[]): void {
    this.#commit({ op: 'put', rows: objects.map(([id, object]) => ({ account, kind, id, object })) });
  }

  delete(account: string, kind: Kind, id: string): void {
    this.#commit({ op: 'delete', account, kind, id });
  }

  answerUnder(account: string, key: string): KeptAnswer | undefined {
    return this.#answers.get(account)?.get(key);
  }

  keepAnswer(account: string, key: string, answer: KeptAnswer): void {
    this.#commit({ op: 'answer', account, key, answer });
  }

  /** Forgets all idempotency keys of an account, as a provider does some time after their use. */
  forgetAnswers(account: string): void {
    this.#commit({ op: 'forget-answers', account });
  }

  reset(account: string | null): void {
    this.#commit({ op: 'reset', account });
  }

  close(): void {
    this.#journal?.close();
  }

  /** Runs work whose changes nobody is told of. */
  untold<Result>(work: () => Result): Result {
    const { onChange } = this;
    this.onChange = null;
    try {
      return work();
    } finally {
      this.onChange = onChange;
    }
  }

  #commit(entry: Entry<Kind>): void {
    const changes = this.onChange === null ? [] : this.#changesBy(entry);
    this.#journal?.append(entry);
    this.#apply(entry);
    this.#journal?.compactWhenLarge();
    for (const change of changes) this.onChange?.(change);
  }

  #changesBy(entry: Entry<Kind>): readonly RecordChange<Kind>[] {
    if (entry.op === 'delete') {
      const { account, kind, id } = entry;
      return [{ account, kind, objects: [{ id, before: this.get(account, kind, id), after: undefined }] }];
    }
    const [first] = entry.op === 'put' ? entry.rows : [];
    if (entry.op !== 'put' || !first) return [];
    // `put` stores objects of one account and one kind.
    const { account, kind } = first;
    const objects = entry.rows.map(({ id, object }) => ({ id, before: this.get(account, kind, id), after: object }));
    return [{ account, kind, objects }];
  }

  #apply(entry: Entry<Kind>): void {
    if (entry.op === 'answer' || entry.op === 'forget-answers') {
      this.#applyAnswer(entry);
      return;
    }
    this.revision += 1;
    if (entry.op === 'put') for (const row of entry.rows) this.#table(row.account, row.kind).set(row.id, row.object);
    else if (entry.op === 'delete') this.#table(entry.account, entry.kind).delete(entry.id);
    else this.#forget(entry.account);
  }

  #applyAnswer(entry: Extract<Entry<Kind>, { readonly op: 'answer' | 'forget-answers' }>): void {
    if (entry.op === 'forget-answers') {
      this.#answers.delete(entry.account);
      return;
    }
    const answers = this.#answers.get(entry.account) ?? new Map<string, KeptAnswer>();
    this.#answers.set(entry.account, answers.set(entry.key, entry.answer));
  }

  #forget(account: string | null): void {
    for (const known of [this.#accounts, this.#answers]) {
      if (account === null) known.clear();
      else known.delete(account);
    }
  }

  #table(account: string, kind: Kind): Map<string, WireObject> {
    const kinds = this.#accounts.get(account) ?? new Map<Kind, Map<string, WireObject>>();
    this.#accounts.set(account, kinds);
    const table = kinds.get(kind) ?? new Map<string, WireObject>();
    kinds.set(kind, table);
    return table;
  }

  *#snapshot(): Iterable<Entry<Kind>> {
    for (const [account, kinds] of this.#accounts)
      for (const [kind, table] of kinds)
        for (const [id, object] of table) yield { op: 'put', rows: [{ account, kind, id, object }] };
    for (const [account, answers] of this.#answers)
      for (const [key, answer] of answers) yield { op: 'answer', account, key, answer };
  }
}
