import { sql } from 'drizzle-orm';
import type { SQL } from 'drizzle-orm';
import type { Resource } from '../../contracts/providers.ts';
import type { RecordFields } from '../../contracts/records.ts';
import { RECORD_TABLES } from '../records/record-tables.ts';

/** Columns that only a pull fills: the provider's ids of what a record belongs to. */
const REFERENCE_COLUMNS: Readonly<Partial<Record<Resource, Readonly<Record<string, keyof PulledReferences>>>>> = {
  transactions: { customer_external_id: 'customer', related_external_id: 'related', payment_external_id: 'payment' },
  invoices: { customer_external_id: 'customer' },
};

export interface PulledReferences {
  readonly customer: string | null;
  readonly related: string | null;
  readonly payment: string | null;
}

/** A column of the newer or of the older version of a record; without a name, the column that is merged. */
type Version = (column?: string) => SQL;

/**
 * What a version of a record leaves where it says nothing itself. Several objects of a provider tell of one transaction, each a part: a fee
 * that is known stays known, lines and ids that another object told stay until something else is told. Money that was posted stays posted,
 * at the time at which it was: a balance is never rewritten.
 */
const MERGED: Readonly<Partial<Record<Resource, Readonly<Record<string, (newer: Version, older: Version) => SQL>>>>> = {
  transactions: {
    occurred_at: (newer, older) =>
      sql`case when ${older('posted')} and ${newer('posted')} is not true then ${older()} else ${newer()} end`,
    posted: (newer, older) => sql`(${newer()} or ${older()})`,
    fee_minor: firstKnown,
    customer_source_id: firstKnown,
    related_transaction_id: firstKnown,
    lines: (newer, older) => sql`case when ${newer()} = '[]' then ${older()} else ${newer()} end`,
    metadata: (newer, older) => sql`${older()} || ${newer()}`,
    customer_external_id: firstKnown,
    related_external_id: firstKnown,
    payment_external_id: firstKnown,
  },
  invoices: { customer_source_id: firstKnown },
};

function firstKnown(newer: Version, older: Version): SQL {
  return sql`coalesce(${newer()}, ${older()})`;
}

interface PulledColumn {
  readonly name: string;
  readonly type: string;
}

/** One pulled record as the statements below take it. */
export interface PulledRow {
  readonly id: string;
  readonly sourceId: string;
  readonly fields: RecordFields;
  readonly references: PulledReferences | null;
}

/** The SQL by which one resource's pulled records become rows; `c` is the stored row, `r` the pulled one. */
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

export function pulledSql(resource: Resource): PulledSql {
  const fieldColumns = RECORD_TABLES[resource].columns;
  const references = Object.entries(REFERENCE_COLUMNS[resource] ?? {});
  const columns: readonly PulledColumn[] = [
    ...fieldColumns.map(({ column, type }) => ({ name: column, type })),
    ...references.map(([name]) => ({ name, type: 'text' })),
  ];
  const merged = MERGED[resource] ?? {};
  const mergeOf = ({ name }: PulledColumn) =>
    merged[name]?.(versionOf('r', name), versionOf('c', name)) ?? ofRow('r', name);
  const filled = Object.entries(merged).map(([name, merge]) => ({
    name,
    value: merge(versionOf('c', name), versionOf('r', name)),
  }));
  const names = columns.map(({ name }) => sql`${sql.identifier(name)}`);
  const shape = columns.map(({ name, type }) => sql`${sql.identifier(name)} ${sql.raw(type)}`);

  return {
    columns: list(names),
    values: list(columns.map(({ name }) => ofRow('r', name))),
    excluded: list(columns.map(({ name }) => ofRow('excluded', name))),
    merge: list(columns.map((column) => sql`${sql.identifier(column.name)} = ${mergeOf(column)}`)),
    differs: sql`(${list(columns.map(({ name }) => ofRow('c', name)))}) is distinct from (${list(columns.map(mergeOf))})`,
    fill:
      filled.length === 0
        ? null
        : {
            set: list(filled.map(({ name, value }) => sql`${sql.identifier(name)} = ${value}`)),
            differs: sql`(${list(filled.map(({ name }) => ofRow('c', name)))}) is distinct from (${list(filled.map(({ value }) => value))})`,
          },
    rows(records) {
      const documents = records.map(({ id, sourceId, fields, references: refs }) => {
        const given = fields as unknown as Readonly<Record<string, unknown>>;
        return {
          id,
          source_id: sourceId,
          ...Object.fromEntries(fieldColumns.map(({ field, column }) => [column, given[field]])),
          ...Object.fromEntries(references.map(([column, reference]) => [column, refs?.[reference] ?? null])),
        };
      });
      return sql`jsonb_to_recordset(${JSON.stringify(documents)}::jsonb) as r(id uuid, source_id text, ${list(shape)})`;
    },
  };
}

const versionOf =
  (alias: string, merged: string): Version =>
  (column = merged) =>
    ofRow(alias, column);
const ofRow = (alias: string, name: string): SQL => sql`${sql.identifier(alias)}.${sql.identifier(name)}`;
const list = (parts: readonly SQL[]): SQL => sql.join([...parts], sql`, `);
