import { z } from 'zod';
import type { SyncRun, SyncRunStore } from '../../../db/runs/sync-run-store.ts';
import type { VenueShares } from '../../../domain/limits/venue-shares.ts';
import { ApiError } from '../../errors/api-error.ts';
import type { Caller } from '../../auth/caller.ts';
import { streamEndpoint } from '../../http/endpoint.ts';
import type { Endpoint, Exchange } from '../../http/endpoint.ts';
import { EventStream } from '../../http/event-stream.ts';
import { notFound } from '../../errors/not-found.ts';
import type { TemporalUi } from '../../schemas/sync.ts';
import { readLastEventId, SyncEventReader, unknownEventId } from '../../syncs/sync-event-reader.ts';
import type { ReaderPosition } from '../../syncs/sync-event-reader.ts';
import type { SyncFeeds } from '../../syncs/sync-feed.ts';

export interface SyncEventsRouteDeps {
  readonly runs: SyncRunStore;
  readonly feeds: SyncFeeds;
  readonly ui: TemporalUi;
  readonly shares: VenueShares;
  /** The open streams, so that a stopping server can end them. */
  readonly streams: Set<EventStream>;
}

const MAX_STREAMS_OF_A_RUN = 100;
const RETRY_AFTER_MS = 5_000;

export function syncEventsRoute(deps: SyncEventsRouteDeps): Endpoint {
  return streamEndpoint({
    name: 'watchSync',
    summary: 'Watch a sync run live',
    description: [
      'Server-sent events, each as the schema `SyncEvent` says: `phase`, `record-rejected` and `record-conflict` (entries of the log), `progress` (at most four a second) and `finished` (the run), from the beginning of the run.',
      '`Last-Event-ID` resumes after an event, also on another process. The stream closes after `finished`, and when the token expires;',
      'a reader that comes back with the id of `finished` gets 204.',
    ].join(' '),
    tag: 'Syncs',
    method: 'get',
    path: '/v1/venues/{venueId}/syncs/{syncId}/events',
    role: 'viewer',
    answers: {
      200: {
        description: 'The events, as text/event-stream.',
        schema: z.string().meta({ description: 'A stream of `SyncEvent`s.' }),
      },
    },
    problems: ['too-many-streams'],
    async stream({ ids: { venueId, syncId }, caller }, exchange) {
      const position = readLastEventId(exchange.req.headers['last-event-id']);
      const run = await deps.runs.find(venueId, syncId);
      if (!run) throw notFound('sync-not-found');
      if (await isOver(deps.runs, run, position)) {
        exchange.res.status(204).end();
        return;
      }
      if (exchange.req.method === 'HEAD') {
        exchange.res.status(200).type('text/event-stream').end();
        return;
      }
      open(deps, run, { position, caller, exchange });
    },
  });
}

/**
 * Whether the reader has seen the end and nothing has come after it. Throws `invalid-request` for a position that this
 * run never had.
 */
async function isOver(runs: SyncRunStore, run: SyncRun, { seq, finished }: ReaderPosition): Promise<boolean> {
  if (seq === 0) return false;
  const page = await runs.listLog(run.venueId, run.id, { filter: {}, page: { limit: 2, after: String(seq - 1) } });
  // A reader that continues from a position ahead of the log would miss what is written before that position.
  if (page.data[0]?.seq !== seq) throw unknownEventId();
  return finished && run.finishedAt !== null && page.data.length === 1;
}

function open(
  { runs, feeds, ui, streams, shares }: SyncEventsRouteDeps,
  { venueId, id }: SyncRun,
  {
    position,
    caller,
    exchange: { res },
  }: { readonly position: ReaderPosition; readonly caller: Caller; readonly exchange: Exchange },
): void {
  const release = feeds.countOf(id) < MAX_STREAMS_OF_A_RUN ? shares.tryTake(venueId) : null;
  if (!release) {
    throw new ApiError('too-many-streams', 'Too many live streams are open.', { retryAfterMs: RETRY_AFTER_MS });
  }
  const stream = new EventStream(res, caller.expiresAt);
  streams.add(stream);
  const unsubscribe = feeds.subscribe({ venueId, id }, new SyncEventReader(stream, { runs, ui, from: position.seq }));
  res.once('close', () => {
    unsubscribe();
    streams.delete(stream);
    release();
  });
}
