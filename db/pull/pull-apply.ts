import { sql } from 'drizzle-orm';
import type { SQL } from 'drizzle-orm';
import type { RecordId } from '../../contracts/ids.ts';
import { earlierSourceId, pulledSourceId } from '../../domain/sync/pull/source-id.ts';
import { KEPT_FIELDS } from '../../domain/sync/push/kept-fields.ts';
import type { Decided } from './pull-lookup.ts';
import { pulledSql } from './pulled-fields.ts';
import type { PulledRow, PulledSql } from './pulled-fields.ts';
import { MetAnotherWriterError } from './rejections.ts';
import { bySourceId, recordTable, tableOf } from '../records/record-tables.ts';
import { keepAgreed } from '../records/agreed-records.ts';
import { isTwoWay } from './merge-rows.ts';
import { agreedVersionOf, saveMerged } from './pull-agreement.ts';
import { runOf } from '../runs/run-scope.ts';
import type { KindScope } from '../runs/run-scope.ts';
import { resolveReferences, saveReferences, settleReferences } from '../records/record-references.ts';
import { writeMany } from '../core/many-rows.ts';
import { rowsByColumn, textList, uuidList } from '../core/rows-by-column.ts';
import type { GivenColumn } from '../core/rows-by-column.ts';
import { together } from '../core/venue-scope.ts';
import type { Transaction } from '../core/venue-scope.ts';

/**
 * Writes all decisions except deletions: records, their links and dependent rows. Returns those that created a record, with
 * the record of each.
 */
export async function applyPulled(
  tx: Transaction,
  scope: KindScope,
  decided: readonly Decided[],
): Promise<readonly Decided[]> {
  const resolved = await resolveReferences(tx, scope, decided);
  const created = await insertRecords(
    tx,
    scope,
    await withEarlierSourceIds(
      tx,
      scope,
      resolved.filter(({ decision }) => decision === 'create'),
    ),
  );
  const taken = resolved.filter(({ decision }) =>
    ['update', 'overwrite', 'link', 'revive', 'merge'].includes(decision),
  );
  const changed = await updateRecords(
    tx,
    scope,
    taken.filter(({ merged }) => merged?.changesVenue !== false),
  );
  const agreed = [
    ...created,
    ...taken.map((one) => ({
      ...one,
      record: { ...one.record, version: changed.get(one.record.id) ?? one.record.version },
    })),
  ];
  const touched = resolved.filter(({ decision }) => decision === 'touch' || decision === 'hold');
  await together(
    // Sent first, so that what is sent next finds the links.
    saveLinks(tx, scope, [...agreed, ...touched]),
    saveDependents(tx, scope, { resolved, created, taken, agreed }),
  );
  return created;
}

interface Stored {
  readonly resolved: readonly Decided[];
  readonly created: readonly Decided[];
  /** Records that took what the provider has. */
  readonly taken: readonly Decided[];
  /** `created` and `taken`, with the versions that they have now. */
  readonly agreed: readonly Decided[];
}

/** Writes what depends on records and links. */
async function saveDependents(
  tx: Transaction,
  scope: KindScope,
  { resolved, created, taken, agreed }: Stored,
): Promise<void> {
  await saveReferences(tx, scope, { decided: agreed });
  await saveMerged(tx, scope, { agreed, created });
  const ignored = resolved.filter(({ decision }) => decision === 'ignore');
  await fillGaps(tx, scope, ignored);
  await markSeen(tx, scope, ignored);
  await fillFromOlder(tx, scope, [...created, ...resolved.filter(({ decision }) => decision !== 'create')]);
  await settleReferences(tx, scope, [
    ...created,
    ...taken.filter(({ decision }) => decision === 'link' || decision === 'revive'),
  ]);
}

/** How readings of the scope are stored. */
const pulledBy = (scope: KindScope): PulledSql =>
  pulledSql(
    scope.kind,
    scope.mapping?.kept,
    sql`coalesce((select k.metadata_keys from record_links k
      where k.record_id = c.id and k.connection_id = ${scope.connectionId} and k.resource = ${scope.resource}), '{}')`,
  );

/** When two lists return one record in one commit, the older reading still fills what the newer one lacks. */
async function fillFromOlder(tx: Transaction, scope: KindScope, decided: readonly Decided[]): Promise<void> {
  for (let nth = 0; ; nth += 1) {
    const readings = decided.flatMap((one) => {
      const pulled = one.older?.[nth];
      return pulled ? [{ ...one, pulled }] : [];
    });
    if (readings.length === 0) return;
    await fillGaps(tx, scope, readings);
  }
}

