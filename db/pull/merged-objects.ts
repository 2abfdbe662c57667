import { sql } from 'drizzle-orm';
import type { RecordId } from '../../contracts/ids.ts';
import { NOTHING_FOLLOWS } from '../../domain/sync/pull/pull-decision.ts';
import { settleReferencesTo } from '../records/record-references.ts';
import type { NamedRecord, OwnIds } from '../records/reference-rows.ts';
import type { KindScope } from '../runs/run-scope.ts';
import { textList, uuidList } from '../core/rows-by-column.ts';
import type { Transaction } from '../core/venue-scope.ts';
import type { Decided, RemoteRow } from './pull-lookup.ts';
import { toDeletion } from './pull-deletions.ts';
import type { PulledRecord } from './pulled-record.ts';

/** What becomes of the records of objects that the provider has merged into one. */
export interface ObjectMerge {
  /** The object that there is now. */
  readonly into: string;
  readonly from: readonly string[];
  /** The record that is the object's from now on; null where the venue has none of them, or has deleted all that it had. */
  readonly goesOn: OwnIds | null;
  /** Links that get another object. */
  readonly moved: readonly Pick<NamedRecord, 'id' | 'externalId'>[];
  /** Records in use that do not go on, each with the object that its link then has. */
  readonly ended: readonly NamedRecord[];
}

/** What is held once the links of merged objects have moved. */
export interface FollowedMerges {
  readonly merges: readonly ObjectMerge[];
  readonly rows: readonly RemoteRow[];
}

/** Readings of one object as one, without readings of objects that others of them were merged from. */
export function joinMerged(records: readonly PulledRecord[]): readonly PulledRecord[] {
  if (!records.some(({ mergedFrom }) => mergedFrom.length > 0)) return records;
  const from = new Set(records.flatMap(({ mergedFrom }) => mergedFrom));
  return [...Map.groupBy(records, ({ externalId }) => externalId)].flatMap(([externalId, all]) => {
    const [first] = all;
    return first === undefined || from.has(externalId) ? [] : [withMergedFrom(first, all)];
  });
}

/** A reading with all that readings of its object tell to be merged into it. */
export const withMergedFrom = (reading: PulledRecord, all: readonly PulledRecord[]): PulledRecord =>
  all.length === 1 ? reading : { ...reading, mergedFrom: [...new Set(all.flatMap(({ mergedFrom }) => mergedFrom))] };

/**
 * Chooses the record that goes on for each merged object: of those that the venue has not deleted, the one that it has had
 * for longest.
 */
export function followMerges(pulled: readonly PulledRecord[], rows: readonly RemoteRow[]): FollowedMerges {
  const merged = pulled.filter(({ mergedFrom }) => mergedFrom.length > 0);
  if (merged.length === 0) return { merges: [], rows };
  const merges: ObjectMerge[] = [];
  let held = rows;
  for (const { externalId: into, mergedFrom: from } of merged) {
    const merge = mergeOf(into, from, held);
    merges.push(merge);
    const places = new Map(merge.moved.map(({ id, externalId }) => [id, externalId]));
    held = held.map((row) => {
      const externalId = places.get(row.id);
      return externalId === undefined
        ? row
        : { ...row, external_id: externalId, external_version: '0', met: false, stored_meanwhile: false };
    });
  }
  return { merges, rows: held };
}

function mergeOf(into: string, from: readonly string[], rows: readonly RemoteRow[]): ObjectMerge {
  const ids = new Set([into, ...from]);
  const own = rows.filter(({ external_id: id }) => id !== null && ids.has(id));
  const inUse = own
    .filter(({ state }) => state !== 'gone')
    .sort((one, other) => Number(one.deleted) - Number(other.deleted) || (one.id < other.id ? -1 : 1));
  const toIds = ({ id, source_id: sourceId }: RemoteRow): OwnIds => ({ id, sourceId });
  const endingOf = (row: RemoteRow, externalId = row.external_id ?? into): NamedRecord => ({
    ...toIds(row),
    externalId,
  });
  const [first, ...others] = inUse;
  const former = first?.external_id ?? null;
  // A record that the venue has deleted takes no object over: the next push would delete that with what else was merged into it.
  if (first === undefined || former === null || first.deleted) {
    const ended = inUse.filter(({ external_id: id }) => id !== into).map((row) => endingOf(row));
    return { into, from, goesOn: null, moved: [], ended };
  }
  // The record that an earlier reading has made for the new object takes the place of the one that goes on.
  const displaced = former === into ? undefined : own.find(({ external_id: id }) => id === into);
  return {
    ...{ into, from },
    goesOn: toIds(first),
    moved: [
      ...(former === into ? [] : [{ id: first.id, externalId: into }]),
      ...(displaced ? [{ id: displaced.id, externalId: former }] : []),
    ],
    ended: others.map((row) => (row === displaced ? endingOf(row, former) : endingOf(row))),
  };
}

