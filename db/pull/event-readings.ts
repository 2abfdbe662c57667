import { sql } from 'drizzle-orm';
import type { RecordId } from '../../contracts/ids.ts';
import type { TwoWayDecision } from '../../domain/sync/merge/two-way-decision.ts';
import { NOTHING_FOLLOWS } from '../../domain/sync/pull/pull-decision.ts';
import type { Transaction } from '../core/venue-scope.ts';
import type { KindScope } from '../runs/run-scope.ts';
import { saveConflicts } from './pull-agreement.ts';
import { applyDeletions, applyPulled, moveGone } from './pull-apply.ts';
import { lockRemotes } from './pull-lookup.ts';
import type { Decided, RemoteRow } from './pull-lookup.ts';
import { decide } from './pull-store.ts';
import { endingsOf, followMerges, moveMerged, settleMerged, withMergedFrom } from './merged-objects.ts';
import type { PulledRecord } from './pulled-record.ts';
import { textList } from '../core/rows-by-column.ts';

/** An object as an event, or a reading because of one, tells it. */
export interface EventReading {
  readonly pulled: PulledRecord;
  /** Of an event: what is known from this version on may be later. Null for a reading that was made after the event. */
  readonly doubtfulFrom: number | null;
  /** Of a reading: when it was asked for, by our clock. What was stored since may be later. Null for an event. */
  readonly askedAtMs: number | null;
}

/** What became of an object. `doubtful`: nothing yet, because only the provider can tell what is newer. */
export interface AppliedReading {
  readonly externalId: string;
  readonly recordId: RecordId | null;
  readonly did: 'created' | 'updated' | 'deleted' | 'unchanged' | 'skipped' | 'doubtful';
  /** With `skipped`. */
  readonly reason: string | null;
}

/**
 * Applies what events told, by the decisions and the writes of a pull's page, but outside a run: nothing is counted or
 * logged, and deletions do not wait for the end of a list.
 */
export async function applyReadings(
  tx: Transaction,
  scope: KindScope,
  readings: readonly EventReading[],
): Promise<readonly AppliedReading[]> {
  const latest = latestOfEach(readings);
  const pulled = latest.map(({ reading }) => reading.pulled);
  const { rows, merges } = followMerges(pulled, await lockRemotes(tx, scope, pulled));
  const decided = await decideReadings({ tx, scope }, latest, rows);
  const deletions = await deletionsOf(tx, scope, decided.filter(isUnknown));
  const known = new Map(rows.map((row) => [row.external_id, row]));
  const judged = decided.map((one, index) => ({
    one,
    isDoubtful:
      latest[index]?.isTied === true ||
      isDoubtful(one, latest[index]?.reading, {
        row: known.get(one.pulled.externalId),
        deletedVersion: deletions.get(one.pulled.externalId) ?? null,
      }),
    isLate: isLate(one, { row: known.get(one.pulled.externalId), deletions }),
  }));
  const applied = judged.flatMap((each) => (each.isDoubtful || each.isLate ? [] : [each.one]));
  const open = new Set(judged.flatMap((each) => (each.isDoubtful || each.isLate ? [each.one.pulled.externalId] : [])));
  const carriedOut = merges.filter(({ into }) => !open.has(into));
  const ended = await decide({ tx, scope }, carriedOut.flatMap(endingsOf), rows);
  await moveMerged(tx, scope, carriedOut);
  // One that lost its link before is used again, under its own id.
  const created = new Map(
    (await write(tx, scope, [...applied, ...ended])).map(({ pulled, record }) => [pulled.externalId, record.id]),
  );
  await settleMerged(tx, scope, carriedOut);
  const told = judged.map((each) => {
    const { externalId } = each.one.pulled;
    const one = toApplied(each.one, { isDoubtful: each.isDoubtful && !each.isLate, isLate: each.isLate });
    return { ...one, recordId: created.get(externalId) ?? one.recordId };
  });
  return [...told, ...ended.map((one) => toApplied(one, { isDoubtful: false, isLate: false }))];
}

