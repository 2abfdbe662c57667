import type { ConflictField } from '../../contracts/conflicts.ts';
import { agreedAtMeeting, fromStored, toStored, withoutPaths } from '../../domain/sync/merge/agreed-version.ts';
import { overStored, withoutUnsaid, withUntoldParts } from '../../domain/mapping/kept-fields.ts';
import { merge } from '../../domain/sync/merge/merge.ts';
import type { AgreedVersion, FieldConflict, Merged } from '../../domain/sync/merge/merge.ts';
import type { RecordFields } from '../../records/record-kind.ts';
import { comparableFields, mapFieldsOf } from '../../records/comparable-fields.ts';
import { resolveReferences } from '../records/record-references.ts';
import type { KindScope } from '../runs/run-scope.ts';
import type { Transaction } from '../core/venue-scope.ts';
import { readChangedMeaning } from './changed-meaning.ts';
import type { ChangedMeaning } from './changed-meaning.ts';
import type { Decided, RemoteRow } from './pull-lookup.ts';
import type { MergePolicies } from './merge-policies.ts';
import type { MergedRecord } from './merge-rows.ts';

/** The decisions of a two-way run with merged fields in place of the provider's, where both sides are to be merged. */
export async function mergeDecided(
  tx: Transaction,
  scope: KindScope,
  {
    decided,
    rows,
    policies,
  }: {
    readonly decided: readonly Decided[];
    readonly rows: readonly RemoteRow[];
    readonly policies: MergePolicies;
  },
): Promise<readonly Decided[]> {
  const isMerged = ({ decision }: Decided) => decision === 'merge' || decision === 'link';
  const byId = new Map(rows.map((row) => [row.id, row]));
  const isHeld = ({ decision }: Decided) => decision === 'hold';
  const named = await resolveReferences(
    tx,
    scope,
    decided.filter((one) => isMerged(one) || isHeld(one)),
  );
  const resolved = named.filter(isMerged);
  const met = resolved.flatMap(({ record }) => byId.get(record.id) ?? []);
  const changedMeaning = met.length === 0 ? () => [] : await readChangedMeaning(tx, scope, met);
  const merged = new Map(
    resolved.map((one) => [
      one.record.id,
      mergeOne(scope, one, { row: byId.get(one.record.id), policies, changedMeaning }),
    ]),
  );
  const held = new Map(named.filter(isHeld).map(({ record, pulled }) => [record.id, pulled.fields]));
  return decided.map((one) => {
    if (isMerged(one)) return merged.get(one.record.id) ?? one;
    const own = isHeld(one) ? byId.get(one.record.id)?.own : undefined;
    if (own === undefined) return one;
    return { ...one, differing: differencesOf(scope, own, held.get(one.record.id) ?? null) };
  });
}

/** Without an agreement every difference is one for a person. */
function differencesOf(scope: KindScope, own: RecordFields, fields: RecordFields | null): readonly ConflictField[] {
  if (fields === null) return [];
  const { kind } = scope;
  const venue = comparableFields(kind, own);
  return merge({
    agreed: { venue: {}, provider: {} },
    venue,
    provider: overStored(comparableFields(kind, fields), venue, scope.mapping?.kept),
    policyOf: () => 'review',
    changedAtMs: { venue: 0, provider: null },
    maps: mapFieldsOf(kind),
  }).conflicts.map(toOpen);
}

