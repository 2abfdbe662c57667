import type { PgTable } from 'drizzle-orm/pg-core';
import type { RecordKinds } from '../../records/registry.ts';
import * as schema from './index.ts';
import { defineRecordTable } from './records/record-table.ts';

/** Every table of the database, including those of the given kinds of record. */
export const tablesOf = (kinds: RecordKinds): Readonly<Record<string, PgTable>> => ({
  ...schema,
  ...Object.fromEntries(kinds.all.map((kind) => [kind.table, defineRecordTable(kind)])),
});
