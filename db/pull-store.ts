import { sql } from 'drizzle-orm';
import { v7 as uuidv7 } from 'uuid';
import type { RecordId } from '../contracts/ids.ts';
import type { CustomerFields } from '../contracts/records.ts';
import type { SyncProgress } from '../contracts/sync.ts';
import { decidePull } from '../domain/pull-decision.ts';
import type { KnownTwin, PullDecision } from '../domain/pull-decision.ts';
import { addProgress, linkOfRecord, lockRun } from './sync-progress-store.ts';
import type { ProgressDelta, RunScope } from './sync-progress-store.ts';
import { withVenue } from './venue-scope.ts';
import type { Database, Transaction } from './venue-scope.ts';

/** One record as pulled, with what a push of it would agree on. */
export interface PulledRecord {
  readonly externalId: string;
  readonly version: number;
  readonly deleted: boolean;
  /** Our record's id, where an earlier push left it at the provider. */
  readonly recordId: RecordId | null;
  readonly fields: CustomerFields | null;
  /** Of the fields as a push of the record with this id and sourceId would map them; null for a deletion. */
  readonly fingerprintFor: (record: { readonly id: RecordId; readonly sourceId: string }) => string | null;
}

export interface PullCommit extends Omit<ProgressDelta, 'counts' | 'done'> {
  readonly records: readonly PulledRecord[];
}

export interface CommitResult {
  readonly progress: SyncProgress;
  readonly stopRequested: boolean;
}

export interface PullStore {
  /** Applies pages and moves the cursor, in one transaction: either both are there or neither. Throws SupersededError. */
  commit(scope: RunScope, pages: PullCommit): Promise<CommitResult>;
}

export function createPullStore(db: Database): PullStore {
  return {
    commit: (scope, pages) =>
      withVenue(db, scope.venueId, async (tx) => {
        const { stopRequested } = await lockRun(tx, scope);
        const pulled = newestOfEach(pages.records);
        const decided = await decide(tx, scope, pulled);
        await apply(tx, scope, decided);
        const progress = await addProgress(tx, scope, { ...pages, done: pages.records.length, counts: countsOf(pages.records.length, decided) });
        return { progress, stopRequested };
      }),
  };
}

interface Decided {
  readonly pulled: PulledRecord;
  readonly decision: PullDecision;
  readonly record: { readonly id: RecordId; readonly sourceId: string; readonly version: number };
  readonly fingerprint: string | null;
}

/** A change feed may tell of a record twice on one page: newest first, so of equal versions the first is the later one. */
function newestOfEach(records: readonly PulledRecord[]): readonly PulledRecord[] {
  const newest = new Map<string, PulledRecord>();
  for (const record of records) {
    const seen = newest.get(record.externalId);
    if (!seen || record.version > seen.version) newest.set(record.externalId, record);
  }
  return [...newest.values()];
}

interface TwinRow extends Record<string, unknown> {
  readonly id: RecordId;
  readonly source_id: string;
  readonly version: number;
  readonly deleted: boolean;
  readonly external_id: string | null;
  readonly external_version: string | null;
  readonly link_record_version: number | null;
  readonly fingerprint: string | null;
  readonly state: string | null;
}

async function decide(tx: Transaction, scope: RunScope, pulled: readonly PulledRecord[]): Promise<readonly Decided[]> {
  const wanted = {
    externalIds: pulled.map(({ externalId }) => externalId),
    recordIds: pulled.flatMap(({ recordId }) => (recordId === null ? [] : [recordId])),
  };
  const rows = await tx.execute<TwinRow>(sql`
    with wanted as (select * from jsonb_to_record(${JSON.stringify(wanted)}::jsonb) as w("externalIds" text[], "recordIds" uuid[])),
    twins as (
      select l.record_id as id from record_links l, wanted
        where l.connection_id = ${scope.connectionId} and l.resource = ${scope.resource} and l.external_id = any (wanted."externalIds")
      union select unnest(wanted."recordIds") from wanted)
    select c.id, c.source_id, c.version, c.deleted_at is not null as deleted,
      l.external_id, l.external_version, l.record_version as link_record_version, l.fingerprint, l.state
    from twins join customers c on c.id = twins.id
    ${linkOfRecord(scope)}
    order by c.id for no key update of c`);
  const byExternalId = new Map(rows.flatMap((row) => (row.external_id === null ? [] : [[row.external_id, row] as const])));
  // A record that is tied to another twin already is not this one's: its id was copied at the provider.
  const untied = new Map(rows.flatMap((row) => (row.external_id === null ? [[row.id, row] as const] : [])));

  return pulled.map((one) => {
    const row = byExternalId.get(one.externalId) ?? (one.recordId === null ? undefined : untied.get(one.recordId));
    const record = row
      ? { id: row.id, sourceId: row.source_id, version: row.version }
      : { id: uuidv7() as RecordId, sourceId: `${scope.provider}:${one.externalId}`, version: 0 };
    const fingerprint = one.fingerprintFor(record);
    return { pulled: one, record, fingerprint, decision: decidePull({ ...one, fingerprint }, row ? toKnown(row) : null) };
  });
}

