import { sql } from 'drizzle-orm';
import type { SQL } from 'drizzle-orm';
import type { RecordId } from '../../contracts/ids.ts';
import type { LinkState } from '../../contracts/records.ts';
import type { ListNaming } from '../../domain/sync/list-references.ts';
import type { RecordFields, RecordKind } from '../../records/record-kind.ts';
import type { RecordKinds } from '../../records/registry.ts';
import type { ArchivingCount, SyncCounts } from '../../contracts/sync.ts';
import { isTwoWay } from '../pull/merge-rows.ts';
import { plannedForTied, savePlanItems } from '../runs/plan-items.ts';
import type { PlanEntry, PlannedTie } from '../runs/plan-items.ts';
import type { CommitResult } from '../pull/pull-store.ts';
import { commitResults } from './push-commit.ts';
import type { PushCommit, PushResult } from './push-commit.ts';
import { readListNaming } from './listed-remotes.ts';
import { marksOf } from './push-marks.ts';
import type { PushMarks } from './push-marks.ts';
import { mayPush, pushMergeColumns, pushMergeJoins, toMerging } from './push-merge.ts';
import type { PushMergeRow, PushMerging } from './push-merge.ts';
import { namedRemoteColumns, namedRemotes } from './named-remotes.ts';
import type { NamingRow } from './named-remotes.ts';
import type { PulledReferences } from '../pull/pulled-fields.ts';
import { fieldsDocument, recordTable, tableOf } from '../records/record-tables.ts';
import { withRefusals } from '../pull/rejections.ts';
import { addProgress } from '../runs/run-state.ts';
import { coveredBy, inUse, linkOfRecord, lockRun, needsPush, scopeWithKind } from '../runs/run-scope.ts';
import type { ProgressDelta } from '../runs/run-state.ts';
import type { RunScope } from '../runs/run-scope.ts';
import { executeWide } from '../core/statement.ts';
import { together, withVenue } from '../core/venue-scope.ts';
import type { Database, Transaction } from '../core/venue-scope.ts';
import { uuidList } from '../core/rows-by-column.ts';

export type { PushCommit, PushResult };

export interface PushLink {
  readonly externalId: string | null;
  /** The newest version that was read or written. */
  readonly externalVersion: number;
  readonly fingerprint: string | null;
  readonly state: LinkState;
  readonly recordVersion: number;
  readonly writeAttempt: number;
  /** How often a write of the record was refused. */
  readonly refusals: number;
  /** The key of the batch that a first write of unknown outcome was sent in; null where it was in none. */
  readonly batchKey: string | null;
  /** The first update that was sent since the last agreement; null when none was. */
  readonly sent: { readonly version: number; readonly at: Date } | null;
  readonly metadataKeys: readonly string[];
  /** What the adapter has to know of the remote record. */
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
  /** Deleted by the venue; its remote record is still in use. */
  readonly deleted: boolean;
  /** The venue's values to be written; a field under review has the provider's value. */
  readonly fields: RecordFields;
  /** In a two-way run: what it has to know to store what both sides agree on. */
  readonly merging: PushMerging | null;
  /** The provider's ids of the records that it names, by the names that its kind gives them; null where the connection knows none. */
  readonly refs: PulledReferences;
  /** Translates the ids of the records that its lists name; absent for a kind whose lists name none. */
  readonly lists?: ListNaming;
  readonly link: PushLink | null;
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
  /** These records as they are now, whether or not they changed, without those about whose deletion a person has to decide. */
  readRows(scope: RunScope, recordIds: readonly RecordId[]): Promise<readonly PushRow[]>;
  /** Stores results and moves the cursor, in one transaction. Throws SupersededError. */
  commit(scope: RunScope, commit: PushCommit): Promise<CommitResult>;
  /** Stores what a dry run would do and moves its cursor, in one transaction. Throws SupersededError. */
  preview(scope: RunScope, preview: PushPreview): Promise<CommitResult>;
  /** Of a two-way dry run: what the run would write to these records' remote records once its pull has tied them. */
  plannedForTied(scope: RunScope, recordIds: readonly RecordId[]): Promise<ReadonlyMap<RecordId, PlannedTie>>;
  /** The records whose remote records the provider's objects are, by the ids of those objects. */
  tiedTo(scope: RunScope, externalIds: readonly string[]): Promise<ReadonlyMap<string, RecordId>>;
  /** The same without records that are deleted: what they have is free, or is about to be. */
  heldBy(scope: RunScope, externalIds: readonly string[]): Promise<ReadonlyMap<string, RecordId>>;
  /** Unties these objects from records that are deleted and out of use at the provider. */
  untieDeleted(scope: RunScope, externalIds: readonly string[]): Promise<void>;
  /** How many remote records the run would take out of use, of how many, and when the newest of them was deleted here. */
  blastRadius(scope: RunScope): Promise<Omit<ArchivingCount, 'archived'>>;
}

