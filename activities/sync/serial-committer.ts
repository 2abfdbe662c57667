import { setTimeout as delay } from 'node:timers/promises';

export interface CommitterOptions<Item> {
  /** The most that a batch holds and that waits for the next one, in items, or in what `sizeOf` counts. One item is always taken. */
  readonly maxBatch: number;
  /** 1 for each item when left out. */
  readonly sizeOf?: (item: Item) => number;
  /** How long a batch waits for more items, unless it is already awaited by `drain`. */
  readonly gatherMs: number;
}

/**
 * Commits one batch at a time, in order; items that arrive meanwhile form the next batch. A slow database therefore
 * makes batches larger instead of queues longer, and a fast one commits at once.
 */
export class SerialCommitter<Item> {
  readonly #commit: (items: readonly Item[]) => Promise<void>;
  readonly #options: Required<CommitterOptions<Item>>;
  readonly #waiting: Item[] = [];
  #running: Promise<void> | null = null;
  readonly #held: (() => void)[] = [];
  #error: { readonly cause: unknown } | null = null;
  #draining = 0;
  #gathering: AbortController | null = null;

  constructor(commit: (items: readonly Item[]) => Promise<void>, options: CommitterOptions<Item>) {
    this.#commit = commit;
    this.#options = { sizeOf: () => 1, ...options };
  }

  /** Ignores items after a failed commit, because a later commit would move the cursor past the lost ones. */
  add(item: Item): void {
    if (this.#error !== null) return;
    this.#waiting.push(item);
    if (this.#isFull()) this.#gathering?.abort();
    this.#running ??= this.#run();
  }

  /** True once a commit has failed: nothing more is written, so nothing more should be read. */
  get failed(): boolean {
    return this.#error !== null;
  }

  /**
   * Resolves when everything added is committed. Rejects with the first failure. No batch waits for more items
   * meanwhile, because whoever drains has no more to add.
   */
  async drain(): Promise<void> {
    this.#draining += 1;
    this.#gathering?.abort();
    while (this.#running !== null) await this.#running;
    this.#draining -= 1;
    if (this.#error) throw this.#error.cause;
  }

  /**
   * Resolves when there is room for the caller's next item, which slows producers down to the speed of the database.
   * Each batch lets as many callers continue as it has items, so that they do not all produce at once.
   */
  async room(): Promise<void> {
    if (this.#sizeWaiting() > this.#options.maxBatch) await new Promise<void>((letGo) => this.#held.push(letGo));
  }

  #sizeWaiting(): number {
    return this.#waiting.reduce((sum, item) => sum + this.#options.sizeOf(item), 0);
  }

  #isFull(): boolean {
    return this.#sizeWaiting() >= this.#options.maxBatch;
  }

  /** How many of the items that wait belong to the next batch. */
  #countOfBatch(): number {
    const { maxBatch, sizeOf } = this.#options;
    let size = 0;
    const end = this.#waiting.findIndex((item, index) => {
      size += sizeOf(item);
      return index > 0 && size > maxBatch;
    });
    return end === -1 ? this.#waiting.length : end;
  }

  #take(count: number): readonly Item[] {
    const taken = this.#waiting.splice(0, count);
    // With nothing left to commit, no other batch would release the remaining callers.
    for (const letGo of this.#held.splice(0, this.#waiting.length === 0 ? Infinity : count)) letGo();
    return taken;
  }

  async #gather(): Promise<void> {
    const { gatherMs } = this.#options;
    if (gatherMs === 0 || this.#draining > 0 || this.#isFull()) return;
    const gathering = new AbortController();
    this.#gathering = gathering;
    await delay(gatherMs, undefined, { signal: gathering.signal }).catch(() => undefined);
    this.#gathering = null;
  }

  async #run(): Promise<void> {
    try {
      while (this.#waiting.length > 0) {
        await this.#gather();
        await this.#commit(this.#take(this.#countOfBatch()));
      }
    } catch (cause) {
      this.#error = { cause };
      this.#take(this.#waiting.length);
    } finally {
      this.#running = null;
    }
  }
}
