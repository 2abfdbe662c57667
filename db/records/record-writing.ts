import { sql } from 'drizzle-orm';
import type { SQL } from 'drizzle-orm';
import type { VenueId } from '../../contracts/ids.ts';
import { keepAgreed } from './agreed-records.ts';
import { assignments, bySourceId, documentColumns, fieldColumns, mergedColumns } from './record-tables.ts';
import type { RecordTable } from './record-tables.ts';
import { newIds } from './new-ids.ts';
import type { Operand } from '../core/statement.ts';
import type { Transaction } from '../core/venue-scope.ts';

/** One invalid field of a record. Never contains its value. */
export interface FieldProblem {
  readonly path: string;
  readonly message: string;
}

/** Problems when the record was not written because the stored and the sent fields together are invalid. */
export type UpsertVerdict = 'created' | 'updated' | 'unchanged' | readonly FieldProblem[];

/** A record that must not be written because it breaks a rule of its table. */
export interface Violation {
  /** Number of the record, as in `Incoming`. */
  readonly no: number;
  readonly sourceId: string;
  readonly problems: readonly FieldProblem[];
}

/**
 * The source of the records to write, with the columns `no`, `id` (for a new record), `source_id`, `document`.
 * `sourceId`s are distinct.
 */
export type Incoming = SQL;

/** Where records are written. */
export interface WriteScope {
  readonly tx: Transaction;
  readonly venueId: VenueId;
  readonly table: RecordTable;
}

/** Where a statement writes records. */
interface StatementScope {
  readonly venueId: Operand<VenueId>;
  readonly table: RecordTable;
}

export interface NumberedDocument {
  readonly no: number;
  readonly id: string;
  readonly sourceId: string;
}

/** Assigns each record the id that it gets if it is new. */
export const toDocuments = <Input extends { readonly sourceId: string }>(
  records: readonly Input[],
): readonly (Input & NumberedDocument)[] => {
  const ids = newIds(records.length);
  return records.map((record, no) => ({ ...record, no, id: ids[no] ?? '' }));
};

/** Records from JSON. An absent field keeps its value, because JSON leaves undefined fields out. */
export const incoming = (documents: readonly NumberedDocument[]): Incoming => incomingFrom(JSON.stringify(documents));

/** Like `incoming`, from text that JSON.stringify has made of documents, or its placeholder. */
export const incomingFrom = (documents: Operand<string>): Incoming => sql`(
  select (value ->> 'no')::int as no, (value ->> 'id')::uuid as id, value ->> 'sourceId' as source_id, value as document
  from jsonb_array_elements(${documents}::jsonb))`;

// The steps of an upsert. Every writer takes them in this order, so that writers cannot deadlock.

/**
 * Inserts complete records that did not exist before, in the order of `source_id`. The result is a table `created` with
 * their `source_id`s.
 */
export const created = ({ venueId, table }: StatementScope, records: Incoming): SQL => sql`
  created as (
    insert into ${name(table)} (id, venue_id, source_id, ${fieldColumns(table)})
    select s.id, ${venueId}::uuid, s.source_id, ${fieldColumns(table, 'n')}
    from ${records} s cross join lateral (select s.source_id, ${documentColumns(table, DOCUMENT)}) n
    where not (${anyBroken(table)})
    order by s.source_id
    on conflict (venue_id, source_id) do nothing
    returning source_id)`;

/**
 * A separate statement that locks records in the order common to all writers; the changing statement would lock rows in
 * the order of its query plan.
 */
export async function lockKnown({ tx, table }: WriteScope, records: Incoming): Promise<void> {
  await tx.execute(lockingKnown(table, records));
}

export const lockingKnown = (table: RecordTable, records: Incoming): SQL => sql`
    with known as materialized (
      select id from ${name(table)} where id = any (array(select o.id from ${records} s cross join ${stored(table)})) order by id for no key update)
    select count(*) from known`;

/**
 * Records that would break a rule if they were written over the stored ones, ordered by `no`, and the number beyond
 * `limit`.
 */
export async function findViolations(
  { tx, table }: WriteScope,
  records: Incoming,
  limit: number,
): Promise<{ readonly total: number; readonly violations: readonly Violation[] }> {
  if (table.rules.length === 0) return { total: 0, violations: [] };
  const rows = await tx.execute<{ no: number; source_id: string; broken: readonly number[]; total: number }>(sql`
    select no, source_id, broken, (count(*) over ())::int as total from (${brokenRules(table, records)}) v
    order by no
    limit ${limit}`);
  const violations = rows.map((row) => ({
    no: row.no,
    sourceId: row.source_id,
    problems: problemsOf(table, row.broken),
  }));
  return { total: rows[0]?.total ?? 0, violations };
}

/** The records that would break a rule if they were written over the stored ones, each with the numbers of these rules. */
export function brokenRules(table: RecordTable, records: Incoming): SQL {
  const flags = table.rules.map(
    (rule, index) => sql`case when ${rule.brokenBy('n')} then ${sql.raw(String(index))} end`,
  );
  return sql`
    select no, source_id, to_jsonb(broken) as broken
    from (
      select s.no, s.source_id, array_remove(array[${sql.join(flags, sql`, `)}]::int[], null) as broken
      from ${records} s
      left join ${stored(table)} on true
      cross join lateral (select s.source_id, ${mergedColumns(table, DOCUMENT, 'o')}) n
      where o.id is distinct from s.id
    ) judged
    where cardinality(broken) > 0`;
}

/**
 * Updates existing records that differ, and restores deleted ones. Uses ON CONFLICT, so that rows are found by key
 * only. The result is a table `updated` with their `id`s and `source_id`s. Keeps the agreed version of two-way syncs.
 */
export const updated = ({ venueId, table }: StatementScope, records: Incoming): SQL => sql`
  updated as (
    insert into ${name(table)} as c (id, venue_id, source_id, ${fieldColumns(table)})
    select s.id, ${venueId}::uuid, s.source_id, ${mergedColumns(table, DOCUMENT, 'o')}
    from ${records} s cross join ${stored(table)}
    where o.id <> s.id
    on conflict (venue_id, source_id) do update
    set ${assignments(table, 'excluded')}, version = c.version + 1, updated_at = now(), deleted_at = null
    where c.deleted_at is not null or (${fieldColumns(table, 'c')}) is distinct from (${fieldColumns(table, 'excluded')})
    returning c.id, c.source_id),
  ${keepAgreed(table, sql`updated`)}`;

/**
 * Row `o`, the stored row of record `s`, looked up by its key: without statistics about one venue's rows, the planner would
 * turn a plain join into reading the whole table for every thousand records.
 */
export const stored = (table: RecordTable): SQL => sql`lateral ${bySourceId(name(table), sql`s.source_id`)} o`;

const DOCUMENT = sql`s.document`;
const name = (table: RecordTable): SQL => sql`${sql.identifier(table.name)}`;

const anyBroken = (table: RecordTable): SQL =>
  table.rules.length === 0
    ? sql`false`
    : sql.join(
        table.rules.map((rule) => sql`(${rule.brokenBy('n')})`),
        sql` or `,
      );

/** `broken`: numbers of the table's rules. */
export const problemsOf = ({ rules }: RecordTable, broken: readonly number[]): readonly FieldProblem[] =>
  broken.flatMap((index) => {
    const rule = rules[index];
    return rule ? [{ path: rule.field, message: rule.message }] : [];
  });
