import { sql } from 'drizzle-orm';
import type { RecordId } from '../contracts/ids.ts';
import type { CustomerFields, LinkState } from '../contracts/records.ts';
import type { SyncCounts } from '../contracts/sync.ts';
import { insertLogs } from './pull-store.ts';
import type { CommitResult } from './pull-store.ts';
import { addProgress, linkOfRecord, lockRun, needsPush } from './sync-progress-store.ts';
import type { ProgressDelta, RunScope } from './sync-progress-store.ts';
import { withVenue } from './venue-scope.ts';
import type { Database, Transaction } from './venue-scope.ts';

export interface PushLink {
  readonly externalId: string | null;
  readonly fingerprint: string | null;
  readonly state: LinkState;
  readonly recordVersion: number;
  readonly writeAttempt: number;
  readonly metadataKeys: readonly string[];
  readonly createdAt: Date;
  /** This run has counted the record already; it was interrupted after that. */
  readonly countedInThisRun: boolean;
}

export interface PushRow {
  readonly id: RecordId;
  readonly sourceId: string;
  readonly version: number;
  readonly fields: CustomerFields;
  readonly link: PushLink | null;
}

/** What became of one record. */
export interface PushResult {
  readonly recordId: RecordId;
  readonly sourceId: string;
  readonly action: 'created' | 'updated' | 'unchanged' | 'rejected';
  readonly recordVersion: number;
  readonly linkState: LinkState;
  readonly externalId: string | null;
  readonly externalVersion: number;
  /** Null when nothing was agreed. */
  readonly fingerprint: string | null;
  readonly metadataKeys: readonly string[];
  readonly code: string | null;
  readonly message: string | null;
}

export interface PushCommit extends Omit<ProgressDelta, 'counts' | 'done'> {
  readonly results: readonly PushResult[];
  /** Records that were as last agreed and need no write of any kind. They are counted when the cursor passes them, with it. */
  readonly unchangedCount: number;
}

export interface PushStore {
  /** Records after a cursor in the order of their ids: all of them, or for an incremental run those that changed. */
  readPage(scope: RunScope, page: { readonly after: RecordId | null; readonly limit: number }): Promise<readonly PushRow[]>;
  /**
   * Marks records whose first write is about to be sent: should its outcome be lost, the mark tells when it may have happened. With
   * `attempt` it also says that earlier idempotency keys may not be used again.
   */
  markPending(scope: RunScope, recordIds: readonly RecordId[], attempt: number): Promise<void>;
  /** Stores results and moves the cursor, in one transaction. Throws SupersededError. */
  commit(scope: RunScope, commit: PushCommit): Promise<CommitResult>;
}

export function createPushStore(db: Database): PushStore {
  return {
    readPage: (scope, { after, limit }) =>
      withVenue(db, scope.venueId, async (tx) => {
        const rows = await tx.execute<Row>(sql`
          select c.id, c.source_id, c.version, c.name, c.email, c.phone, c.address, c.marketing_consent, c.metadata,
            l.record_id as link_id, l.external_id, l.fingerprint, l.state, l.record_version, l.write_attempt, to_jsonb(l.metadata_keys) as metadata_keys, l.created_at::text as link_created_at,
            l.last_sync_id = ${scope.syncId} as counted
          from customers c
          ${linkOfRecord(scope)}
          where c.venue_id = ${scope.venueId} and c.deleted_at is null and (${after}::uuid is null or c.id > ${after}::uuid) and (${scope.mode === 'full'} or ${needsPush})
          order by c.id limit ${limit}`);
        return rows.map(toPushRow);
      }),

    markPending: (scope, recordIds, attempt) =>
      withVenue(db, scope.venueId, async (tx) => {
        await lockRun(tx, scope);
        await tx.execute(sql`
          insert into record_links as l (connection_id, resource, record_id, venue_id, state, write_attempt)
          select ${scope.connectionId}, ${scope.resource}, id::uuid, ${scope.venueId}, 'pending', ${attempt}
          from jsonb_array_elements_text(${JSON.stringify(recordIds)}::jsonb) as id
          on conflict (connection_id, resource, record_id) do update
            set write_attempt = greatest(l.write_attempt, excluded.write_attempt), updated_at = now(),
                state = case when l.external_id is null then 'pending' else l.state end,
                created_at = case when l.external_id is null and l.state <> 'pending' then now() else l.created_at end`);
      }),

    commit: (scope, commit) =>
      withVenue(db, scope.venueId, async (tx) => {
        const { stopRequested } = await lockRun(tx, scope);
        await saveLinks(tx, scope, commit.results);
        await logResults(tx, scope, commit.results);
        const counts = countsOf(commit);
        const progress = await addProgress(tx, scope, { ...commit, counts, done: counts.read ?? 0 });
        return { progress, stopRequested };
      }),
  };
}