/** Deletions after which the remote record is gone. */
const GOES: ReadonlySet<string> = new Set(['archive', 'keep', 'hold']);
/** Decisions that take nothing of the provider's. */
const KEEPS: ReadonlySet<string> = new Set(['touch', 'hold']);

/** Applies deletions: `archive` deletes the record too, `keep` and `hold` leave it. */
export async function applyDeletions(tx: Transaction, scope: KindScope, decided: readonly Decided[]): Promise<void> {
  const archived = decided.filter(({ decision }) => decision === 'archive');
  if (archived.length > 0) {
    await tx.execute(sql`
      with archived as (
        update ${tableOf(scope.kind)} set deleted_at = coalesce(deleted_at, now()), version = version + 1, updated_at = now()
        where id = any (${uuidList(archived.map(({ record }) => record.id))}) returning id),
      ${keepAgreed(recordTable(scope.kind), sql`archived`, scope.connectionId)}
      select count(*) from archived`);
  }
  await moveGone(
    tx,
    scope,
    decided.filter(({ pulled, decision }) => pulled.deleted && GOES.has(decision)),
  );
}

/**
 * Marks links as gone since the versions of the deletions. The external id is kept, because the provider may create it
 * again. A link that goes uses up its idempotency keys: the stored answer to the creation names the deleted remote
 * record.
 */
export async function moveGone(tx: Transaction, scope: KindScope, decided: readonly Decided[]): Promise<void> {
  if (decided.length === 0) return;
  const rows = JSON.stringify(decided.map(({ record, pulled }) => ({ id: record.id, version: pulled.version })));
  await tx.execute(sql`
    update record_links l set external_version = greatest(l.external_version, r.version), write_attempt = l.write_attempt + (l.state <> 'gone')::int,
      state = 'gone', last_sync_id = coalesce(${runOf(scope)}, l.last_sync_id), synced_at = now(), updated_at = now()
    from jsonb_to_recordset(${rows}::jsonb) as r(id uuid, version bigint)
    where l.record_id = r.id and l.connection_id = ${scope.connectionId} and l.resource = ${scope.resource}`);
}

/**
 * Returns the decisions with the record of each. A record that an earlier pull of this account created under the
 * sourceId and that lost its link is reused; one tied to another object by now is not, and the new record gets another
 * sourceId. Throws MetAnotherWriterError.
 */
async function insertRecords(
  tx: Transaction,
  scope: KindScope,
  decided: readonly Decided[],
): Promise<readonly Decided[]> {
  if (decided.length === 0) return [];
  const pulled = pulledBy(scope);
  // A new record has its first version and the given id, so only the others are returned.
  const rows = await writeMany<{ source_id: string }>(
    tx,
    sql`
    with ${given(pulled, decided)}, made as (${insertion(scope, pulled)} on conflict (venue_id, source_id) do nothing returning c.source_id)
    select source_id from given where source_id not in (select source_id from made)`,
  );
  const known = new Set(rows.map((row) => row.source_id));
  const [others, made] = [
    decided.filter(({ record }) => known.has(record.sourceId)),
    decided.filter(({ record }) => !known.has(record.sourceId)),
  ];
  return [
    ...made.map((one) => ({ ...one, record: { ...one.record, version: 1 } })),
    ...(await reuseRecords(tx, scope, others)),
  ];
}

/** A later statement than the insertion, which did not see what it waited for. */
async function reuseRecords(
  tx: Transaction,
  scope: KindScope,
  decided: readonly Decided[],
): Promise<readonly Decided[]> {
  if (decided.length === 0) return [];
  await refuseLinked(tx, scope, decided);
  const pulled = pulledBy(scope);
  const rows = await writeMany<{ id: RecordId; source_id: string; version: number }>(
    tx,
    sql`
    with ${given(pulled, decided)} ${insertion(scope, pulled)}
      on conflict (venue_id, source_id) do update set (${pulled.columns}) = (
        select ${pulled.excluded}), version = c.version + 1, updated_at = now(), deleted_at = null
      where not exists (select from record_links l where l.record_id = c.id and l.connection_id = ${scope.connectionId} and l.resource = ${scope.resource})
      returning c.id, c.source_id, c.version`,
  );
  const reused = new Map(rows.map((row) => [row.source_id, row]));
  const renamed: Decided[] = [];
  const held = decided.flatMap((one): readonly Decided[] => {
    const row = reused.get(one.record.sourceId);
    if (row) return [withRecord(one, { id: row.id, sourceId: row.source_id, version: row.version })];
    const sourceId = pulledSourceId(scope.account, one.pulled.externalId, one.record.id);
    renamed.push(withRecord(one, { ...one.record, sourceId }));
    return [];
  });
  return [...held, ...(await insertRecords(tx, scope, renamed))];
}

