import type { RecordId } from '../../contracts/ids.ts';
import { streamsOf } from './pull/pull-plan.ts';
import type { ChangeFeed, Cursor, PullPlan, Stream } from './pull/pull-plan.ts';
import { firstPart } from './pull/strategies.ts';
import type { Part } from './pull/strategies.ts';

/**
 * The position of a run, stored with every committed page for as long as a run may resume: add fields, never rename
 * one. `done` remains when the run has finished its work.
 */
export type Checkpoint = PullCheckpoint | PushCheckpoint | DoneCheckpoint;

export interface DoneCheckpoint extends Covered {
  readonly kind: 'done';
}

/** What a run covers once it is done. */
export interface Covered {
  /** Set by a pull that covers everything up to this time. */
  readonly watermarkEpochS: number | null;
  /** Where the next incremental pull resumes a token-based change feed. */
  readonly feedCursor?: Cursor;
  /** Set by a pull that read everything, whatever its mode. */
  readonly readAll?: true;
}

export interface PullCheckpoint {
  readonly kind: 'pull';
  /** Remaining stages; the first is the current one. */
  readonly stages: readonly PullStage[];
  /** Parts of the current stage still to be read, by any strategy; null before the stage begins. */
  readonly segments: readonly Part[] | null;
  readonly nextSegmentId: number;
  /** The run covers everything up to this time once it is done; null for a run that covers only a window. */
  readonly watermarkEpochS: number | null;
  /**
   * The number of objects that listings returned, and the provider's own count; undefined before the provider was
   * asked.
   */
  readonly listedCount?: number;
  readonly countedAtProvider?: number | null;
  /** The feed's token as returned by the latest page. */
  readonly feedCursor?: Cursor;
  /** The run reads everything, whatever its mode. */
  readonly readAll?: true;
  /**
   * The listing is being read a second time, because the first reading returned fewer records than the provider
   * counted.
   */
  readonly relisted?: true;
  /** A two-way run: once everything is read and merged, it pushes. */
  readonly thenPush?: true;
}

export type PullStage =
  | MarkStage
  | ReadingStage
  /** Compares what the listings returned with our records. */
  | { readonly kind: 'find-missing' }
  /** Takes the objects of dead letters that are to be retried. */
  | { readonly kind: 'find-dead-letters' }
  /** Archives records that are deleted at the provider, once that is certain and allowed. */
  | { readonly kind: 'settle-missing' };

/**
 * Before any listing, asks the provider for its newest change. After the listing, the change feed continues from there.
 */
export interface MarkStage {
  readonly kind: 'mark-changes';
  /** The answer need not be awaited before the listing is requested. */
  readonly besideListing?: true;
}

/** A stage that reads lists. A `sweep` reads ids only. */
export interface ReadingStage {
  readonly kind: 'listing' | 'changes' | 'sweep';
  readonly streams: readonly string[];
  readonly fromEpochS: number | null;
  /** Null means shortly after the start of the stage. */
  readonly toEpochS: number | null;
  /** Set for a token-based change feed. */
  readonly after?: Cursor;
  /** Seconds before `fromEpochS` at which each stream starts. */
  readonly lookBackS?: Readonly<Record<string, number>>;
  /** Reads what changed during a listing. Records that the listing already returned are not counted again. */
  readonly handOff?: true;
}

export interface PushCheckpoint {
  readonly kind: 'push';
  /** The last record up to which all records are done. */
  readonly after: RecordId | null;
  /** What the pull stages of a two-way run covered. */
  readonly pulled?: Covered;
}

/**
 * A listing's upper bound is this far ahead of our clock, so that nothing is missed when the provider's clock is ahead.
 */
const CLOCK_SKEW_S = 900;

export interface PullStart {
  readonly mode: 'incremental' | 'full';
  readonly plan: PullPlan;
  readonly nowEpochS: number;
  /** The time up to which an earlier run covers everything; null when none does. */
  readonly watermarkEpochS: number | null;
  /** Where an earlier run left a token-based change feed; null otherwise. */
  readonly feedCursor: Cursor | null;
  readonly window: { readonly fromEpochS: number | null; readonly toEpochS: number | null } | null;
  /** A two-way run pushes after it has read. */
  readonly thenPush?: true;
  /** From when on history is pulled; null or absent: from the beginning. */
  readonly historyFromEpochS?: number | null;
  /** A run that only pulls, of which nothing has been read or written before. */
  readonly isFirstReading?: true;
}

