import { sql } from 'drizzle-orm';
import type { LinkState, RecordNote } from '../../contracts/records.ts';
import type { SyncCounts } from '../../contracts/sync.ts';
import { meetPlan } from '../runs/plan-items.ts';
import type { PlanEntry } from '../runs/plan-items.ts';
import type { CommitResult } from '../pull/pull-store.ts';
import type { StoreEach } from '../pull/rejections.ts';
import { settlePushed } from '../dead-letters/rejected-records.ts';
import { lockRun } from '../runs/run-scope.ts';
import { savePushed } from './push-agreement.ts';
import type { Pushed } from './push-agreement.ts';
import type { KindScope, RunScope } from '../runs/run-scope.ts';
import { addProgress } from '../runs/run-state.ts';
import type { ProgressDelta } from '../runs/run-state.ts';
import { insertLogs } from '../runs/sync-log.ts';
import { settleReferencesTo } from '../records/record-references.ts';
import { writeMany } from '../core/many-rows.ts';
import { rowsByColumn } from '../core/rows-by-column.ts';
import type { GivenColumn } from '../core/rows-by-column.ts';
import { together } from '../core/venue-scope.ts';
import type { Transaction } from '../core/venue-scope.ts';

/** The outcome for one record. */
export interface PushResult extends Pushed {
  readonly sourceId: string;
  readonly linkState: LinkState;
  readonly externalId: string | null;
  readonly externalVersion: number;
  /** Null when nothing was agreed. */
  readonly fingerprint: string | null;
  readonly metadataKeys: readonly string[];
  readonly externalState: Readonly<Record<string, string | number>> | null;
  /** Fingerprint of the remote record as the write's answer tells it; null without one. */
  readonly remoteFingerprint: string | null;
  /** What the write could not carry over or left behind. */
  readonly notes: readonly RecordNote[];
  readonly code: string | null;
  readonly message: string | null;
}

export interface PushCommit extends Omit<ProgressDelta, 'counts' | 'done'> {
  readonly results: readonly PushResult[];
  /** The plan's entries for the results; empty without a plan. */
  readonly entries: readonly PlanEntry[];
  /** Records equal to what was last agreed, which need no write. They are counted when the cursor passes them. */
  readonly unchangedCount: number;
}

/** Stores the outcomes of records, with their plan entries. A result that the database refuses rejects its record. */
export async function commitResults(
  { tx, scope, storeEach }: { readonly tx: Transaction; readonly scope: KindScope; readonly storeEach: StoreEach },
  commit: PushCommit,
): Promise<CommitResult> {
  const { stopRequested } = await lockRun(tx, scope);
  const entries = new Map(commit.entries.map((entry) => [entry.key, entry]));
  const store = async (sp: Transaction, results: readonly PushResult[]): Promise<readonly PushResult[]> => {
    // None waits for another: beside other runs, each round trip waits for its turn in the worker.
    await together(
      saveLinks(sp, scope, results),
      // In this order: what names the records may be among those that are stored.
      savePushed(sp, scope, results).then(() => settleReferencesTo(sp, scope, { records: results.flatMap(toTied) })),
      meetPlan(
        sp,
        scope,
        results.flatMap((result) => withAction(entries.get(result.recordId), result)),
      ),
      logResults(sp, scope, results),
    );
    return results;
  };
  const stored = await storeEach(commit.results, store);
  const refused = stored.refused.map(({ item, reason }) => notStored(item, reason));
  const again = await storeEach(refused, store);
  // Results of which not even the rejection can be stored are recorded only in the run's log.
  const logged = again.refused.map(({ item }) => item);
  await logResults(tx, scope, logged);
  const results = [...stored.results.flat(), ...again.results.flat(), ...logged];
  const counts = countsOf({ ...commit, results });
  const [, progress] = await together(
    settlePushed(tx, scope, results),
    addProgress(tx, scope, { ...commit, counts, done: counts.read ?? 0 }),
  );
  return { progress, stopRequested };
}

/**
 * The outcome of the write is lost. A first write stays one whose outcome is looked up; nothing else of the link
 * changes.
 */
function notStored(result: PushResult, reason: string): PushResult {
  return {
    ...result,
    ...{
      action: 'rejected',
      linkState: result.action === 'created' ? 'pending' : 'rejected',
      externalId: null,
      externalVersion: 0,
      fingerprint: null,
      externalState: null,
      remoteFingerprint: null,
      answer: null,
    },
    ...{ code: 'not-storable', message: `The database does not store what the provider answered (${reason}).` },
  };
}

const withAction = (entry: PlanEntry | undefined, { code }: PushResult): readonly PlanEntry[] =>
  entry === undefined ? [] : [code === 'not-storable' ? { ...entry, action: 'reject' } : entry];

