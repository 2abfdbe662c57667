import { setTimeout as sleep } from 'node:timers/promises';
import type { PullStore } from '../../db/pull/pull-store.ts';
import type { ResourceSession } from '../../providers/provider.ts';

/** Pages that bulk runs of one process ask for at once, over all accounts: as many as the fastest account can use by itself. */
const MAX_READS = 24;
/** While an incremental run is at work beside them. Each page is some milliseconds that nothing else in this process can use. */
const READS_BESIDE_OTHERS = 2;
/** An incremental run is over by then, or is long enough for a little more not to matter. */
const GIVES_WAY_FOR_MS = 700;
/** Commits of bulk runs at once: Postgres writes one page in about the time that this process takes to read one. */
const MAX_COMMITS = 1;
/** Longest that a commit steps back, however many incremental runs follow each other. */
const LONGEST_PAUSE_MS = 300;

/** What the bulk runs of one process share, so that however many they are, an incremental run beside them finds room. */
export class BulkThrottle {
  #givesWayUntilMs = 0;
  readonly #reads = new Gate(() => (performance.now() < this.#givesWayUntilMs ? READS_BESIDE_OTHERS : MAX_READS));
  readonly #commits = new Gate(() => MAX_COMMITS);

  /** An incremental run takes its next step: bulk runs step back for a moment. */
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

/** Lets so many through at once, at least one; the others wait in order. Where more may enter again, they do so when the next one leaves. */
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
