import { sql } from 'drizzle-orm';
import type { SQL } from 'drizzle-orm';
import type { ConflictField } from '../../contracts/conflicts.ts';
import type { RecordId } from '../../contracts/ids.ts';
import { differsUnwritten } from '../../domain/mapping/kept-fields.ts';
import { decidePull } from '../../domain/sync/pull/pull-decision.ts';
import { decideTwoWay } from '../../domain/sync/merge/two-way-decision.ts';
import type { TwoWayDecision } from '../../domain/sync/merge/two-way-decision.ts';
import { pulledSourceId } from '../../domain/sync/pull/source-id.ts';
import type { KnownRemote, PulledVersion } from '../../domain/sync/pull/pull-decision.ts';
import type { MergePolicies } from './merge-policies.ts';
import { isTwoWay, mergeColumns, mergeJoin } from './merge-rows.ts';
import type { MergedRecord, MergeRow } from './merge-rows.ts';
import type { PulledRecord } from './pulled-record.ts';
import { comparableFields } from '../../records/comparable-fields.ts';
import type { RecordKind } from '../../records/record-kind.ts';
import { lookUpFunction, tableOf } from '../records/record-tables.ts';
import { linkOfRecord } from '../runs/run-scope.ts';
import type { KindScope } from '../runs/run-scope.ts';
import { newIds } from '../records/new-ids.ts';
import { rowsByColumn, uuidList } from '../core/rows-by-column.ts';
import type { GivenColumn } from '../core/rows-by-column.ts';
import { executeWide } from '../core/statement.ts';
import type { Transaction } from '../core/venue-scope.ts';

/** A pulled record and the decision about it. */
export interface Decided {
  readonly pulled: PulledRecord;
  /** Older readings of the same commit, newest first. */
  readonly older?: readonly PulledRecord[] | undefined;
  readonly decision: TwoWayDecision;
  readonly record: { readonly id: RecordId; readonly sourceId: string; readonly version: number };
  readonly fingerprint: string | null;
  /** The run has seen the object before. */
  readonly isMet: boolean;
  /** The run has seen the object before, and has told of the conflict that is open. */
  readonly isConflictTold: boolean;
  /**
   * With `create`: the record whose id the object carries although it is another object's remote record, so the object
   * was copied with its metadata.
   */
  readonly copyOf: RecordId | null;
  /** Of a deletion: the record whose object the provider has merged this one's into. */
  readonly mergedInto?: RecordId;
  /** With `link`: the fields by which the record is the object's, although no write has tied them. */
  readonly sameBy?: readonly string[];
  /** With `create`: several records are the object's by what it says, so none was tied. */
  readonly isAmbiguous?: boolean;
  /** Of a two-way run: the merge whose outcome `pulled.fields` are. */
  readonly merged?: MergedRecord;
  /** Of a two-way run with `hold`: the fields in which both sides differ. */
  readonly differing?: readonly ConflictField[];
}

export interface RemoteRow extends Record<string, unknown>, MergeRow {
  readonly id: RecordId;
  readonly source_id: string;
  readonly version: number;
  readonly deleted: boolean;
  readonly external_id: string | null;
  readonly external_version: string | null;
  readonly link_record_version: number | null;
  readonly fingerprint: string | null;
  readonly mapping_version: number | null;
  readonly remote_fingerprint: string | null;
  readonly state: string | null;
  readonly met: boolean | null;
  readonly stored_meanwhile: boolean | null;
  readonly updated_at_ms: number;
  readonly synced_at_ms: number | null;
  /** The record has no link to this connection but a remote record in another account. */
  readonly tied_elsewhere: boolean;
}

/**
 * Compares pulled records with what we hold of them, as `lockRemotes` found it. Of several objects that carry one id of
 * ours, the first is tied; `ties` are those that a dry run planned before, by our ids. A record with a remote record in
 * another account is tied to one of this account only if a push has started to create it here, because whole accounts
 * are copied too, with ids and metadata. A run that merges also ties an object to the one record that is the same by what
 * both say.
 */
export function decidePulled(
  scope: KindScope,
  pulled: readonly PulledRecord[],
  {
    rows,
    ties,
    policies,
  }: {
    readonly rows: readonly RemoteRow[];
    readonly ties: ReadonlyMap<RecordId, string>;
    /** Null for a run that does not merge. */
    readonly policies: MergePolicies | null;
  },
): readonly Decided[] {
  const tied = new Map(ties);
  const find = finderAmong(rows, { tied, merges: policies !== null });
  const mappingVersion = scope.mapping?.version ?? 0;

  const ids = newIds(pulled.length);

  return pulled.map((one, index) => {
    const { row, carrier, ...found } = find(one);
    const record = row
      ? { id: row.id, sourceId: row.source_id, version: row.version }
      : { id: ids[index] as RecordId, sourceId: pulledSourceId(scope.account, one.externalId), version: 0 };
    const fingerprint = one.fingerprintFor(record);
    const { version, deleted, superseded, certain, deletedAtMs, beforeHistory } = one;
    const differsUnwritten = differsFrom(scope, row, one);
    const read = { version, deleted, superseded, certain, deletedAtMs, beforeHistory, mappingVersion };
    const known = { row, policies, changedAtMs: one.changedAtMs };
    const decision = decide(scope, { ...read, fingerprint, differsUnwritten }, known);
    if (decision === 'link') tied.set(record.id, one.externalId);
    const copyOf = decision === 'create' ? carrier : null;
    const isMet = row?.met === true;
    const isConflictTold = isMet && row.in_conflict === true;
    return { pulled: one, record, fingerprint, decision, isMet, isConflictTold, copyOf, ...found };
  });
}