function toKnown(row: TwinRow): KnownTwin {
  const { external_id, external_version, link_record_version, fingerprint, state } = row;
  return {
    recordVersion: row.version,
    recordDeleted: row.deleted,
    link:
      external_id === null
        ? null
        : { externalVersion: Number(external_version), recordVersion: link_record_version ?? 0, fingerprint, gone: state === 'gone' },
  };
}

async function apply(tx: Transaction, scope: RunScope, decided: readonly Decided[]): Promise<void> {
  const created = await insertRecords(tx, scope, decided.filter(({ decision }) => decision === 'create'));
  const taken = decided.filter(({ decision }) => ['update', 'overwrite', 'adopt'].includes(decision));
  const changed = await updateRecords(tx, taken);
  await archiveRecords(tx, decided.filter(({ decision }) => decision === 'archive'));
  const touched = decided.filter(({ decision }) => decision === 'touch' || decision === 'archive');
  await saveLinks(tx, scope, [
    ...created,
    ...taken.map((one) => ({ ...one, record: { ...one.record, version: changed.get(one.record.id) ?? one.record.version } })),
    ...touched,
  ]);
  await logRecords(tx, scope, decided);
}

/** Returns the decisions with the record that holds them: a record that already has the sourceId is taken over, not doubled. */
async function insertRecords(tx: Transaction, scope: RunScope, decided: readonly Decided[]): Promise<readonly Decided[]> {
  if (decided.length === 0) return [];
  const rows = await tx.execute<{ id: RecordId; source_id: string; version: number }>(sql`
    insert into customers as c (id, venue_id, source_id, name, email, phone, address, marketing_consent, metadata)
    select r.id, ${scope.venueId}, r.source_id, r.name, r.email, r.phone, r.address, r.marketing_consent, r.metadata
    from ${recordset(decided)}
    on conflict (venue_id, source_id) do update set name = excluded.name, email = excluded.email, phone = excluded.phone, address = excluded.address,
      marketing_consent = excluded.marketing_consent, metadata = excluded.metadata, version = c.version + 1, updated_at = now(), deleted_at = null
    returning c.id, c.source_id, c.version`);
  const bySource = new Map(rows.map((row) => [row.source_id, row]));
  return decided.map((one) => {
    const row = bySource.get(one.record.sourceId);
    if (!row) return one;
    const record = { id: row.id, sourceId: row.source_id, version: row.version };
    // The id is part of what is agreed: only a record that was taken over has another than the one decided on.
    return row.id === one.record.id ? { ...one, record } : { ...one, record, fingerprint: one.pulled.fingerprintFor(record) };
  });
}

async function updateRecords(tx: Transaction, decided: readonly Decided[]): Promise<ReadonlyMap<RecordId, number>> {
  if (decided.length === 0) return new Map();
  const rows = await tx.execute<{ id: RecordId; version: number }>(sql`
    update customers c set name = r.name, email = r.email, phone = r.phone, address = r.address, marketing_consent = r.marketing_consent,
      metadata = r.metadata, version = c.version + 1, updated_at = now()
    from ${recordset(decided)} where c.id = r.id returning c.id, c.version`);
  return new Map(rows.map((row) => [row.id, row.version]));
}

async function archiveRecords(tx: Transaction, decided: readonly Decided[]): Promise<void> {
  if (decided.length === 0) return;
  const ids = decided.map(({ record }) => record.id);
  await tx.execute(sql`
    update customers set deleted_at = coalesce(deleted_at, now()), version = version + 1, updated_at = now()
    where id in (select jsonb_array_elements_text(${JSON.stringify(ids)}::jsonb)::uuid)`);
}

