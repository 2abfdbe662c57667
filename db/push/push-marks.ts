import { sql } from 'drizzle-orm';
import type { SQL } from 'drizzle-orm';
import type { RecordId } from '../../contracts/ids.ts';
import { KEPT_FIELDS } from '../../domain/sync/push/kept-fields.ts';
import { moveMerged } from '../pull/merged-objects.ts';
import { shareRun } from '../runs/run-scope.ts';
import type { RunScope } from '../runs/run-scope.ts';
import { writeMany } from '../core/many-rows.ts';
import { together, withVenue } from '../core/venue-scope.ts';
import type { Database, Transaction } from '../core/venue-scope.ts';

export interface SentUpdate {
  readonly recordId: RecordId;
  readonly version: number;
  readonly metadataKeys: readonly string[];
}

export interface PendingMark {
  readonly attempt: number;
  /**
   * Of records that are about to be sent in one batch: if its outcome is lost, the batch is repeated with the same records
   * under the same key.
   */
  readonly batchKey?: string;
  /**
   * By record what is kept of the object that was found for it. Once the object has been written, nothing else tells that
   * it was there before.
   */
  readonly kept?: ReadonlyMap<RecordId, readonly string[]>;
}

/** Marks that a write may have happened, before it is sent. Throws SupersededError. */
export interface PushMarks {
  /**
   * Marks records whose first write is about to be sent: if its outcome is lost, the mark says when it may have
   * happened. `attempt` also invalidates earlier idempotency keys. A remote record that is gone is removed from the
   * link.
   */
  markPending(scope: RunScope, recordIds: readonly RecordId[], mark: PendingMark): Promise<void>;
  /**
   * Like `markPending`, for a record whose remote record turned out to be deleted and which is about to be created
   * again.
   */
  markAnew(scope: RunScope, recordId: RecordId, attempt: number): Promise<void>;
  /** Gives a record the object that the provider has merged its own into, before it is written to. */
  markMerged(
    scope: RunScope,
    recordId: RecordId,
    merge: { readonly into: string; readonly from: string },
  ): Promise<void>;
  /**
   * Marks records whose remote record is about to be updated: if the outcome is lost and the record changes again, the
   * mark says that the remote record may be neither as agreed nor as wanted. The metadata keys count as written to the
   * provider.
   */
  markSent(scope: RunScope, updates: readonly SentUpdate[]): Promise<void>;
}

export function marksOf(db: Database): PushMarks {
  return {
    markPending: (scope, recordIds, mark) =>
      marking(db, scope, (tx) => insertPending(tx, scope, { recordIds, ...mark })),
    markAnew: (scope, recordId, attempt) =>
      marking(db, scope, async (tx) => {
        await tx.execute(sql`
          update record_links set state = 'gone' where record_id = ${recordId} and connection_id = ${scope.connectionId} and resource = ${scope.resource}`);
        await insertPending(tx, scope, { recordIds: [recordId], attempt });
      }),
    markMerged: (scope, id, { into, from }) =>
      marking(db, scope, (tx) => moveMerged(tx, scope, [{ into, from: [from], moved: [{ id, externalId: into }] }])),
    markSent: (scope, updates) => marking(db, scope, (tx) => tx.execute(sentUpdates(scope, updates))),
  };
}

function marking(db: Database, scope: RunScope, mark: (tx: Transaction) => Promise<unknown>): Promise<void> {
  // Sent without waiting for the lock, which comes first all the same: a mark of a superseded attempt is rolled back.
  // Marks change no row of the run, and those of several batches wait neither for each other nor for results.
  return withVenue(db, scope.venueId, async (tx) => {
    await together(shareRun(tx, scope), mark(tx));
  });
}

const insertPending = (
  tx: Transaction,
  scope: RunScope,
  { recordIds, attempt, batchKey, kept = new Map() }: PendingMark & { readonly recordIds: readonly RecordId[] },
) =>
  writeMany(
    tx,
    sql`
    insert into record_links as l (connection_id, resource, record_id, venue_id, state, write_attempt, batch_key, external_state)
    select ${scope.connectionId}, ${scope.resource}, id, ${scope.venueId}, 'pending', ${attempt}, ${batchKey ?? null}, ${stateOf(kept)} -> id::text
    from unnest(${idsOf(recordIds)}) as id
    on conflict (connection_id, resource, record_id) do update
      set batch_key = coalesce(excluded.batch_key, case when l.state = 'pending' and excluded.write_attempt <= l.write_attempt then l.batch_key end),
          write_attempt = greatest(l.write_attempt, excluded.write_attempt), updated_at = now(),
          state = case when ${hasNoRemote} then 'pending' else l.state end,
          created_at = case when ${hasNoRemote} and l.state <> 'pending' then now() else l.created_at end,
          external_id = case when ${isGone} then null else l.external_id end, external_version = case when ${isGone} then 0 else l.external_version end,
          fingerprint = case when ${isGone} then null else l.fingerprint end, metadata_keys = case when ${isGone} then '{}' else l.metadata_keys end,
          external_state = case when ${isGone} then null else coalesce(l.external_state || excluded.external_state, excluded.external_state, l.external_state) end, sent_version = case when ${isGone} then null else l.sent_version end,
          sent_at = case when ${isGone} then null else l.sent_at end`,
  );

/** What the links begin to say, by record. */
function stateOf(kept: ReadonlyMap<RecordId, readonly string[]>): SQL {
  const byRecord = [...kept].map(([id, names]) => [id, { [KEPT_FIELDS]: names.join(',') }]);
  return sql`${JSON.stringify(Object.fromEntries(byRecord))}::jsonb`;
}

/**
 * One list, so that each id is looked up by the key: where Postgres knows nothing of a connection's links yet, it would
 * read them all for a subquery, and compare each with every id.
 */
const idsOf = (recordIds: readonly RecordId[]) =>
  sql`array(select json_array_elements_text(${JSON.stringify(recordIds)}::json)::uuid)`;

const isGone = sql`l.state = 'gone'`;
const hasNoRemote = sql`(l.external_id is null or ${isGone})`;

type LinkScope = Pick<RunScope, 'connectionId' | 'resource'>;

export function sentUpdates({ connectionId, resource }: LinkScope, updates: readonly SentUpdate[]): SQL {
  const byRecord = Object.fromEntries(
    updates.map(({ recordId, version, metadataKeys }) => [recordId, { version, keys: metadataKeys }]),
  );
  const sent = sql`(${JSON.stringify(byRecord)}::jsonb -> record_id::text)`;
  return sql`
    update record_links set sent_version = coalesce(sent_version, (${sent} ->> 'version')::int), sent_at = coalesce(sent_at, now()), updated_at = now(),
      metadata_keys = array(select unnest(metadata_keys) union select jsonb_array_elements_text(${sent} -> 'keys'))
    where record_id = any (${idsOf(updates.map(({ recordId }) => recordId))}) and connection_id = ${connectionId} and resource = ${resource}`;
}
