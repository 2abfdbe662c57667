import { sql } from 'drizzle-orm';
import type { SQL } from 'drizzle-orm';
import { NOTHING_KEPT } from '../../domain/mapping/mapping.ts';
import type { KeptFields, OwnKeys, UntoldParts } from '../../domain/mapping/mapping.ts';
import type { PullRule, ValueType } from '../../records/field.ts';
import type { RecordFields, RecordKind } from '../../records/record-kind.ts';
import { rowsByColumn } from '../core/rows-by-column.ts';
import type { GivenColumn } from '../core/rows-by-column.ts';
import { columnName, recordTable } from '../records/record-tables.ts';

/**
 * The provider's ids of other records that a record refers to, by the names of its kind; null when it refers to none.
 */
export type PulledReferences = Readonly<Record<string, string | null>>;

/** Merges a field of a newer and an older version of a record. The arguments are row aliases. */
type Merge = (newer: string, older: string) => SQL;

/** One pulled record, as the statements below use it. */
export interface PulledRow {
  readonly id: string;
  readonly sourceId: string;
  readonly fields: RecordFields;
}

/** SQL that turns pulled records of one kind into rows; `c` is the stored row, `r` the pulled one. */
export interface PulledSql {
  /** `name, email, …` */
  readonly columns: SQL;
  /** `r.name, r.email, …` */
  readonly values: SQL;
  /** `excluded.name, excluded.email, …`, but for what a pull keeps. */
  readonly excluded: SQL;
  /** `name = …, email = …` */
  readonly merge: SQL;
  /** True when the merge would change something. */
  readonly differs: SQL;
  /**
   * The reverse of `merge`, for a pulled version older than the stored one: fills only what is empty. Null when nothing
   * can be empty.
   */
  readonly fill: { readonly set: SQL; readonly differs: SQL } | null;
  /** The records as rows `r` with an `id`, a `source_id` and the columns. */
  rows(records: readonly PulledRow[]): SQL;
}

/** `told`: the metadata keys that the last reading of row `c` had, as an array. */
export function pulledSql(kind: RecordKind, kept: KeptFields = NOTHING_KEPT, told: SQL = sql`'{}'::text[]`): PulledSql {
  const { columns } = recordTable(kind);
  const merges = columns.map(({ field, column }) => ({
    column,
    value: keeping(kind, { kept, field, told, from: 'r' }, mergedValue(kind, field)('r', 'c')),
  }));
  const filled = columns
    .filter(({ field }) => ruleOf(kind, field) !== null && !kept.fields.includes(field))
    .map(({ field, column }) => ({ column, value: mergedValue(kind, field)('c', 'r') }));
  const given: readonly GivenColumn<PulledRow>[] = [
    { name: 'id', type: 'uuid', of: ({ id }) => id },
    { name: 'source_id', type: 'text', of: ({ sourceId }) => sourceId },
    ...columns.map(({ field, column, type }) => ({ name: column, type, of: ({ fields }: PulledRow) => fields[field] })),
  ];

  return {
    columns: list(columns.map(({ column }) => sql`${sql.identifier(column)}`)),
    values: list(columns.map(({ column }) => ofRow('r', column))),
    excluded: list(
      columns.map(({ field, column }) =>
        keeping(kind, { kept, field, told, from: 'excluded' }, ofRow('excluded', column)),
      ),
    ),
    merge: assigned(merges),
    differs: changed(merges),
    fill: filled.length === 0 ? null : { set: assigned(filled), differs: changed(filled) },
    rows: (records) => rowsByColumn(records, given),
  };
}

interface KeptField {
  readonly kept: KeptFields;
  readonly field: string;
  readonly told: SQL;
  /** The alias of the pulled row. */
  readonly from: string;
}

/** What a pull makes of a field: the pulled value, but for what is kept of the stored one. See `overStored`. */
function keeping(kind: RecordKind, { kept, field, told, from }: KeptField, pulled: SQL): SQL {
  const stored = ofRow('c', columnName(field));
  if (kept.fields.includes(field)) return stored;
  const parts = kept.untoldParts?.[field];
  if (parts !== undefined) return keepingUntold(parts, from, { stored, pulled });
  if (kept.whileEmpty?.includes(field) === true)
    return keepingWhileEmpty(kind.fields[field]?.value, { stored, pulled });
  return keepingKeys(kind, { kept, field, told, from }, { stored, pulled });
}

function keepingKeys(
  kind: RecordKind,
  { kept, field, told }: KeptField,
  { stored, pulled }: { readonly stored: SQL; readonly pulled: SQL },
): SQL {
  const own = kept.exceptKeys?.[field];
  const replaced = own === undefined ? pulled : sql`(${othersIn(stored, own, told)} || coalesce(${pulled}, '{}'))`;
  const keys = kept.keys[field];
  if (keys === undefined) return replaced;
  const held = sql`jsonb_each(${stored}) as e(key, value) where e.key in (select jsonb_array_elements_text(${JSON.stringify(keys)}::jsonb)) and e.value <> 'null'`;
  return sql`case when exists (select from ${held})
    then coalesce(${replaced}, ${emptyObject(kind.fields[field]?.value)}::jsonb) || (select jsonb_object_agg(e.key, e.value) from ${held}) else ${replaced} end`;
}