const toTied = ({ action, externalId, recordId, sourceId }: PushResult) =>
  action === 'created' && externalId !== null ? [{ externalId, id: recordId, sourceId }] : [];

async function saveLinks(tx: Transaction, scope: RunScope, results: readonly PushResult[]): Promise<void> {
  if (results.length === 0) return;
  // A remote record that was deleted for good is removed from the link: if the record is restored, it is created anew
  // under another idempotency key.
  await writeMany(
    tx,
    sql`
    insert into record_links as l (connection_id, resource, record_id, venue_id, external_id, external_version, record_version, mapping_version, fingerprint, remote_fingerprint, metadata_keys,
      external_state, state, refusals, notes, last_sync_id, last_push_id, synced_at)
    select ${scope.connectionId}, ${scope.resource}, r.record_id, ${scope.venueId}, r.external_id, r.external_version, r.record_version, ${scope.mapping?.version ?? 0}, r.fingerprint,
      r.remote_fingerprint, r.metadata_keys, r.external_state, r.state, (r.state = 'rejected')::int, r.notes, ${scope.syncId}, ${scope.syncId}, case when r.state = 'linked' then now() end
    from ${rowsByColumn(results, LINK_COLUMNS)}
    on conflict (connection_id, resource, record_id) do update set
      external_id = case when excluded.state = 'archived' or l.state = 'gone' then excluded.external_id else coalesce(excluded.external_id, l.external_id) end,
      external_version = greatest(excluded.external_version, l.external_version), record_version = excluded.record_version,
      fingerprint = coalesce(excluded.fingerprint, l.fingerprint),
      mapping_version = case when excluded.fingerprint is null then l.mapping_version else excluded.mapping_version end,
      remote_fingerprint = case when excluded.remote_fingerprint is null then l.remote_fingerprint else nullif(excluded.remote_fingerprint, excluded.fingerprint) end,
      metadata_keys = case when excluded.fingerprint is null then l.metadata_keys else excluded.metadata_keys end,
      external_state = coalesce(excluded.external_state, l.external_state),
      notes = coalesce(excluded.notes, l.notes), batch_key = null,
      sent_version = case when excluded.state <> 'rejected' then null else l.sent_version end,
      sent_at = case when excluded.state <> 'rejected' then null else l.sent_at end,
      write_attempt = l.write_attempt + (excluded.state = 'archived' and excluded.external_id is null)::int, refusals = l.refusals + excluded.refusals,
      state = excluded.state, last_sync_id = excluded.last_sync_id, last_push_id = excluded.last_push_id, synced_at = coalesce(excluded.synced_at, l.synced_at), updated_at = now()`,
  );
}

const LINK_COLUMNS: readonly GivenColumn<PushResult>[] = [
  { name: 'record_id', type: 'uuid', of: ({ recordId }) => recordId },
  { name: 'external_id', type: 'text', of: ({ externalId }) => externalId },
  { name: 'external_version', type: 'bigint', of: ({ externalVersion }) => externalVersion },
  { name: 'record_version', type: 'int', of: ({ recordVersion }) => recordVersion },
  { name: 'fingerprint', type: 'text', of: ({ fingerprint }) => fingerprint },
  { name: 'remote_fingerprint', type: 'text', of: ({ remoteFingerprint }) => remoteFingerprint },
  { name: 'metadata_keys', type: 'text[]', of: ({ metadataKeys }) => metadataKeys },
  { name: 'external_state', type: 'jsonb', of: ({ externalState }) => externalState },
  { name: 'state', type: 'text', of: ({ linkState }) => linkState },
  {
    ...{ name: 'notes', type: 'jsonb' },
    of: ({ action, notes }) => (action === 'unchanged' || action === 'rejected' ? null : notes),
  },
];

/** Expected outcomes are logged as info, others at a higher level. */
const levelOf = ({ action, code }: PushResult) => (action === 'rejected' ? 'error' : code === null ? 'info' : 'warn');

const aboutOf = ({ recordId, sourceId, externalId }: PushResult) => ({
  record_id: recordId,
  source_id: sourceId,
  external_id: externalId,
});

async function logResults(tx: Transaction, scope: RunScope, results: readonly PushResult[]): Promise<void> {
  await insertLogs(tx, scope, results.flatMap(linesOf));
}

/** A note stands in the line of its write where that says nothing else: ten thousand records with one are as many lines. */
function linesOf(result: PushResult) {
  const about = aboutOf(result);
  const lineOf = (note: RecordNote) => ({ ...about, ...note, level: 'warn', action: 'note' });
  const { action, code, message, notes } = result;
  if (action === 'unchanged') return notes.map(lineOf);
  const [first, ...others] = notes;
  return code === null && first !== undefined
    ? [{ ...about, ...first, level: 'warn', action }, ...others.map(lineOf)]
    : [{ ...about, level: levelOf(result), action, code, message }, ...notes.map(lineOf)];
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
