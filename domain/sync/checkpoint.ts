import type { RecordId } from '../../contracts/ids.ts';
import type { PullPlan } from './pull-plan.ts';
import type { Segment } from './segments.ts';

/**
 * The position of a run, stored with every committed page for as long as a run may resume: add fields, never rename
 * one. `done` remains when the run has finished its work.
 */
export type Checkpoint = PullCheckpoint | PushCheckpoint | DoneCheckpoint;

export interface DoneCheckpoint {
  readonly kind: 'done';
  /** Set by a pull that covers everything up to this time. */
  readonly watermarkEpochS: number | null;
  /** Set by a pull that read everything, whatever its mode. */
  readonly readAll?: true;
}

export interface PullCheckpoint {
  readonly kind: 'pull';
  /** Remaining stages; the first is the current one. */
  readonly stages: readonly PullStage[];
  /** Parts of the current stage still to be read; null before the stage begins. */
  readonly segments: readonly Segment[] | null;
  readonly nextSegmentId: number;
  /** The run covers everything up to this time once it is done; null for a run that covers only a window. */
  readonly watermarkEpochS: number | null;
  /**
   * The number of objects that listings returned, and the provider's own count; undefined before the provider was
   * asked.
   */
  readonly listedCount?: number;
  readonly countedAtProvider?: number | null;
  /** The run reads everything, whatever its mode. */
  readonly readAll?: true;
  /**
   * The listing is being read a second time, because the first reading returned fewer records than the provider
   * counted.
   */
  readonly relisted?: true;
}

export type PullStage =
  /**
   * Before any listing, asks the provider for its newest change. After the listing, the change feed continues from
   * there.
   */
  | { readonly kind: 'mark-changes' }
  | {
      readonly kind: 'listing' | 'changes';
      readonly streams: readonly string[];
      readonly fromEpochS: number | null;
      /** Null means shortly after the start of the stage. */
      readonly toEpochS: number | null;
      /** Seconds before `fromEpochS` at which each stream starts. */
      readonly lookBackS?: Readonly<Record<string, number>>;
      /** Reads what changed during a listing. Records that the listing already returned are not counted again. */
      readonly handOff?: true;
    }
  /** Compares what the listings returned with our records. */
  | { readonly kind: 'find-missing' }
  /** Archives records that are deleted at the provider, once that is certain and allowed. */
  | { readonly kind: 'settle-missing' };

export interface PushCheckpoint {
  readonly kind: 'push';
  /** The last record up to which all records are done. */
  readonly after: RecordId | null;
}

/** Each run reads this much of the change feed again, because clocks differ and feeds lag. */
export const OVERLAP_S = 900;
/**
 * A reading is treated as up to a few seconds older than it is, and a listing must not undo what an event in that time
 * reported.
 */
export const HAND_OFF_OVERLAP_S = 5;
/**
 * A listing's upper bound is this far ahead of our clock, so that nothing is missed when the provider's clock is ahead.
 */
const CLOCK_SKEW_S = 900;
/**
 * Stripe keeps events for 30 days (https://docs.stripe.com/api/events, read 2026-11-21). One day is spare for a slow
 * run.
 */
const CHANGE_FEED_REACH_S = 29 * 86_400;

export interface PullStart {
  readonly mode: 'incremental' | 'full';
  readonly plan: PullPlan;
  readonly nowEpochS: number;
  /** The time up to which an earlier run covers everything; null when none does. */
  readonly watermarkEpochS: number | null;
  readonly window: { readonly fromEpochS: number | null; readonly toEpochS: number | null } | null;
}

/**
 * The first checkpoint of a pull. Starts with the change feed when there is one that reaches back to the last
 * watermark, else with a full listing. After a listing, the change feed supplies what changed while it was read.
 */