/** The deletions of the records that do not go on: nobody is asked, because nothing was lost. */
export const endingsOf = ({ ended }: Pick<ObjectMerge, 'ended'>): readonly PulledRecord[] =>
  ended.map(({ externalId }) => ({
    ...toDeletion({ externalId, version: NOTHING_FOLLOWS, deletedAtMs: null, certain: true }),
    superseded: true,
  }));

/** Decisions about those deletions, with the record that goes on in place of each. */
export function withSuccessors(decided: readonly Decided[], merges: readonly ObjectMerge[]): readonly Decided[] {
  const successors = new Map<RecordId, RecordId>(
    merges.flatMap(({ ended, goesOn }) => (goesOn === null ? [] : ended.map(({ id }) => [id, goesOn.id] as const))),
  );
  if (successors.size === 0) return decided;
  return decided.map((one) => {
    const mergedInto = one.pulled.superseded ? successors.get(one.record.id) : undefined;
    return mergedInto === undefined ? one : { ...one, mergedInto };
  });
}

/** Moves the links, and keeps what was merged into what. What both sides last agreed on stays with each record. */
export async function moveMerged(
  tx: Transaction,
  scope: Pick<KindScope, 'venueId' | 'connectionId' | 'resource'>,
  merges: readonly Pick<ObjectMerge, 'into' | 'from' | 'moved'>[],
): Promise<void> {
  const moved = merges.flatMap((merge) => merge.moved);
  if (moved.length > 0) {
    const ofScope = sql`l.connection_id = ${scope.connectionId} and l.resource = ${scope.resource}`;
    // An object has one link at any time.
    await tx.execute(sql`
      update record_links l set external_id = null where ${ofScope} and l.record_id = any (${uuidList(moved.map(({ id }) => id))})`);
    // The version is one of the former object.
    await tx.execute(sql`
      update record_links l set external_id = r.external_id, external_version = 0, external_state = null, updated_at = now()
      from jsonb_to_recordset(${JSON.stringify(moved.map(({ id, externalId }) => ({ id, external_id: externalId })))}::jsonb) as r(id uuid, external_id text)
      where ${ofScope} and l.record_id = r.id`);
  }
  for (const { into, from } of merges) await keepMerged(tx, scope, { into, from });
}

/** Keeps which object there is now in place of merged ones. */
async function keepMerged(
  tx: Transaction,
  { venueId, connectionId, resource }: Pick<KindScope, 'venueId' | 'connectionId' | 'resource'>,
  { into, from }: Pick<ObjectMerge, 'into' | 'from'>,
): Promise<void> {
  await tx.execute(sql`
    update merged_objects set into_external_id = ${into}, updated_at = now()
    where connection_id = ${connectionId} and resource = ${resource} and into_external_id = any (${textList(from)})`);
  await tx.execute(sql`
    insert into merged_objects as m (connection_id, resource, external_id, venue_id, into_external_id)
    select ${connectionId}, ${resource}, r.external_id, ${venueId}, ${into} from unnest(${textList(from)}) as r(external_id)
    on conflict (connection_id, resource, external_id) do update set into_external_id = excluded.into_external_id, updated_at = now()
      where m.into_external_id <> excluded.into_external_id`);
}

/** Has records that name a merged object name the record that goes on. */
export async function settleMerged(tx: Transaction, scope: KindScope, merges: readonly ObjectMerge[]): Promise<void> {
  for (const { into, from, goesOn, ended } of merges)
    if (goesOn !== null)
      await settleReferencesTo(tx, scope, {
        records: [into, ...from].map((externalId) => ({ ...goesOn, externalId })),
        inPlaceOf: ended,
      });
}