/** An event from before the deletion of its object that arrives after it, or any reading of one that was merged. */
function isLate(
  { pulled }: Decided,
  { row, deletions }: { readonly row: RemoteRow | undefined; readonly deletions: ReadonlyMap<string, number> },
): boolean {
  if (pulled.deleted) return false;
  const gone = row?.state === 'gone' ? Number(row.external_version) : undefined;
  const version = gone ?? deletions.get(pulled.externalId) ?? -Infinity;
  return version === NOTHING_FOLLOWS || (!pulled.certain && version > pulled.version);
}

/** A reading was made after everything known was, so it settles what versions leave open. */
async function decideReadings(
  at: { readonly tx: Transaction; readonly scope: KindScope },
  latest: readonly Latest[],
  rows: readonly RemoteRow[],
): Promise<readonly Decided[]> {
  const readings = latest.map(({ reading }) => reading);
  const decided = await decide(
    at,
    readings.map(({ pulled }) => pulled),
    rows,
  );
  const isOpen = (index: number) => decided[index]?.decision === 'look-up' && readings[index]?.askedAtMs !== null;
  if (!readings.some((_, index) => isOpen(index))) return decided;
  return decide(
    at,
    readings.map(({ pulled }, index) => (isOpen(index) ? { ...pulled, certain: true } : pulled)),
    rows,
  );
}

interface Latest {
  readonly reading: EventReading;
  /** Two events of one version tell different things. */
  readonly isTied: boolean;
}

/** The newest reading of each object. A reading made after the events is newer than all of them. */
function latestOfEach(readings: readonly EventReading[]): readonly Latest[] {
  const isReading = ({ askedAtMs }: EventReading) => askedAtMs !== null;
  const from = new Set(readings.flatMap(({ pulled }) => pulled.mergedFrom));
  const present = from.size === 0 ? readings : readings.filter(({ pulled }) => !from.has(pulled.externalId));
  return [...Map.groupBy(present, ({ pulled }) => pulled.externalId).values()].map((all) => {
    const made = all.filter(isReading);
    const candidates = made.length > 0 ? made : all;
    const reading = candidates.reduce((newest, one) => (one.pulled.version > newest.pulled.version ? one : newest));
    const isTied = candidates.some(
      ({ pulled, doubtfulFrom }) =>
        doubtfulFrom !== null &&
        pulled.version === reading.pulled.version &&
        pulled.contentFingerprint() !== reading.pulled.contentFingerprint(),
    );
    const read = all.map(({ pulled }) => pulled);
    return { reading: { ...reading, pulled: withMergedFrom(reading.pulled, read) }, isTied };
  });
}

const isUnknown = ({ record }: Decided) => record.version === 0;
const CHANGING: ReadonlySet<TwoWayDecision> = new Set([
  'update',
  'overwrite',
  'merge',
  'revive',
  'archive',
  'keep',
  'hold',
]);

function isDoubtful(
  { decision, pulled }: Decided,
  reading: EventReading | undefined,
  { row, deletedVersion }: { readonly row: RemoteRow | undefined; readonly deletedVersion: number | null },
): boolean {
  if (decision === 'look-up') return true;
  if (!reading) return false;
  const { doubtfulFrom, askedAtMs } = reading;
  // Another writer may have stored what is later than this reading.
  if (askedAtMs !== null) return CHANGING.has(decision) && (row?.synced_at_ms ?? -Infinity) > askedAtMs;
  const known = knownVersion(decision, row?.external_version ?? null, deletedVersion);
  return known !== null && isWithin(known, { from: doubtfulFrom, to: pulled.version });
}

const isWithin = (version: number, { from, to }: { readonly from: number | null; readonly to: number }): boolean =>
  from !== null && version >= from && version <= to;

/** The version with which a decision may be in conflict; null for one that changes nothing, or knows of none. */
function knownVersion(decision: TwoWayDecision, linked: string | null, deleted: number | null): number | null {
  if (decision === 'create') return deleted;
  return CHANGING.has(decision) && linked !== null ? Number(linked) : null;
}

