import { sql } from 'drizzle-orm';
import type { SQL } from 'drizzle-orm';
import type { RecordId } from '../../contracts/ids.ts';
import { namedInLists } from '../../domain/sync/list-references.ts';
import type { ListNaming } from '../../domain/sync/list-references.ts';
import { pulledSourceId } from '../../domain/sync/pull/source-id.ts';
import type { RecordFields } from '../../records/record-kind.ts';
import type { Transaction } from '../core/venue-scope.ts';
import { isListed } from '../records/list-reference-rows.ts';
import { tableOf } from '../records/record-tables.ts';
import type { KindScope } from '../runs/run-scope.ts';
import type { PushMerging } from './push-merge.ts';

interface ListingRow {
  readonly id: RecordId;
  readonly fields: RecordFields;
  readonly merging: PushMerging | null;
}

/**
 * What a push has to know of the records that the lists of these records name, in either side of an agreement. Null for a
 * kind whose lists name none.
 */
export async function readListNaming(
  tx: Transaction,
  scope: KindScope,
  rows: readonly ListingRow[],
): Promise<ListNaming | null> {
  const { listReferences: rules } = scope.kind;
  if (Object.keys(rules).length === 0) return null;
  const named = rows.flatMap((row) =>
    [row.fields, ...(row.merging ? [row.merging.agreed.provider] : [])].flatMap((fields) =>
      namedInLists(rules, fields).map((one) => ({ ...one, recordId: row.id })),
    ),
  );
  const externalIds = new Map<string, ReadonlyMap<string, string>>();
  for (const to of new Set(named.map((one) => one.to)))
    externalIds.set(to, await readExternalIds(tx, scope, { to, named: named.filter((one) => one.to === to) }));
  const sourceIds = new Map(
    [...externalIds].map(([to, ids]) => [
      to,
      new Map([...ids].map(([sourceId, externalId]) => [externalId, sourceId])),
    ]),
  );
  return {
    rules,
    externalIdOf: (to, sourceId) => externalIds.get(to)?.get(sourceId) ?? null,
    sourceIdOf: (to, externalId) => sourceIds.get(to)?.get(externalId) ?? pulledSourceId(scope.account, externalId),
  };
}

interface NamedFrom {
  readonly to: string;
  readonly named: readonly { readonly sourceId: string; readonly recordId: RecordId }[];
}

/** The provider's ids by our own: of the records that are linked, and of those that a pull has named and not brought yet. */
async function readExternalIds(
  tx: Transaction,
  scope: KindScope,
  { to, named }: NamedFrom,
): Promise<ReadonlyMap<string, string>> {
  const wanted = [...new Set(named.map(({ sourceId }) => sourceId))];
  const linked = await tx.execute<{ source_id: string; external_id: string }>(sql`
    select w.source_id, l.external_id from ${texts(wanted)} as w(source_id)
    cross join lateral (select id from ${tableOf(scope.kinds.get(to))} where venue_id = ${scope.venueId} and source_id = w.source_id limit 1) c
    cross join lateral (select external_id from record_links where connection_id = ${scope.connectionId} and resource = ${to}
      and record_id = c.id and state <> 'gone' and external_id is not null limit 1) l`);
  const known = new Map(linked.map((row) => [row.source_id, row.external_id]));
  const waiting = [...new Set(named.flatMap(({ sourceId, recordId }) => (known.has(sourceId) ? [] : [recordId])))];
  if (waiting.length === 0) return known;
  const told = await tx.execute<{ external_id: string }>(sql`
    select distinct f.external_id from ${texts(waiting)} as w(id)
    cross join lateral (select name, external_id from record_references
      where record_id = w.id::uuid and connection_id = ${scope.connectionId} and to_resource = ${to} offset 0) f
    where ${isListed} and not exists (select from record_links l where l.connection_id = ${scope.connectionId} and l.resource = ${to} and l.external_id = f.external_id)`);
  return new Map([
    ...told.map((row) => [pulledSourceId(scope.account, row.external_id), row.external_id] as const),
    ...known,
  ]);
}

const texts = (all: readonly string[]): SQL => sql`jsonb_array_elements_text(${JSON.stringify(all)}::jsonb)`;