async function saveLinks(tx: Transaction, scope: RunScope, decided: readonly Decided[]): Promise<void> {
  if (decided.length === 0) return;
  const links = decided.map(({ pulled, record, fingerprint, decision }) => ({
    record_id: record.id,
    external_id: pulled.externalId,
    external_version: pulled.version,
    // A version that only was seen again agrees on nothing new.
    record_version: decision === 'touch' || decision === 'archive' ? null : record.version,
    fingerprint: decision === 'archive' ? null : fingerprint,
    metadata_keys: Object.keys(pulled.fields?.metadata ?? {}),
    state: decision === 'archive' ? 'gone' : 'linked',
  }));
  await tx.execute(sql`
    insert into record_links as l (connection_id, resource, record_id, venue_id, external_id, external_version, record_version, fingerprint, metadata_keys,
      state, last_sync_id, synced_at)
    select ${scope.connectionId}, ${scope.resource}, r.record_id, ${scope.venueId}, r.external_id, r.external_version, coalesce(r.record_version, 0), r.fingerprint,
      r.metadata_keys, r.state, ${scope.syncId}, now()
    from jsonb_to_recordset(${JSON.stringify(links)}::jsonb) as r(record_id uuid, external_id text, external_version bigint, record_version int,
      fingerprint text, metadata_keys text[], state text)
    on conflict (connection_id, resource, record_id) do update set external_id = excluded.external_id, external_version = excluded.external_version,
      record_version = case when excluded.record_version = 0 then l.record_version else excluded.record_version end,
      fingerprint = coalesce(excluded.fingerprint, l.fingerprint), metadata_keys = excluded.metadata_keys, state = excluded.state,
      last_sync_id = excluded.last_sync_id, synced_at = excluded.synced_at, updated_at = now()`);
}

async function logRecords(tx: Transaction, scope: RunScope, decided: readonly Decided[]): Promise<void> {
  const rows = decided.flatMap(({ decision, record, pulled }) => {
    const row = { record_id: record.id, source_id: record.sourceId, external_id: pulled.externalId };
    if (decision === 'archive') return [{ ...row, level: 'info', action: 'archived', code: 'deleted-at-provider', message: 'The provider deleted this record.' }];
    if (decision !== 'overwrite') return [];
    const message = 'Both sides changed since they last agreed; a pull takes the provider’s values.';
    return [{ ...row, level: 'warn', action: 'conflict', code: 'venue-change-overwritten', message }];
  });
  await insertLogs(tx, scope, rows);
}

export interface LogInsert {
  readonly record_id: RecordId;
  readonly source_id: string;
  readonly external_id: string | null;
  readonly level: string;
  readonly action: string;
  readonly code: string | null;
  readonly message: string | null;
}

export async function insertLogs(tx: Transaction, scope: RunScope, rows: readonly LogInsert[]): Promise<void> {
  if (rows.length === 0) return;
  await tx.execute(sql`
    insert into sync_logs (venue_id, sync_id, level, action, record_id, source_id, external_id, code, message)
    select ${scope.venueId}, ${scope.syncId}, r.level, r.action, r.record_id, r.source_id, r.external_id, r.code, r.message
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as r(level text, action text, record_id uuid, source_id text, external_id text, code text, message text)`);
}

const NO_FIELDS: CustomerFields = { name: null, email: null, phone: null, address: null, marketingConsent: null, metadata: {} };

function recordset(decided: readonly Decided[]) {
  const rows = decided.map(({ record, pulled }) => {
    const { marketingConsent, ...fields } = pulled.fields ?? NO_FIELDS;
    return { id: record.id, source_id: record.sourceId, marketing_consent: marketingConsent, ...fields };
  });
  return sql`jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as r(id uuid, source_id text, name text, email text, phone text, address jsonb,
    marketing_consent boolean, metadata jsonb)`;
}

function countsOf(read: number, decided: readonly Decided[]): ProgressDelta['counts'] {
  const count = (...decisions: PullDecision[]) => decided.filter(({ decision }) => decisions.includes(decision)).length;
  const created = count('create');
  const updated = count('update', 'overwrite', 'adopt');
  const archived = count('archive');
  return { read, created, updated, archived, conflicts: count('overwrite'), unchanged: read - created - updated - archived };
}
