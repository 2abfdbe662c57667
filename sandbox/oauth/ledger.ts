import { join } from 'node:path';
import { SandboxClock } from '../core/clock.ts';
import { Journal } from '../core/journal.ts';
import { put, TABLES } from './ledger-rows.ts';
import type { Change, Grant, Rows, Token } from './ledger-rows.ts';
import type { EndedGrant } from './revocation-webhooks.ts';

export interface LedgerOptions {
  /** A folder that only this process writes to. When absent, state does not survive the process. */
  readonly home: string | undefined;
  /** File name of the journal in `home`, without `.jsonl`. */
  readonly name: string;
  /** Set when another component keeps the provider's time. */
  readonly clock?: SandboxClock;
}

/**
 * The state of a token. `superseded`: another token replaced it, or it alone was revoked. `revoked`: the whole grant
 * has ended.
 */
export type TokenState = 'live' | 'expired' | 'superseded' | 'revoked';

export interface KnownToken {
  readonly token: Token;
  readonly grant: Grant;
  readonly state: TokenState;
}

/**
 * The state of an authorisation server. Every change goes through `commit`, so every answered change survives a
 * restart.
 */
export class Ledger {
  readonly clock: SandboxClock;
  /** Accounts whose tokens a fault has revoked. Like all faults, they do not survive a restart. */
  readonly refusedAccounts = new Set<string>();
  /** Called with grants that their account owner or our app has ended, after the change is written. */
  onEnded: ((grants: readonly EndedGrant[]) => void) | null = null;
  readonly #rows: { readonly [Table in keyof Rows]: Map<string, Rows[Table]> } = {
    apps: new Map(),
    accounts: new Map(),
    codes: new Map(),
    grants: new Map(),
    tokens: new Map(),
  };
  /** Grant ids by account: every call with a platform key looks up one account's grants. */
  readonly #grantsOf = new Map<string, Set<string>>();
  #journal: Journal<readonly Change[]> | null = null;

  private constructor(clock: SandboxClock) {
    this.clock = clock;
  }

  /** Throws when the journal is damaged. */
  static async open({ home, name, clock }: LedgerOptions): Promise<Ledger> {
    const ledger = new Ledger(clock ?? new SandboxClock());
    if (home === undefined) return ledger;
    ledger.#journal = await Journal.open<readonly Change[]>(join(home, `${name}.jsonl`), {
      apply: (changes) => {
        ledger.#applyAll(changes);
      },
      snapshot: () => ledger.#snapshot(clock === undefined),
    });
    return ledger;
  }

  get<Table extends keyof Rows>(table: Table, id: string): Rows[Table] | undefined {
    return this.#rows[table].get(id);
  }

  /** In order of creation. */
  all<Table extends keyof Rows>(table: Table): Rows[Table][] {
    return [...this.#rows[table].values()];
  }

  /** Null for a token that was never issued. */
  token(id: string, kind: Token['kind']): KnownToken | null {
    const token = this.get('tokens', id);
    const grant = token?.kind === kind ? this.get('grants', token.grant) : undefined;
    return token && grant ? { token, grant, state: this.#stateOf(token, grant) } : null;
  }

  /** The account that a code or token belongs to. */
  accountBehind(secret: string): string | undefined {
    const grant = this.#rows.tokens.get(secret)?.grant;
    return (
      this.#rows.codes.get(secret)?.account ?? (grant === undefined ? undefined : this.#rows.grants.get(grant)?.account)
    );
  }

  grantsOf(account: string): Grant[] {
    return [...(this.#grantsOf.get(account) ?? [])].flatMap((id) => this.#rows.grants.get(id) ?? []);
  }

  liveGrants(account: string): Grant[] {
    return this.refusedAccounts.has(account)
      ? []
      : this.grantsOf(account).filter(({ endedAtMs }) => endedAtMs === null);
  }

  /** Writes the changes as one transaction, then makes them visible. */
  commit(changes: readonly Change[]): void {
    if (changes.length === 0) return;
    const ended = changes.flatMap((change) => this.#endedBy(change));
    this.#journal?.append(changes);
    this.#applyAll(changes);
    this.#journal?.compactWhenLarge();
    if (ended.length > 0) this.onEnded?.(ended);
  }

  close(): void {
    this.#journal?.close();
  }

  #endedBy(change: Change): readonly EndedGrant[] {
    if (change.op !== 'put' || change.table !== 'grants') return [];
    const { id, account, app, endedBy, endedAtMs } = change.row;
    return endedAtMs !== null && endedBy !== 'code-replay' && this.get('grants', id)?.endedAtMs === null
      ? [{ account, app, endedBy, endedAtMs }]
      : [];
  }

  #stateOf(token: Token, grant: Grant): TokenState {
    const nowMs = this.clock.nowMs();
    if (grant.endedAtMs !== null || this.refusedAccounts.has(grant.account)) return 'revoked';
    if (token.endsAtMs !== null && token.endsAtMs <= nowMs) return 'superseded';
    return token.expiresAtMs !== null && token.expiresAtMs <= nowMs ? 'expired' : 'live';
  }

  #applyAll(changes: readonly Change[]): void {
    for (const change of changes) {
      if (change.op === 'put') this.#put(change);
      else if (change.op === 'settings') this.clock.offsetMs = change.clockOffsetMs;
      else this.#reset(change.account);
    }
  }

  #put(change: Extract<Change, { readonly op: 'put' }>): void {
    (this.#rows[change.table] as Map<string, Rows[keyof Rows]>).set(change.row.id, change.row);
    if (change.table !== 'grants') return;
    const { id, account } = change.row;
    const known = this.#grantsOf.get(account);
    if (known) known.add(id);
    else this.#grantsOf.set(account, new Set([id]));
  }

  #reset(account: string | null): void {
    const { accounts, codes, grants, tokens } = this.#rows;
    if (account === null) {
      for (const table of [accounts, codes, grants, tokens, this.#grantsOf]) table.clear();
      this.clock.offsetMs = 0;
      return;
    }
    for (const token of tokens.values()) if (grants.get(token.grant)?.account === account) tokens.delete(token.id);
    for (const code of codes.values()) if (code.account === account) codes.delete(code.id);
    for (const id of this.#grantsOf.get(account) ?? []) grants.delete(id);
    this.#grantsOf.delete(account);
  }

  *#snapshot(withClock: boolean): Generator<readonly Change[]> {
    if (withClock) yield [{ op: 'settings', clockOffsetMs: this.clock.offsetMs }];
    for (const table of TABLES) for (const row of this.all(table)) yield [put(table, row)];
  }
}