/** Returns those that created a record, with the record of each. */
async function write(tx: Transaction, scope: KindScope, decided: readonly Decided[]): Promise<readonly Decided[]> {
  const current = decided.filter(({ decision }) => decision !== 'ignore');
  const created = await applyPulled(
    tx,
    scope,
    current.filter(({ pulled }) => !pulled.deleted),
  );
  await applyDeletions(tx, scope, current);
  await moveGone(
    tx,
    scope,
    current.filter(({ pulled, decision }) => pulled.deleted && decision === 'touch'),
  );
  await saveConflicts(tx, scope, current);
  await keepDeletions(
    tx,
    scope,
    decided.filter((one) => one.pulled.deleted && isUnknown(one)),
  );
  return created;
}

/** The versions in which events reported these objects as deleted, or told that they were merged into others. */
async function deletionsOf(
  tx: Transaction,
  { connectionId, resource }: KindScope,
  decided: readonly Decided[],
): Promise<ReadonlyMap<string, number>> {
  const ids = decided.filter(({ pulled }) => !pulled.deleted).map(({ pulled }) => pulled.externalId);
  if (ids.length === 0) return new Map();
  const rows = await tx.execute<{ external_id: string; version: string }>(sql`
    select external_id, max(version) as version from (
      select external_id, external_version as version from deleted_objects where connection_id = ${connectionId} and resource = ${resource}
        and external_id = any (${textList(ids)})
      union all
      select external_id, ${NOTHING_FOLLOWS}::bigint from merged_objects where connection_id = ${connectionId} and resource = ${resource}
        and external_id = any (${textList(ids)})) told
    group by external_id`);
  return new Map(rows.map((row) => [row.external_id, Number(row.version)]));
}

async function keepDeletions(tx: Transaction, scope: KindScope, decided: readonly Decided[]): Promise<void> {
  if (decided.length === 0) return;
  const rows = decided.map(({ pulled }) => ({ external_id: pulled.externalId, version: pulled.version }));
  await tx.execute(sql`
    insert into deleted_objects as d (connection_id, resource, external_id, venue_id, external_version)
    select ${scope.connectionId}, ${scope.resource}, r.external_id, ${scope.venueId}, r.version
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as r(external_id text, version bigint)
    on conflict (connection_id, resource, external_id) do update set
      external_version = greatest(d.external_version, excluded.external_version), at = now()`);
}

const DID: Readonly<Record<TwoWayDecision, Pick<AppliedReading, 'did' | 'reason'>>> = {
  create: { did: 'created', reason: null },
  link: { did: 'updated', reason: null },
  update: { did: 'updated', reason: null },
  overwrite: { did: 'updated', reason: null },
  revive: { did: 'updated', reason: null },
  merge: { did: 'updated', reason: null },
  archive: { did: 'deleted', reason: null },
  touch: { did: 'unchanged', reason: null },
  keep: { did: 'skipped', reason: 'written-after-deletion' },
  hold: { did: 'skipped', reason: 'conflict-open' },
  ignore: { did: 'skipped', reason: 'older' },
  'look-up': { did: 'doubtful', reason: null },
};

function toApplied(one: Decided, how: { readonly isDoubtful: boolean; readonly isLate: boolean }): AppliedReading {
  const { pulled, record } = one;
  const about = { externalId: pulled.externalId, recordId: record.version > 0 ? record.id : null };
  if (how.isDoubtful) return { ...about, did: 'doubtful', reason: null };
  if (how.isLate) return { ...about, did: 'skipped', reason: 'deleted' };
  return { ...about, ...didOf(one) };
}

function didOf({ pulled, record, decision, merged }: Decided): Pick<AppliedReading, 'did' | 'reason'> {
  if (pulled.deleted && record.version === 0) return { did: 'skipped', reason: 'no-record' };
  if (decision !== 'merge' || merged?.changesVenue !== false) return DID[decision];
  return merged.open.length > 0 ? DID.hold : DID.touch;
}
