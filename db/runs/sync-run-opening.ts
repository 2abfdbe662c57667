import { and, eq, isNull, notInArray, sql } from 'drizzle-orm';
import type { SQL } from 'drizzle-orm';
import { v7 as uuidv7 } from 'uuid';
import type { ConnectionId, SyncId, VenueId } from '../../contracts/ids.ts';
import type { Direction, ProviderId, Resource, SyncMode } from '../../contracts/providers.ts';
import { syncWorkflowId } from '../../contracts/sync.ts';
import { recordWith } from '../core/audit-store.ts';
import type { AuditOf } from '../core/audit-store.ts';
import { isLapsed, isMadeBy } from '../core/request-keys.ts';
import { connections } from '../schema/connections/connections.ts';
import { syncLogs } from '../schema/runs/sync-logs.ts';
import { syncRuns } from '../schema/runs/sync-runs.ts';
import { isUniqueViolation } from '../core/unique-violation.ts';
import { withVenue } from '../core/venue-scope.ts';
import type { Database, Transaction } from '../core/venue-scope.ts';

/** Restricts a run to objects created at the provider in [from, to); null is open. */
export interface SyncWindow {
  readonly from: Date | null;
  readonly to: Date | null;
}

export interface NewSyncRun {
  readonly venueId: VenueId;
  readonly connectionId: ConnectionId;
  readonly provider: ProviderId;
  readonly resource: Resource;
  readonly direction: Direction;
  readonly mode: SyncMode;
  readonly requestedBy: string;
  readonly dryRun?: boolean;
  readonly window?: SyncWindow | null | undefined;
  readonly deadLettersOnly?: boolean;
  /** The dry run whose plan to carry out. Without it a run uses the newest usable plan, if there is one. */
  readonly planId?: SyncId | undefined;
  /** Digest of the request, if it may be repeated; see request-keys.ts. */
  readonly requestKey?: string | null;
}

export interface Opening {
  /** The run belongs to another request. */
  readonly joined: boolean;
  /** This call opened the run. */
  readonly fresh: boolean;
}

/** How long a plan stays usable after its dry run has finished. */
export const PLAN_LIFETIME_MS = 86_400_000;

/**
 * `planId` names no completed dry run of the same sync, mode and window; or another run of the sync, or a day, has come
 * between.
 */
export class PlanNotUsableError extends Error {
  override readonly name = 'PlanNotUsableError';
  constructor() {
    super('the plan cannot be carried out');
  }
}

/** Another run of the same sync is open, and there can be only one. */
export class OtherRunOpenError extends Error {
  override readonly name = 'OtherRunOpenError';
  readonly openId: SyncId;

  constructor(openId: SyncId) {
    super('another run of the same sync is open');
    this.openId = openId;
  }
}

type Row = typeof syncRuns.$inferSelect;

/** Implements `SyncRunStore.openOrJoin`: one open run per sync, and one run per request. */
export async function openOrJoin(
  db: Database,
  run: NewSyncRun,
  auditOf?: AuditOf<Row>,
): Promise<{ readonly row: Row } & Opening> {
  const { venueId, requestKey = null } = run;
  const attempt = () => withVenue(db, venueId, (tx) => tryOpen(tx, run, auditOf));
  try {
    return await attempt();
  } catch (error) {
    if (requestKey === null || !isUniqueViolation(error)) throw error;
    // A duplicate of this request has opened a run that is over already, or the key still belongs to a run from before
    // it expired.
    const own = await withVenue(db, venueId, (tx) => findOrFree(tx, requestKey));
    return own ? { row: own, joined: false, fresh: false } : attempt();
  }
}

/** Implements `SyncRunStore.findByRequest`. */
export async function findByRequest(tx: Transaction, requestKey: string): Promise<Row | null> {
  const [row] = await tx.select().from(syncRuns).where(isMadeBy(syncRuns, requestKey));
  return row ?? null;
}

async function findOrFree(tx: Transaction, requestKey: string): Promise<Row | null> {
  const own = await findByRequest(tx, requestKey);
  if (!own) await tx.update(syncRuns).set({ requestKey: null }).where(isLapsed(syncRuns, requestKey));
  return own;
}

async function tryOpen(
  tx: Transaction,
  run: NewSyncRun,
  auditOf: AuditOf<Row> | undefined,
): Promise<{ readonly row: Row } & Opening> {
  const { planId, requestKey = null } = run;
  const id = uuidv7() as SyncId;
  const row = await insertOrFind(tx, run, id);
  const fresh = row.id === id;
  if (fresh && planId !== undefined && row.planId === null) throw new PlanNotUsableError();
  if (fresh) {
    await logQueued(tx, row);
    await recordWith(tx, row, auditOf);
    return { row, joined: false, fresh };
  }
  // Its own run may be over while another request's is open.
  const own = requestKey === null ? null : await findByRequest(tx, requestKey);
  return { row: own ?? row, joined: own === null, fresh };
}