const ALL_TIME = { fromEpochS: null, toEpochS: null };

/**
 * The first checkpoint of a pull. Starts with the change feed when there is one that reaches back to the last
 * watermark, else with a full listing. After a listing, the change feed supplies what changed while it was read.
 */
export function firstPullCheckpoint(start: PullStart): PullCheckpoint {
  const { plan, nowEpochS, window, historyFromEpochS = null, isFirstReading } = start;
  if (window) return { ...begin(null), stages: listing(plan, window) };
  const changes = changesSince(start);
  const then = start.thenPush === true ? { thenPush: true as const } : {};
  const everything = fullPass(plan, nowEpochS, historyFromEpochS);
  return changes === null
    ? { ...everything, ...then, ...(isFirstReading && { stages: everything.stages.map(besideListing) }) }
    : {
        ...begin(nowEpochS),
        ...then,
        stages: [...changes, ...sweep(plan), { kind: 'settle-missing' }],
      };
}

const besideListing = (stage: PullStage): PullStage =>
  stage.kind === 'mark-changes' ? { ...stage, besideListing: true } : stage;

/** Looks up only the objects of dead letters that are to be retried: it covers no span of time. */
export const deadLetterPull = ({ thenPush }: Pick<PullStart, 'thenPush'>): PullCheckpoint => ({
  ...begin(null),
  ...(thenPush && { thenPush }),
  stages: [{ kind: 'find-dead-letters' }, { kind: 'settle-missing' }],
});

/**
 * Reads everything: the first checkpoint of a full pull, and the fallback when a change feed no longer knows our
 * position.
 */
export function fullPass(plan: PullPlan, nowEpochS: number, historyFromEpochS: number | null): PullCheckpoint {
  const missing: readonly PullStage[] = plan.mayVanish ? [{ kind: 'find-missing' }] : [];
  return {
    ...begin(nowEpochS),
    readAll: true,
    stages: [...handOver(plan, nowEpochS, historyFromEpochS), ...missing, { kind: 'settle-missing' }],
  };
}

const begin = (watermarkEpochS: number | null) =>
  ({ kind: 'pull', segments: null, nextSegmentId: 1, watermarkEpochS }) as const;

/** Null when the feed does not cover everything since the last pull. */
function changesSince({
  mode,
  plan,
  nowEpochS,
  watermarkEpochS,
  feedCursor,
}: PullStart): readonly ReadingStage[] | null {
  const { changes } = plan;
  if (mode === 'full' || changes === null) return null;
  if (changes.since === 'token')
    return feedCursor === null ? null : changeStages(changes, { ...ALL_TIME, after: feedCursor });
  if (watermarkEpochS === null || nowEpochS - watermarkEpochS >= (changes.reachS ?? Infinity)) return null;
  const { lookBackS } = changes;
  const range = { fromEpochS: watermarkEpochS - changes.overlapS, toEpochS: null };
  return changeStages(changes, { ...range, ...(lookBackS && { lookBackS }) });
}

const namesOf = (streams: readonly Stream[]) => streams.map(({ name }) => name);

const listing = (plan: PullPlan, range: Pick<ReadingStage, 'fromEpochS' | 'toEpochS'>): readonly ReadingStage[] =>
  plan.listing.map((streams) => ({ kind: 'listing', streams: namesOf(streams), ...range }));

const changeStages = (
  { streams }: ChangeFeed,
  stage: Omit<ReadingStage, 'kind' | 'streams'>,
): readonly ReadingStage[] => streams.map((each) => ({ kind: 'changes', streams: namesOf(each), ...stage }));

/** Finds deleted records when the change feed does not report deletions. */
const sweep = ({ ids }: PullPlan): readonly PullStage[] =>
  ids ? [{ kind: 'sweep', streams: [ids.name], ...ALL_TIME }, { kind: 'find-missing' }] : [];

/**
 * Where the lists of a full pass begin. Records that may vanish are all listed, because what a list lacks counts as
 * missing; what began earlier and is unknown is then left out record by record.
 */
