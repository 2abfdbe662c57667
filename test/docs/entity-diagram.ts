import { getTableConfig } from 'drizzle-orm/pg-core';
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core';

type TableConfig = ReturnType<typeof getTableConfig>;

const INTRODUCTION = `# Data model

Made from the table definitions in \`db/schema\`; do not edit it. \`npm test -- test/docs/data-model.test.ts -u\` writes it anew, and the test fails while it differs from the schema. Lines are foreign keys. [Words](glossary.md).

What the lines do not show:

- Every table with a \`venue_id\` is behind row-level security: a transaction sees one venue.
- \`record_id\` in \`record_links\` and \`record_references\` is a record of the kind that \`resource\` names. No foreign key can say that.
- \`sync_runs.checkpoint\` belongs to the activity that walks the run; no query looks into it.
`;

/** Renders docs/data-model.md for these tables, with one Mermaid entity diagram. */
export function renderDataModel(tables: readonly PgTable[]): string {
  const configs = tables.map((table) => getTableConfig(table)).sort((one, other) => (one.name < other.name ? -1 : 1));
  const lines = [...configs.flatMap(relationsOf), ...configs.flatMap(entityOf)];
  return `${INTRODUCTION}\n\`\`\`mermaid\nerDiagram\n${lines.map((line) => `  ${line}\n`).join('')}\`\`\`\n`;
}

function relationsOf({ name, foreignKeys, columns, primaryKeys, uniqueConstraints }: TableConfig): readonly string[] {
  return foreignKeys.map((key) => {
    const { columns: own, foreignTable } = key.reference();
    const names = own.map((column) => column.name);
    const keys = [
      ...columns.filter(({ primary, isUnique }) => primary || isUnique).map((column) => [column]),
      ...primaryKeys.map((primaryKey) => primaryKey.columns),
      ...uniqueConstraints.map((unique) => unique.columns),
    ];
    const isSingle = keys.some((columnsOfKey) => columnsOfKey.every((column) => names.includes(column.name)));
    const parent = own.some(({ notNull }) => !notNull) ? '|o' : '||';
    return `${getTableConfig(foreignTable).name} ${parent}--${isSingle ? 'o|' : 'o{'} ${name} : "${names.join(', ')}"`;
  });
}

function entityOf({ name, columns, primaryKeys, foreignKeys }: TableConfig): readonly string[] {
  const primary = new Set(primaryKeys.flatMap((key) => key.columns.map((column) => column.name)));
  const foreign = new Set(foreignKeys.flatMap((key) => key.reference().columns.map((column) => column.name)));
  return [
    `${name} {`,
    ...columns.map(
      (column) =>
        `  ${attributeOf(column, { isPrimary: column.primary || primary.has(column.name), isForeign: foreign.has(column.name) })}`,
    ),
    '}',
  ];
}

function attributeOf(
  column: PgColumn,
  { isPrimary, isForeign }: { readonly isPrimary: boolean; readonly isForeign: boolean },
): string {
  const keys = [...(isPrimary ? ['PK'] : []), ...(isForeign ? ['FK'] : [])].join(', ');
  const nullable = column.notNull || isPrimary ? '' : '"nullable"';
  return [typeOf(column), column.name, keys, nullable].filter((part) => part !== '').join(' ');
}

/** Mermaid allows one word for a type. */
const typeOf = (column: PgColumn): string =>
  column
    .getSQLType()
    .replace(/^timestamp.* with time zone$/, 'timestamptz')
    .replace(/[^\w[\]()-]+/g, '_');
