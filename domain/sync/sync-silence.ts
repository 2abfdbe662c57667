import type { ConnectionState } from '../../contracts/providers.ts';
import type { StaleReason } from '../../contracts/outgoing-webhooks.ts';
import type { SyncOutcome, SyncPhase } from '../../contracts/sync.ts';

/** A sync that was paused, or that makes progress, is looked at again after this time. */
export const LOOK_AGAIN_MS = 3_600_000;
/** At the latest: the schedule may have been changed meanwhile. */
const MAX_PAUSE_MS = 24 * LOOK_AGAIN_MS;
/** A schedule may miss one of its times before it is late. */
const MISSED_TIMES = 2;

/** When a scheduled sync is stale: after `staleAfterMs` without a good run, and a rare schedule after two of its times. */
export function staleAfter(staleAfterMs: number, nextRuns: readonly Date[]): number {
  const gapsMs = nextRuns.slice(1).map((at, index) => at.getTime() - (nextRuns[index]?.getTime() ?? 0));
  return Math.max(staleAfterMs, MISSED_TIMES * Math.max(0, ...gapsMs));
}

/** What is known of a scheduled sync that has not ended well for long. */
export interface SyncSilence {
  readonly connectionState: ConnectionState;
  /** Silence before this time does not count. */
  readonly countedFrom: Date;
  /** When subscribers were last told. */
  readonly toldAt: Date | null;
  /** The end of the last good run. */
  readonly lastGoodAt: Date | null;
  /** The run under way. */
  readonly open: { readonly phase: SyncPhase; readonly advancedAt: Date } | null;
  readonly lastOutcome: SyncOutcome | null;
}

/** `reason` null: subscribers are not told now. */
export interface SilenceVerdict {
  readonly reason: StaleReason | null;
  readonly lookAfter: Date;
}

/** Whether subscribers are told of a silence. They are told once, until a good run has ended it. */
export function evaluateSilence(silence: SyncSilence, afterMs: number, now: Date): SilenceVerdict {
  const { countedFrom, toldAt, lastGoodAt, open } = silence;
  const later = (ms: number) => new Date(now.getTime() + Math.min(ms, MAX_PAUSE_MS));
  if (toldAt !== null && (lastGoodAt === null || lastGoodAt <= toldAt))
    return { reason: null, lookAfter: later(afterMs) };
  const leftMs = Math.max(lastGoodAt?.getTime() ?? 0, countedFrom.getTime()) + afterMs - now.getTime();
  if (leftMs > 0) return { reason: null, lookAfter: later(leftMs) };
  if (isAdvancing(open, now)) return { reason: null, lookAfter: later(LOOK_AGAIN_MS) };
  return { reason: reasonFor(silence), lookAfter: later(afterMs) };
}

/** A first pull of a large account takes hours, and tells of its progress by itself. */
function isAdvancing(open: SyncSilence['open'], now: Date): boolean {
  if (open === null || open.phase === 'waiting' || open.phase === 'awaiting-approval') return false;
  return open.advancedAt.getTime() > now.getTime() - LOOK_AGAIN_MS;
}

function reasonFor({ connectionState, open, lastOutcome }: SyncSilence): StaleReason {
  if (connectionState === 'needs-reauth') return 'needs-reauth';
  if (open?.phase === 'awaiting-approval') return 'awaiting-approval';
  if (open?.phase === 'waiting') return 'waiting';
  return lastOutcome === 'failed' && open === null ? 'failing' : 'not-running';
}