async function insertOrFind(tx: Transaction, { window, planId, ...run }: NewSyncRun, id: SyncId): Promise<Row> {
  // A connection that is being disconnected accepts no run. The row is locked, so that a concurrent disconnection finds
  // this run among those to cancel.
  const usable = and(
    eq(connections.id, run.connectionId),
    notInArray(connections.state, ['disconnecting', 'disconnected']),
  );
  const [connection] = await tx.select({ id: connections.id }).from(connections).where(usable).for('share');
  if (!connection) throw new Error('The venue has no such connection');
  const [row] = await tx
    .insert(syncRuns)
    .values({
      ...run,
      id,
      workflowId: syncWorkflowId(run),
      windowFrom: window?.from ?? null,
      windowTo: window?.to ?? null,
      planId: planFor({ ...run, window, planId }),
    })
    .onConflictDoUpdate({
      target: [syncRuns.connectionId, syncRuns.resource, syncRuns.direction, syncRuns.dryRun],
      targetWhere: isNull(syncRuns.finishedAt),
      // Changes nothing. DO NOTHING would return no row, and the open run may finish before it is looked up.
      set: { updatedAt: sql`${syncRuns.updatedAt}` },
    })
    .returning();
  if (!row) throw new Error('An upsert returned no row');
  return row;
}

/**
 * The newest usable plan: of a completed dry run of the same sync, mode and window, with no run of the sync since it
 * began. Null for a dry run, and for one that covers only dead letters.
 */
export function planFor({
  connectionId,
  resource,
  direction,
  mode,
  dryRun,
  deadLettersOnly,
  window,
  planId,
}: NewSyncRun): SQL<SyncId | null> | null {
  if (dryRun || deadLettersOnly) return null;
  return sql<SyncId | null>`(
    select plan.id from sync_runs plan
    where plan.connection_id = ${connectionId} and plan.resource = ${resource} and plan.direction = ${direction} and plan.mode = ${mode}
      and plan.dry_run and plan.outcome in ('completed', 'completed-with-rejections')
      and plan.window_from is not distinct from ${instantOf(window?.from)} and plan.window_to is not distinct from ${instantOf(window?.to)}
      and plan.finished_at > now() - ${PLAN_LIFETIME_MS} * interval '1 millisecond'
      and ${planId === undefined ? sql`true` : sql`plan.id = ${planId}`}
      -- Two questions, for an index each: with "or" in one, Postgres reads every finished run of the connection.
      and not exists (select from sync_runs other where ${isSameSync} and other.finished_at is null)
      and not exists (select from sync_runs other where ${isSameSync} and other.finished_at > plan.created_at)
    order by plan.id desc limit 1)`;
}

const isSameSync = sql`other.connection_id = plan.connection_id and other.resource = plan.resource and other.direction = plan.direction and not other.dry_run`;

const instantOf = (date: Date | null | undefined) => sql`${date?.toISOString() ?? null}::timestamptz`;

/** Implements `SyncRunStore.reopen`. */
export async function reopen(
  db: Database,
  { venueId, id }: { readonly venueId: VenueId; readonly id: SyncId },
  auditOf?: AuditOf<Row>,
): Promise<Row | null> {
  const attempt = () => withVenue(db, venueId, (tx) => tryReopen(tx, id, auditOf));
  try {
    return await attempt();
  } catch (error) {
    // Another run was opened between the check and the change; the second check finds it.
    if (!isUniqueViolation(error)) throw error;
    return attempt();
  }
}

async function tryReopen(tx: Transaction, id: SyncId, auditOf: AuditOf<Row> | undefined): Promise<Row | null> {
  const [run] = await tx.select().from(syncRuns).where(eq(syncRuns.id, id)).for('update');
  if (run?.outcome !== 'failed' && run?.outcome !== 'cancelled') return null;
  const { connectionId, resource, direction, dryRun } = run;
  const same = and(
    eq(syncRuns.connectionId, connectionId),
    eq(syncRuns.resource, resource),
    eq(syncRuns.direction, direction),
    eq(syncRuns.dryRun, dryRun),
  );
  const [other] = await tx
    .select({ id: syncRuns.id })
    .from(syncRuns)
    .where(and(same, isNull(syncRuns.finishedAt)));
  if (other) throw new OtherRunOpenError(other.id);
  const afresh = {
    phase: 'queued',
    outcome: null,
    error: null,
    waitingFor: null,
    awaiting: null,
    stopRequestedAt: null,
    finishedAt: null,
  } as const;
  const [row] = await tx
    .update(syncRuns)
    .set({ ...afresh, ratePerSecond: 0, updatedAt: sql`now()` })
    .where(eq(syncRuns.id, id))
    .returning();
  if (!row) throw new Error('A locked row is gone');
  await logQueued(tx, row);
  return recordWith(tx, row, auditOf);
}

async function logQueued(tx: Transaction, { venueId, id }: Row): Promise<void> {
  await tx.insert(syncLogs).values({ venueId, syncId: id, level: 'info', action: 'phase', code: 'queued' });
}
