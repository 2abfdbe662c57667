import { MONTH_S } from '../../contracts/providers.ts';
import type { ConcurrencyLimit, Limit, LimitScope, WindowLimit } from '../../contracts/providers.ts';

const window =
  (perSeconds: number) =>
  (count: number, scope: LimitScope = 'account', callClass?: string): WindowLimit => ({
    ...{ kind: 'window', count, perSeconds, scope },
    ...(callClass !== undefined && { callClass }),
  });

export const perSecond = window(1);
export const perMinute = window(60);
export const perHour = window(3_600);
export const perDay = window(86_400);
export const perMonth = window(MONTH_S);
export const concurrent = (count: number): ConcurrencyLimit => ({ kind: 'concurrent', count });

/**
 * Windows up to this length are kept by an even pace. A longer window is counted, and the run waits for it instead of
 * the call.
 */
const LONGEST_PACED_S = 60;
/** For a provider that declares none: gentle with a self-hosted server. */
const DEFAULT_RATE_PER_SECOND = 5;
const DEFAULT_CONCURRENCY = 4;

const shortWindowsOf = (limits: readonly Limit[], scope: LimitScope): readonly WindowLimit[] =>
  limits
    .filter((limit) => limit.kind === 'window')
    .filter((limit) => limit.scope === scope && limit.perSeconds <= LONGEST_PACED_S);

const rateOf = (windows: readonly WindowLimit[]): number =>
  Math.min(...windows.map(({ count, perSeconds }) => count / perSeconds));

/** The rate in calls per second that respects every short window of the scope; null when there is none. */
function paceOf(limits: readonly Limit[], scope: LimitScope): number | null {
  const windows = shortWindowsOf(limits, scope).filter(({ callClass }) => callClass === undefined);
  return windows.length === 0 ? null : rateOf(windows);
}

/** The paces of an account's classes of calls, in calls per second, which those calls keep besides the account's own. */
export function classPacesOf(limits: readonly Limit[]): ReadonlyMap<string, number> {
  const windows = shortWindowsOf(limits, 'account').filter(({ callClass }) => callClass !== undefined);
  return new Map(
    [...Map.groupBy(windows, ({ callClass = '' }) => callClass)].map(([callClass, own]) => [callClass, rateOf(own)]),
  );
}

export const accountPaceOf = (limits: readonly Limit[]): number => paceOf(limits, 'account') ?? DEFAULT_RATE_PER_SECOND;
export const appPaceOf = (limits: readonly Limit[]): number | null => paceOf(limits, 'app');

/** Windows that are counted. The run, not the call, waits for one that is used up. */
export const countedWindowsOf = (limits: readonly Limit[]): readonly WindowLimit[] =>
  limits.filter((limit) => limit.kind === 'window').filter(({ perSeconds }) => perSeconds > LONGEST_PACED_S);

export function concurrencyOf(limits: readonly Limit[]): number {
  const counts = limits.filter(({ kind }) => kind === 'concurrent').map(({ count }) => count);
  return counts.length === 0 ? DEFAULT_CONCURRENCY : Math.min(...counts);
}

/** What an answer's headers say about one window. */
export interface LimitReading {
  readonly perSeconds: number;
  readonly scope: LimitScope;
  readonly remaining: number;
  /** Absent when the provider does not say when the window ends. */
  readonly endsInMs?: number;
}
