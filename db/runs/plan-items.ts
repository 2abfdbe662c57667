import { sql } from 'drizzle-orm';
import type { RecordId } from '../../contracts/ids.ts';
import type { PlanAction } from '../../contracts/sync.ts';
import { shortened } from '../../domain/reference/characters.ts';
import { MAX_LOG_TEXT, insertLogs } from './sync-log.ts';
import type { LogInsert } from './sync-log.ts';
import type { RunScope } from './run-scope.ts';
import type { Transaction } from '../core/venue-scope.ts';
import { textList } from '../core/rows-by-column.ts';

/** What a dry run would do to one record, or what a run did to it. */
export interface PlanEntry {
  /** The record's id for a push, the provider's id for a pull. */
  readonly key: string;
  readonly action: PlanAction;
  readonly recordId: RecordId | null;
  /** Null for a provider object that became no record. */
  readonly sourceId: string | null;
  readonly externalId: string | null;
  readonly detail: string | null;
  readonly fingerprint: string | null;
  /** Version of the reading that was decided on; absent when nothing newer can come, as for a deletion. */
  readonly version?: number;
}

/**
 * Records what a dry run would do. Of several readings of a record the newest counts, in any order. Returns the keys
 * whose entry did not change.
 */
export async function savePlanItems(
  tx: Transaction,
  scope: RunScope,
  entries: readonly PlanEntry[],
): Promise<ReadonlySet<string>> {
  if (entries.length === 0) return new Set();
  const rows = await tx.execute<{ key: string; action: PlanAction; version: string | null }>(sql`
    select key, action, version from sync_plan_items where sync_id = ${scope.syncId} and key = any (${keysOf(entries)})`);
  const earlier = new Map(rows.map((row) => [row.key, row]));
  const isNewest = ({ key, version }: PlanEntry) => {
    const before = earlier.get(key);
    return !before || version === undefined || (before.version !== null && version > Number(before.version));
  };
  const newest = entries.filter(isNewest);
  await tx.execute(sql`
    insert into sync_plan_items (venue_id, sync_id, key, action, record_id, source_id, external_id, detail, fingerprint, version)
    select ${scope.venueId}, ${scope.syncId}, r.* from ${recordset(newest)}
    on conflict (sync_id, key) do update set action = excluded.action, detail = excluded.detail, fingerprint = excluded.fingerprint, version = excluded.version`);
  return new Set(
    entries
      .filter((entry) => !newest.includes(entry) || earlier.get(entry.key)?.action === entry.action)
      .map(({ key }) => key),
  );
}

/** The objects that a dry run has planned to tie to these records, by the records' ids. A dry run does not tie them. */
export async function plannedTies(
  tx: Transaction,
  scope: RunScope,
  recordIds: readonly RecordId[],
): Promise<ReadonlyMap<RecordId, string>> {
  if (scope.dryRun !== true || recordIds.length === 0) return new Map();
  const rows = await tx.execute<{ record_id: RecordId; key: string }>(sql`
    select record_id, key from sync_plan_items where sync_id = ${scope.syncId} and action = 'update'
      and record_id in (select jsonb_array_elements_text(${JSON.stringify(recordIds)}::jsonb)::uuid)`);
  return new Map(rows.map((row) => [row.record_id, row.key]));
}

/** What a dry run has planned for these records when it planned to tie them, by their ids. */
export async function plannedForTied(
  tx: Transaction,
  { syncId }: Pick<RunScope, 'syncId'>,
  recordIds: readonly RecordId[],
): Promise<ReadonlyMap<RecordId, PlannedTie>> {
  if (recordIds.length === 0) return new Map();
  const rows = await tx.execute<{ record_id: RecordId; external_id: string; action: PlanAction; fingerprint: string }>(
    sql`select record_id, external_id, action, fingerprint from sync_plan_items
      where sync_id = ${syncId} and key = any (${textList(recordIds)}) and external_id is not null`,
  );
  return new Map(
    rows.map(({ record_id: id, external_id: externalId, action, fingerprint }) => [
      id,
      { externalId, fingerprint: action === 'update' ? fingerprint : null },
    ]),
  );
}

