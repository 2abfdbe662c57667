import { setTimeout as delay } from 'node:timers/promises';
import type { ArchivingCount, SyncProgress } from '../../contracts/sync.ts';
import type { FieldMapping } from '../../domain/mapping/field-mapping.ts';
import { RateMeter } from '../../domain/sync/rate-meter.ts';
import type { RunScope } from '../../db/runs/run-scope.ts';
import type { RunState } from '../../db/runs/run-state.ts';
import type { Expressions } from '../../expressions/expressions.ts';
import { ProviderError } from '../../providers/provider-error.ts';
import type { ProviderSession, ResourceMapping, ResourceSession } from '../../providers/provider.ts';

/** What a pull or a push needs for one chunk of its run. */
export interface ChunkEnvironment {
  readonly scope: RunScope;
  readonly session: ResourceSession;
  readonly account: Pick<ProviderSession, 'newestChangeEpochS'>;
  /** The provider's own mapping. */
  readonly mapping: ResourceMapping;
  /** The venue's. */
  readonly fieldMapping: FieldMapping;
  readonly expressions: Pick<Expressions, 'evaluate'>;
  readonly control: ChunkControl;
}

export interface ChunkControlOptions {
  readonly state: RunState;
  /** The maximum of concurrent calls, which may change. */
  readonly lease: { readonly slots: number };
  readonly ratePerSecond: number;
  readonly deadlineMs: number;
  readonly cancelled: AbortSignal;
  readonly onProgress: (progress: SyncProgress) => void;
}

/**
 * Longest wait inside a lane; for a longer one the chunk ends and Temporal waits. Short pauses without a success in
 * between count as one wait.
 */
const LONGEST_WAIT_MS = 10_000;
const FIRST_GUESS_OF_LATENCY_MS = 150;
/** The measured latency is the mean of about this many calls. */
const TIMED_CALLS = 10;

/** Tells the lanes of a chunk how many may run and when to stop, and keeps the counts. */
export class ChunkControl {
  readonly #options: ChunkControlOptions;
  readonly #meter = new RateMeter(performance.now());
  readonly #deadlineAtMs: number;
  #latencyMs = FIRST_GUESS_OF_LATENCY_MS;
  #timedCalls = 0;
  #calls = 0;
  #stopRequested: boolean;
  #error: { readonly cause: unknown } | null = null;
  /** Since when every piece of work was refused with a short pause; null after a success. */
  #refusedSinceMs: number | null = null;
  progressed = false;
  /** Set when a person has to approve before the run may continue. */
  awaiting: ArchivingCount | null = null;
  progress: SyncProgress;

  constructor(options: ChunkControlOptions) {
    this.#options = options;
    this.#deadlineAtMs = performance.now() + options.deadlineMs;
    this.#stopRequested = options.state.stopRequested;
    const { done, total, counts, providerCalls } = options.state;
    this.progress = { done, total, counts, providerCalls };
  }

  /** Number of concurrent calls that uses the budget fully at the measured latency, within the lease. */
  get lanes(): number {
    const useful = Math.ceil((this.#options.ratePerSecond * this.#latencyMs * 1.3) / 1_000) + 1;
    return Math.max(1, Math.min(this.#options.lease.slots, useful));
  }

  /** The pace of the account's calls. */
  get ratePerSecond(): number {
    return this.#options.ratePerSecond;
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

  /** The counts that a commit of `count` records adds to the run. */
  takeDelta(count: number): { readonly providerCalls: number; readonly ratePerSecond: number } {
    const providerCalls = this.#calls;
    this.#calls = 0;
    this.#meter.add(count, performance.now());
    return { providerCalls, ratePerSecond: this.#meter.perSecond(performance.now()) };
  }

  /**
   * `moved`: the commit contained more than counts of calls. An attempt that moved nothing counts towards giving up.
   */
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
   * Runs one piece of provider work. Returns null when it has to be repeated, because the provider asked for a short
   * pause, which the shared budget makes every process keep, or because the chunk has failed, which `rethrow` throws.
   * Short pauses in a row also fail the chunk, so that the run shows that it waits and the attempt is counted.
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
