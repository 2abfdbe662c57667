import { join } from 'node:path';
import { SandboxClock } from '../../core/clock.ts';
import { Journal } from '../../core/journal.ts';
import { expiredKeyOf, restrictedKeyOf } from './account.ts';
import type { AccountProfile } from './account.ts';
import { AccountState } from './account-state.ts';
import type { EventRow } from '../events/event.ts';
import type { KeyRecord } from '../http/idempotency.ts';
import { DEFAULT_LIMITS } from '../http/limits.ts';
import type { Limits } from '../http/limits.ts';
import { KINDS } from '../http/objects.ts';
import type { Kind } from '../http/objects.ts';
import type { SeedBatch } from '../control/seeds.ts';
import type { Item } from '../http/table.ts';

/** One step of a transaction in the journal. `account` is an account id. */
export type Change =
  | { readonly op: 'account'; readonly profile: AccountProfile }
  | { readonly op: 'settings'; readonly clockOffsetMs: number; readonly limits: Limits }
  | { readonly op: 'seed'; readonly account: string; readonly kind: Kind; readonly batch: SeedBatch }
  | { readonly op: 'put'; readonly account: string; readonly kind: Kind; readonly items: readonly Item<unknown>[] }
  | { readonly op: 'event'; readonly account: string; readonly event: EventRow }
  | { readonly op: 'key'; readonly account: string; readonly key: string; readonly record: KeyRecord }
  | { readonly op: 'reset'; readonly account: string | null };

export interface Credential {
  readonly account: AccountState;
  /** `read-only` is an OAuth credential whose grant has only that scope. */
  readonly kind: 'secret' | 'restricted' | 'read-only' | 'expired';
}

/** Objects per line of a rewritten journal. */
const SNAPSHOT_GROUP = 500;

/** The state of the stand-in. Every change goes through `commit`, so every answered change survives a restart. */
export class StripeState {
  readonly clock = new SandboxClock();
  limits: Limits = DEFAULT_LIMITS;
  readonly #accounts = new Map<string, AccountState>();
  readonly #credentials = new Map<string, Credential>();
  #journal: Journal<readonly Change[]> | null = null;

  /** `home` is a folder that only this process writes to. Without it, state does not survive the process. */
  static async open(home: string | undefined): Promise<StripeState> {
    const state = new StripeState();
    if (home === undefined) return state;
    state.#journal = await Journal.open<readonly Change[]>(join(home, 'stripe.jsonl'), {
      apply: (changes) => {
        state.#applyAll(changes);
      },
      snapshot: () => state.#snapshot(),
    });
    return state;
  }

  /** Account A first, then the others in order of creation. */
  get accounts(): readonly AccountState[] {
    return [...this.#accounts.values()];
  }

  account(id: string): AccountState | undefined {
    return this.#accounts.get(id);
  }

  credential(apiKey: string): Credential | undefined {
    return this.#credentials.get(apiKey);
  }

  /** Writes the changes as one transaction, then makes them visible. */
  commit(changes: readonly Change[]): void {
    if (changes.length === 0) return;
    this.#journal?.append(changes);
    this.#applyAll(changes);
    this.#journal?.compactWhenLarge();
  }

  close(): void {
    this.#journal?.close();
  }

  #applyAll(changes: readonly Change[]): void {
    for (const change of changes) this.#apply(change);
  }

  #apply(change: Change): void {
    switch (change.op) {
      case 'account':
        this.#putAccount(change.profile);
        return;
      case 'settings':
        this.clock.offsetMs = change.clockOffsetMs;
        this.limits = change.limits;
        return;
      case 'reset':
        this.#reset(change.account);
        return;
      default:
        this.#applyToAccount(change);
    }
  }

  #applyToAccount(change: Extract<Change, { readonly account: string }>): void {
    const account = this.#accounts.get(change.account);
    if (!account) return;
    switch (change.op) {
      case 'seed':
        account.seed(change.kind, change.batch);
        return;
      case 'put':
        account.put(change.kind, change.items, this.clock.nowMs());
        return;
      case 'event':
        account.putEvent(change.event, this.clock.nowSeconds());
        return;
      case 'key':
        account.putKey(change.key, change.record, this.clock.nowMs());
    }
  }

  #putAccount(profile: AccountProfile): void {
    const account = this.#accounts.get(profile.id);
    if (account) account.profile = profile;
    else this.#accounts.set(profile.id, new AccountState(profile));
    this.#indexCredentials();
  }

  /** Without an id, removes everything except account A, which starts over in the current API version. */
  #reset(id: string | null): void {
    const [first] = this.accounts;
    const emptied = id === null ? first : this.#accounts.get(id);
    if (!emptied) return;
    if (id === null) {
      this.#accounts.clear();
      this.clock.offsetMs = 0;
      this.limits = DEFAULT_LIMITS;
    }
    const { apiVersion, ...profile } = emptied.profile;
    this.#accounts.set(
      profile.id,
      new AccountState({ ...profile, ...(id !== null && apiVersion !== undefined && { apiVersion }) }),
    );
    this.#indexCredentials();
  }

  #indexCredentials(): void {
    this.#credentials.clear();
    for (const account of this.#accounts.values()) {
      this.#credentials.set(account.profile.secretKey, { account, kind: 'secret' });
      this.#credentials.set(restrictedKeyOf(account.profile), { account, kind: 'restricted' });
      this.#credentials.set(expiredKeyOf(account.profile), { account, kind: 'expired' });
    }
  }

  *#snapshot(): Generator<readonly Change[]> {
    yield [{ op: 'settings', clockOffsetMs: this.clock.offsetMs, limits: this.limits }];
    for (const account of this.#accounts.values()) {
      yield [{ op: 'account', profile: account.profile }];
      for (const change of changesThatRebuild(account)) yield [change];
    }
  }
}

function* changesThatRebuild(state: AccountState): Generator<Change> {
  const account = state.profile.id;
  for (const kind of KINDS) {
    const table = state.table(kind);
    for (const batch of table.seeds) yield { op: 'seed', account, kind, batch };
    for (const items of inGroups(table.items())) yield { op: 'put', account, kind, items };
  }
  for (const event of state.events.oldestFirst()) yield { op: 'event', account, event };
  for (const [key, record] of state.keys) yield { op: 'key', account, key, record };
}

function* inGroups<T>(all: Iterable<T>): Generator<readonly T[]> {
  let group: T[] = [];
  for (const each of all) {
    group.push(each);
    if (group.length < SNAPSHOT_GROUP) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}