function listedFrom(
  { dates, mayVanish, createdBeforeS = 0 }: PullPlan,
  historyFromEpochS: number | null,
): number | null {
  if (historyFromEpochS === null || dates?.includes('beginnings') !== true || mayVanish) return null;
  return historyFromEpochS - createdBeforeS;
}

/** A token-based feed starts where its listing ended, so the next pull reads it. */
function handOver(plan: PullPlan, nowEpochS: number, historyFromEpochS: number | null): readonly PullStage[] {
  const listed = listing(plan, { ...ALL_TIME, fromEpochS: listedFrom(plan, historyFromEpochS) });
  const { changes } = plan;
  if (changes?.since !== 'moment') return listed;
  const range = { fromEpochS: nowEpochS - changes.overlapS, toEpochS: null };
  return [{ kind: 'mark-changes' }, ...listed, ...changeStages(changes, { ...range, handOff: true })];
}

/**
 * The checkpoint once the newest change is known, by the provider's clock. Null means that there is none, so our clock
 * is used.
 */
export function markChanges(
  checkpoint: PullCheckpoint,
  { changes }: Pick<PullPlan, 'changes'>,
  newestEpochS: number | null,
): Checkpoint {
  const next = nextStage(checkpoint);
  if (next.kind !== 'pull' || newestEpochS === null || changes?.since !== 'moment') return next;
  const fromEpochS = newestEpochS - changes.handOffOverlapS;
  return {
    ...next,
    stages: next.stages.map((stage) => (stage.kind === 'changes' ? { ...stage, fromEpochS } : stage)),
  };
}

/** Whether the stage reads lists. */
export const isReading = (stage: PullStage): stage is ReadingStage =>
  stage.kind === 'listing' || stage.kind === 'changes' || stage.kind === 'sweep';

/** The initial parts of a reading stage, one per list. */
export function firstParts(
  stage: ReadingStage,
  plan: PullPlan,
  { nowEpochS, firstId }: { readonly nowEpochS: number; readonly firstId: number },
): readonly Part[] {
  return stage.streams.map((name, index) => beginStream(stage, plan, { name, nowEpochS, id: firstId + index }));
}

/** The first part of one list of a stage. */
export function beginStream(
  stage: ReadingStage,
  plan: PullPlan,
  { name, nowEpochS, id }: { readonly name: string; readonly nowEpochS: number; readonly id: number },
): Part {
  const stream = streamsOf(plan).get(name);
  if (!stream) throw new Error(`the plan has no list ${name}`);
  return firstPart(stream, {
    id,
    stream: name,
    fromEpochS: stage.fromEpochS === null ? null : stage.fromEpochS - (stage.lookBackS?.[name] ?? 0),
    toEpochS: stage.toEpochS ?? nowEpochS + CLOCK_SKEW_S,
    after: stage.after ?? null,
    pagesRead: 0,
  });
}

/**
 * The checkpoint after its first stage is complete. Repeats a listing once when it returned fewer records than the
 * provider counts.
 */
export function nextStage(checkpoint: PullCheckpoint): Checkpoint {
  const [ended, ...stages] = checkpoint.stages;
  if (ended?.kind === 'listing' && stages[0]?.kind !== 'listing' && broughtTooFew(checkpoint)) {
    return { ...checkpoint, segments: null, listedCount: 0, relisted: true };
  }
  return stages.length === 0 ? afterReading(checkpoint) : { ...checkpoint, stages, segments: null };
}

function afterReading(checkpoint: PullCheckpoint): PushCheckpoint | DoneCheckpoint {
  const { watermarkEpochS, feedCursor, readAll, thenPush } = checkpoint;
  const covered = {
    watermarkEpochS,
    ...(feedCursor !== undefined && { feedCursor }),
    ...(readAll && { readAll: true as const }),
  };
  return thenPush === true ? { kind: 'push', after: null, pulled: covered } : { kind: 'done', ...covered };
}

/** The end of a push: it covers what the pull stages before it covered, or nothing. */
export const afterPush = ({ pulled }: PushCheckpoint): DoneCheckpoint => ({
  kind: 'done',
  ...(pulled ?? { watermarkEpochS: null }),
});

function broughtTooFew({ relisted, listedCount = 0, countedAtProvider }: PullCheckpoint): boolean {
  return relisted !== true && countedAtProvider != null && listedCount < countedAtProvider;
}
