import type { GrantDeadline } from '../../contracts/connections.ts';

const DAY_MS = 24 * 60 * 60_000;

/** The deadlines of a grant; null means never. */
export interface GrantTimes {
  readonly accessExpiresAt: Date | null;
  /** When the refresh token expires unless it is used. */
  readonly refreshExpiresAt: Date | null;
  /** When the grant expires regardless of use. */
  readonly hardExpiresAt: Date | null;
}

export interface Deadline {
  readonly kind: GrantDeadline;
  /** ISO 8601 UTC. */
  readonly at: string;
}

/** A refresh may come early by at most this share of the time until it is due. */
const MOST_JITTER = 0.1;

/**
 * When a connection refreshes what it obtained at `obtainedAt`. Each connection refreshes early by its own share, up to
 * a tenth of the time, so that accounts connected together do not refresh together. Never before `obtainedAt`.
 */
export function refreshTime(
  connectionId: string,
  { obtainedAt, dueAt }: { readonly obtainedAt: Date; readonly dueAt: Date },
): Date {
  const waitMs = Math.max(0, dueAt.getTime() - obtainedAt.getTime());
  return new Date(obtainedAt.getTime() + Math.floor(waitMs * (1 - MOST_JITTER * shareOf(connectionId))));
}

/** In [0, 1), deterministic for an id (FNV-1a). */
export function shareOf(id: string): number {
  let hash = 0x811c9dc5;
  for (const char of id) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return hash / 2 ** 32;
}

/**
 * The deadlines of a grant, earliest first. The expiry of an access token is one only when the token cannot be renewed.
 */
export function deadlinesOf(
  { accessExpiresAt, refreshExpiresAt, hardExpiresAt }: GrantTimes,
  refreshable: boolean,
): readonly Deadline[] {
  const all: readonly (readonly [GrantDeadline, Date | null])[] = [
    ['access-token-expiry', refreshable ? null : accessExpiresAt],
    ['refresh-token-idle', refreshable ? refreshExpiresAt : null],
    ['refresh-token-hard-limit', hardExpiresAt],
  ];
  return all
    .flatMap(([kind, at]) => (at === null ? [] : [{ kind, at: at.toISOString() }]))
    .toSorted((a, b) => Date.parse(a.at) - Date.parse(b.at));
}

/** Days before a deadline on which people are warned. */
export const WARNING_DAYS = [30, 7, 1] as const;

export interface Warning extends Deadline {
  readonly daysLeft: (typeof WARNING_DAYS)[number];
  /** When to send the warning. */
  readonly dueMs: number;
}

/** The key under which a sent warning is remembered. */
export const warningKey = ({ kind, daysLeft }: Pick<Warning, 'kind' | 'daysLeft'>): string => `${kind}:${daysLeft}`;

/**
 * The next warning to send, which may already be due, or null. When several are due for one deadline, only the most
 * urgent counts: a thirty-day warning makes no sense when seven days are left.
 */
export function nextWarning(deadlines: readonly Deadline[], warned: readonly string[], nowMs: number): Warning | null {
  const open = deadlines.flatMap((deadline) => {
    const warnings = WARNING_DAYS.map((daysLeft) => ({
      ...deadline,
      daysLeft,
      dueMs: Date.parse(deadline.at) - daysLeft * DAY_MS,
    }));
    const due = warnings.filter(({ dueMs }) => dueMs <= nowMs);
    return [...due.slice(-1), ...warnings.filter(({ dueMs }) => dueMs > nowMs)].filter(
      (warning) => !warned.includes(warningKey(warning)),
    );
  });
  return open.toSorted((a, b) => a.dueMs - b.dueMs)[0] ?? null;
}

/** The sent warnings that are still valid. A deadline that moved is warned about again. */
export function standingWarnings(
  deadlines: readonly Deadline[],
  warned: readonly string[],
  nowMs: number,
): readonly string[] {
  const standing = deadlines.flatMap((deadline) =>
    WARNING_DAYS.filter((daysLeft) => Date.parse(deadline.at) - daysLeft * DAY_MS <= nowMs).map((daysLeft) =>
      warningKey({ kind: deadline.kind, daysLeft }),
    ),
  );
  return warned.filter((key) => standing.includes(key));
}

const FIRST_PAUSE_MS = 10_000;
const LONGEST_PAUSE_MS = 5 * 60_000;

/**
 * How long to wait after `rounds` rounds of failed attempts, or longer when the provider asks for it. Adds up to a
 * fifth per connection, so that connections do not all return at once after an outage.
 */
export function pauseAfterRound(
  connectionId: string,
  { rounds, retryAfterMs }: { readonly rounds: number; readonly retryAfterMs: number | null },
): number {
  const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(rounds - 1, 20));
  return Math.floor(Math.max(pauseMs, retryAfterMs ?? 0) * (1 + 0.2 * shareOf(connectionId)));
}
