import { sql } from 'drizzle-orm';
import type { SQL } from 'drizzle-orm';
import type { Resource } from '../../contracts/providers.ts';

type ColumnType = 'text' | 'bigint' | 'boolean' | 'jsonb' | 'numeric' | 'uuid' | 'timestamptz';

interface Column {
  /** As the API and the mappings name it. */
  readonly field: string;
  readonly column: string;
  readonly type: ColumnType;
  /** What a new record gets where nothing was given, and where null was; null where the column may be null. */
  readonly fallback: string | null;
  /** A record is not whole without it. */
  readonly required: boolean;
}

/** What a whole record must keep to, beyond what each field promises by itself: it takes what is stored to tell. */
export interface Rule {
  /** The field that is to blame, and what to tell about it. */
  readonly field: string;
  readonly message: string;
  /** Whether row `alias`, the record as it would become, breaks the rule. */
  readonly brokenBy: (alias: string) => SQL;
}

/** How one resource's fields lie in their table. Every statement over records is built from this, so that each exists once for all resources. */
export interface RecordTable {
  readonly name: string;
  readonly columns: readonly Column[];
  readonly rules: readonly Rule[];
}

const column = (field: string, type: ColumnType, fallback: string | null = null): Column => ({
  field,
  column: field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
  type,
  fallback,
  required: false,
});
const required = (field: string, type: ColumnType): Column => ({ ...column(field, type), required: true });

const PRICE_IN_PARTS = 'amountMinor and currency come together: send both, or null for both';
const ONE_PRICE: readonly Rule[] = [
  {
    field: 'amountMinor',
    message: PRICE_IN_PARTS,
    brokenBy: (row) => sql`${qualified('amount_minor', row)} is null and ${qualified('currency', row)} is not null`,
  },
  {
    field: 'currency',
    message: PRICE_IN_PARTS,
    brokenBy: (row) => sql`${qualified('currency', row)} is null and ${qualified('amount_minor', row)} is not null`,
  },
];

/** Row-level security sees to it that another venue's is none. */
const RELATED_TRANSACTION: Rule = {
  field: 'relatedTransactionId',
  message: 'Must be the id of another transaction of this venue',
  brokenBy: (row) => sql`${qualified('related_transaction_id', row)} is not null and not exists (
    select from transactions other where other.id = ${qualified('related_transaction_id', row)} and other.source_id <> ${qualified('source_id', row)})`,
};

const table = (name: string, columns: readonly Column[], rules: readonly Rule[] = []): RecordTable => ({
  name,
  columns,
  rules: [...columns.filter((one) => one.required).map(mustBeThere), ...rules],
});

const mustBeThere = ({ field, column: name }: Column): Rule => ({
  field,
  message: 'Required',
  brokenBy: (row) => sql`${qualified(name, row)} is null`,
});
const metadata = column('metadata', 'jsonb', '{}');

export const RECORD_TABLES: Readonly<Record<Resource, RecordTable>> = {
  products: table(
    'products',
    [
      required('name', 'text'),
      column('description', 'text'),
      column('sku', 'text'),
      column('amountMinor', 'bigint'),
      column('currency', 'text'),
      column('active', 'boolean', 'true'),
      column('taxable', 'boolean'),
      column('images', 'jsonb', '[]'),
      metadata,
    ],
    ONE_PRICE,
  ),
  customers: table('customers', [
    column('name', 'text'),
    column('email', 'text'),
    column('phone', 'text'),
    column('address', 'jsonb'),
    column('marketingConsent', 'boolean'),
    metadata,
  ]),
  inventory: table('inventory_levels', [
    required('productSourceId', 'text'),
    required('location', 'text'),
    required('quantity', 'numeric'),
    required('countedAt', 'timestamptz'),
    metadata,
  ]),
  transactions: table(
    'transactions',
    [
      required('kind', 'text'),
      required('occurredAt', 'timestamptz'),
      required('amountMinor', 'bigint'),
      required('currency', 'text'),
      column('feeMinor', 'bigint'),
      required('status', 'text'),
      column('posted', 'boolean'),
      column('customerSourceId', 'text'),
      column('relatedTransactionId', 'uuid'),
      column('lines', 'jsonb', '[]'),
      metadata,
    ],
    [RELATED_TRANSACTION],
  ),
  invoices: table('invoices', [
    column('number', 'text'),
    required('status', 'text'),
    column('issuedAt', 'timestamptz'),
    column('dueAt', 'timestamptz'),
    column('customerSourceId', 'text'),
    required('currency', 'text'),
    column('subtotalMinor', 'bigint'),
    column('taxMinor', 'bigint'),
    required('totalMinor', 'bigint'),
    column('amountDueMinor', 'bigint'),
    column('lines', 'jsonb', '[]'),
    metadata,
  ]),
};

/** The resource's table. */
export const tableOf = (resource: Resource): SQL => sql`${sql.identifier(RECORD_TABLES[resource].name)}`;

/** `name, email, …`, each behind `alias` where one is given. */
export function fieldColumns({ columns }: RecordTable, alias?: string): SQL {
  return list(columns.map(({ column: name }) => qualified(name, alias)));
}

/** `name = r.name, email = r.email, …` */
export function assignments({ columns }: RecordTable, from: string): SQL {
  return list(columns.map(({ column: name }) => sql`${sql.identifier(name)} = ${qualified(name, from)}`));
}

/** One document with the record's fields as the contracts name them; times in ISO 8601 UTC, decimals as text. */
export function fieldsDocument({ columns }: RecordTable, alias: string): SQL {
  return sql`jsonb_build_object(${list(columns.map((one) => sql`${sql.raw(`'${one.field}'`)}, ${shown(one, alias)}`))})`;
}

/** The columns that a document's fields become, for `select … from jsonb_array_elements(…) as d`: absent and null ones fall back; each under its column's name. */
export function documentColumns({ columns }: RecordTable, document: SQL): SQL {
  return list(columns.map((one) => sql`${given(one, document)} as ${sql.identifier(one.column)}`));
}

/** As `documentColumns`, but an absent field keeps what row `alias` has; each under its column's name. */
export function mergedColumns({ columns }: RecordTable, document: SQL, alias: string): SQL {
  return list(
    columns.map((one) => {
      const name = sql.identifier(one.column);
      return sql`case when ${document} ? ${sql.raw(`'${one.field}'`)} then ${given(one, document)} else ${qualified(one.column, alias)} end as ${name}`;
    }),
  );
}

function shown({ column: name, type }: Column, alias: string): SQL {
  const value = qualified(name, alias);
  if (type === 'timestamptz') return sql`to_char(${value} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
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
