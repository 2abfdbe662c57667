import { describe, expect, it } from 'vitest';
import type { GrantStatus } from '../../../contracts/connections.ts';
import { answerFrom, isRefusedForGood } from '../../../domain/grants/grant-answer.ts';

const NOW_MS = Date.parse('2026-11-22T12:00:00Z');
const MINUTE_MS = 60_000;
const after = (ms: number): string => new Date(NOW_MS + ms).toISOString();

const aGrant = (changes: Partial<GrantStatus> = {}): GrantStatus => ({
  state: 'usable',
  generation: 3,
  accessExpiresAt: after(10 * MINUTE_MS),
  refreshAt: after(5 * MINUTE_MS),
  deadlines: [],
  ...changes,
});
const ask = (
  grant: GrantStatus | null,
  { minValidMs = 5 * MINUTE_MS, rejectedGeneration = null as number | null } = {},
) => answerFrom(grant, { minValidMs, rejectedGeneration }, NOW_MS);

describe('a caller that asks for a token', () => {
  it.each(['usable', 'degraded', 'suspended'] as const)(
    'gets one that is valid for as long as needed from a connection that is %s',
    (state) => {
      expect(ask(aGrant({ state }))).toEqual({ status: 'fresh', generation: 3 });
      expect(ask(aGrant({ state }), { minValidMs: 10 * MINUTE_MS })).toBeNull();
      expect(ask(aGrant({ state, accessExpiresAt: null }))).toEqual({ status: 'fresh', generation: 3 });
    },
  );

  it('gets one that cannot be renewed until it expires', () => {
    expect(ask(aGrant({ refreshAt: null, accessExpiresAt: after(1) }))).toEqual({ status: 'fresh', generation: 3 });
    expect(ask(aGrant({ refreshAt: null, accessExpiresAt: after(0) }))).toBeNull();
  });

  it('gets neither a token that the provider has refused nor an earlier one', () => {
    expect([2, 3, 4].map((rejectedGeneration) => ask(aGrant(), { rejectedGeneration }))).toEqual([
      { status: 'fresh', generation: 3 },
      null,
      null,
    ]);
  });

  it('learns when there is none', () => {
    expect(ask(aGrant({ state: 'needs-reauth' }))).toEqual({ status: 'needs-reauth', generation: 3 });
    expect(ask(aGrant({ state: 'gone', generation: null }))).toEqual({ status: 'disconnected', generation: null });
    expect(ask(null)).toEqual({ status: 'disconnected', generation: null });
  });
});

describe('a token that the provider refuses', () => {
  const refused = (grant: GrantStatus, renewed: { readonly generation: number; readonly atMs: number } | null) =>
    isRefusedForGood(grant, { renewed, rejectedGeneration: 3 }, NOW_MS);

  it('is renewed, unless it cannot be or it replaced a refused one within the last ten minutes', () => {
    expect(refused(aGrant(), null)).toBe(false);
    expect(refused(aGrant({ refreshAt: null }), null)).toBe(true);
    expect(refused(aGrant(), { generation: 3, atMs: NOW_MS - 10 * MINUTE_MS + 1 })).toBe(true);
    expect(refused(aGrant(), { generation: 3, atMs: NOW_MS - 10 * MINUTE_MS })).toBe(false);
    expect(refused(aGrant(), { generation: 2, atMs: NOW_MS })).toBe(false);
  });
});
