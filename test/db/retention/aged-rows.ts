import type postgres from 'postgres';
import { v7 as uuidv7 } from 'uuid';
import type { ConnectionId, SyncId, VenueId } from '../../../contracts/ids.ts';
import type { RetentionRule, RetentionTable } from '../../../contracts/retention.ts';
import type { RetentionStore } from '../../../db/core/retention-store.ts';

const DAY_MS = 86_400_000;

/** An id as created `daysAgo` days ago. */
export const idOf = (daysAgo: number): string => uuidv7({ msecs: Date.now() - daysAgo * DAY_MS });

export interface AgedRun {
  readonly venueId: VenueId;
  readonly connectionId: ConnectionId;
  /** When the run ended; null for an open run, which began 500 days ago. */
  readonly endedDaysAgo: number | null;
  readonly outcome?: 'completed' | 'failed' | 'cancelled';
  readonly mode?: 'full' | 'incremental';
  readonly direction?: 'pull' | 'push';
  readonly dryRun?: boolean;
  readonly planId?: SyncId;
  readonly windowed?: boolean;
  readonly requestedBy?: string;
  readonly requestKey?: string;
}

const COMPLETED_PULL = {
  outcome: 'completed',
  mode: 'incremental',
  direction: 'pull',
  dryRun: false,
  planId: null,
  windowed: false,
  requestedBy: 'alice',
  requestKey: null,
} as const;

/** A run in its state long after its end. It began an hour before the end. */
export async function anAgedRun(admin: postgres.Sql, aged: AgedRun): Promise<SyncId> {
  const run = { ...COMPLETED_PULL, ...aged };
  const isOver = run.endedDaysAgo !== null;
  const began = isOver ? (run.endedDaysAgo ?? 0) + 1 / 24 : 500;
  const id = idOf(began) as SyncId;
  await admin`
    insert into sync_runs (id, venue_id, connection_id, provider, resource, direction, mode, dry_run, phase, outcome, workflow_id, requested_by,
      request_key, plan_id, window_from, created_at, started_at, finished_at)
    values (${id}, ${run.venueId}, ${run.connectionId}, 'stripe', 'customers', ${run.direction}, ${run.mode}, ${run.dryRun},
      ${isOver ? 'finished' : 'running'}, ${isOver ? run.outcome : null}, 'sync/x', ${run.requestedBy}, ${run.requestKey},
      ${run.planId}, ${run.windowed ? new Date(0) : null}, now() - ${began}::float8 * interval '1 day',
      now() - ${began}::float8 * interval '1 day', now() - ${run.endedDaysAgo}::float8 * interval '1 day')`;
  return id;
}

interface Lines {
  readonly venueId: VenueId;
  readonly syncId: SyncId;
  readonly count?: number;
}

/** Log lines that a run wrote on a past day. */
export async function someLogLines(
  admin: postgres.Sql,
  { venueId, syncId, daysAgo, count = 1 }: Lines & { readonly daysAgo: number },
): Promise<void> {
  await admin`
    insert into sync_logs (venue_id, sync_id, at, level, action, code)
    select ${venueId}, ${syncId}, now() - ${daysAgo}::float8 * interval '1 day', 'info', 'note', n::text from generate_series(1, ${count}) n`;
}

export async function somePlanItems(admin: postgres.Sql, { venueId, syncId, count = 1 }: Lines): Promise<void> {
  await admin`
    insert into sync_plan_items (venue_id, sync_id, key, action)
    select ${venueId}, ${syncId}, n::text, 'create' from generate_series(1, ${count}) n`;
}

/** Removes page by page until nothing is left; returns the number of rows. */
export async function removeAll(store: RetentionStore, rule: RetentionRule, limit = 2): Promise<number> {
  let removed = 0;
  for (let after: string | null = null, more = true; more;) {
    const page = await store.removePage(rule, { after, limit });
    removed += page.removed;
    ({ after, more } = page);
  }
  return removed;
}

export async function countOf(admin: postgres.Sql, table: RetentionTable | 'sync_missing'): Promise<number> {
  const [row] =
    table === 'webhook_event_bodies'
      ? await admin<{ count: number }[]>`select count(body)::int as count from webhook_events`
      : await admin<{ count: number }[]>`select count(*)::int as count from ${admin(table)}`;
  return row?.count ?? 0;
}
