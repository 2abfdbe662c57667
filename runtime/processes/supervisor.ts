import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../start/start-error.ts';
import type { RunningChild } from './child-process.ts';

export interface SupervisorOptions {
  readonly log: (line: string) => void;
  /** Called when a child is up, first and after each restart. */
  readonly onUp: (name: string, pid: number) => void;
  readonly backoff?: { readonly firstMs: number; readonly maxMs: number; readonly forgottenAfterMs: number };
}

/** Starts a child. When `stop` aborts, gives up and leaves no process behind. */
export type Start<Child extends RunningChild> = (stop: AbortSignal) => Promise<Child>;

interface Kept {
  readonly name: string;
  readonly start: Start<RunningChild>;
  child: RunningChild | null;
  /** The child's current start, or the watch over it. */
  work: Promise<unknown>;
}

const BACKOFF = { firstMs: 500, maxMs: 30_000, forgottenAfterMs: 60_000 } as const;

/** Keeps children running: restarts one that exits, with exponential backoff. */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #kept: Kept[] = [];
  readonly #stopping = new AbortController();

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  /** Aborts when `stopAll` begins, for work that must not outlive it. */
  get stopping(): AbortSignal {
    return this.#stopping.signal;
  }

  /** Starts a child and keeps it running from then on. Does not retry the first start. @throws what `start` throws. */
  async keep<Child extends RunningChild>(name: string, start: Start<Child>): Promise<Child> {
    const kept: Kept = { name, start, child: null, work: Promise.resolve() };
    const first = this.#up(kept);
    kept.work = first;
    this.#kept.push(kept);
    const child = await first;
    kept.work = this.#watch(kept, child);
    return child as Child;
  }

  /** Stops every child in the given order of names and prevents further starts. */
  async stopAll(order: readonly string[]): Promise<void> {
    this.#stopping.abort(new Error('stopping'));
    const byOrder = [...this.#kept].sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
    for (const { name, child, work } of byOrder) {
      await child?.stop().catch((error: unknown) => {
        this.#options.log(`${name} could not be stopped: ${messageOf(error)}`);
      });
      // A running start aborts by itself. Wait for it before stopping the children it needs.
      await Promise.allSettled([work]);
    }
  }

  async #up(kept: Kept): Promise<RunningChild> {
    this.#stopping.signal.throwIfAborted();
    const child = await kept.start(this.#stopping.signal);
    if (this.#stopping.signal.aborted) {
      await child.stop();
      this.#stopping.signal.throwIfAborted();
    }
    kept.child = child;
    this.#options.onUp(kept.name, child.pid);
    return child;
  }

  async #watch(kept: Kept, first: RunningChild): Promise<void> {
    const { firstMs, maxMs, forgottenAfterMs } = this.#options.backoff ?? BACKOFF;
    let pauseMs: number = firstMs;
    for (let child: RunningChild | null = first; ;) {
      const upSince = performance.now();
      const how = child === null ? null : await child.exited;
      if (this.#stopping.signal.aborted) return;
      if (child !== null && performance.now() - upSince > forgottenAfterMs) pauseMs = firstMs;
      if (how !== null) this.#options.log(`${kept.name} ended with ${how}: starting it again in ${pauseMs / 1_000} s`);
      await sleep(pauseMs, null, { signal: this.#stopping.signal }).catch(() => null);
      pauseMs = Math.min(pauseMs * 2, maxMs);
      child = await this.#restart(kept, pauseMs);
    }
  }

  async #restart(kept: Kept, nextPauseMs: number): Promise<RunningChild | null> {
    try {
      const child = await this.#up(kept);
      this.#options.log(`${kept.name} is up again (process ${child.pid})`);
      return child;
    } catch (error) {
      if (!this.#stopping.signal.aborted)
        this.#options.log(`${firstLine(error)}\n${kept.name} will be tried again in ${nextPauseMs / 1_000} s`);
      return null;
    }
  }
}

/** Drops the end of the child's log, which is in its file anyway. */
function firstLine(error: unknown): string {
  return messageOf(error).split('\n')[0] ?? '';
}