export function firstPullCheckpoint(start: PullStart): PullCheckpoint {
  const { plan, nowEpochS, window } = start;
  const common = {
    kind: 'pull',
    segments: null,
    nextSegmentId: 1,
    watermarkEpochS: window ? null : nowEpochS,
  } as const;
  if (window) return { ...common, stages: listing(plan, window) };
  const sinceEpochS = changesSince(start);
  if (sinceEpochS !== null)
    return {
      ...common,
      stages: [
        ...changes(plan, sinceEpochS).map((stage) => ({
          ...stage,
          ...(plan.lookBackS && { lookBackS: plan.lookBackS }),
        })),
        { kind: 'settle-missing' },
      ],
    };
  const missing: readonly PullStage[] = plan.mayVanish ? [{ kind: 'find-missing' }] : [];
  return {
    ...common,
    readAll: true,
    stages: [
      ...handOver(plan, listing(plan, { fromEpochS: null, toEpochS: null }), nowEpochS),
      ...missing,
      { kind: 'settle-missing' },
    ],
  };
}

function changesSince({ mode, plan, nowEpochS, watermarkEpochS }: PullStart): number | null {
  if (mode === 'full' || plan.changes === null || watermarkEpochS === null) return null;
  return nowEpochS - watermarkEpochS < CHANGE_FEED_REACH_S ? watermarkEpochS - OVERLAP_S : null;
}

const listing = (
  plan: PullPlan,
  range: { readonly fromEpochS: number | null; readonly toEpochS: number | null },
): readonly PullStage[] => plan.listing.map((streams) => ({ kind: 'listing', streams, ...range }));

const changes = (plan: PullPlan, fromEpochS: number) =>
  (plan.changes ?? []).map((streams) => ({ kind: 'changes' as const, streams, fromEpochS, toEpochS: null }));

function handOver(plan: PullPlan, listed: readonly PullStage[], nowEpochS: number): readonly PullStage[] {
  if (plan.changes === null) return listed;
  return [
    { kind: 'mark-changes' },
    ...listed,
    ...changes(plan, nowEpochS - OVERLAP_S).map((stage) => ({ ...stage, handOff: true as const })),
  ];
}

/**
 * The checkpoint once the newest change is known, by the provider's clock. Null means that there is none, so our clock
 * is used.
 */
export function markChanges(checkpoint: PullCheckpoint, newestEpochS: number | null): PullCheckpoint | DoneCheckpoint {
  const next = nextStage(checkpoint);
  if (next.kind === 'done' || newestEpochS === null) return next;
  return {
    ...next,
    stages: next.stages.map((stage) =>
      stage.kind === 'changes' ? { ...stage, fromEpochS: newestEpochS - HAND_OFF_OVERLAP_S } : stage,
    ),
  };
}

/** The initial segments of a reading stage. */
export function firstSegments(
  stage: Extract<PullStage, { readonly streams: readonly string[] }>,
  nowEpochS: number,
  firstId: number,
): readonly Segment[] {
  const toEpochS = stage.toEpochS ?? nowEpochS + CLOCK_SKEW_S;
  const fromEpochS = (stream: string) => stage.fromEpochS && stage.fromEpochS - (stage.lookBackS?.[stream] ?? 0);
  return stage.streams.map((stream, index) => ({
    id: firstId + index,
    stream,
    fromEpochS: fromEpochS(stream),
    toEpochS,
    after: null,
    oldestEpochS: null,
    pagesRead: 0,
  }));
}

/**
 * The checkpoint after its first stage is complete. Repeats a listing once when it returned fewer records than the
 * provider counts.
 */
export function nextStage(checkpoint: PullCheckpoint): PullCheckpoint | DoneCheckpoint {
  const [ended, ...stages] = checkpoint.stages;
  if (ended?.kind === 'listing' && stages[0]?.kind !== 'listing' && broughtTooFew(checkpoint)) {
    return { ...checkpoint, segments: null, listedCount: 0, relisted: true };
  }
  return stages.length === 0
    ? {
        kind: 'done',
        watermarkEpochS: checkpoint.watermarkEpochS,
        ...(checkpoint.readAll && { readAll: true as const }),
      }
    : { ...checkpoint, stages, segments: null };
}

function broughtTooFew({ relisted, listedCount = 0, countedAtProvider }: PullCheckpoint): boolean {
  return relisted !== true && countedAtProvider != null && listedCount < countedAtProvider;
}