function mergeOne(
  scope: KindScope,
  one: Decided,
  {
    row,
    policies,
    changedMeaning,
  }: {
    readonly row: RemoteRow | undefined;
    readonly policies: MergePolicies;
    readonly changedMeaning: ChangedMeaning;
  },
): Decided {
  const { pulled, record } = one;
  if (row?.own === undefined || pulled.fields === null) return one;
  const { kind } = scope;
  const maps = mapFieldsOf(kind);
  const venue = comparableFields(kind, row.own);
  const { agreed, provider } = sidesOf(scope, one, { row, venue, changedMeaning });
  const result = merge({
    agreed,
    venue,
    provider,
    policyOf: policyOf(one, { own: row.own, agreed, of: policies.of }),
    changedAtMs: { venue: row.updated_at_ms, provider: pulled.changedAtMs },
    ...{ maps, together: kind.mergedAsOne },
  });
  return {
    ...one,
    pulled: { ...pulled, fields: { ...row.own, ...result.venue } },
    merged: toMergedRecord(result, {
      remoteFingerprint: one.fingerprint,
      fingerprint: pulled.payloadFingerprint(record, { ...row.own, ...result.provider }),
    }),
  };
}

/**
 * Of what was never agreed on nothing is cleared: a person decides about a value of the venue's that the provider cannot be
 * given, where the provider has another.
 */
function policyOf(
  { pulled, record }: Decided,
  { own, agreed, of }: { readonly own: RecordFields; readonly agreed: AgreedVersion; readonly of: MergePolicies['of'] },
): MergePolicies['of'] {
  // The records are mapped last, and only for a field that both sides have changed.
  const isCleared = (name: string) =>
    agreed.provider[name] === undefined &&
    (own[name] ?? null) !== null &&
    pulled.identity()?.clearedBy(record, own).includes(name) === true;
  return (path) => (of(path) !== 'provider' && isCleared(path) ? 'review' : of(path));
}

/** What both sides agreed on, and the provider's side as it is merged. */
function sidesOf(
  scope: KindScope,
  { pulled, sameBy }: Decided,
  {
    row,
    venue,
    changedMeaning,
  }: { readonly row: RemoteRow; readonly venue: RecordFields; readonly changedMeaning: ChangedMeaning },
): { readonly agreed: AgreedVersion; readonly provider: RecordFields } {
  const { kind, mapping } = scope;
  const maps = mapFieldsOf(kind);
  const kept = mapping?.kept;
  const read = comparableFields(kind, pulled.fields ?? {});
  if (sameBy !== undefined) {
    // What the provider lacks is given to it, so it is not taken for what the venue has.
    const provider = overStored(read, venue, kept && { ...kept, whileEmpty: [] });
    return { agreed: agreedAtMeeting({ venue, provider }, { sameBy, maps }), provider };
  }
  const isAgreedVersion = row.link_record_version === row.version && row.external_id !== null;
  const stored = { venue: row.agreed_venue ?? null, provider: row.agreed_provider ?? null };
  const agreed = withoutPaths(fromStored(stored, isAgreedVersion ? venue : null), changedMeaning(row), maps);
  // What is not told of the version that was agreed on is no change, whatever the venue has made of it since.
  const told = withUntoldParts(read, agreed.provider, kept);
  // What a pull keeps is as the venue has it, so it is neither a change nor a conflict. What is empty and says nothing is
  // not told: the venue may have filled it in since.
  return { agreed, provider: overStored(withoutUnsaid(told, kept), venue, kept) };
}

function toMergedRecord(
  { changesForVenue, changesForProvider, conflicts, agreed, venue }: Merged,
  { fingerprint, remoteFingerprint }: Pick<MergedRecord, 'fingerprint' | 'remoteFingerprint'>,
): MergedRecord {
  const changesProvider = changesForProvider.length > 0;
  return {
    changesVenue: changesForVenue.length > 0,
    changesProvider,
    settled: conflicts.filter(({ settledBy }) => settledBy !== null),
    open: conflicts.filter(({ settledBy }) => settledBy === null).map(toOpen),
    agreement: toStored(agreed, venue),
    // Until the change is written, the remote record's own fingerprint makes the push see a difference.
    fingerprint: changesProvider ? remoteFingerprint : fingerprint,
    ...{ remoteFingerprint, writtenFingerprint: fingerprint },
  };
}

const toOpen = ({ field, agreed, venue, provider }: FieldConflict): ConflictField => ({
  field,
  agreed,
  venue,
  provider,
});
