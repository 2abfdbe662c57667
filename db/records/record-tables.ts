import { sql } from 'drizzle-orm';
import type { SQL } from 'drizzle-orm';
import type { ValueType } from '../../records/field.ts';
import { fieldsOf, singularOf } from '../../records/record-kind.ts';
import type { RecordKind } from '../../records/record-kind.ts';

export type ColumnType = 'text' | 'bigint' | 'boolean' | 'jsonb' | 'numeric' | 'uuid' | 'timestamptz';

export interface Column {
  /** As the API and the mappings name it. */
  readonly field: string;
  readonly column: string;
  readonly type: ColumnType;
  /** Default for a new record when the field is absent or null; null when the column may be null. */
  readonly fallback: string | null;
  /** A record is invalid without it. */
  readonly required: boolean;
}

/** A rule over a whole record, which can be checked only together with what is stored. */
export interface Rule {
  /** The field to report, and the message. */
  readonly field: string;
  readonly message: string;
  /** Whether row `alias`, the record as it would become, breaks the rule. */
  readonly brokenBy: (alias: string) => SQL;
}

/**
 * How the fields of one kind map to its table. Every statement over records is built from this, so each exists once for
 * all kinds.
 */
export interface RecordTable {
  readonly name: string;
  /** The kind's name. */
  readonly resource: string;
  readonly columns: readonly Column[];
  readonly rules: readonly Rule[];
}

const COLUMN_TYPES: Readonly<Record<ValueType['type'], ColumnType>> = {
  text: 'text',
  email: 'text',
  url: 'text',
  'source-id': 'text',
  'record-id': 'uuid',
  amount: 'bigint',
  decimal: 'numeric',
  currency: 'text',
  boolean: 'boolean',
  instant: 'timestamptz',
  word: 'text',
  list: 'jsonb',
  object: 'jsonb',
  'string-map': 'jsonb',
};

const made = new WeakMap<RecordKind, RecordTable>();

/**
 * One row, of which the planner expects a thousand. Of a venue that its statistics do not know it expects one record,
 * and sorting that costs as little as an index that has the order; in a cross join with this, only such an index is
 * cheap.
 */
export const MANY_EXPECTED = sql`string_to_table('one', ',') as expected`;

/**
 * The venue's row of a key, at most one. With `source_id = …` every index that begins with the venue looks as good as the
 * one of keys where the planner expects one record, and it may read all the venue's records for each key. So the first
 * key from there on is asked for, of many expected rows: only the index of keys has that order without sorting them.
 */
export const bySourceId = (table: SQL, sourceId: SQL): SQL => sql`
  (select * from (
     select t.* from ${table} t cross join ${MANY_EXPECTED}
     where t.source_id >= ${sourceId} order by t.source_id limit 1) first_from
   where source_id = ${sourceId})`;

/** The function that finds the venue's records in use by a text that they are looked up by, in lower case. */
export const lookUpFunction = ({ table }: RecordKind, field: string): SQL =>
  sql`${sql.identifier(`${table}_by_${columnName(field)}`)}`;

export function recordTable(kind: RecordKind): RecordTable {
  const table = made.get(kind) ?? makeTable(kind);
  made.set(kind, table);
  return table;
}

function makeTable(kind: RecordKind): RecordTable {
  const columns = fieldsOf(kind).map(([field, { value, presence, fallback }]) => ({
    field,
    column: columnName(field),
    type: COLUMN_TYPES[value.type],
    fallback: fallback === undefined ? null : JSON.stringify(fallback),
    required: presence === 'required',
  }));
  const rules = [
    ...columns.filter((one) => one.required).map(mustBeThere),
    ...kind.together.flatMap(comeTogether),
    ...fieldsOf(kind).flatMap(([field, { value }]) =>
      value.type === 'record-id' ? namesRecord(kind, field, value.of) : [],
    ),
  ];
  return { name: kind.table, resource: kind.name, columns, rules };
}

export function columnTypeOf({ fields }: RecordKind, field: string): ColumnType {
  const found = fields[field];
  if (!found) throw new Error(`there is no field ${field}`);
  return COLUMN_TYPES[found.value.type];
}

export const columnName = (field: string): string => field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

