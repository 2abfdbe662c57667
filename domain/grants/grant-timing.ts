import type { GrantDeadline } from '../../contracts/connections.ts';

const DAY_MS = 24 * 60 * 60_000;

/** Times by which a grant lives and dies; null: never. */
export interface GrantTimes {
  readonly accessExpiresAt: Date | null;
  /** When the refresh token dies if it is not used. */
  readonly refreshExpiresAt: Date | null;
  /** When the grant dies however much it is used. */
  readonly hardExpiresAt: Date | null;
}

export interface Deadline {
  readonly kind: GrantDeadline;
  /** ISO 8601 UTC. */
  readonly at: string;
}

/** The largest share of the time until a refresh is due by which it may come early. */
const MOST_JITTER = 0.1;

/**
 * When a connection refreshes what was obtained at `obtainedAt`: up to a tenth of the way early, each connection by a share of its own, so
 * that accounts that were connected together do not come back together. Never before it was obtained.
 */
export function refreshTime(
  connectionId: string,
  { obtainedAt, dueAt }: { readonly obtainedAt: Date; readonly dueAt: Date },
): Date {
  const waitMs = Math.max(0, dueAt.getTime() - obtainedAt.getTime());
  return new Date(obtainedAt.getTime() + Math.floor(waitMs * (1 - MOST_JITTER * shareOf(connectionId))));
}

/** In [0, 1), the same each time for the same id (FNV-1a). */
export function shareOf(id: string): number {
  let hash = 0x811c9dc5;
  for (const char of id) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return hash / 2 ** 32;
}

/** What ends a grant by itself, the first first. An access token's end is one only where nothing renews it. */
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
  /** When it is to be given. */
  readonly dueMs: number;
}

/** How a warning that was given is remembered. */
export const warningKey = ({ kind, daysLeft }: Pick<Warning, 'kind' | 'daysLeft'>): string => `${kind}:${daysLeft}`;

/**
 * The next warning to give, which may be due already; null when there is none. Where several are due for one deadline, only the most
 * urgent: nobody is told of thirty days when seven are left.
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

/** Of the warnings that were given, those that still stand: a deadline that was put off is warned of anew. */
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
 * How long to leave a provider alone after so many rounds of failed attempts, of which this is the last; longer where it says so itself.
 * Up to a fifth longer for some connections than for others: after an outage they do not come back all at once.
 */
export function pauseAfterRound(
  connectionId: string,
  { rounds, retryAfterMs }: { readonly rounds: number; readonly retryAfterMs: number | null },
): number {
  const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(rounds - 1, 20));
  return Math.floor(Math.max(pauseMs, retryAfterMs ?? 0) * (1 + 0.2 * shareOf(connectionId)));
}
