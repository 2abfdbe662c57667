import { sql } from 'drizzle-orm';
import type { SQL } from 'drizzle-orm';
import type { ConflictField } from '../../contracts/conflicts.ts';
import { fromStored, withPaths } from '../../domain/sync/merge/agreed-version.ts';
import { flatten, isSame } from '../../domain/sync/merge/flat-fields.ts';
import type { MapFields } from '../../domain/sync/merge/flat-fields.ts';
import type { AgreedVersion } from '../../domain/sync/merge/merge.ts';
import { comparableFields, mapFieldsOf } from '../../records/comparable-fields.ts';
import type { RecordFields, RecordKind } from '../../records/record-kind.ts';
import { isTwoWay } from '../pull/merge-rows.ts';
import type { RunScope } from '../runs/run-scope.ts';

/** What a two-way run knows of a record that it pushes. */
export interface PushMerging {
  /** The record's own fields, also where a field is under review. */
  readonly own: RecordFields;
  readonly agreed: AgreedVersion;
  /** Paths that keep the provider's value, because a person has to decide. */
  readonly held: readonly string[];
  /** An open conflict is over, because the record has the provider's values by now. */
  readonly endsConflict: boolean;
  readonly maps: MapFields;
}

export interface PushMergeRow {
  readonly version: number;
  readonly fields: RecordFields;
  readonly record_version: number | null;
  readonly agreed_venue?: RecordFields | null;
  readonly agreed_provider?: RecordFields | null;
  readonly conflict?: readonly ConflictField[] | null;
}

/** Columns of `PushMergeRow`, from the joins below; nothing for a run in one direction. */
export const pushMergeColumns = (scope: RunScope): SQL =>
  isTwoWay(scope) ? sql`, a.venue as agreed_venue, a.provider as agreed_provider, k.fields as conflict` : sql``;

/** Joins `a`, what is stored of the agreed version of record `c`, and `k`, its open conflict. */
export const pushMergeJoins = (scope: RunScope): SQL =>
  isTwoWay(scope)
    ? sql`
      left join lateral (select venue, provider from agreed_records
        where record_id = c.id and connection_id = ${scope.connectionId} and resource = ${scope.resource} limit 1) a on true
      left join lateral (select fields, kind from merge_conflicts
        where record_id = c.id and connection_id = ${scope.connectionId} and resource = ${scope.resource} and state = 'open' limit 1) k on true`
    : sql``;

/** False for a record that one side deleted and the other changed, while nobody has decided. */
export const mayPush = (scope: RunScope): SQL =>
  isTwoWay(scope) ? sql`(k.kind is null or k.kind = 'fields')` : sql`true`;

/** The fields to write and what a two-way run stores with them. */
export function toMerging(
  scope: RunScope,
  kind: RecordKind,
  row: PushMergeRow,
): { readonly fields: RecordFields; readonly merging: PushMerging | null } {
  if (!isTwoWay(scope)) return { fields: row.fields, merging: null };
  const maps = mapFieldsOf(kind);
  const own = comparableFields(kind, row.fields);
  const flat = flatten(own, maps);
  const conflict = row.conflict ?? [];
  const held = conflict.filter(({ field, provider }) => !isSame(flat.get(field) ?? null, provider));
  const stored = { venue: row.agreed_venue ?? null, provider: row.agreed_provider ?? null };
  return {
    fields: withPaths(row.fields, Object.fromEntries(held.map(({ field, provider }) => [field, provider])), maps),
    merging: {
      own,
      agreed: fromStored(stored, row.record_version === row.version ? own : null),
      held: held.map(({ field }) => field),
      endsConflict: conflict.length > 0 && held.length === 0,
      maps,
    },
  };
}
