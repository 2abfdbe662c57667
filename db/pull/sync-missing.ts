import { sql } from 'drizzle-orm';
import type { RecordId } from '../../contracts/ids.ts';
import { NOTHING_FOLLOWS } from '../../domain/sync/pull/pull-decision.ts';
import type { BlastRadius } from '../../domain/sync/pull/blast-radius.ts';
import { lockRun, retriedIn } from '../runs/run-scope.ts';
import type { RunScope } from '../runs/run-scope.ts';
import { withVenue } from '../core/venue-scope.ts';
import type { Database, Transaction } from '../core/venue-scope.ts';
import { textList } from '../core/rows-by-column.ts';

/**
 * Why a record is considered deleted. `told`: the change feed reports it. `unlisted`: a complete listing did not return
 * it. `doubted`: the provider reports it both as deleted and as existing, and versions do not show which is later.
 * `dead-letter`: an earlier run could not store it, and it is retried, whether or not it still exists.
 */
export type MissingReason = 'told' | 'unlisted' | 'doubted' | 'dead-letter';

/** A confirmed deletion: the change feed reported it, or the provider was asked (`certain`). */
export interface Deletion {
  readonly externalId: string;
  readonly version: number;
  /** By the provider's clock; null when the provider does not say. */
  readonly deletedAtMs: number | null;
  readonly certain: boolean;
}

/** A record that the provider has to be asked about. */
export interface Unclear {
  readonly externalId: string;
  readonly reason: MissingReason;
}

export interface SyncMissingStore {
  /**
   * Records every linked record that this run's complete listing did not return. Repeating it adds nothing. Throws
   * SupersededError.
   */
  findUnlisted(scope: RunScope): Promise<number>;
  /** Records the objects of dead letters that are to be retried. Repeating it adds nothing. Throws SupersededError. */
  findDeadLetters(scope: RunScope): Promise<void>;
  /** Whether anything is left to ask the provider about or to archive. */
  hasUnsettled(scope: RunScope): Promise<boolean>;
  /** How many records the run would archive, and out of how many. */
  blastRadius(scope: RunScope): Promise<BlastRadius>;
  /** The next records to ask the provider about, in a stable order. */
  listUnclear(scope: RunScope, limit: number): Promise<readonly Unclear[]>;
  /** The next deletions to apply, in a stable order. */
  listDeletions(scope: RunScope, limit: number): Promise<readonly Deletion[]>;
  /**
   * Confirms that the provider was asked for these, with readings of these versions, and no longer has them. Throws
   * SupersededError.
   */
  confirm(scope: RunScope, gone: readonly Pick<Deletion, 'externalId' | 'version'>[]): Promise<void>;
}

export function createSyncMissingStore(db: Database): SyncMissingStore {
  return {
    findUnlisted: (scope) =>
      withVenue(db, scope.venueId, async (tx) => {
        await lockRun(tx, scope);
        const rows = await tx.execute<{ external_id: string }>(sql`
          insert into sync_missing (sync_id, external_id, venue_id, record_id, reason)
          select ${scope.syncId}, l.external_id, l.venue_id, l.record_id, 'unlisted' from record_links l
          where l.connection_id = ${scope.connectionId} and l.resource = ${scope.resource} and l.external_id is not null
            and l.state in ('linked', 'rejected') and ${unseenBy(scope)}
          on conflict do nothing returning external_id`);
        return rows.length;
      }),

    findDeadLetters: (scope) =>
      withVenue(db, scope.venueId, async (tx) => {
        await lockRun(tx, scope);
        await tx.execute(sql`
          insert into sync_missing (sync_id, external_id, venue_id, record_id, reason)
          select ${scope.syncId}, d.external_id, d.venue_id, l.record_id, 'dead-letter' from dead_letters d
          left join lateral (select record_id from record_links where connection_id = ${scope.connectionId} and resource = ${scope.resource}
            and external_id = d.external_id limit 1) l on true
          where ${retriedIn(scope)} and d.external_id is not null
          order by d.external_id
          on conflict do nothing`);
      }),

    hasUnsettled: (scope) =>
      withVenue(db, scope.venueId, async (tx) => {
        const rows = await tx.execute(
          sql`select from sync_missing where sync_id = ${scope.syncId} and not settled limit 1`,
        );
        return rows.length > 0;
      }),

    blastRadius: (scope) =>
      withVenue(db, scope.venueId, async (tx) => {
        const [row] = await tx.execute<{ archiving: number; of: number }>(sql`
          select (select count(*)::int from sync_missing m where m.sync_id = ${scope.syncId} and not m.settled) as archiving,
            (select count(*)::int from record_links l where l.connection_id = ${scope.connectionId} and l.resource = ${scope.resource}
              and l.external_id is not null and l.state in ('linked', 'rejected')) as of`);
        return { archiving: row?.archiving ?? 0, of: row?.of ?? 0 };
      }),

    listUnclear: (scope, limit) =>
      withVenue(db, scope.venueId, async (tx) => {
        const rows = await tx.execute<{ external_id: string; reason: MissingReason }>(sql`
          select external_id, reason from sync_missing where sync_id = ${scope.syncId} and version is null and not settled order by external_id limit ${limit}`);
        return rows.map(({ external_id: externalId, reason }) => ({ externalId, reason }));
      }),

    listDeletions: (scope, limit) =>
      withVenue(db, scope.venueId, async (tx) => {
        const rows = await tx.execute<{
          external_id: string;
          reason: MissingReason;
          version: string;
          deleted_at_ms: number | null;
        }>(sql`
          select external_id, reason, version, (extract(epoch from deleted_at) * 1000)::float8 as deleted_at_ms
          from sync_missing where sync_id = ${scope.syncId} and version is not null and not settled order by external_id limit ${limit}`);
        return rows.map((row) => ({
          externalId: row.external_id,
          version: Number(row.version),
          deletedAtMs: row.deleted_at_ms,
          certain: row.reason !== 'told',
        }));
      }),

    confirm: (scope, gone) =>
      withVenue(db, scope.venueId, async (tx) => {
        await lockRun(tx, scope);
        const rows = JSON.stringify(gone.map(({ externalId, version }) => ({ external_id: externalId, version })));
        // Nothing to do for a record that an earlier run has archived, nor for an object that never became one.
        await tx.execute(sql`
          update sync_missing m set version = r.version, reason = case when m.reason = 'told' then 'doubted' else m.reason end, settled = m.settled or coalesce(r.gone, m.reason = 'dead-letter')
          from (select w.external_id, w.version, l.state = 'gone' as gone
            from jsonb_to_recordset(${rows}::jsonb) as w(external_id text, version bigint)
            left join lateral (select state from record_links where connection_id = ${scope.connectionId} and resource = ${scope.resource}
              and external_id = w.external_id limit 1) l on true) r
          where m.sync_id = ${scope.syncId} and m.external_id = r.external_id`);
      }),
  };
}

