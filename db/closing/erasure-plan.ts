import { getTableConfig } from 'drizzle-orm/pg-core';
import type { PgTable } from 'drizzle-orm/pg-core';
import type { RecordKinds } from '../../records/registry.ts';
import { tablesOf } from '../schema/tables.ts';

/** One table whose rows go when their venue is closed. */
export interface ErasureStep {
  readonly table: string;
  /** The table whose rows lead to this one's, and the column that names them. Null: the rows are passed by their own ids. */
  readonly parent: { readonly table: string; readonly column: string } | null;
  /** Columns that name rows of the same table. They are emptied before what they name is deleted. */
  readonly selfReferences: readonly string[];
}

/** What stays: who did what, without personal data. Retention removes it, and the service's login may not. */
export const KEPT_TABLES: readonly string[] = ['audit_log'];

type TableConfig = ReturnType<typeof getTableConfig>;

/**
 * Every table with rows of venues, those that refer to others first. Derived from the schema, so that a new table is
 * erased too. Throws for one whose rows no index finds.
 */
export function erasurePlanOf(kinds: RecordKinds): readonly ErasureStep[] {
  const tables = Object.values(tablesOf(kinds))
    .map((table) => getTableConfig(table))
    .filter(({ name, columns }) => !KEPT_TABLES.includes(name) && columns.some((column) => column.name === 'venue_id'));
  return inOrder(tables).map((table) => ({
    table: table.name,
    parent: isPagedById(table) ? null : parentOf(table, tables),
    selfReferences: keysTo(table, table.name),
  }));
}

function inOrder(tables: readonly TableConfig[]): TableConfig[] {
  const rest = [...tables];
  const ordered: TableConfig[] = [];
  while (rest.length > 0) {
    const next = rest.findIndex(({ name }) =>
      rest.every((other) => other.name === name || keysTo(other, name).length === 0),
    );
    if (next === -1) throw new Error(`tables refer to each other: ${rest.map(({ name }) => name).join(', ')}`);
    ordered.push(...rest.splice(next, 1));
  }
  return ordered;
}

/** The columns, besides the venue's, of foreign keys to the named table. */
function keysTo({ foreignKeys }: TableConfig, target: string): string[] {
  return foreignKeys
    .map((key) => key.reference())
    .filter(({ foreignTable }) => nameOf(foreignTable) === target)
    .map(({ columns }) => columns.at(-1)?.name ?? '');
}

const nameOf = (table: PgTable): string => getTableConfig(table).name;

/** Whether an index leads from the venue to the ids of its rows, in their order. */
function isPagedById({ indexes, uniqueConstraints, columns }: TableConfig): boolean {
  if (!columns.some(({ name, primary }) => name === 'id' && primary)) return false;
  const keys = [
    ...indexes.filter(({ config }) => !config.where).map(({ config }) => config.columns),
    ...uniqueConstraints.map((constraint) => constraint.columns),
  ];
  return keys.some(
    (key) =>
      key
        .slice(0, 2)
        .map((column) => ('name' in column ? column.name : ''))
        .join() === 'venue_id,id',
  );
}

function parentOf(table: TableConfig, tables: readonly TableConfig[]): ErasureStep['parent'] {
  for (const { name } of tables.filter(isPagedById)) {
    const [column] = name === table.name ? [] : keysTo(table, name);
    if (column !== undefined) return { table: name, column };
  }
  throw new Error(`no index leads from a venue to its rows of ${table.name}`);
}
