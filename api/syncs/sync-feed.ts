import type { SyncId, VenueId } from '../../contracts/ids.ts';
import type { SyncLogRow, SyncRun, SyncRunStore } from '../../db/runs/sync-run-store.ts';
import type { Log } from '../http/log.ts';
import { describeError } from '../errors/outage.ts';

/** A run at one moment, at which every log row up to `head` existed. */
export interface FeedView {
  readonly run: SyncRun;
  readonly head: number;
  /** The rows after `seq`, oldest first; null when they reach back further than the rows in memory. */
  readonly rowsAfter: (seq: number) => readonly SyncLogRow[] | null;
}

export interface FeedListener {
  onView(view: FeedView): void;
  /** The run no longer exists. */
  onGone(): void;
}

export interface SyncFeeds {
  /** Subscribes a listener to a run; the returned function unsubscribes it. */
  subscribe(run: { readonly venueId: VenueId; readonly id: SyncId }, listener: FeedListener): () => void;
  countOf(id: SyncId): number;
}

/** Slightly over a quarter of a second, so that one `progress` event per view makes at most four a second. */
const POLL_MS = 255;
const MAX_POLL_MS = 5_000;
/** Number of the newest log rows in memory, and the most that are read between two views. */
const KEPT_ROWS = 1_000;

/** One poller per run for any number of listeners. It stops with the last of them. */
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
  /** Null before the first poll. */
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

  /** Returns the number of remaining listeners. */
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
      // The streams stay open: what happens meanwhile is in the log table and follows once the database is back.
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
    // The run is read before its log, so that for a finished run the log is complete.
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

  /** Keeps the rows after `head` and returns the new head; null when there are too many to keep. */
  async #readAfter(head: number): Promise<number | null> {
    const { runs, venueId, id } = this.#source;
    const page = await runs.listLog(venueId, id, { filter: {}, page: { limit: KEPT_ROWS, after: String(head) } });
    if (page.next !== null) return null;
    const all = [...this.#kept, ...page.data];
    const dropped = all.slice(0, -KEPT_ROWS).at(-1);
    // A new array each time, because views keep theirs.
    this.#kept = all.slice(-KEPT_ROWS);
    if (dropped) this.#keptAfter = dropped.seq;
    return page.data.at(-1)?.seq ?? head;
  }

  /**
   * Starts after the newest row and keeps none before it: a log may be very long, and each reader fetches older rows at
   * its own pace.
   */
  async #skipToNewest(): Promise<number> {
    const { runs, venueId, id } = this.#source;
    const newest = await runs.newestLogSeq(venueId, id);
    this.#kept = [];
    this.#keptAfter = newest;
    return newest;
  }
}