/** A record that the pull of a two-way run would tie, as its push would then find it. */
export interface PlannedTie {
  readonly externalId: string;
  /** Of what would be written; null where nothing would. */
  readonly fingerprint: string | null;
}

interface PlannedRow extends Record<string, unknown> {
  readonly key: string;
  readonly action: PlanAction;
  readonly fingerprint: string | null;
}

/**
 * Compares what a run did with its plan, and counts differences on the run. Records that needed nothing are left to
 * `noteUnmet`, because a run may see one again, or first in an older version.
 */
export async function meetPlan(tx: Transaction, scope: RunScope, done: readonly PlanEntry[]): Promise<void> {
  const acted = done.filter(({ action }) => action !== 'skip');
  if (acted.length === 0 || scope.planId === undefined) return;
  const rows = await tx.execute<PlannedRow>(sql`
    update sync_plan_items set met_by = ${scope.syncId}
    where sync_id = ${scope.planId} and key = any (${keysOf(acted)}) returning key, action, fingerprint`);
  const planned = new Map(rows.map((row) => [row.key, row]));
  const deviations = acted.flatMap((one) => {
    const code = deviationOf(one, planned.get(one.key));
    return code === null ? [] : [toLog(one, code, planned.get(one.key)?.action)];
  });
  await noteDeviations(tx, scope, deviations);
}

/** Counts on the run what the plan announced and the run never did, because the record changed in between. */
export async function noteUnmet(
  tx: Transaction,
  scope: Pick<RunScope, 'venueId' | 'syncId'>,
  planId: string,
): Promise<void> {
  const rows = await tx.execute<{
    record_id: RecordId | null;
    source_id: string | null;
    external_id: string | null;
    action: PlanAction;
  }>(sql`
    select record_id, source_id, external_id, action from sync_plan_items
    where sync_id = ${planId} and met_by is distinct from ${scope.syncId} and action <> 'skip'
    order by seq`);
  const message = (action: PlanAction) =>
    `The plan was to ${action} this record; it changed in between, and nothing was to be done.`;
  await noteDeviations(
    tx,
    scope,
    rows.map(({ action, ...row }) => ({
      ...row,
      level: 'warn',
      action: 'deviation',
      code: 'no-longer-needed',
      message: message(action),
    })),
  );
}

function deviationOf(done: PlanEntry, planned: PlannedRow | undefined): string | null {
  if (!planned) return 'not-planned';
  if (planned.action !== done.action) return 'planned-otherwise';
  return planned.fingerprint === null || done.fingerprint === null || planned.fingerprint === done.fingerprint
    ? null
    : 'content-changed';
}

function toLog(done: PlanEntry, code: string, planned: PlanAction | undefined): LogInsert {
  const message =
    planned === undefined
      ? `The plan did not know this record: ${done.action}.`
      : `Planned: ${planned}; done: ${done.action}${code === 'content-changed' ? ', with other content' : ''}.`;
  return {
    record_id: done.recordId,
    source_id: done.sourceId,
    external_id: done.externalId,
    level: 'warn',
    action: 'deviation',
    code,
    message,
  };
}

async function noteDeviations(
  tx: Transaction,
  scope: Pick<RunScope, 'venueId' | 'syncId'>,
  deviations: readonly LogInsert[],
): Promise<void> {
  if (deviations.length === 0) return;
  await insertLogs(tx, scope, deviations);
  await tx.execute(
    sql`update sync_runs set deviation_count = deviation_count + ${deviations.length} where id = ${scope.syncId}`,
  );
}

const keysOf = (entries: readonly PlanEntry[]) => sql`${textList(entries.map(({ key }) => key))}`;

function recordset(entries: readonly PlanEntry[]) {
  const rows = entries.map(({ key, action, recordId, sourceId, externalId, detail, fingerprint, version }) => ({
    ...{ key, action, record_id: recordId, source_id: sourceId, external_id: externalId, fingerprint, version },
    detail: detail === null ? null : shortened(detail, MAX_LOG_TEXT),
  }));
  return sql`jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
    as r(key text, action text, record_id uuid, source_id text, external_id text, detail text, fingerprint text, version bigint)`;
}
