import { sql } from 'drizzle-orm';
import type { RecordId } from '../contracts/ids.ts';
import type { LinkState, RecordFields, RecordNote } from '../contracts/records.ts';
import type { ArchivingCount, SyncCounts } from '../contracts/sync.ts';
import { meetPlan, savePlanItems } from './plan-items.ts';
import type { PlanEntry } from './plan-items.ts';
import type { CommitResult } from './pull-store.ts';
import { marksOf } from './push-marks.ts';
import type { PushMarks } from './push-marks.ts';
import { RECORD_TABLES, fieldsDocument, tableOf } from './record-tables.ts';
import { insertLogs } from './sync-log.ts';
import { addProgress } from './run-state.ts';
import { inUse, linkOfRecord, lockRun, needsPush } from './run-scope.ts';
import type { ProgressDelta } from './run-state.ts';
import type { RunScope } from './run-scope.ts';
import { settleTransactionsOf } from './transaction-references.ts';
import { withVenue } from './venue-scope.ts';
import type { Database, Transaction } from './venue-scope.ts';

export interface PushLink {
  readonly externalId: string | null;
  readonly fingerprint: string | null;
  readonly state: LinkState;
  readonly recordVersion: number;
  readonly writeAttempt: number;
  /** The first update that was sent since the last agreement; null when none was. */
  readonly sent: { readonly version: number; readonly at: Date } | null;
  readonly metadataKeys: readonly string[];
  /** What the adapter has to know of the twin. */
  readonly externalState: Readonly<Record<string, string | number>> | null;
  readonly createdAt: Date;
  /** The record changed after that. */
  readonly recordChangedSince: boolean;
  /** This run has counted the record already; it was interrupted after that. */
  readonly countedInThisRun: boolean;
}

export interface PushRow {
  readonly id: RecordId;
  readonly sourceId: string;
  readonly version: number;
  /** Deleted by the venue; its twin is still in use. */
  readonly deleted: boolean;
  readonly fields: RecordFields;
  readonly link: PushLink | null;
}

/** What became of one record. */
export interface PushResult {
  readonly recordId: RecordId;
  readonly sourceId: string;
  readonly action: 'created' | 'updated' | 'archived' | 'unchanged' | 'rejected';
  readonly recordVersion: number;
  readonly linkState: LinkState;
  readonly externalId: string | null;
  readonly externalVersion: number;
  /** Null when nothing was agreed. */
  readonly fingerprint: string | null;
  readonly metadataKeys: readonly string[];
  readonly externalState: Readonly<Record<string, string | number>> | null;
  /** What the write could not carry over or left standing. */
  readonly notes: readonly RecordNote[];
  readonly code: string | null;
  readonly message: string | null;
}

export interface PushCommit extends Omit<ProgressDelta, 'counts' | 'done'> {
  readonly results: readonly PushResult[];
  /** What the plan knows the results by; empty without a plan. */
  readonly entries: readonly PlanEntry[];
  /** Records that were as last agreed and need no write of any kind. They are counted when the cursor passes them, with it. */
  readonly unchangedCount: number;
}

/** One page of a dry run. */
export interface PushPreview extends Omit<ProgressDelta, 'counts' | 'done'> {
  readonly entries: readonly PlanEntry[];
  /** Calls that writing them would take. */
  readonly calls: number;
}

export interface PushPageRequest {
  readonly after: RecordId | null;
  readonly limit: number;
  /**
   * Leaves out records that were deleted later than this: they were not counted, so nobody knows whether the run may archive them. Null
   * leaves out all deleted records, undefined none.
   */
  readonly newestDeletionEpochUs?: number | null;
}

export interface PushStore extends PushMarks {
  /** Records after a cursor in the order of their ids: all of them, or for an incremental run those that changed. */
  readPage(scope: RunScope, page: PushPageRequest): Promise<readonly PushRow[]>;
  /** Stores results and moves the cursor, in one transaction. Throws SupersededError. */
  commit(scope: RunScope, commit: PushCommit): Promise<CommitResult>;
  /** Stores what a dry run would do and moves its cursor, in one transaction. Throws SupersededError. */
  preview(scope: RunScope, preview: PushPreview): Promise<CommitResult>;
  /** How many remote records the run would take out of use, of how many, and when the newest of them was deleted here. */
  blastRadius(scope: RunScope): Promise<Omit<ArchivingCount, 'archived'>>;
}