const given = (pulled: PulledSql, decided: readonly Decided[]): SQL =>
  sql`given as (select r.* from ${pulled.rows(decided.map(toRow))})`;

const insertion = (scope: KindScope, pulled: PulledSql): SQL => sql`
  insert into ${tableOf(scope.kind)} as c (id, venue_id, source_id, ${pulled.columns})
  select r.id, ${scope.venueId}, r.source_id, ${pulled.values} from given r`;

/** Another writer has created records of these objects since their links were looked up. */
async function refuseLinked(tx: Transaction, scope: KindScope, decided: readonly Decided[]): Promise<void> {
  const ids = decided.map(({ pulled }) => pulled.externalId);
  const linked = await tx.execute(sql`
    select from record_links where connection_id = ${scope.connectionId} and resource = ${scope.resource}
      and external_id = any (${textList(ids)}) limit 1`);
  if (linked.length > 0) throw new MetAnotherWriterError();
}

// The record's ids are part of what is agreed.
const withRecord = (one: Decided, record: Decided['record']): Decided => ({
  ...one,
  record,
  fingerprint: one.pulled.fingerprintFor(record),
});

/** Whether the venue may have records that earlier releases have named without their account. */
export async function mayHaveEarlierSourceIds(
  tx: Transaction,
  { venueId }: Pick<KindScope, 'venueId'>,
): Promise<boolean> {
  const rows = await tx.execute(sql`select from venues where id = ${venueId} and pulled_without_account`);
  return rows.length > 0;
}

/**
 * Records of earlier releases have a sourceId without the account. One that lost its link is found by it, but only in a
 * venue that has never connected another account of the provider, because otherwise its account is unknown.
 */
async function withEarlierSourceIds(
  tx: Transaction,
  scope: KindScope,
  decided: readonly Decided[],
): Promise<readonly Decided[]> {
  if (decided.length === 0 || scope.mayHaveEarlierSourceIds === false) return decided;
  const earlier = new Map(decided.map((one) => [earlierSourceId(scope.account, one.pulled.externalId), one]));
  const rows = await tx.execute<{ source_id: string }>(sql`
    select c.source_id from jsonb_array_elements_text(${JSON.stringify([...earlier.keys()])}::jsonb) as w(source_id)
    cross join lateral ${bySourceId(tableOf(scope.kind), sql`w.source_id`)} c
    where (select pulled_without_account from venues where id = ${scope.venueId})
      and (select count(*) from connections where provider = ${scope.provider} and external_account_id is not null) = 1
      and not exists (select from record_links l where l.record_id = c.id and l.resource = ${scope.resource})`);
  const found = new Set(rows.map((row) => row.source_id));
  if (found.size === 0) return decided;
  return decided.map((one) => {
    const sourceId = earlierSourceId(scope.account, one.pulled.externalId);
    return found.has(sourceId) ? withRecord(one, { ...one.record, sourceId }) : one;
  });
}

/** Returns the new versions of the changed records. */
async function updateRecords(
  tx: Transaction,
  scope: KindScope,
  decided: readonly Decided[],
): Promise<ReadonlyMap<RecordId, number>> {
  if (decided.length === 0) return new Map();
  const pulled = pulledBy(scope);
  const rows = await tx.execute<{ id: RecordId; version: number }>(sql`
    with changed as (update ${tableOf(scope.kind)} c set ${pulled.merge}, version = c.version + 1, updated_at = now(), deleted_at = null
    from ${pulled.rows(decided.map(toRow))} where c.id = r.id and (c.deleted_at is not null or ${pulled.differs}) returning c.id, c.version),
    ${keepAgreed(recordTable(scope.kind), sql`changed`, scope.connectionId)}
    select id, version from changed`);
  return new Map(rows.map((row) => [row.id, row.version]));
}

/**
 * Fills gaps from a version older than the applied one, such as a fee: an event has none, and counts as newer than a
 * listing of the same second. The order in which two lists are read therefore makes no difference. This is no change by
 * the venue, so what was agreed moves along.
 */
async function fillGaps(tx: Transaction, scope: KindScope, ignored: readonly Decided[]): Promise<void> {
  const pulled = pulledBy(scope);
  const { fill } = pulled;
  const older = ignored.filter((one) => one.record.version > 0 && one.pulled.fields !== null);
  if (!fill || older.length === 0) return;
  await saveReferences(tx, scope, { decided: older, older: true });
  await tx.execute(sql`
    with changed as (
      update ${tableOf(scope.kind)} c set ${fill.set}, version = c.version + 1, updated_at = now()
      from ${pulled.rows(older.map(toRow))} where c.id = r.id and c.deleted_at is null and ${fill.differs} returning c.id, c.version)
    update record_links l set record_version = changed.version from changed
    where l.connection_id = ${scope.connectionId} and l.resource = ${scope.resource} and l.record_id = changed.id and l.record_version = changed.version - 1`);
}

