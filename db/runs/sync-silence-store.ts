import { sql } from 'drizzle-orm';
import type { ConnectionRef } from '../../contracts/ids.ts';
import type { ConnectionState, Direction, ProviderId, Resource } from '../../contracts/providers.ts';
import type { SyncOutcome, SyncPhase } from '../../contracts/sync.ts';
import { LOOK_AGAIN_MS, evaluateSilence } from '../../domain/sync/sync-silence.ts';
import type { SyncSilence } from '../../domain/sync/sync-silence.ts';
import { readInstant } from '../core/instants.ts';
import { withReach, withVenue } from '../core/venue-scope.ts';
import type { Database, Transaction } from '../core/venue-scope.ts';
import { announceStale } from '../outgoing/announcements.ts';

/** A scheduled sync without a good run for long. Its direction is the schedule's, which Temporal knows. */
export interface SilentSync extends ConnectionRef {
  readonly provider: ProviderId;
  readonly state: ConnectionState;
  readonly resource: Resource;
}

/** A schedule that should have brought a good run. */
export interface LiveSchedule {
  readonly direction: Direction;
  /** When it was made or last changed: silence before does not count. */
  readonly changedAt: Date;
  /** A sync without a good run for this long is stale. */
  readonly staleAfterMs: number;
}

/** Watches scheduled syncs for silence. */
export interface SyncSilenceStore {
  /** Those of any venue that have to be looked at. Crosses venues: never return it to a caller. */
  listSilent(query: { readonly silentMs: number; readonly limit: number }): Promise<readonly SilentSync[]>;
  /** Nobody expects a run: its silence does not count until it is looked at again. */
  excuse(sync: SilentSync): Promise<void>;
  /** Tells subscribers when it is stale, once until a good run. True: it has told them. */
  announceIfStale(sync: SilentSync, schedule: LiveSchedule): Promise<boolean>;
}

export function createSyncSilenceStore(db: Database): SyncSilenceStore {
  return {
    listSilent: ({ silentMs, limit }) =>
      // Without a venue scope: only the database function sees all venues.
      withReach(db, [], async (tx) => {
        const rows = await tx.execute<{
          venue_id: SilentSync['venueId'];
          connection_id: SilentSync['connectionId'];
          provider: ProviderId;
          state: ConnectionState;
          resource: Resource;
        }>(sql`select * from watch_silent_syncs(${Math.round(silentMs / 1_000)}::integer, ${limit}::integer)`);
        return rows.map(({ venue_id: venueId, connection_id: connectionId, ...sync }) => ({
          ...{ venueId, connectionId },
          ...sync,
        }));
      }),

    excuse: ({ venueId, connectionId, resource }) =>
      withVenue(db, venueId, async (tx) => {
        // Whoever paused it may resume it at any time before the next look, so that its silence counts from then.
        const next = sql`now() + make_interval(secs => ${LOOK_AGAIN_MS / 1_000})`;
        await tx.execute(sql`
          update sync_silences set counted_from = ${next}, look_after = ${next}
          where connection_id = ${connectionId} and resource = ${resource}`);
      }),

    announceIfStale: (sync, schedule) => withVenue(db, sync.venueId, (tx) => announceIfStale(tx, sync, schedule)),
  };
}

async function announceIfStale(
  tx: Transaction,
  sync: SilentSync,
  { direction, changedAt, staleAfterMs }: LiveSchedule,
): Promise<boolean> {
  const { venueId, connectionId, resource, provider } = sync;
  // Serialises sweeps: an attempt that was given up on may still be at work.
  const [row] = await tx.execute<SilenceRow>(sql`
    select now()::text as now, told_at::text, c.state,
      greatest(w.counted_from, ${changedAt.toISOString()}::timestamptz, case when w.direction <> ${direction} then now() end)::text as counted_from
    from sync_silences w join connections c on c.id = w.connection_id
    where w.connection_id = ${connectionId} and w.resource = ${resource} for update of w`);
  if (!row) return false;
  const silence: SyncSilence = {
    connectionState: row.state,
    countedFrom: readInstant(row.counted_from),
    toldAt: row.told_at === null ? null : readInstant(row.told_at),
    ...(await readRuns(tx, { connectionId, resource, direction })),
  };
  const { reason, lookAfter } = evaluateSilence(silence, staleAfterMs, readInstant(row.now));
  await tx.execute(sql`
    update sync_silences set direction = ${direction}, look_after = ${lookAfter.toISOString()}::timestamptz,
      counted_from = ${silence.countedFrom.toISOString()}::timestamptz, told_at = ${reason === null ? sql`told_at` : sql`now()`}
    where connection_id = ${connectionId} and resource = ${resource}`);
  if (reason === null) return false;
  await announceStale(
    tx,
    { venueId, connectionId, provider, resource, direction },
    { reason, lastGoodAt: silence.lastGoodAt },
  );
  return true;
}

interface SilenceRow extends Record<string, unknown> {
  readonly now: string;
  readonly state: ConnectionState;
  readonly counted_from: string;
  readonly told_at: string | null;
}

async function readRuns(
  tx: Transaction,
  { connectionId, resource, direction }: Pick<SilentSync, 'connectionId' | 'resource'> & { direction: Direction },
): Promise<Pick<SyncSilence, 'lastGoodAt' | 'open' | 'lastOutcome'>> {
  const isOfSync = sql`connection_id = ${connectionId} and resource = ${resource} and direction = ${direction}
    and not dry_run and not dead_letters_only and window_from is null and window_to is null`;
  const [row] = await tx.execute<{
    last_good_at: string | null;
    phase: SyncPhase | null;
    advanced_at: string | null;
    last_outcome: SyncOutcome | null;
  }>(sql`
    select (select max(finished_at)::text from sync_runs where ${isOfSync} and outcome in ('completed', 'completed-with-rejections')) as last_good_at,
      (select outcome from sync_runs where ${isOfSync} and finished_at is not null order by finished_at desc limit 1) as last_outcome,
      open.phase, open.updated_at::text as advanced_at
    from (select) one left join (select phase, updated_at from sync_runs where ${isOfSync} and finished_at is null limit 1) open on true`);
  const { last_good_at: goodAt = null, last_outcome: lastOutcome = null, phase = null } = row ?? {};
  return {
    lastGoodAt: goodAt === null ? null : readInstant(goodAt),
    lastOutcome,
    open: phase === null || !row?.advanced_at ? null : { phase, advancedAt: readInstant(row.advanced_at) },
  };
}