/**
 * A dry run leaves no mark on a link; what it saw is in its plan. A record written since the run began is not missing,
 * because the listing may have passed its place already.
 */
const unseenBy = ({ syncId, dryRun }: RunScope) => {
  const unseen =
    dryRun === true
      ? sql`not exists (select from sync_plan_items p where p.sync_id = ${syncId} and p.key = l.external_id)`
      : sql`l.last_sync_id is distinct from ${syncId}`;
  return sql`${unseen} and l.synced_at < (select s.started_at from sync_runs s where s.id = ${syncId})`;
};

/** Marks these objects as existing. Unknown ones are left for a listing. */
export async function markSeen(tx: Transaction, scope: RunScope, externalIds: readonly string[]): Promise<void> {
  if (externalIds.length === 0) return;
  const seen = sql`from record_links l where l.connection_id = ${scope.connectionId} and l.resource = ${scope.resource}
    and l.external_id = any (${textList(externalIds)}) and l.state in ('linked', 'rejected')`;
  if (scope.dryRun === true)
    await tx.execute(sql`
      insert into sync_plan_items (venue_id, sync_id, key, action, record_id, external_id)
      select ${scope.venueId}, ${scope.syncId}, l.external_id, 'skip', l.record_id, l.external_id ${seen} on conflict do nothing`);
  else
    await tx.execute(sql`update record_links set last_sync_id = ${scope.syncId} where (connection_id, resource, record_id) in (
      select l.connection_id, l.resource, l.record_id ${seen})`);
}

export interface MissingNote extends Unclear {
  /** Null for a record that we do not have. */
  readonly recordId: RecordId | null;
  /** Version of the deletion; null until the provider is asked. */
  readonly version: number | null;
  readonly deletedAtMs: number | null;
  /** Recorded only so that later readings in the run, which are older, are dropped. */
  readonly settled: boolean;
}

/** Records that may be deleted. A run's first note stays, because feeds return the newest first. */
export async function noteMissing(tx: Transaction, scope: RunScope, notes: readonly MissingNote[]): Promise<void> {
  if (notes.length === 0) return;
  const rows = notes.map(({ externalId, recordId, reason, version, deletedAtMs, settled }) => ({
    ...{ external_id: externalId, record_id: recordId, reason, version, settled },
    deleted_at: deletedAtMs === null ? null : new Date(deletedAtMs).toISOString(),
  }));
  await tx.execute(sql`
    insert into sync_missing (sync_id, external_id, venue_id, record_id, reason, version, deleted_at, settled)
    select ${scope.syncId}, r.external_id, ${scope.venueId}, r.record_id, r.reason, r.version, r.deleted_at, r.settled
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as r(external_id text, record_id uuid, reason text, version bigint, deleted_at timestamptz, settled boolean)
    on conflict do nothing`);
}

/**
 * Those of the given objects that the run's change feed reported as deleted, or an event since the run began, each with
 * the version of its deletion, and those that were merged into others. A page that was on its way meanwhile still has them.
 */
export async function missingAmong(
  tx: Transaction,
  scope: RunScope,
  externalIds: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  if (externalIds.length === 0) return new Map();
  const isNamed = sql`external_id in (select external_id from named)`;
  const rows = await tx.execute<{ external_id: string; version: string }>(sql`
    with named as materialized (select json_array_elements_text(${JSON.stringify(externalIds)}::json) as external_id)
    select external_id, max(version) as version from (
      select external_id, version from sync_missing where sync_id = ${scope.syncId} and reason = 'told' and version is not null and ${isNamed}
      union all
      select external_id, external_version from deleted_objects
      where connection_id = ${scope.connectionId} and resource = ${scope.resource} and ${isNamed}
        and at >= (select started_at from sync_runs where id = ${scope.syncId})
      union all
      select external_id, ${NOTHING_FOLLOWS}::bigint from merged_objects
      where connection_id = ${scope.connectionId} and resource = ${scope.resource} and ${isNamed}) told
    group by external_id`);
  return new Map(rows.map((row) => [row.external_id, Number(row.version)]));
}

export async function settle(tx: Transaction, scope: RunScope, externalIds: readonly string[]): Promise<void> {
  if (externalIds.length === 0) return;
  await tx.execute(sql`
    update sync_missing set settled = true
    where sync_id = ${scope.syncId} and external_id = any (${textList(externalIds)})`);
}
