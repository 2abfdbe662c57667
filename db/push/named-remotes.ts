import { sql } from 'drizzle-orm';
import type { SQL } from 'drizzle-orm';
import { pulledSourceId } from '../../domain/sync/pull/source-id.ts';
import type { RecordFields } from '../../records/record-kind.ts';
import type { RecordKinds } from '../../records/registry.ts';
import type { PulledReferences } from '../pull/pulled-fields.ts';
import { bySourceId, columnName, tableOf } from '../records/record-tables.ts';
import type { KindScope } from '../runs/run-scope.ts';

/** Of one reference: the provider's id of the record that the field names, and the id that the provider's record has named while we do not have that one. */
type NamedRemote = readonly [linked: string | null, told: string | null];

/** What a push has to know of the records that record `c` names, for `namedRemotes`: a document by the names of its kind's references. */
export function namedRemoteColumns(
  { connectionId, resource }: Pick<KindScope, 'connectionId' | 'resource'>,
  kinds: RecordKinds,
): SQL {
  const { fields, references } = kinds.get(resource);
  const link = (to: string) =>
    sql`select l.external_id from record_links l where l.connection_id = ${connectionId} and l.resource = ${to}`;
  const documents = Object.entries(references).map(([name, { to, field }]) => {
    const told = sql`select f.external_id from record_references f
      where f.connection_id = ${connectionId} and f.record_id = c.id and f.name = ${name}`;
    if (field === null) return sql`${name}::text, jsonb_build_array((${told}), null)`;
    const [table, value] = [tableOf(kinds.get(to)), sql`c.${sql.identifier(columnName(field))}`];
    const named =
      fields[field]?.value.type === 'record-id'
        ? sql`select t.id from ${table} t where t.venue_id = c.venue_id and t.id = ${value}`
        : sql`select t.id from ${bySourceId(table, value)} t`;
    return sql`${name}::text, jsonb_build_array(
      (${link(to)} and l.record_id = (${named}) and l.state <> 'gone'),
      (${told} and not exists (${link(to)} and l.external_id = f.external_id)))`;
  });
  return sql`jsonb_build_object(${sql.join(documents, sql`, `)})`;
}

export interface NamingRow {
  readonly fields: RecordFields;
  readonly named: Readonly<Record<string, NamedRemote>>;
}

/**
 * The provider's ids of the records that one names; null where the connection knows none. What the provider's record has named counts while the
 * field is as a pull has left it: the venue may have emptied it, or named another.
 */
export function namedRemotes(
  { resource, account }: Pick<KindScope, 'resource' | 'account'>,
  kinds: RecordKinds,
  { fields, named }: NamingRow,
): PulledReferences {
  const { references } = kinds.get(resource);
  return Object.fromEntries(
    Object.entries(named).map(([name, [linked, told]]) => {
      const value = fields[references[name]?.field ?? ''] ?? null;
      const isAsPulled = told !== null && (value === null || value === pulledSourceId(account, told));
      return [name, linked ?? (isAsPulled ? told : null)];
    }),
  );
}
