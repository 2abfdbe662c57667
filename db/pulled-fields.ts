import { sql } from 'drizzle-orm';
import type { SQL } from 'drizzle-orm';
import type { Resource } from '../contracts/providers.ts';
import type { RecordFields } from '../contracts/records.ts';
import { RECORD_TABLES } from './record-tables.ts';

/** Columns that only a pull fills: the provider's ids of what a transaction belongs to. */
const REFERENCE_COLUMNS: Readonly<Partial<Record<Resource, Readonly<Record<string, keyof PulledReferences>>>>> = {
  transactions: { customer_external_id: 'customer', related_external_id: 'related', payment_external_id: 'payment' },
};

export interface PulledReferences {
  readonly customer: string | null;
  readonly related: string | null;
  readonly payment: string | null;
}

/**
 * What a pulled version does not take away. Several objects of a provider tell of one transaction, each a part: a fee that is known stays
 * known, lines and ids that another object told stay until something else is told.
 */
const MERGED: Readonly<Partial<Record<Resource, Readonly<Record<string, SQL>>>>> = {
  transactions: {
    fee_minor: sql`coalesce(r.fee_minor, c.fee_minor)`,
    customer_source_id: sql`coalesce(r.customer_source_id, c.customer_source_id)`,
    related_transaction_id: sql`coalesce(r.related_transaction_id, c.related_transaction_id)`,
    lines: sql`case when r.lines = '[]' then c.lines else r.lines end`,
    metadata: sql`c.metadata || r.metadata`,
    customer_external_id: sql`coalesce(r.customer_external_id, c.customer_external_id)`,
    related_external_id: sql`coalesce(r.related_external_id, c.related_external_id)`,
    payment_external_id: sql`coalesce(r.payment_external_id, c.payment_external_id)`,
  },
};

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
  const mergeOf = ({ name }: PulledColumn) => merged[name] ?? ofRow('r', name);
  const names = columns.map(({ name }) => sql`${sql.identifier(name)}`);
  const shape = columns.map(({ name, type }) => sql`${sql.identifier(name)} ${sql.raw(type)}`);

  return {
    columns: list(names),
    values: list(columns.map(({ name }) => ofRow('r', name))),
    excluded: list(columns.map(({ name }) => ofRow('excluded', name))),
    merge: list(columns.map((column) => sql`${sql.identifier(column.name)} = ${mergeOf(column)}`)),
    differs: sql`(${list(columns.map(({ name }) => ofRow('c', name)))}) is distinct from (${list(columns.map(mergeOf))})`,
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

const ofRow = (alias: string, name: string): SQL => sql`${sql.identifier(alias)}.${sql.identifier(name)}`;
const list = (parts: readonly SQL[]): SQL => sql.join([...parts], sql`, `);
