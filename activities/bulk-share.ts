import type { PullStore } from '../db/pull-store.ts';
import type { ResourceSession } from '../providers/provider.ts';

/** Pages that bulk runs of one process ask for at once, over all accounts: as many as the fastest account can use by itself. */
const MAX_READS = 24;
/** Commits of bulk runs at once: Postgres writes one page in about the time that this process takes to read one. */
const MAX_COMMITS = 1;

/** What the bulk runs of one process share, so that however many they are, an incremental run beside them finds room. */
export class BulkShare {
  readonly #reads = new Gate(MAX_READS);
  readonly #commits = new Gate(MAX_COMMITS);

  session(session: ResourceSession): ResourceSession {
    return { ...session, listPage: (query) => this.#reads.pass(() => session.listPage(query)) };
  }

  pulls(pulls: PullStore): PullStore {
    return { ...pulls, commit: (scope, pages) => this.#commits.pass(() => pulls.commit(scope, pages)) };
  }
}

/** Lets so many through at once; the others wait in order. */
export class Gate {
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(places: number) {
    this.#free = places;
  }

  async pass<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((enter) => this.#waiting.push(enter));
    try {
      return await work();
    } finally {
      // Whoever waits longest takes the place over.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free += 1;
    }
  }
}