export function createPushStore(db: Database): PushStore {
  return {
    ...marksOf(db),

    readPage: (scope, { after, limit, newestDeletionEpochUs }) =>
      withVenue(db, scope.venueId, async (tx) => {
        const rows = await tx.execute<Row>(sql`
          select c.id, c.source_id, c.version, c.deleted_at is not null as deleted, ${fieldsDocument(RECORD_TABLES[scope.resource], 'c')} as fields,
            l.record_id as link_id, l.external_id, l.fingerprint, l.state, l.record_version, l.write_attempt, l.sent_version, l.sent_at::text as sent_at, to_jsonb(l.metadata_keys) as metadata_keys,
            l.external_state, l.created_at::text as link_created_at, c.updated_at > l.created_at as changed_since, l.last_sync_id = ${scope.syncId} as counted
          from ${tableOf(scope.resource)} c
          ${linkOfRecord(scope)}
          where c.venue_id = ${scope.venueId} and (c.deleted_at is null or (${inUse} and ${newestDeletionEpochUs === undefined ? sql`true` : sql`${deletionEpochUs} <= ${newestDeletionEpochUs}`}))
            and (${after}::uuid is null or c.id > ${after}::uuid)
            and (${scope.mode === 'full'} or ${needsPush})
          order by c.id limit ${limit}`);
        return rows.map(toPushRow);
      }),

    commit: (scope, commit) =>
      withVenue(db, scope.venueId, async (tx) => {
        const { stopRequested } = await lockRun(tx, scope);
        await saveLinks(tx, scope, commit.results);
        await settleTransactionsOf(tx, scope, commit.results.flatMap(toTied));
        await meetPlan(tx, scope, commit.entries);
        await logResults(tx, scope, commit.results);
        const counts = countsOf(commit);
        const progress = await addProgress(tx, scope, { ...commit, counts, done: counts.read ?? 0 });
        return { progress, stopRequested };
      }),

    preview: (scope, preview) =>
      withVenue(db, scope.venueId, async (tx) => {
        const { stopRequested } = await lockRun(tx, scope);
        await savePlanItems(tx, scope, preview.entries);
        const counts = plannedCounts(preview.entries);
        const progress = await addProgress(tx, scope, { ...preview, counts, done: preview.entries.length, plannedCalls: preview.calls });
        return { progress, stopRequested };
      }),

    blastRadius: (scope) =>
      withVenue(db, scope.venueId, async (tx) => {
        const [row] = await tx.execute<{ archiving: number; of: number; newest: string | null }>(sql`
          select count(*) filter (where c.deleted_at is not null)::int as archiving, count(*)::int as of, max(${deletionEpochUs}) as newest
          from record_links l join ${tableOf(scope.resource)} c on c.id = l.record_id
          where l.connection_id = ${scope.connectionId} and l.resource = ${scope.resource} and ${inUse}`);
        return { archiving: row?.archiving ?? 0, of: row?.of ?? 0, newestDeletionEpochUs: row?.newest == null ? null : Number(row.newest) };
      }),
  };
}

/** A bigint: microseconds, as exact as the column. */
const deletionEpochUs = sql`(extract(epoch from c.deleted_at) * 1000000)::bigint`;

const toTied = ({ action, externalId, recordId, sourceId }: PushResult) => (action === 'created' && externalId !== null ? [{ externalId, id: recordId, sourceId }] : []);

interface Row extends Record<string, unknown> {
  readonly id: RecordId;
  readonly source_id: string;
  readonly version: number;
  readonly deleted: boolean;
  readonly fields: RecordFields;
  readonly link_id: string | null;
  readonly external_id: string | null;
  readonly fingerprint: string | null;
  readonly state: LinkState | null;
  readonly record_version: number | null;
  readonly write_attempt: number | null;
  readonly sent_version: number | null;
  readonly sent_at: string | null;
  readonly metadata_keys: readonly string[] | null;
  readonly external_state: PushLink['externalState'];
  readonly link_created_at: string | null;
  readonly changed_since: boolean | null;
  readonly counted: boolean | null;
}

function toPushRow(row: Row): PushRow {
  const { id, source_id: sourceId, version, deleted, fields } = row;
  return { id, sourceId, version, deleted, fields, link: row.link_id === null ? null : toPushLink(row) };
}