export function createPushStore(db: Database, kinds: RecordKinds): PushStore {
  const readRows = (
    scope: RunScope,
    { filter, limit, isPage = false }: { readonly filter: SQL; readonly limit: number; readonly isPage?: boolean },
  ) =>
    withVenue(db, scope.venueId, async (tx) => {
      const kind = kinds.get(scope.resource);
      const statement = sql`
        select c.id, c.source_id, c.version, c.deleted_at is not null as deleted, ${fieldsDocument(recordTable(kind), 'c')} as fields,
          ${namedRemoteColumns(scope, kinds)} as named,
          l.record_id as link_id, l.external_id, l.external_version, l.fingerprint, l.state, l.record_version, l.write_attempt, coalesce(l.refusals, 0) as refusals, l.batch_key, l.sent_version, l.sent_at::text as sent_at, to_jsonb(l.metadata_keys) as metadata_keys,
          l.external_state, l.created_at::text as link_created_at, c.updated_at > l.created_at as changed_since, l.last_push_id = ${scope.syncId} as counted
          ${pushMergeColumns(scope)}
        from ${tableOf(kind)} c
        ${linkOfRecord(scope)}
        ${pushMergeJoins(scope)}
        where c.venue_id = ${scope.venueId} and ${filter}
        order by c.id limit ${limit}`;
      const rows = await (isPage ? inOrder(tx, statement) : executeWide<Row>(tx, statement));
      const read = rows.map((row) => toPushRow(row, { refs: namedRemotes(scope, kinds, row), scope, kind }));
      const lists = await readListNaming(tx, scopeWithKind(scope, kinds), read);
      return lists === null ? read : read.map((row) => ({ ...row, lists }));
    });
  const tied = (scope: RunScope, statement: SQL) =>
    withVenue(db, scope.venueId, async (tx) => {
      const rows = await tx.execute<{ external_id: string; record_id: RecordId }>(statement);
      return new Map(rows.map((row) => [row.external_id, row.record_id]));
    });
  return {
    ...marksOf(db),

    readPage: (scope, { after, limit, newestDeletionEpochUs }) =>
      readRows(scope, {
        filter: sql`${mayPush(scope)} and (c.deleted_at is null or (${inUse} and ${newestDeletionEpochUs === undefined ? sql`true` : sql`${deletionEpochUs} <= ${newestDeletionEpochUs}`}))
          and (${after}::uuid is null or c.id > ${after}::uuid)
          and (${scope.mode === 'full'} or ${needsPush}) and ${coveredBy(scope)}`,
        limit,
        isPage: scope.deadLettersOnly !== true,
      }),

    readRows: (scope, recordIds) =>
      readRows(scope, {
        filter: sql`c.id = any (${uuidList(recordIds)}) and ${mayPush(scope)}`,
        limit: recordIds.length,
      }),

    commit: (scope, commit) =>
      withRefusals(db, scope.venueId, (tx, storeEach) =>
        commitResults({ tx, scope: scopeWithKind(scope, kinds), storeEach }, commit),
      ),

    preview: (scope, preview) =>
      withVenue(db, scope.venueId, async (tx) => {
        const { stopRequested } = await lockRun(tx, scope);
        await savePlanItems(tx, scope, preview.entries);
        const counts = plannedCounts(preview.entries);
        const progress = await addProgress(tx, scope, {
          ...preview,
          counts,
          done: preview.entries.length,
          plannedCalls: preview.calls,
        });
        return { progress, stopRequested };
      }),

    plannedForTied: (scope, recordIds) =>
      isTwoWay(scope)
        ? withVenue(db, scope.venueId, (tx) => plannedForTied(tx, scope, recordIds))
        : Promise.resolve(new Map()),

    tiedTo: (scope, externalIds) =>
      tied(
        scope,
        sql`select w.external_id, l.record_id from ${objectsOf(externalIds)} cross join lateral (${linkOfObject(scope)}) l`,
      ),

    heldBy: (scope, externalIds) =>
      tied(
        scope,
        sql`select w.external_id, l.record_id from ${objectsOf(externalIds)} cross join lateral (${linkOfObject(scope)}) l
          join ${tableOf(kinds.get(scope.resource))} c on c.id = l.record_id where c.deleted_at is null`,
      ),

    untieDeleted: (scope, externalIds) =>
      withVenue(db, scope.venueId, async (tx) => {
        await lockRun(tx, scope);
        await tx.execute(sql`
          update record_links l set external_id = null, fingerprint = null, external_state = null, updated_at = now()
          from ${objectsOf(externalIds)} cross join lateral (${linkOfObject(scope)}) found
            join ${tableOf(kinds.get(scope.resource))} c on c.id = found.record_id
          where l.connection_id = ${scope.connectionId} and l.resource = ${scope.resource} and l.record_id = found.record_id
            and l.state in ('archived', 'gone') and c.deleted_at is not null`);
      }),

    blastRadius: (scope) =>
      withVenue(db, scope.venueId, async (tx) => {
        const [row] = await tx.execute<{ archiving: number; of: number; newest: string | null }>(sql`
          select count(*) filter (where c.deleted_at is not null and ${coveredBy(scope)})::int as archiving, count(*)::int as of, max(${deletionEpochUs}) as newest
          from record_links l join ${tableOf(kinds.get(scope.resource))} c on c.id = l.record_id
          where l.connection_id = ${scope.connectionId} and l.resource = ${scope.resource} and l.write_attempt >= 0 and ${inUse}`);
        return {
          archiving: row?.archiving ?? 0,
          of: row?.of ?? 0,
          newestDeletionEpochUs: row?.newest == null ? null : Number(row.newest),
        };
      }),
  };
}

