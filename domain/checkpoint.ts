import type { RecordId } from '../contracts/ids.ts';
import type { Segment } from './segments.ts';

/**
 * Where a run stands, stored with every page it commits. Stored for as long as a run may be resumed: add fields, never rename one.
 * `done` stays behind when nothing is left to do.
 */
export type Checkpoint = PullCheckpoint | PushCheckpoint | DoneCheckpoint;

export interface DoneCheckpoint {
  readonly kind: 'done';
  /** Of a pull. */
  readonly watermarkEpochS: number | null;
}

export interface PullCheckpoint {
  /** `listing` reads everything there is, `changes` the provider's change feed. */
  readonly kind: 'listing' | 'changes';
  /** Parts still to be read. */
  readonly segments: readonly Segment[];
  readonly nextSegmentId: number;
  /** Everything up to this moment is ours once the run is done. */
  readonly watermarkEpochS: number;
  /** Of a change feed, which tells the newest first: records it has told to be deleted. What it tells of them later is older. */
  readonly deletedIds?: readonly string[];
}

export interface PushCheckpoint {
  readonly kind: 'push';
  /** Last record of which it and all before it are done. */
  readonly after: RecordId | null;
}

/** Changes are asked for again over this much time: provider and we may read different clocks, and feeds lag. */
export const OVERLAP_S = 300;
/** A listing's upper bound lies ahead of our clock, so that a provider whose clock is ahead loses nothing. */
const CLOCK_SKEW_S = 600;
/** Stripe's events reach back 30 days (https://docs.stripe.com/api/events, read 2026-11-21); a day is left for a slow run. */
const CHANGE_FEED_REACH_S = 29 * 86_400;

/** How a pull begins: with the change feed where there is one that reaches back to the last watermark, else with everything. */
export function firstPullCheckpoint(start: {
  readonly mode: 'incremental' | 'full';
  readonly nowEpochS: number;
  readonly watermarkEpochS: number | null;
}): PullCheckpoint {
  const { mode, nowEpochS, watermarkEpochS } = start;
  const byChanges = mode === 'incremental' && watermarkEpochS !== null && nowEpochS - watermarkEpochS < CHANGE_FEED_REACH_S;
  const fromEpochS = byChanges ? watermarkEpochS - OVERLAP_S : null;
  const whole: Segment = { id: 0, fromEpochS, toEpochS: nowEpochS + CLOCK_SKEW_S, after: null, oldestEpochS: null, pagesRead: 0 };
  return { kind: byChanges ? 'changes' : 'listing', segments: [whole], nextSegmentId: 1, watermarkEpochS: nowEpochS };
}