const mustBeThere = ({ field, column: name }: Column): Rule => ({
  field,
  message: 'Required',
  brokenBy: (row) => sql`${qualified(name, row)} is null`,
});

function comeTogether(fields: readonly string[]): readonly Rule[] {
  const message = `${fields.join(' and ')} come together: send ${fields.length === 2 ? 'both' : 'all'}, or null for ${fields.length === 2 ? 'both' : 'all'}`;
  return fields.map((field) => ({
    field,
    message,
    brokenBy: (row) =>
      sql`${qualified(columnName(field), row)} is null and (${sql.join(
        fields.filter((one) => one !== field).map((one) => sql`${qualified(columnName(one), row)} is not null`),
        sql` or `,
      )})`,
  }));
}

/** Row-level security hides other venues' records, so they count as missing. */
function namesRecord(kind: RecordKind, field: string, of: string): readonly Rule[] {
  if (of !== kind.name)
    throw new Error(`${kind.name}.${field} holds the id of another kind of record, which is not checked yet`);
  const id = columnName(field);
  return [
    {
      field,
      message: `Must be the id of another ${singularOf(kind)} of this venue`,
      brokenBy: (row) => sql`${qualified(id, row)} is not null and not exists (
    select from ${tableOf(kind)} other where other.id = ${qualified(id, row)} and other.source_id <> ${qualified('source_id', row)})`,
    },
  ];
}

/** The kind's table. */
export const tableOf = ({ table }: RecordKind): SQL => sql`${sql.identifier(table)}`;

/** `name, email, …`, each prefixed with `alias` if given. */
export function fieldColumns({ columns }: RecordTable, alias?: string): SQL {
  return list(columns.map(({ column: name }) => qualified(name, alias)));
}

/** `name = r.name, email = r.email, …` */
export function assignments({ columns }: RecordTable, from: string): SQL {
  return list(columns.map(({ column: name }) => sql`${sql.identifier(name)} = ${qualified(name, from)}`));
}

/** A document with the record's fields under their contract names, with times in ISO 8601 UTC and decimals as text. */
export function fieldsDocument({ columns }: RecordTable, alias: string): SQL {
  return sql`jsonb_build_object(${list(columns.map((one) => sql`${sql.raw(`'${one.field}'`)}, ${shown(one, alias)}`))})`;
}

/**
 * The columns made from a document's fields, for `select … from jsonb_array_elements(…) as d`. Absent and null fields
 * get their default; each has its column's name.
 */
export function documentColumns({ columns }: RecordTable, document: SQL): SQL {
  return list(columns.map((one) => sql`${given(one, document)} as ${sql.identifier(one.column)}`));
}

/** Like `documentColumns`, but an absent field keeps the value of row `alias`. */
export function mergedColumns({ columns }: RecordTable, document: SQL, alias: string): SQL {
  return list(
    columns.map((one) => {
      const name = sql.identifier(one.column);
      return sql`case when ${document} ? ${sql.raw(`'${one.field}'`)} then ${given(one, document)} else ${qualified(one.column, alias)} end as ${name}`;
    }),
  );
}

/** A time in ISO 8601 UTC, as answers show it. */
export const shownInstant = (instant: SQL): SQL =>
  sql`to_char(${instant} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

function shown({ column: name, type }: Column, alias: string): SQL {
  const value = qualified(name, alias);
  if (type === 'timestamptz') return shownInstant(value);
  return type === 'numeric' ? sql`${value}::text` : value;
}

function given({ field, type, fallback }: Column, document: SQL): SQL {
  const key = sql.raw(`'${field}'`);
  const value =
    type === 'jsonb' ? sql`nullif(${document} -> ${key}, 'null')` : sql`(${document} ->> ${key})::${sql.raw(type)}`;
  return fallback === null ? value : sql`coalesce(${value}, ${sql.raw(`'${fallback}'`)}::${sql.raw(type)})`;
}

const qualified = (name: string, alias: string | undefined): SQL =>
  alias === undefined ? sql`${sql.identifier(name)}` : sql`${sql.identifier(alias)}.${sql.identifier(name)}`;
const list = (parts: readonly SQL[]): SQL => sql.join([...parts], sql`, `);