interface Row extends Record<string, unknown> {
  readonly id: RecordId;
  readonly source_id: string;
  readonly version: number;
  readonly name: string | null;
  readonly email: string | null;
  readonly phone: string | null;
  readonly address: CustomerFields['address'];
  readonly marketing_consent: boolean | null;
  readonly metadata: CustomerFields['metadata'];
  readonly link_id: string | null;
  readonly external_id: string | null;
  readonly fingerprint: string | null;
  readonly state: LinkState | null;
  readonly record_version: number | null;
  readonly write_attempt: number | null;
  readonly metadata_keys: readonly string[] | null;
  readonly link_created_at: string | null;
  readonly counted: boolean | null;
}

function toPushRow(row: Row): PushRow {
  const { name, email, phone, address, metadata } = row;
  return {
    id: row.id,
    sourceId: row.source_id,
    version: row.version,
    fields: { name, email, phone, address, metadata, marketingConsent: row.marketing_consent },
    link: row.link_id === null ? null : toPushLink(row),
  };
}

function toPushLink(row: Row): PushLink {
  return {
    externalId: row.external_id,
    fingerprint: row.fingerprint,
    state: row.state ?? 'pending',
    recordVersion: row.record_version ?? 0,
    writeAttempt: row.write_attempt ?? 0,
    metadataKeys: row.metadata_keys ?? [],
    createdAt: new Date(row.link_created_at ?? 0),
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
    state: result.linkState,
  }));
  await tx.execute(sql`
    insert into record_links as l (connection_id, resource, record_id, venue_id, external_id, external_version, record_version, fingerprint, metadata_keys,
      state, last_sync_id, synced_at)
    select ${scope.connectionId}, ${scope.resource}, r.record_id, ${scope.venueId}, r.external_id, r.external_version, r.record_version, r.fingerprint,
      r.metadata_keys, r.state, ${scope.syncId}, case when r.fingerprint is null then null else now() end
    from jsonb_to_recordset(${JSON.stringify(links)}::jsonb) as r(record_id uuid, external_id text, external_version bigint, record_version int,
      fingerprint text, metadata_keys text[], state text)
    on conflict (connection_id, resource, record_id) do update set external_id = coalesce(excluded.external_id, l.external_id),
      external_version = greatest(excluded.external_version, l.external_version), record_version = excluded.record_version,
      fingerprint = coalesce(excluded.fingerprint, l.fingerprint),
      metadata_keys = case when excluded.fingerprint is null then l.metadata_keys else excluded.metadata_keys end,
      state = excluded.state, last_sync_id = excluded.last_sync_id, synced_at = coalesce(excluded.synced_at, l.synced_at), updated_at = now()`);
}

async function logResults(tx: Transaction, scope: RunScope, results: readonly PushResult[]): Promise<void> {
  const rows = results.flatMap((result) =>
    result.action === 'unchanged'
      ? []
      : [
          {
            record_id: result.recordId,
            source_id: result.sourceId,
            external_id: result.externalId,
            level: result.action === 'rejected' ? 'error' : 'info',
            action: result.action,
            code: result.code,
            message: result.message,
          },
        ],
  );
  await insertLogs(tx, scope, rows);
}

function countsOf({ results, unchangedCount }: PushCommit): Partial<SyncCounts> {
  const count = (action: PushResult['action']) => results.filter((result) => result.action === action).length;
  return {
    read: results.length + unchangedCount,
    created: count('created'),
    updated: count('updated'),
    unchanged: count('unchanged') + unchangedCount,
    rejected: count('rejected'),
  };
}
