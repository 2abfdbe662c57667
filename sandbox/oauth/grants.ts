import { randomId } from '../core/ids.ts';
import { put } from './ledger-rows.ts';
import type { Ledger } from './ledger.ts';
import type { Change, Code, Grant, Token } from './ledger-rows.ts';

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;
export const YEAR_MS = 365 * DAY_MS;

/** What stands against the use of a code, or the code. */
export type Redeemable =
  { readonly code: Code } | { readonly code: Code | null; readonly problem: 'unknown' | 'used' | 'expired' };

/** Whether a code can still be exchanged by this app. What else the provider asks for (PKCE, redirect_uri) is its own affair. */
export function redeemable(ledger: Ledger, id: unknown, app: string): Redeemable {
  const code = typeof id === 'string' ? ledger.get('codes', id) : undefined;
  if (code?.app !== app) return { code: null, problem: 'unknown' };
  if (code.grant !== null) return { code, problem: 'used' };
  return code.expiresAtMs <= ledger.clock.nowMs() ? { code, problem: 'expired' } : { code };
}

/** The grant that an unused code stands for, with what has to be committed for it. */
export function grantOf(code: Code, nowMs: number): { readonly grant: Grant; readonly changes: readonly Change[] } {
  const { app, flow, account, scopes } = code;
  const grant: Grant = {
    id: randomId('grant_', 16),
    app,
    flow,
    account,
    scopes,
    approvedAtMs: nowMs,
    endedAtMs: null,
    endedBy: null,
    refreshToken: null,
  };
  return { grant, changes: [put('codes', { ...code, grant: grant.id }), put('grants', grant)] };
}

export interface TokenOptions {
  readonly id: string;
  readonly kind: Token['kind'];
  readonly nowMs: number;
  /** Null: never expires. */
  readonly lifeMs: number | null;
  /** Those of the grant unless it is to do less. */
  readonly scopes?: readonly string[];
}

export function tokenOf(grant: Grant, { id, kind, nowMs, lifeMs, scopes }: TokenOptions): Token {
  return {
    id,
    kind,
    grant: grant.id,
    scopes: scopes ?? grant.scopes,
    issuedAtMs: nowMs,
    expiresAtMs: lifeMs === null ? null : nowMs + lifeMs,
    endsAtMs: null,
  };
}

/** A refresh token that becomes the newest of its grant. */
export function newestRefresh(grant: Grant, token: Token): readonly Change[] {
  return [put('tokens', token), put('grants', { ...grant, refreshToken: token.id })];
}

/** Ends grants, and with each all its tokens. */
export function endGrants(grants: readonly Grant[], endedBy: NonNullable<Grant['endedBy']>, nowMs: number): Change[] {
  return grants
    .filter(({ endedAtMs }) => endedAtMs === null)
    .map((grant) => put('grants', { ...grant, endedAtMs: nowMs, endedBy }));
}

/** Whole seconds until then, as `expires_in` counts them. */
export function secondsUntil(atMs: number, nowMs: number): number {
  return Math.floor((atMs - nowMs) / 1_000);
}