interface FoundRow extends Pick<Decided, 'sameBy' | 'isAmbiguous'> {
  readonly row: RemoteRow | undefined;
  /** The record whose id the object carries, whether or not it is the object's. */
  readonly carrier: RecordId | null;
}

/** Finds the record of an object: by their link, by the id that the object carries, and then by what both say. */
function finderAmong(
  rows: readonly RemoteRow[],
  { tied, merges }: { readonly tied: ReadonlyMap<RecordId, string>; readonly merges: boolean },
): (pulled: PulledRecord) => FoundRow {
  const byExternalId = new Map(
    rows.flatMap((row) => (row.external_id === null ? [] : [[row.external_id, row] as const])),
  );
  const byId = new Map<RecordId | null, RemoteRow>(rows.map((row) => [row.id, row]));
  const sameAs = merges ? sameAmong(rows) : () => NONE;
  const isUntied = (id: RecordId, externalId: string) => (tied.get(id) ?? externalId) === externalId;
  const isFree = (row: RemoteRow | undefined, externalId: string) =>
    row?.external_id === null && !row.tied_elsewhere && isUntied(row.id, externalId);
  return (one) => {
    const { externalId, recordId } = one;
    const carried = byId.get(recordId);
    const carrier = carried?.id ?? null;
    const known = byExternalId.get(externalId) ?? (isFree(carried, externalId) ? carried : undefined);
    if (known) return { row: known, carrier };
    const [same, ...others] = sameAs(one).filter(({ id }) => isUntied(id, externalId));
    if (same === undefined) return { row: undefined, carrier };
    if (others.length > 0) return { row: undefined, carrier, isAmbiguous: true };
    return { row: same, carrier, sameBy: one.identity()?.fields ?? [] };
  };
}

const NONE: readonly RemoteRow[] = [];

/** Finds the records in use, without a remote record in the account, that are the same as an object. */
function sameAmong(rows: readonly RemoteRow[]): (pulled: PulledRecord) => readonly RemoteRow[] {
  const free = rows.filter(({ external_id: externalId, deleted }) => externalId === null && !deleted);
  if (free.length === 0) return () => NONE;
  const byKey = new Map<string, Map<string, RemoteRow[]>>();
  return (pulled) => {
    const identity = pulled.identity();
    if (identity === null) return NONE;
    const [field] = identity.fields;
    const known = byKey.get(field) ?? groupedBy(free, field);
    byKey.set(field, known);
    return (known.get(identity.key) ?? NONE).filter(({ id, source_id: sourceId, own = {} }) =>
      identity.isOf({ id, sourceId }, own),
    );
  };
}