function toRow({ record, pulled }: Decided): PulledRow {
  if (!pulled.fields) throw new Error('a record without fields cannot be stored');
  return { id: record.id, sourceId: record.sourceId, fields: pulled.fields };
}

async function saveLinks(tx: Transaction, scope: KindScope, decided: readonly Decided[]): Promise<void> {
  if (decided.length === 0) return;
  const columns: readonly GivenColumn<Decided>[] = [
    { name: 'record_id', type: 'uuid', of: ({ record }) => record.id },
    { name: 'external_id', type: 'text', of: ({ pulled }) => pulled.externalId },
    { name: 'external_version', type: 'bigint', of: ({ pulled }) => pulled.version },
    {
      name: 'record_version',
      type: 'int',
      of: ({ decision, merged, record }) => agreedVersionOf({ decision, merged, record }),
    },
    // A version that was merely seen again agrees on nothing new.
    {
      name: 'mapping_version',
      type: 'int',
      of: ({ decision }) => (decision === 'touch' ? null : (scope.mapping?.version ?? 0)),
    },
    // Null keeps both. A two-way run has seen the version that it knows, or leaves the link as it is for a conflict.
    {
      name: 'fingerprint',
      type: 'text',
      of: ({ merged, decision, fingerprint }) =>
        merged ? merged.fingerprint : isTwoWay(scope) && KEEPS.has(decision) ? null : fingerprint,
    },
    // With `hold`: the version that the person who decides has seen.
    {
      name: 'remote_fingerprint',
      type: 'text',
      of: ({ merged, decision, fingerprint }) =>
        decision === 'hold' ? fingerprint : (merged?.remoteFingerprint ?? null),
    },
    { name: 'metadata_keys', type: 'text[]', of: ({ pulled }) => pulled.metadataKeys },
    { name: 'external_state', type: 'jsonb', of: ({ pulled }) => pulled.externalState },
    { name: 'brought', type: 'boolean', of: ({ decision }) => decision === 'create' },
  ];
  await writeMany(
    tx,
    sql`
    insert into record_links as l (connection_id, resource, record_id, venue_id, external_id, external_version, record_version, mapping_version, fingerprint, remote_fingerprint, metadata_keys,
      external_state, state, brought, last_sync_id, synced_at)
    select ${scope.connectionId}, ${scope.resource}, r.record_id, ${scope.venueId}, r.external_id, r.external_version, coalesce(r.record_version, 0), coalesce(r.mapping_version, 0), r.fingerprint,
      nullif(r.remote_fingerprint, r.fingerprint), r.metadata_keys, r.external_state, 'linked', r.brought, ${runOf(scope)}, now()
    from ${rowsByColumn(decided, columns)}
    on conflict (connection_id, resource, record_id) do update set external_id = excluded.external_id,
      external_version = greatest(excluded.external_version, l.external_version), brought = l.brought or excluded.brought,
      record_version = case when excluded.record_version = 0 then l.record_version else excluded.record_version end,
      mapping_version = case when excluded.record_version = 0 then l.mapping_version else excluded.mapping_version end,
      fingerprint = coalesce(excluded.fingerprint, l.fingerprint),
      remote_fingerprint = case when excluded.fingerprint is null then coalesce(excluded.remote_fingerprint, l.remote_fingerprint) else excluded.remote_fingerprint end, metadata_keys = excluded.metadata_keys,
      external_state = coalesce(excluded.external_state, l.external_state - ${KEPT_FIELDS}::text),
      state = case when l.state = 'archived' then l.state else excluded.state end,
      last_sync_id = coalesce(excluded.last_sync_id, l.last_sync_id), synced_at = excluded.synced_at, updated_at = now()`,
  );
}

/** A record in a listing exists, even if we know a newer version, so it must not count as missing. */
async function markSeen(tx: Transaction, scope: KindScope, decided: readonly Decided[]): Promise<void> {
  const ids = decided.filter(({ record }) => record.version > 0).map(({ record }) => record.id);
  if (ids.length === 0) return;
  await tx.execute(sql`
    update record_links set last_sync_id = ${scope.syncId}
    where connection_id = ${scope.connectionId} and resource = ${scope.resource}
      and record_id = any (${uuidList(ids)})`);
}
