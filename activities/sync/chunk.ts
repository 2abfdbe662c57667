import { setTimeout as delay } from 'node:timers/promises';
import type { ArchivingCount, SyncProgress } from '../../contracts/sync.ts';
import { RateMeter } from '../../domain/sync/rate-meter.ts';
import type { RunScope } from '../../db/runs/run-scope.ts';
import type { RunState } from '../../db/runs/run-state.ts';
import { ProviderError } from '../../providers/provider-error.ts';
import type { ProviderSession, ResourceMapping, ResourceSession } from '../../providers/provider.ts';

/** What a pull or a push needs for one chunk of its run. */
export interface ChunkEnvironment {
  readonly scope: RunScope;
  readonly session: ResourceSession;
  readonly account: Pick<ProviderSession, 'newestChangeEpochS'>;
  readonly mapping: ResourceMapping;
  readonly control: ChunkControl;
}

export interface ChunkControlOptions {
  readonly state: RunState;
  /** The most calls at once that it allows, which may change. */
  readonly lease: { readonly slots: number };
  readonly ratePerSecond: number;
  readonly deadlineMs: number;
  readonly cancelled: AbortSignal;
  readonly onProgress: (progress: SyncProgress) => void;
}

/** A wait that a lane sits out; a longer one ends the chunk, and Temporal waits instead. Short pauses with no success in between are one wait. */
const LONGEST_WAIT_MS = 10_000;
const FIRST_GUESS_OF_LATENCY_MS = 150;
/** The latency seen is the mean of about so many calls. */
const TIMED_CALLS = 10;

/** Tells the lanes of a chunk how many they may be and when to stop, and keeps count. */
export class ChunkControl {
  readonly #options: ChunkControlOptions;
  readonly #meter = new RateMeter(performance.now());
  readonly #deadlineAtMs: number;
  #latencyMs = FIRST_GUESS_OF_LATENCY_MS;
  #timedCalls = 0;
  #calls = 0;
  #stopRequested: boolean;
  #error: { readonly cause: unknown } | null = null;
  /** Since when every piece of work was refused with a short pause; null after one that was not. */
  #refusedSinceMs: number | null = null;
  progressed = false;
  /** Set when a person has to approve before the run may go on. */
  awaiting: ArchivingCount | null = null;
  progress: SyncProgress;

  constructor(options: ChunkControlOptions) {
    this.#options = options;
    this.#deadlineAtMs = performance.now() + options.deadlineMs;
    this.#stopRequested = options.state.stopRequested;
    const { done, total, counts, providerCalls } = options.state;
    this.progress = { done, total, counts, providerCalls };
  }

  /** Calls at once that fill the budget at the latency seen, within the lease. */
  get lanes(): number {
    const useful = Math.ceil((this.#options.ratePerSecond * this.#latencyMs * 1.3) / 1_000) + 1;
    return Math.max(1, Math.min(this.#options.lease.slots, useful));
  }

  get stopping(): boolean {
    return (
      this.#error !== null ||
      this.awaiting !== null ||
      this.#stopRequested ||
      this.#options.cancelled.aborted ||
      performance.now() >= this.#deadlineAtMs
    );
  }

  get stopRequested(): boolean {
    return this.#stopRequested;
  }

  countCall(durationMs: number): void {
    this.#calls += 1;
    this.#timedCalls = Math.min(TIMED_CALLS, this.#timedCalls + 1);
    this.#latencyMs += (durationMs - this.#latencyMs) / this.#timedCalls;
  }

  /** What a commit of `count` records adds to the run besides the records. */
  takeDelta(count: number): { readonly providerCalls: number; readonly ratePerSecond: number } {
    const providerCalls = this.#calls;
    this.#calls = 0;
    this.#meter.add(count, performance.now());
    return { providerCalls, ratePerSecond: this.#meter.perSecond(performance.now()) };
  }

  /** `moved`: the commit held more than the calls that were made. An attempt that moved nothing is one more towards giving up. */
  committed(result: { readonly progress: SyncProgress; readonly stopRequested: boolean }, { moved = true } = {}): void {
    this.progressed ||= moved;
    this.progress = result.progress;
    this.#stopRequested ||= result.stopRequested;
    this.#options.onProgress(result.progress);
  }

  awaitApproval(counted: ArchivingCount): void {
    this.awaiting = counted;
  }

  fail(cause: unknown): void {
    this.#error ??= { cause };
  }

  /** Throws the first failure of any lane. */
  rethrow(): void {
    if (this.#error) throw this.#error.cause;
  }

  /**
   * Runs one piece of provider work. Answers null when it has to be done again: the provider asked for a short pause, which the shared
   * budget makes everybody keep, or the chunk has failed, which `rethrow` tells. A provider that asks for one short pause after another fails it too:
   * the run then says that it waits, and the attempt is counted.
   */
  async attempt<T>(work: () => Promise<T>): Promise<T | null> {
    try {
      const result = await work();
      this.#refusedSinceMs = null;
      return result;
    } catch (error) {
      if (isShortPause(error) && !this.#hasWaitedLong()) await delay(50);
      else this.fail(error);
      return null;
    }
  }

  #hasWaitedLong(): boolean {
    const now = performance.now();
    this.#refusedSinceMs ??= now;
    return now - this.#refusedSinceMs >= LONGEST_WAIT_MS;
  }
}

const isShortPause = (error: unknown) =>
  error instanceof ProviderError &&
  error.details.kind === 'rate-limited' &&
  (error.details.retryAfterMs ?? 0) <= LONGEST_WAIT_MS;