function toPushLink(row: Row): PushLink {
  return {
    externalId: row.external_id,
    fingerprint: row.fingerprint,
    state: row.state ?? 'pending',
    recordVersion: row.record_version ?? 0,
    writeAttempt: row.write_attempt ?? 0,
    sent: row.sent_version === null || row.sent_at === null ? null : { version: row.sent_version, at: new Date(row.sent_at) },
    metadataKeys: row.metadata_keys ?? [],
    externalState: row.external_state,
    createdAt: new Date(row.link_created_at ?? 0),
    recordChangedSince: row.changed_since ?? false,
    countedInThisRun: row.counted ?? false,
  };
}

async function saveLinks(tx: Transaction, scope: RunScope, results: readonly PushResult[]): Promise<void> {
  if (results.length === 0) return;
  const links = results.map((result) => ({
    record_id: result.recordId,
    external_id: result.externalId,
    external_version: result.externalVersion,
    record_version: result.recordVersion,
    fingerprint: result.fingerprint,
    metadata_keys: result.metadataKeys,
    external_state: result.externalState,
    state: result.linkState,
    notes: result.action === 'unchanged' || result.action === 'rejected' ? null : result.notes,
  }));
  // A twin that was deleted for good is forgotten: should the record come back, it is created anew, under another idempotency key.
  await tx.execute(sql`
    insert into record_links as l (connection_id, resource, record_id, venue_id, external_id, external_version, record_version, fingerprint, metadata_keys,
      external_state, state, notes, last_sync_id, synced_at)
    select ${scope.connectionId}, ${scope.resource}, r.record_id, ${scope.venueId}, r.external_id, r.external_version, r.record_version, r.fingerprint,
      r.metadata_keys, r.external_state, r.state, r.notes, ${scope.syncId}, case when r.state = 'linked' then now() end
    from jsonb_to_recordset(${JSON.stringify(links)}::jsonb) as r(record_id uuid, external_id text, external_version bigint, record_version int,
      fingerprint text, metadata_keys text[], external_state jsonb, state text, notes jsonb)
    on conflict (connection_id, resource, record_id) do update set
      external_id = case when excluded.state = 'archived' then excluded.external_id else coalesce(excluded.external_id, l.external_id) end,
      external_version = greatest(excluded.external_version, l.external_version), record_version = excluded.record_version,
      fingerprint = coalesce(excluded.fingerprint, l.fingerprint),
      metadata_keys = case when excluded.fingerprint is null then l.metadata_keys else excluded.metadata_keys end,
      external_state = coalesce(excluded.external_state, l.external_state),
      notes = coalesce(excluded.notes, l.notes),
      sent_version = case when excluded.state <> 'rejected' then null else l.sent_version end,
      sent_at = case when excluded.state <> 'rejected' then null else l.sent_at end,
      write_attempt = l.write_attempt + (excluded.state = 'archived' and excluded.external_id is null)::int,
      state = excluded.state, last_sync_id = excluded.last_sync_id, synced_at = coalesce(excluded.synced_at, l.synced_at), updated_at = now()`);
}

async function logResults(tx: Transaction, scope: RunScope, results: readonly PushResult[]): Promise<void> {
  const rows = results.flatMap((result) => {
    const about = { record_id: result.recordId, source_id: result.sourceId, external_id: result.externalId };
    const notes = result.notes.map((note) => ({ ...about, ...note, level: 'warn', action: 'note' }));
    if (result.action === 'unchanged') return notes;
    const { action, code, message } = result;
    return [{ ...about, level: action === 'rejected' ? 'error' : 'info', action, code, message }, ...notes];
  });
  await insertLogs(tx, scope, rows);
}

function countsOf({ results, unchangedCount }: PushCommit): Partial<SyncCounts> {
  const count = (action: PushResult['action']) => results.filter((result) => result.action === action).length;
  return {
    read: results.length + unchangedCount,
    created: count('created'),
    updated: count('updated'),
    archived: count('archived'),
    unchanged: count('unchanged') + unchangedCount,
    rejected: count('rejected'),
  };
}

function plannedCounts(entries: readonly PlanEntry[]): Partial<SyncCounts> {
  const count = (action: PlanEntry['action']) => entries.filter((entry) => entry.action === action).length;
  return {
    ...{ read: entries.length, created: count('create'), updated: count('update'), archived: count('archive') },
    ...{ unchanged: count('skip'), rejected: count('reject') },
  };
}
