/** Events per transaction. */
export const BATCH = 200;
/**
 * A drainer begins a batch no more often, unless more events wait than a batch holds. A transaction costs as much as
 * twenty events in it, so that without the pause each drainer would handle a few events at a time, and take the CPU from
 * the acknowledgements. What a batch takes is part of the time, so that a slow one delays the next no further. On a busy
 * machine, where batches are slow, it rests half as long as one takes.
 */
const BATCH_EVERY_MS = 50;
/** So many events in one batch come of a flood: over a thousand a second in each partition on a machine that keeps up. */
const FLOOD = 50;
/**
 * In a flood a drainer rests this many times as long as a batch took. Providers wait for acknowledgements, which need the
 * same processors and the same disk, and a later batch handles more events for the same price.
 */
const REST_FACTOR = 6;
/** The longest rest, which bounds how long it takes to notice the end of a flood. */
const MAX_REST_MS = 400;
/** A backlog that is older is drained without rests, so that no flood delays events by much more. */
const LATE_MS = 10_000;
/** An event that has waited for no longer was acknowledged just now, and others are on their way. */
const ARRIVING_MS = 500;

/** How long the first and the last of a partition's due events have waited. */
export interface Backlog {
  readonly oldestMs: number;
  readonly newestMs: number;
}

/** A batch that was handled. */
export interface HandledBatch {
  readonly events: number;
  readonly tookMs: number;
  /** What is left after a full batch. Null: nothing. */
  readonly backlog: Backlog | null;
}

/** How long a drainer rests before its next batch. */
export function restMs({ events, tookMs, backlog }: HandledBatch): number {
  if (events < FLOOD) return Math.max(BATCH_EVERY_MS - tookMs, tookMs / 2);
  if (events >= BATCH && !isArriving(backlog)) return 0;
  return Math.max(BATCH_EVERY_MS - tookMs, Math.min(REST_FACTOR * tookMs, MAX_REST_MS));
}

const isArriving = (backlog: Backlog | null): boolean =>
  backlog !== null && backlog.newestMs <= ARRIVING_MS && backlog.oldestMs <= LATE_MS;
