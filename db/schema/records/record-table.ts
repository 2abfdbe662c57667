import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  foreignKey,
  index,
  jsonb,
  numeric,
  pgTable,
  text,
  unique,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core';
import type { AnyPgColumn, PgColumnBuilderBase, PgTable } from 'drizzle-orm/pg-core';
import type { RecordKind } from '../../../records/record-kind.ts';
import { columnName, recordTable } from '../../records/record-tables.ts';
import type { Column, ColumnType } from '../../records/record-tables.ts';
import { instant, recordEnvelope, venuePolicy } from '../columns.ts';
import { venues } from '../venues.ts';

/** The table of one kind of record, built from its descriptor. The kind's migration must create the same table. */
export function defineRecordTable(kind: RecordKind): PgTable {
  const envelope = recordEnvelope();
  const { columns } = recordTable(kind);
  return pgTable(
    kind.table,
    {
      ...envelope,
      venueId: envelope.venueId.references(() => venues.id),
      ...fieldBuilders(columns),
    },
    (table) => [
      uniqueIndex(`${kind.table}_source`).on(table.venueId, table.sourceId),
      ...pageIndex(kind, table),
      index(`${kind.table}_updated`).on(table.venueId, table.updatedAt),
      ...kind.indexed.map((field) =>
        index(`${kind.table}_${columnName(field).replace(/_at$/, '')}`).on(
          table.venueId,
          (table as unknown as Readonly<Record<string, typeof table.updatedAt>>)[field] ?? table.updatedAt,
        ),
      ),
      ...kind.lookedUpBy.map((field) => lookUpIndex(kind, field, table)),
      venuePolicy(kind.table),
    ],
  );
}

/** Of the function that looks records up; longer texts have no place in an index. */
function lookUpIndex(kind: RecordKind, field: string, { venueId }: Pick<EnvelopeColumns, 'venueId'>) {
  const column = sql.raw(columnName(field));
  return index(`${kind.table}_${columnName(field)}`)
    .on(venueId, sql`lower(${column})`)
    .where(sql`length(${column}) <= 512`);
}

/** The part of a record's table that every kind has. */
interface EnvelopeColumns {
  readonly venueId: AnyPgColumn;
  readonly id: AnyPgColumn;
}

/** Fields that name another record of the same kind by our id. */
const namingFields = (kind: RecordKind): readonly string[] =>
  Object.entries(kind.fields).flatMap(([field, { value }]) =>
    value.type === 'record-id' && value.of === kind.name ? [field] : [],
  );

/**
 * The index of a page. A kind whose fields name other records of it has a unique constraint in its place, which their foreign keys refer to, and an index
 * for each, by which a deletion finds who names what is deleted.
 */
function pageIndex(kind: RecordKind, table: EnvelopeColumns) {
  const naming = namingFields(kind);
  return [
    naming.length === 0
      ? index(`${kind.table}_page`).on(table.venueId, table.id)
      : unique(`${kind.table}_venue`).on(table.venueId, table.id),
    ...naming.flatMap((field) => {
      const column = (table as unknown as Readonly<Record<string, AnyPgColumn>>)[field] ?? table.id;
      const name = `${kind.table}_${columnName(field).replace(/_id$/, '')}`;
      return [
        index(name)
          .on(table.venueId, column)
          .where(sql`${sql.raw(columnName(field))} is not null`),
        foreignKey({
          name: `${name}_fk`,
          columns: [table.venueId, column],
          foreignColumns: [table.venueId, table.id],
        }),
      ];
    }),
  ];
}

/**
 * Typed as an object without fields, so that the envelope's columns keep their types: the fields are known only at run
 * time.
 */
const fieldBuilders = (columns: readonly Column[]): object =>
  Object.fromEntries(columns.map((column) => [column.field, builderOf(column)]));

const BUILDERS = {
  text: (name: string) => text(name),
  bigint: (name: string) => bigint(name, { mode: 'number' }),
  boolean: (name: string) => boolean(name),
  jsonb: (name: string) => jsonb(name),
  numeric: (name: string) => numeric(name),
  uuid: (name: string) => uuid(name),
  timestamptz: (name: string) => instant(name),
} as const satisfies Readonly<Record<ColumnType, (name: string) => PgColumnBuilderBase>>;

/** The part of a column builder that does not depend on its type. */
interface Builder extends PgColumnBuilderBase {
  notNull(): Builder;
  default(value: unknown): Builder;
}

function builderOf({ column, type, fallback, required }: Column): PgColumnBuilderBase {
  const builder = BUILDERS[type](column) as unknown as Builder;
  if (required) return builder.notNull();
  return fallback === null ? builder : builder.notNull().default(JSON.parse(fallback) as unknown);
}
