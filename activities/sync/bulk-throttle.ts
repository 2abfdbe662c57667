import { setTimeout as sleep } from 'node:timers/promises';
import type { PullStore } from '../../db/pull/pull-store.ts';
import type { ResourceSession } from '../../providers/provider.ts';

/**
 * Pages that the bulk runs of one process request at once, over all accounts: as many as the fastest account can use
 * alone.
 */
const MAX_READS = 24;
/** The same while an incremental run is working. Each page takes some milliseconds of this process's thread. */
const READS_BESIDE_OTHERS = 2;
/** By then an incremental run is over, or is long enough for a short delay not to matter. */
const GIVES_WAY_FOR_MS = 700;
/** Concurrent commits of bulk runs: Postgres writes one page in about the time that this process takes to read one. */
const MAX_COMMITS = 1;
/** Longest pause of a commit, however many incremental runs follow each other. */
const LONGEST_PAUSE_MS = 300;

/** Shared by the bulk runs of one process, so that an incremental run beside them always finds capacity. */
export class BulkThrottle {
  #givesWayUntilMs = 0;
  readonly #reads = new Gate(() => (performance.now() < this.#givesWayUntilMs ? READS_BESIDE_OTHERS : MAX_READS));
  readonly #commits = new Gate(() => MAX_COMMITS);

  /** Called when an incremental run takes its next step: bulk runs pause for a moment. */
  giveWay(): void {
    this.#givesWayUntilMs = performance.now() + GIVES_WAY_FOR_MS;
  }

  session(session: ResourceSession): ResourceSession {
    return { ...session, listPage: (query) => this.#reads.pass(() => session.listPage(query)) };
  }

  pulls(pulls: PullStore): PullStore {
    return {
      ...pulls,
      commit: (scope, pages) =>
        this.#commits.pass(async () => {
          const pauseMs = Math.min(LONGEST_PAUSE_MS, this.#givesWayUntilMs - performance.now());
          if (pauseMs > 0) await sleep(pauseMs);
          return pulls.commit(scope, pages);
        }),
    };
  }
}

/**
 * Admits at most the given number at once, at least one, and the others in arrival order. When the limit rises, waiting
 * ones enter as the next one leaves.
 */
export class Gate {
  readonly #waiting: (() => void)[] = [];
  readonly #places: () => number;
  #inside = 0;

  constructor(places: () => number) {
    this.#places = places;
  }

  async pass<T>(work: () => Promise<T>): Promise<T> {
    // Nobody enters before those who wait already.
    if (this.#waiting.length === 0 && this.#inside < this.#places()) this.#inside += 1;
    else await new Promise<void>((enter) => this.#waiting.push(enter));
    try {
      return await work();
    } finally {
      this.#inside -= 1;
      while (this.#waiting.length > 0 && this.#inside < Math.max(1, this.#places())) {
        this.#inside += 1;
        this.#waiting.shift()?.();
      }
    }
  }
}
