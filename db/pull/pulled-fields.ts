import { sql } from 'drizzle-orm';
import type { SQL } from 'drizzle-orm';
import type { PullRule } from '../../records/field.ts';
import type { RecordFields, RecordKind } from '../../records/record-kind.ts';
import { columnName, recordTable } from '../records/record-tables.ts';

/** The provider's ids of other records that one names, by the names that its kind gives them; null where it names none. */
export type PulledReferences = Readonly<Record<string, string | null>>;

/** The value of a field from a newer and an older version of a record, which are rows of these aliases. */
type Merge = (newer: string, older: string) => SQL;

/** One pulled record as the statements below take it. */
export interface PulledRow {
  readonly id: string;
  readonly sourceId: string;
  readonly fields: RecordFields;
}

/** The SQL by which pulled records of one kind become rows; `c` is the stored row, `r` the pulled one. */
export interface PulledSql {
  /** `name, email, …` */
  readonly columns: SQL;
  /** `r.name, r.email, …` */
  readonly values: SQL;
  /** `excluded.name, excluded.email, …` */
  readonly excluded: SQL;
  /** `name = …, email = …` */
  readonly merge: SQL;
  /** True where the merge would change something. */
  readonly differs: SQL;
  /** `merge` the other way round, for a pulled version that is older than the stored one: what that leaves open. Null: nothing can be open. */
  readonly fill: { readonly set: SQL; readonly differs: SQL } | null;
  /** `jsonb_to_recordset(…) as r(id uuid, source_id text, …)` */
  rows(records: readonly PulledRow[]): SQL;
}

export function pulledSql(kind: RecordKind): PulledSql {
  const { columns } = recordTable(kind);
  const merges = columns.map(({ field, column }) => ({ column, value: mergedValue(kind, field)('r', 'c') }));
  const filled = columns
    .filter(({ field }) => ruleOf(kind, field) !== null)
    .map(({ field, column }) => ({ column, value: mergedValue(kind, field)('c', 'r') }));
  const shape = columns.map(({ column, type }) => sql`${sql.identifier(column)} ${sql.raw(type)}`);

  return {
    columns: list(columns.map(({ column }) => sql`${sql.identifier(column)}`)),
    values: list(columns.map(({ column }) => ofRow('r', column))),
    excluded: list(columns.map(({ column }) => ofRow('excluded', column))),
    merge: assigned(merges),
    differs: changed(merges),
    fill: filled.length === 0 ? null : { set: assigned(filled), differs: changed(filled) },
    rows(records) {
      const documents = records.map(({ id, sourceId, fields }) => ({
        id,
        source_id: sourceId,
        ...Object.fromEntries(columns.map(({ field, column }) => [column, fields[field]])),
      }));
      return sql`jsonb_to_recordset(${JSON.stringify(documents)}::jsonb) as r(id uuid, source_id text, ${list(shape)})`;
    },
  };
}

/** What a field becomes when a newer version of its record meets an older one. */
export function mergedValue(kind: RecordKind, field: string): Merge {
  const rule = ruleOf(kind, field);
  const column = columnName(field);
  if (rule === null) return (newer) => ofRow(newer, column);
  return typeof rule === 'object' ? fixedOnce(column, columnName(rule.fixedOnce)) : MERGES[rule](column);
}

/** A reference that was resolved is never lost: an adapter knows the provider's id alone. */
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

/** True where an assignment would change row `c`. */
const changed = (values: readonly Assigned[]): SQL =>
  sql`(${list(values.map(({ column }) => ofRow('c', column)))}) is distinct from (${list(values.map(({ value }) => value))})`;

const ofRow = (alias: string, name: string): SQL => sql`${sql.identifier(alias)}.${sql.identifier(name)}`;
const list = (parts: readonly SQL[]): SQL => sql.join([...parts], sql`, `);
