import { Column, DrizzleQueryError, is, Param, Placeholder, sql } from 'drizzle-orm';
import type { SQL } from 'drizzle-orm';
import { PgDialect, PgTimestamp, QueryBuilder } from 'drizzle-orm/pg-core';
import type { PreparedQueryConfig } from 'drizzle-orm/pg-core';
import type { PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import type postgres from 'postgres';
import { readInstant } from './instants.ts';

/**
 * A read whose text is built once: building it anew costs as much as everything else that a read of one record does in
 * this process. What differs from one execution to the next is written as `sql.placeholder(name)`.
 */
export interface Statement<Row> {
  readonly text: string;
  /** Names of placeholders, and values that are part of the statement. */
  readonly parameters: readonly (ByName | Fixed)[];
  /** Null: rows are objects by column name, as the driver makes them. */
  readonly toRow: ((values: readonly unknown[]) => Row) | null;
}

interface ByName {
  readonly name: string;
}
interface Fixed {
  readonly value: unknown;
}

/** By the names of the statement's placeholders. */
export type StatementValues = Readonly<Record<string, unknown>>;

/** Builds the queries of `selectStatement`. */
export const queryBuilder = new QueryBuilder();

const DIALECT = new PgDialect();

/** A statement whose rows are objects by column name. */
export function statement<Row extends object>(text: SQL): Statement<Row> {
  return { ...build(text), toRow: null };
}

interface Select<Row> {
  readonly _: { readonly selectedFields: Readonly<Record<string, unknown>>; readonly result: Row[] };
  getSQL(): SQL;
}

/** A statement whose rows have the names and types of the selected columns. Takes no joins: their columns are nested. */
export function selectStatement<Row>(select: Select<Row>): Statement<Row> {
  return {
    ...build(select.getSQL()),
    toRow: rowReader(select._.selectedFields) as (values: readonly unknown[]) => Row,
  };
}

/**
 * Sends a statement before it returns, so that statements run in the order of the calls: a query that is only awaited is
 * sent later than one that is executed. Throws what Drizzle throws, by which an outage is told from other failures.
 */
export async function run<Row>(
  connection: Pick<postgres.Sql, 'unsafe'>,
  { text, parameters, toRow }: Statement<Row>,
  values: StatementValues,
): Promise<readonly Row[]> {
  const given = valuesOf(parameters, values) as postgres.ParameterOrJSON<never>[];
  try {
    return readRows(await connection.unsafe(text, given).values().execute(), toRow);
  } catch (error) {
    throw new DrizzleQueryError(text, given, error as Error);
  }
}

/** As `run`, in one round trip: the server keeps the statement, once per connection. For few texts that are the same each time. */
export function runPrepared<Row>(
  connection: Pick<postgres.Sql, 'unsafe'>,
  repeated: Statement<Row>,
  values: StatementValues,
): Promise<readonly Row[]> {
  const unsafe: (typeof connection)['unsafe'] = (text, given, options) =>
    connection.unsafe(text, given, { ...options, prepare: true });
  return run({ unsafe }, repeated, values);
}

/**
 * Runs a statement with many rows of many columns. The driver adds columns to a row one by one: the engine makes a hash
 * table of an object that grows beyond twenty, which takes ten times the memory. Sends the statement before it returns.
 */
export function executeWide<Row extends object>(tx: Pick<PostgresJsDatabase, '_'>, wide: SQL): Promise<readonly Row[]> {
  const read = (rows: unknown) => readRows<Row>(rows as Answered, null);
  return tx._.session
    .prepareQuery<PreparedQueryConfig & { execute: readonly Row[] }>(
      DIALECT.sqlToQuery(wide),
      undefined,
      undefined,
      true,
      read,
    )
    .execute();
}

/** What the driver answers when it is asked for the values of each row. */
type Answered = Iterable<readonly unknown[]> & { readonly columns: Columns };

function readRows<Row>(answered: Answered, toRow: ((values: readonly unknown[]) => Row) | null): readonly Row[] {
  const read = toRow ?? (readerByColumn(answered.columns) as (values: readonly unknown[]) => Row);
  // Not by `map`, which is slow on the driver's own kind of array.
  const rows: Row[] = [];
  for (const values of answered) rows.push(read(values));
  return rows;
}

/** The statement with its values, each as text and of the type text, for the driver to send ahead of another. */
export function textOf({ statement: { text, parameters }, values }: Execution<unknown>): {
  readonly text: string;
  readonly parameters: readonly string[];
} {
  return { text, parameters: valuesOf(parameters, values).map(textOfValue) };
}

function textOfValue(value: unknown): string {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new Error('A statement that goes ahead of others takes texts, numbers and booleans');
}

function valuesOf(parameters: Statement<unknown>['parameters'], values: StatementValues): unknown[] {
  return parameters.map((parameter) => ('name' in parameter ? valueOf(parameter.name, values) : parameter.value));
}

function valueOf(name: string, values: StatementValues): unknown {
  const value = values[name];
  if (value === undefined) throw new Error(`The statement needs a value for ${name}`);
  return value instanceof Date ? value.toISOString() : value;
}

function build(text: SQL): Pick<Statement<unknown>, 'text' | 'parameters'> {
  const { sql: built, params } = DIALECT.sqlToQuery(text);
  return {
    text: built,
    parameters: params.map((parameter) => {
      if (is(parameter, Placeholder)) return { name: parameter.name };
      if (is(parameter, Param)) throw new Error('A placeholder of a column’s own type is not supported');
      return { value: parameter };
    }),
  };
}

/** Reads the values of a row as Drizzle does, which looks up for every value of every row how to read it. */
function rowReader(fields: Readonly<Record<string, unknown>>): (values: readonly unknown[]) => object {
  return readerWith(Object.entries(fields).map(([name, field]) => ({ name, read: readerOf(field) })));
}

type Columns = readonly { readonly name: string }[];
const readersByColumn = new WeakMap<Columns, (values: readonly unknown[]) => object>();

/** Makes objects by column name. The driver keeps the columns of a prepared statement. */
function readerByColumn(columns: Columns): (values: readonly unknown[]) => object {
  const known = readersByColumn.get(columns);
  if (known) return known;
  const made = readerWith(columns.map(({ name }) => ({ name, read: (value) => value })));
  readersByColumn.set(columns, made);
  return made;
}

interface ColumnReader {
  readonly name: string;
  readonly read: (value: unknown) => unknown;
}

/**
 * Each row begins as a copy of one with every name: to add names one by one, the engine looks up the object's next shape
 * for each, which takes eight times as long.
 */
function readerWith(readers: readonly ColumnReader[]): (values: readonly unknown[]) => object {
  const blank: Readonly<Record<string, unknown>> = Object.fromEntries(readers.map(({ name }) => [name, null]));
  return (values) => {
    const row = { ...blank };
    let index = 0;
    for (const { name, read } of readers) {
      const value = values[index];
      index += 1;
      row[name] = value === null ? null : read(value);
    }
    return row;
  };
}

function readerOf(field: unknown): (value: unknown) => unknown {
  if (is(field, PgTimestamp)) return (value) => readInstant(String(value));
  return is(field, Column) ? (value) => field.mapFromDriverValue(value) : (value) => value;
}

/** A value, or the placeholder of one. */
export type Operand<Value> = Value | Placeholder;

/** A statement with the values of one execution. */
export interface Execution<Row> {
  readonly statement: Statement<Row>;
  readonly values: StatementValues;
}

const MAX_STATEMENTS = 1_000;

/** The statements of one list: each set of filters that may be given has its own. */
export class ListStatements<Row> {
  readonly #made = new Map<string, Statement<Row>>();
  readonly #make: (given: Readonly<Record<string, Placeholder>>) => Statement<Row>;

  /** `make` gets a placeholder for each value that is given, under its name. */
  constructor(make: (given: Readonly<Record<string, Placeholder>>) => Statement<Row>) {
    this.#make = make;
  }

  /** What is null or undefined is not given. */
  for(values: StatementValues): Execution<Row> {
    const names = Object.keys(values).filter((name) => values[name] !== null && values[name] !== undefined);
    return { statement: this.#of(names), values };
  }

  #of(names: readonly string[]): Statement<Row> {
    const key = names.join();
    const known = this.#made.get(key);
    if (known) return known;
    if (this.#made.size >= MAX_STATEMENTS) this.#made.clear();
    const made = this.#make(Object.fromEntries(names.map((name) => [name, sql.placeholder(name)])));
    this.#made.set(key, made);
    return made;
  }
}