const keepingWhileEmpty = (
  value: ValueType | undefined,
  { stored, pulled }: { readonly stored: SQL; readonly pulled: SQL },
): SQL =>
  value?.type === 'list' ? sql`coalesce(nullif(${pulled}, '[]'), ${stored})` : sql`coalesce(${pulled}, ${stored})`;

/** See `withUntold` of `overStored`. A null part counts as one that is missing. */
function keepingUntold(
  { untold, follow }: UntoldParts,
  from: string,
  { stored, pulled }: { readonly stored: SQL; readonly pulled: SQL },
): SQL {
  const partsOf = (row: SQL) =>
    list(follow.parts.map((part) => sql`jsonb_path_query_array(${row}, ${`$[*].${JSON.stringify(part)}`}::jsonpath)`));
  const basis = [
    ...follow.fields.map((field) => [ofRow(from, columnName(field)), ofRow('c', columnName(field))] as const),
    [sql`jsonb_array_length(${pulled})`, sql`jsonb_array_length(${stored})`] as const,
  ];
  const isSameBasis = sql`(${list(basis.map(([now]) => now))}, ${partsOf(pulled)}) is not distinct from (${list(basis.map(([, before]) => before))}, ${partsOf(stored)})`;
  const kept = list(
    untold.map(
      (part) =>
        sql`${part}::text, coalesce(nullif(e.item->${part}, 'null'), ${stored}->(e.place::integer - 1)->${part}, 'null')`,
    ),
  );
  return sql`case when ${isSameBasis} then (
    select coalesce(jsonb_agg(e.item || jsonb_build_object(${kept}) order by e.place), '[]')
    from jsonb_array_elements(${pulled}) with ordinality e(item, place)) else ${pulled} end`;
}

/** The stored keys of a map that a pull does not replace. */
const othersIn = (stored: SQL, { prefix, named }: OwnKeys, told: SQL): SQL =>
  sql`coalesce((select jsonb_object_agg(e.key, e.value) from jsonb_each(${stored}) as e(key, value)
    where not ${prefix === null ? sql`e.key = any(${told})` : sql`starts_with(e.key, ${prefix})`} and e.key not in (select jsonb_array_elements_text(${JSON.stringify(named)}::jsonb))), '{}')`;

/** As JSON: an object with all its parts, none of which is known. */
const emptyObject = (value: ValueType | undefined): string =>
  JSON.stringify(
    value?.type === 'object'
      ? Object.fromEntries(Object.entries(value.fields).map(([part, { fallback }]) => [part, fallback ?? null]))
      : {},
  );

/** The value of a field after a newer version of its record is merged with an older one. */
export function mergedValue(kind: RecordKind, field: string): Merge {
  const rule = ruleOf(kind, field);
  const column = columnName(field);
  if (rule === null) return (newer) => ofRow(newer, column);
  return typeof rule === 'object' ? fixedOnce(column, columnName(rule.fixedOnce)) : MERGES[rule](column);
}

/** A resolved reference is never overwritten, because the adapter knows only the provider's id. */
function ruleOf({ fields, references }: RecordKind, field: string): PullRule | null {
  const isReference = Object.values(references).some((reference) => reference.field === field);
  return fields[field]?.whenPulled ?? (isReference ? 'keep-known' : null);
}

const MERGES: Readonly<Record<Extract<PullRule, string>, (column: string) => Merge>> = {
  'keep-known': (column) => (newer, older) => sql`coalesce(${ofRow(newer, column)}, ${ofRow(older, column)})`,
  'keep-unless-empty': (column) => (newer, older) =>
    sql`case when ${ofRow(newer, column)} = '[]' then ${ofRow(older, column)} else ${ofRow(newer, column)} end`,
  add: (column) => (newer, older) => sql`${ofRow(older, column)} || ${ofRow(newer, column)}`,
  'stay-true': (column) => (newer, older) => sql`(${ofRow(newer, column)} or ${ofRow(older, column)})`,
};

const fixedOnce =
  (column: string, flag: string): Merge =>
  (newer, older) =>
    sql`case when ${ofRow(older, flag)} and ${ofRow(newer, flag)} is not true then ${ofRow(older, column)} else ${ofRow(newer, column)} end`;

interface Assigned {
  readonly column: string;
  readonly value: SQL;
}

const assigned = (values: readonly Assigned[]): SQL =>
  list(values.map(({ column, value }) => sql`${sql.identifier(column)} = ${value}`));

/** True when an assignment would change row `c`. */
const changed = (values: readonly Assigned[]): SQL =>
  sql`(${list(values.map(({ column }) => ofRow('c', column)))}) is distinct from (${list(values.map(({ value }) => value))})`;

const ofRow = (alias: string, name: string): SQL => sql`${sql.identifier(alias)}.${sql.identifier(name)}`;
const list = (parts: readonly SQL[]): SQL => sql.join([...parts], sql`, `);
