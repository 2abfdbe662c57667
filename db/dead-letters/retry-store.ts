import { sql } from 'drizzle-orm';
import type { DeadLetterSource, UnsettledDeadLetterState } from '../../contracts/dead-letters.ts';
import type { VenueId } from '../../contracts/ids.ts';
import type { SyncKey } from '../../contracts/sync.ts';
import { retriedIn } from '../runs/run-scope.ts';
import { withVenue } from '../core/venue-scope.ts';
import type { Database, Transaction } from '../core/venue-scope.ts';

/** Unsettled entries of all venues. */
export interface UnsettledDeadLetters {
  readonly source: DeadLetterSource;
  readonly state: UnsettledDeadLetterState;
  readonly count: number;
  /** Age of the oldest, in seconds. */
  readonly oldestSeconds: number;
}

/** What the retries of dead letters read and write. */
export interface RetryStore {
  /** Has the dead events that are to be retried handled again. Returns the inbox's partitions that they are in. */
  releaseEvents(venueId: VenueId): Promise<readonly number[]>;
  /** The syncs whose records are to be retried, those first that have waited longest, and the database's time. */
  listSyncs(venueId: VenueId): Promise<{ readonly syncs: readonly SyncKey[]; readonly asOf: Date }>;
  /**
   * Ends the retry of what a run has not touched, as far as it was asked for by `asOf`: it is resolved when the run has
   * completed, because then nothing is left to do, and open otherwise.
   */
  end(sync: SyncKey, run: { readonly asOf: Date; readonly completed: boolean }): Promise<void>;
  /** Opens everything of the venue that is to be retried, except deliveries: their sender has them. */
  cancel(venueId: VenueId): Promise<void>;

  /** Marks entries of all venues whose cause has cleared, at most `limit`. Returns how many. */
  markCleared(limit: number): Promise<number>;
  /** Venues with entries that are to be retried, other than deliveries. Crosses venues: never return it to a caller. */
  listVenues(limit: number): Promise<readonly VenueId[]>;
  /** For metrics. */
  countUnsettled(): Promise<readonly UnsettledDeadLetters[]>;
}

/** Events that one plan has handled again, and syncs that it retries; the next plan takes the rest. */
const MAX_EVENTS = 1_000;
const MAX_SYNCS = 50;

export function createRetryStore(db: Database): RetryStore {
  return {
    releaseEvents: (venueId) => withVenue(db, venueId, releaseEvents),

    listSyncs: (venueId) =>
      withVenue(db, venueId, async (tx) => {
        const rows = await tx.execute<{
          provider: string;
          connection_id: SyncKey['connectionId'];
          resource: string;
          direction: SyncKey['direction'];
        }>(sql`
          select provider, connection_id, resource, direction from dead_letters
          where venue_id = ${venueId} and source = 'record' and state = 'retrying'
            and provider is not null and connection_id is not null and resource is not null and direction is not null
          group by provider, connection_id, resource, direction order by min(retried_at), connection_id, resource, direction limit ${MAX_SYNCS}`);
        const [now] = await tx.execute<{ at: string }>(sql`select now()::text as at`);
        return {
          asOf: new Date(now?.at ?? 0),
          syncs: rows.map(({ connection_id: connectionId, ...row }) => ({ venueId, connectionId, ...row })),
        };
      }),

    end: (sync, { asOf, completed }) =>
      withVenue(db, sync.venueId, async (tx) => {
        const ended = completed ? sql`state = 'resolved', closed_at = now()` : sql`state = 'open'`;
        // `asOf` has milliseconds only, as `retried_at` has.
        await tx.execute(sql`
          update dead_letters set ${ended} where id in (
            select d.id from dead_letters d where ${retriedIn(sync)} and d.retried_at <= ${asOf.toISOString()}::timestamptz
            order by d.source_key for update)`);
      }),

    cancel: (venueId) =>
      withVenue(db, venueId, async (tx) => {
        await tx.execute(sql`
          update dead_letters set state = 'open' where id in (
            select id from dead_letters where venue_id = ${venueId} and state = 'retrying' and source <> 'delivery' order by source, source_key for update)`);
      }),

    async markCleared(limit) {
      const [row] = await db.execute<{ count: number }>(sql`select retry_cleared_dead_letters(${limit}) as count`);
      return row?.count ?? 0;
    },

    async listVenues(limit) {
      const rows = await db.execute<{ venue_id: VenueId }>(sql`select venue_id from venues_with_retries(${limit})`);
      return rows.map((row) => row.venue_id);
    },

    async countUnsettled() {
      const rows = await db.execute<{
        source: DeadLetterSource;
        state: UnsettledDeadLetters['state'];
        entries: number;
        oldest_seconds: number;
      }>(sql`select source, state, entries, oldest_seconds from count_dead_letters()`);
      return rows.map(({ source, state, entries, oldest_seconds: oldestSeconds }) => ({
        ...{ source, state, count: entries, oldestSeconds },
      }));
    },
  };
}

async function releaseEvents(tx: Transaction): Promise<readonly number[]> {
  const rows = await tx.execute<{ source_key: string }>(sql`
    select source_key from dead_letters
    where venue_id = current_setting('app.venue_id')::uuid and source = 'event' and state = 'retrying'
    order by source_key limit ${MAX_EVENTS}`);
  if (rows.length === 0) return [];
  const keys = sql`(select key::uuid from jsonb_array_elements_text(${JSON.stringify(rows.map((row) => row.source_key))}::jsonb) as key)`;
  const released = await tx.execute<{ partition: number }>(sql`
    update webhook_events set state = 'waiting', attempts = 0, due_at = now(), error_code = null
    where id in ${keys} and state = 'dead' returning partition`);
  // An event that has expired, or was handled meanwhile, leaves nothing to retry.
  await tx.execute(sql`
    update dead_letters set state = 'resolved', closed_at = now()
    where venue_id = current_setting('app.venue_id')::uuid and source = 'event' and state = 'retrying' and source_key in (
      select key::text from ${keys} as wanted(key)
      where not exists (select from webhook_events e where e.id = wanted.key and e.state in ('waiting', 'retrying', 'dead')))`);
  return [...new Set(released.map(({ partition }) => partition))];
}
