import { randomId } from '../core/ids.ts';
import { put } from './ledger-rows.ts';
import type { Ledger } from './ledger.ts';
import type { Change, Code, Grant, Token } from './ledger-rows.ts';

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;
export const YEAR_MS = 365 * DAY_MS;

/** A code that can be exchanged, or the problem that prevents it. */
export type Redeemable =
  { readonly code: Code } | { readonly code: Code | null; readonly problem: 'unknown' | 'used' | 'expired' };

/**
 * Whether this app can still exchange the code. The provider checks its other requirements (PKCE, redirect_uri) itself.
 */
export function redeemable(ledger: Ledger, id: unknown, app: string): Redeemable {
  const code = typeof id === 'string' ? ledger.get('codes', id) : undefined;
  if (code?.app !== app) return { code: null, problem: 'unknown' };
  if (code.grant !== null) return { code, problem: 'used' };
  return code.expiresAtMs <= ledger.clock.nowMs() ? { code, problem: 'expired' } : { code };
}

/** The grant that an unused code stands for, with the changes to commit. */
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
  /** Null when it never expires. */
  readonly lifeMs: number | null;
  /** Defaults to the scopes of the grant; set it to grant fewer. */
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

/** Stores a refresh token and makes it the newest of its grant. */
export function newestRefresh(grant: Grant, token: Token): readonly Change[] {
  return [put('tokens', token), put('grants', { ...grant, refreshToken: token.id })];
}

/** Ends grants and thereby all their tokens. */
export function endGrants(grants: readonly Grant[], endedBy: NonNullable<Grant['endedBy']>, nowMs: number): Change[] {
  return grants
    .filter(({ endedAtMs }) => endedAtMs === null)
    .map((grant) => put('grants', { ...grant, endedAtMs: nowMs, endedBy }));
}

/** Whole seconds until then, for `expires_in`. */
export function secondsUntil(atMs: number, nowMs: number): number {
  return Math.floor((atMs - nowMs) / 1_000);
}