function groupedBy(rows: readonly RemoteRow[], field: string): Map<string, RemoteRow[]> {
  const groups = new Map<string, RemoteRow[]>();
  for (const row of rows) {
    const text = row.own?.[field];
    if (typeof text !== 'string') continue;
    const key = text.toLowerCase();
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return groups;
}

function differsFrom({ kind, mapping }: KindScope, row: RemoteRow | undefined, pulled: PulledRecord): boolean {
  if (row?.own === undefined || pulled.fields === null || mapping === undefined) return false;
  return differsUnwritten(kind, mapping.kept, {
    read: comparableFields(kind, pulled.fields),
    stored: comparableFields(kind, row.own),
    isNewer: pulled.version > Number(row.external_version),
  });
}

/**
 * Finds what we hold of pulled records, and locks it until the transaction ends. Locking takes a statement of its own: one
 * that waits for another writer's commit sees that writer's record, and beside it the link as it was before.
 */
export async function lockRemotes(
  tx: Transaction,
  scope: KindScope,
  pulled: readonly PulledRecord[],
): Promise<readonly RemoteRow[]> {
  if (pulled.length === 0) return [];
  const externalIds = JSON.stringify(pulled.flatMap(({ externalId, mergedFrom }) => [externalId, ...mergedFrom]));
  const recordIds = JSON.stringify(pulled.flatMap(({ recordId }) => (recordId === null ? [] : [recordId])));
  // Looks ids up one by one through an index, whatever the planner knows: a join would take time proportional to the
  // connection's links.
  const known = await tx.execute<{ id: RecordId }>(sql`
    with remotes as (
      select l.id from jsonb_array_elements_text(${externalIds}::jsonb) as w(external_id)
        cross join lateral (select record_id as id from record_links where connection_id = ${scope.connectionId} and resource = ${scope.resource}
          and external_id = w.external_id limit 1) l
      union select jsonb_array_elements_text(${recordIds}::jsonb)::uuid${sameRecords(scope, pulled)})
    select c.id from ${tableOf(scope.kind)} c
    where c.id = any (array(select id from remotes)) order by c.id for no key update of c`);
  return known.length === 0 ? [] : readRemotes(tx, scope, known);
}

/**
 * Of a run that merges: records in use that have the keys of objects without a record, and no remote record in the
 * account. One look into an index for each of those objects.
 */
function sameRecords(scope: KindScope, pulled: readonly PulledRecord[]): SQL {
  const { kind, connectionId, resource } = scope;
  const asked = isTwoWay(scope) ? pulled.flatMap((one) => toAsked(one, kind)) : [];
  const [first] = asked;
  if (first === undefined) return sql``;
  // Not as joins: those would read all the connection's links.
  const hasLink = (where: SQL) =>
    sql`(select true from record_links where connection_id = ${connectionId} and resource = ${resource} and ${where} limit 1)`;
  const keys = sql`array(select r.key from ${rowsByColumn(asked, ASKED_COLUMNS)} where ${hasLink(sql`external_id = r.external_id`)} is null)`;
  return sql`
      union select s.id from ${lookUpFunction(kind, first.field)}(${keys}) s
        where ${hasLink(sql`record_id = s.id and external_id is not null`)} is null`;
}

interface Asked {
  readonly externalId: string;
  readonly field: string;
  readonly key: string;
}

const ASKED_COLUMNS: readonly GivenColumn<Asked>[] = [
  { name: 'external_id', type: 'text', of: ({ externalId }) => externalId },
  { name: 'key', type: 'text', of: ({ key }) => key },
];

function toAsked(pulled: PulledRecord, { lookedUpBy }: RecordKind): readonly Asked[] {
  const identity = pulled.identity();
  if (identity === null || !lookedUpBy.includes(identity.fields[0])) return [];
  return [{ externalId: pulled.externalId, field: identity.fields[0], key: identity.key }];
}

/** Ordered, so that a plan that is made while the table is small takes the index of the ids. */
function readRemotes(
  tx: Transaction,
  scope: KindScope,
  known: readonly { readonly id: RecordId }[],
): Promise<readonly RemoteRow[]> {
  const ids = known.map(({ id }) => id);
  return executeWide<RemoteRow>(
    tx,
    sql`
    select c.id, c.source_id, c.version, c.deleted_at is not null as deleted,
      l.external_id, l.external_version, l.record_version as link_record_version, l.fingerprint, l.remote_fingerprint, l.mapping_version, l.state, l.last_sync_id = ${scope.syncId} as met,
      l.last_sync_id is distinct from ${scope.syncId} and l.synced_at >= (select r.started_at from sync_runs r where r.id = ${scope.syncId}) as stored_meanwhile,
      (extract(epoch from c.updated_at) * 1000)::float8 as updated_at_ms, (extract(epoch from l.synced_at) * 1000)::float8 as synced_at_ms,
      l.record_id is null and exists (select from record_links o where o.record_id = c.id and o.resource = ${scope.resource} and o.external_id is not null) as tied_elsewhere${mergeColumns(scope)}
    from ${tableOf(scope.kind)} c
    ${linkOfRecord(scope)}
    ${mergeJoin(scope)}
    where c.id = any (${uuidList(ids)}) order by c.id`,
  );
}

function decide(
  scope: KindScope,
  pulled: PulledVersion,
  {
    row,
    policies,
    changedAtMs,
  }: Pick<PulledRecord, 'changedAtMs'> & {
    readonly row: RemoteRow | undefined;
    readonly policies: MergePolicies | null;
  },
): TwoWayDecision {
  const known = row ? toKnown(row, isTwoWay(scope)) : null;
  if (policies === null) return decidePull(pulled, known);
  return decideTwoWay(pulled, known, {
    policy: policies.ofRecord,
    providerChangedAtMs: changedAtMs,
    hasOpenConflict: row?.in_conflict === true,
    isArchived: row?.state === 'archived',
  });
}

function toKnown(row: RemoteRow, twoWay: boolean): KnownRemote {
  return {
    recordVersion: row.version,
    recordDeleted: row.deleted,
    recordUpdatedAtMs: row.updated_at_ms,
    link: row.external_id === null ? null : toKnownLink(row, twoWay),
  };
}

function toKnownLink(row: RemoteRow, twoWay: boolean): NonNullable<KnownRemote['link']> {
  return {
    externalVersion: Number(row.external_version),
    recordVersion: row.link_record_version ?? 0,
    mappingVersion: row.mapping_version ?? 0,
    // A two-way run asks whether the remote record changed, not whether it is as the venue's record.
    fingerprint: (twoWay ? row.remote_fingerprint : null) ?? row.fingerprint,
    gone: row.state === 'gone',
    metInThisRun: row.met === true,
    storedMeanwhile: row.stored_meanwhile === true,
    syncedAtMs: row.synced_at_ms ?? 0,
  };
}
