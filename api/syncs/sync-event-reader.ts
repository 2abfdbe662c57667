import type { z } from 'zod';
import type { SyncLogRow, SyncRun, SyncRunStore } from '../../db/runs/sync-run-store.ts';
import type { ApiError } from '../errors/api-error.ts';
import type { EventStream, StreamEvent } from '../http/event-stream.ts';
import { invalidRequest } from '../http/parse.ts';
import { presentSync, presentSyncLog } from '../schemas/sync.ts';
import type { syncProgressAnswer } from '../schemas/sync-events.ts';
import type { TemporalUi } from '../schemas/sync.ts';
import type { FeedListener, FeedView } from './sync-feed.ts';

/** `<seq>` of a log row; `<seq>-<n>` for progress between two rows; `<seq>-finished` for the end. */
export const LAST_EVENT_ID = /^(\d{1,15})(?:-(\d{1,9}|finished))?$/;
const CATCH_UP_ROWS = 200;
const MIN_PROGRESS_GAP_MS = 250;

/** Where a reader continues: after log row `seq`. `finished`: it has seen the end. */
export interface ReaderPosition {
  readonly seq: number;
  readonly finished: boolean;
}

/** Throws `invalid-request` for an id that none of our events has. */
export function readLastEventId(header: string | string[] | undefined): ReaderPosition {
  if (header === undefined || header === '') return { seq: 0, finished: false };
  const [, seq, rest] = LAST_EVENT_ID.exec(String(header)) ?? [];
  if (seq === undefined) throw unknownEventId();
  return { seq: Number(seq), finished: rest === 'finished' };
}

export function unknownEventId(): ApiError {
  return invalidRequest([{ path: 'Last-Event-ID', message: 'Must be the id of an event of this stream' }]);
}

/**
 * Turns views of a run into one reader's events, at the reader's own pace: what it has not read yet stays in the
 * database.
 */
export class SyncEventReader implements FeedListener {
  readonly #stream: EventStream;
  readonly #runs: SyncRunStore;
  readonly #ui: TemporalUi;
  #seq: number;
  #view: FeedView | null = null;
  #pumping = false;
  #lastProgress = '';
  #lastProgressAt = 0;
  #progressCount = 0;

  constructor(
    stream: EventStream,
    { runs, ui, from }: { readonly runs: SyncRunStore; readonly ui: TemporalUi; readonly from: number },
  ) {
    this.#stream = stream;
    this.#runs = runs;
    this.#ui = ui;
    this.#seq = from;
  }

  onView(view: FeedView): void {
    this.#view = view;
    if (!this.#pumping) void this.#pump();
  }

  onGone(): void {
    this.#stream.end();
  }

  async #pump(): Promise<void> {
    this.#pumping = true;
    try {
      for (let view = this.#view; view && this.#stream.open; view = this.#view === view ? null : this.#view)
        await this.#show(view);
    } catch {
      // The database failed while the reader was catching up: the next view, or the reader's next connection, continues
      // from here.
    } finally {
      this.#pumping = false;
    }
  }

  async #show(view: FeedView): Promise<void> {
    while (this.#seq < view.head && this.#stream.open) await this.#showRows(view);
    if (view.run.finishedAt) {
      await this.#stream.send({
        id: `${this.#seq}-finished`,
        event: 'finished',
        data: presentSync(view.run, this.#ui),
      });
      this.#stream.end();
    } else await this.#showProgress(view.run);
  }

  async #showRows({ run, head, rowsAfter }: FeedView): Promise<void> {
    const rows = rowsAfter(this.#seq) ?? (await this.#readRows(run));
    for (const row of rows) {
      const event = toEvent(row);
      if (event) await this.#stream.send(event);
      this.#seq = row.seq;
    }
    if (rows.length === 0) this.#seq = head;
  }

  async #readRows(run: SyncRun): Promise<readonly SyncLogRow[]> {
    const page = { limit: CATCH_UP_ROWS, after: String(this.#seq) };
    return (await this.#runs.listLog(run.venueId, run.id, { filter: {}, page })).data;
  }

  async #showProgress(run: SyncRun): Promise<void> {
    const { id, phase, progress, counts, providerCalls, waitingFor, awaiting } = presentSync(run, this.#ui);
    const data: z.input<typeof syncProgressAnswer> = {
      id,
      phase,
      progress,
      counts,
      providerCalls,
      waitingFor,
      awaiting,
    };
    const text = JSON.stringify(data);
    const now = performance.now();
    if (text === this.#lastProgress || now - this.#lastProgressAt < MIN_PROGRESS_GAP_MS) return;
    this.#lastProgress = text;
    this.#lastProgressAt = now;
    this.#progressCount += 1;
    await this.#stream.send({ id: `${this.#seq}-${this.#progressCount}`, event: 'progress', data });
  }
}

function toEvent(row: SyncLogRow): StreamEvent | null {
  const id = String(row.seq);
  if (row.action === 'phase') return { id, event: 'phase', data: { phase: row.code, at: row.at.toISOString() } };
  if (row.action === 'rejected') return { id, event: 'record-rejected', data: presentSyncLog(row) };
  if (row.action === 'conflict') return { id, event: 'record-conflict', data: presentSyncLog(row) };
  return null;
}
