import { setTimeout as delay } from 'node:timers/promises';

export interface CommitterOptions {
  readonly maxBatch: number;
  /** How long a batch waits for company. */
  readonly gatherMs: number;
}

/**
 * Commits one batch at a time, in order; what arrives meanwhile forms the next batch. So a slow database makes batches larger instead
 * of queues longer, and a fast one commits at once.
 */
export class SerialCommitter<Item> {
  readonly #commit: (items: readonly Item[]) => Promise<void>;
  readonly #options: CommitterOptions;
  readonly #waiting: Item[] = [];
  #running: Promise<void> | null = null;
  readonly #held: (() => void)[] = [];
  #error: { readonly cause: unknown } | null = null;

  constructor(commit: (items: readonly Item[]) => Promise<void>, options: CommitterOptions) {
    this.#commit = commit;
    this.#options = options;
  }

  /** After a failed commit this takes nothing more: a later commit would move the cursor past what the failed one lost. */
  add(item: Item): void {
    if (this.#error !== null) return;
    this.#waiting.push(item);
    this.#running ??= this.#run();
  }

  /** Set once a commit has failed: nothing more is written, so nothing more should be read. */
  get failed(): boolean {
    return this.#error !== null;
  }

  /** Resolves when everything added is committed. Rejects with the first failure. */
  async drain(): Promise<void> {
    while (this.#running !== null) await this.#running;
    if (this.#error) throw this.#error.cause;
  }

  /**
   * Resolves when there is room for what the caller would add next: whoever produces faster than the database writes is held here. Each batch
   * that is taken lets as many go as it has items, so that not all of them produce at once.
   */
  async room(): Promise<void> {
    if (this.#waiting.length > this.#options.maxBatch) await new Promise<void>((letGo) => this.#held.push(letGo));
  }

  #take(count: number): readonly Item[] {
    const taken = this.#waiting.splice(0, count);
    // With nothing left to take, no other batch would come to let the rest go.
    for (const letGo of this.#held.splice(0, this.#waiting.length === 0 ? Infinity : count)) letGo();
    return taken;
  }

  async #run(): Promise<void> {
    try {
      while (this.#waiting.length > 0) {
        const { maxBatch, gatherMs } = this.#options;
        if (gatherMs > 0 && this.#waiting.length < maxBatch) await delay(gatherMs);
        await this.#commit(this.#take(maxBatch));
      }
    } catch (cause) {
      this.#error = { cause };
      this.#take(this.#waiting.length);
    } finally {
      this.#running = null;
    }
  }
}
