import type { SyncId, VenueId } from '../../contracts/ids.ts';
import type { SyncLogRow, SyncRun, SyncRunStore } from '../../db/runs/sync-run-store.ts';
import type { Log } from '../http/log.ts';
import { describeError } from '../errors/outage.ts';

/** What a run looks like at one moment. Every log row up to `head` was there then. */
export interface FeedView {
  readonly run: SyncRun;
  readonly head: number;
  /** The rows after `seq`, oldest first; null when that is longer ago than what is kept in memory. */
  readonly rowsAfter: (seq: number) => readonly SyncLogRow[] | null;
}

export interface FeedListener {
  onView(view: FeedView): void;
  /** The run is not there any more. */
  onGone(): void;
}

export interface SyncFeeds {
  /** Starts to tell a listener what becomes of a run; the returned function ends it. */
  subscribe(run: { readonly venueId: VenueId; readonly id: SyncId }, listener: FeedListener): () => void;
  countOf(id: SyncId): number;
}

/** A little over a quarter of a second: a `progress` event for each view is at most four a second. */
const POLL_MS = 255;
const MAX_POLL_MS = 5_000;
/** How many of the newest log rows are kept in memory, and read between two views at most. */
const KEPT_ROWS = 1_000;

/** One poller per run, however many listen; it ends with the last of them. */
export function createSyncFeeds(runs: SyncRunStore, log: Log): SyncFeeds {
  const feeds = new Map<SyncId, RunFeed>();
  return {
    subscribe({ venueId, id }, listener) {
      const feed = feeds.get(id) ?? new RunFeed({ runs, log, venueId, id });
      feeds.set(id, feed);
      feed.add(listener);
      return () => {
        if (feed.remove(listener) === 0 && feeds.get(id) === feed) feeds.delete(id);
      };
    },
    countOf: (id) => feeds.get(id)?.size ?? 0,
  };
}

interface FeedSource {
  readonly runs: SyncRunStore;
  readonly log: Log;
  readonly venueId: VenueId;
  readonly id: SyncId;
}

class RunFeed {
  readonly #source: FeedSource;
  readonly #listeners = new Set<FeedListener>();
  /** Every row after `#keptAfter`. */
  #kept: readonly SyncLogRow[] = [];
  #keptAfter = 0;
  /** Null before the first look. */
  #head: number | null = null;
  #view: FeedView | null = null;
  #timer: NodeJS.Timeout | null = null;
  #pollMs = POLL_MS;

  constructor(source: FeedSource) {
    this.#source = source;
  }

  get size(): number {
    return this.#listeners.size;
  }

  add(listener: FeedListener): void {
    this.#listeners.add(listener);
    if (this.#view) listener.onView(this.#view);
    if (this.#listeners.size === 1) this.#schedule(0);
  }

  /** Returns how many are left. */
  remove(listener: FeedListener): number {
    this.#listeners.delete(listener);
    if (this.#listeners.size === 0 && this.#timer) clearTimeout(this.#timer);
    return this.#listeners.size;
  }

  #schedule(delayMs: number): void {
    this.#timer = setTimeout(() => void this.#poll(), delayMs);
  }

  async #poll(): Promise<void> {
    try {
      await this.#look();
      this.#pollMs = POLL_MS;
    } catch (error) {
      // The lines stay open: what happens meanwhile is in the log table and follows when the database is back.
      if (this.#pollMs === POLL_MS)
        this.#source.log.warn(
          { syncId: this.#source.id, error: describeError(error) },
          'a run’s progress cannot be read',
        );
      this.#pollMs = Math.min(this.#pollMs * 2, MAX_POLL_MS);
    }
    if (this.#listeners.size > 0) this.#schedule(this.#pollMs);
  }

  async #look(): Promise<void> {
    const { runs, venueId, id } = this.#source;
    // The run before its log: when it has finished, every row that it will ever have is there.
    const run = await runs.find(venueId, id);
    if (!run) {
      for (const listener of this.#listeners) listener.onGone();
      return;
    }
    const head = (this.#head === null ? null : await this.#readAfter(this.#head)) ?? (await this.#skipToNewest());
    this.#head = head;
    const kept = this.#kept;
    const keptAfter = this.#keptAfter;
    const view: FeedView = {
      run,
      head,
      rowsAfter: (seq) => (seq < keptAfter ? null : kept.filter((row) => row.seq > seq)),
    };
    this.#view = view;
    for (const listener of this.#listeners) listener.onView(view);
  }

  /** Keeps the rows after `head` and returns the new head; null when they are more than are kept. */
  async #readAfter(head: number): Promise<number | null> {
    const { runs, venueId, id } = this.#source;
    const page = await runs.listLog(venueId, id, { filter: {}, page: { limit: KEPT_ROWS, after: String(head) } });
    if (page.next !== null) return null;
    const all = [...this.#kept, ...page.data];
    const dropped = all.slice(0, -KEPT_ROWS).at(-1);
    // A new array each time: views hold on to theirs.
    this.#kept = all.slice(-KEPT_ROWS);
    if (dropped) this.#keptAfter = dropped.seq;
    return page.data.at(-1)?.seq ?? head;
  }

  /** Keeps no row up to the newest: a log may be very long, and each reader fetches what it has not seen at its own pace. */
  async #skipToNewest(): Promise<number> {
    const { runs, venueId, id } = this.#source;
    const newest = await runs.newestLogSeq(venueId, id);
    this.#kept = [];
    this.#keptAfter = newest;
    return newest;
  }
}