const objectsOf = (externalIds: readonly string[]): SQL =>
  sql`jsonb_array_elements_text(${JSON.stringify(externalIds)}::jsonb) as w(external_id)`;

/** The one link of each object, found by the index whatever the planner knows. */
const linkOfObject = ({ connectionId, resource }: RunScope): SQL => sql`
  select record_id from record_links where connection_id = ${connectionId} and resource = ${resource} and external_id = w.external_id limit 1`;

/**
 * Reads the index in the order of the page, and ends with it. On a table that Postgres has no statistics of, such as one that
 * was just loaded, it takes a venue for a few records: it would look up the links of all of them, for each page, and sort
 * them.
 */
async function inOrder(tx: Transaction, page: SQL) {
  const [, rows] = await together(
    // Sent now, ahead of the page.
    tx.execute(sql`select set_config('enable_sort', 'off', true)`).execute(),
    executeWide<Row>(tx, page),
  );
  return rows;
}

/** A bigint: microseconds, as exact as the column. */
const deletionEpochUs = sql`(extract(epoch from c.deleted_at) * 1000000)::bigint`;

interface Row extends Record<string, unknown>, NamingRow, PushMergeRow {
  readonly id: RecordId;
  readonly source_id: string;
  readonly version: number;
  readonly deleted: boolean;
  readonly link_id: string | null;
  readonly external_id: string | null;
  readonly external_version: string | null;
  readonly fingerprint: string | null;
  readonly state: LinkState | null;
  readonly record_version: number | null;
  readonly write_attempt: number | null;
  readonly refusals: number;
  readonly batch_key: string | null;
  readonly sent_version: number | null;
  readonly sent_at: string | null;
  readonly metadata_keys: readonly string[] | null;
  readonly external_state: PushLink['externalState'];
  readonly link_created_at: string | null;
  readonly changed_since: boolean | null;
  readonly counted: boolean | null;
}

function toPushRow(
  row: Row,
  { refs, scope, kind }: { readonly refs: PulledReferences; readonly scope: RunScope; readonly kind: RecordKind },
): PushRow {
  const { id, source_id: sourceId, version, deleted } = row;
  const link = row.link_id === null ? null : toPushLink(row);
  return { id, sourceId, version, deleted, refs, link, ...toMerging(scope, kind, row) };
}

function toPushLink(row: Row): PushLink {
  return {
    externalId: row.external_id,
    externalVersion: Number(row.external_version),
    fingerprint: row.fingerprint,
    state: row.state ?? 'pending',
    recordVersion: row.record_version ?? 0,
    writeAttempt: row.write_attempt ?? 0,
    refusals: row.refusals,
    batchKey: row.batch_key,
    sent:
      row.sent_version === null || row.sent_at === null
        ? null
        : { version: row.sent_version, at: new Date(row.sent_at) },
    metadataKeys: row.metadata_keys ?? [],
    externalState: row.external_state,
    createdAt: new Date(row.link_created_at ?? 0),
    recordChangedSince: row.changed_since ?? false,
    countedInThisRun: row.counted ?? false,
  };
}

function plannedCounts(entries: readonly PlanEntry[]): Partial<SyncCounts> {
  const count = (action: PlanEntry['action']) => entries.filter((entry) => entry.action === action).length;
  return {
    ...{ read: entries.length, created: count('create'), updated: count('update'), archived: count('archive') },
    ...{ unchanged: count('skip'), rejected: count('reject') },
  };
}
