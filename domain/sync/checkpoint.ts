import type { RecordId } from '../../contracts/ids.ts';
import type { PullPlan } from './pull-plan.ts';
import type { Segment } from './segments.ts';

/**
 * Where a run stands, stored with every page it commits. Stored for as long as a run may be resumed: add fields, never rename one.
 * `done` stays behind when nothing is left to do.
 */
export type Checkpoint = PullCheckpoint | PushCheckpoint | DoneCheckpoint;

export interface DoneCheckpoint {
  readonly kind: 'done';
  /** Of a pull that covers everything up to then. */
  readonly watermarkEpochS: number | null;
  /** Of a pull that read everything, whatever its mode. */
  readonly readAll?: true;
}

export interface PullCheckpoint {
  readonly kind: 'pull';
  /** What is still to be done; the first is under way. */
  readonly stages: readonly PullStage[];
  /** Parts of the stage under way that are still to be read; null before it has begun. */
  readonly segments: readonly Segment[] | null;
  readonly nextSegmentId: number;
  /** Everything up to this moment is ours once the run is done; null for a run that covers only a window. */
  readonly watermarkEpochS: number | null;
  /** Objects that listings have brought, and how many the provider counted; undefined before it was asked. */
  readonly listedCount?: number;
  readonly countedAtProvider?: number | null;
  /** It reads everything, whatever its mode. */
  readonly readAll?: true;
  /** The listing was read a second time, because the first brought fewer than the provider counted. */
  readonly relisted?: true;
}

export type PullStage =
  /** Asks for the provider's newest change, before anything is listed: from there the change feed takes over after the listing. */
  | { readonly kind: 'mark-changes' }
  | {
      readonly kind: 'listing' | 'changes';
      readonly streams: readonly string[];
      readonly fromEpochS: number | null;
      /** Null: up to the moment at which the stage begins, and a little beyond. */
      readonly toEpochS: number | null;
      /** By stream: how much further back than `fromEpochS` it is read. */
      readonly lookBackS?: Readonly<Record<string, number>>;
      /** Tells what changed behind a listing's back: what the listing brought already is not counted again. */
      readonly handOff?: true;
    }
  /** Compares what the listings brought with what we hold. */
  | { readonly kind: 'find-missing' }
  /** Archives what is deleted at the provider, once it is sure and allowed. */
  | { readonly kind: 'settle-missing' };

export interface PushCheckpoint {
  readonly kind: 'push';
  /** Last record of which it and all before it are done. */
  readonly after: RecordId | null;
}

/** Changes are asked for again over this much time: provider and we may read different clocks, and feeds lag. */
export const OVERLAP_S = 900;
/** A reading counts as up to a second or two older than it is; what an event of that time told, a listing may not tell anew. */
export const HAND_OFF_OVERLAP_S = 5;
/** A listing's upper bound lies ahead of our clock, so that a provider whose clock is ahead loses nothing. */
const CLOCK_SKEW_S = 900;
/** Stripe's events reach back 30 days (https://docs.stripe.com/api/events, read 2026-11-21); a day is left for a slow run. */
const CHANGE_FEED_REACH_S = 29 * 86_400;

export interface PullStart {
  readonly mode: 'incremental' | 'full';
  readonly plan: PullPlan;
  readonly nowEpochS: number;
  /** Up to where an earlier run has everything; null when none has. */
  readonly watermarkEpochS: number | null;
  readonly window: { readonly fromEpochS: number | null; readonly toEpochS: number | null } | null;
}

/**
 * How a pull begins: with the change feed where there is one that reaches back to the last watermark, else with everything. A listing
 * hands over to the change feed, which tells what changed behind the listing's back while it was read.
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

/** The checkpoint once the newest change is known, by the provider's own clock; null when it has none, and our clock has to do. */
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

/** The parts that a reading stage begins with. */
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

/** The checkpoint after its first stage is complete. A listing that brought fewer records than the provider counts is read once more. */
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
