import { sql } from 'drizzle-orm';
import type { SQL } from 'drizzle-orm';
import { pulledSourceId } from '../../domain/sync/pull/source-id.ts';
import type { RecordKind } from '../../records/record-kind.ts';
import type { Transaction } from '../core/venue-scope.ts';
import type { Decided } from '../pull/pull-lookup.ts';
import type { KindScope } from '../runs/run-scope.ts';
import { columnName } from './record-tables.ts';
import { changeAgreed, referencesTo } from './reference-rows.ts';
import type { NamedRecord, SettlingScope } from './reference-rows.ts';
import { uuidList } from '../core/rows-by-column.ts';

/** A row of `record_references`. */
export interface ReferenceRow {
  readonly record_id: string;
  readonly name: string;
  readonly to_resource: string;
  readonly external_id: string;
}

// A record may name many inside its lists, and the names of its rows are distinct: each is followed by the provider's id.
const listedName = (name: string, externalId: string): string => `${name}:${externalId}`;

/** The reference's name in row `f`. */
export const referenceName = sql`split_part(f.name, ':', 1)`;

/** Whether row `f` tells of a record that is named inside a list. */
export const isListed = sql`strpos(f.name, ':') > 0`;

/** The rows of what records name inside lists, each once. An older reading fills only lists that a pull adds up. */
export function listedRows(
  { fields, listReferences }: RecordKind,
  { decided, older }: { readonly decided: readonly Decided[]; readonly older: boolean },
): readonly ReferenceRow[] {
  const rules = Object.entries(listReferences).filter(
    ([, { list }]) => !older || fields[list]?.whenPulled !== undefined,
  );
  if (rules.length === 0) return [];
  return decided.flatMap(({ record, pulled }) =>
    rules.flatMap(([name, { to }]) =>
      [...new Set(pulled.listReferences?.[name] ?? [])].flatMap((id) =>
        id === null ? [] : [{ record_id: record.id, name: listedName(name, id), to_resource: to, external_id: id }],
      ),
    ),
  );
}

/** Deletes the rows of what lists named before a newer reading replaced them. */
export async function forgetUnlisted(
  tx: Transaction,
  { connectionId, kind }: Pick<KindScope, 'connectionId' | 'kind'>,
  { decided, listed }: { readonly decided: readonly Decided[]; readonly listed: readonly ReferenceRow[] },
): Promise<void> {
  const isReplaced = ({ pulled, decision }: Decided) => decision !== 'create' && pulled.listReferences !== null;
  const read = decided.flatMap((one) => (isReplaced(one) ? one.record.id : []));
  if (Object.keys(kind.listReferences).length === 0 || read.length === 0) return;
  await tx.execute(sql`
    delete from record_references f
    where f.record_id = any (${uuidList(read)})
      and f.connection_id = ${connectionId} and ${isListed}
      and (f.record_id, f.name) not in (select n.record_id, n.name
        from jsonb_to_recordset(${JSON.stringify(listed)}::jsonb) as n(record_id uuid, name text))`);
}

/**
 * Puts our own names of these records into lists that name them as a pull would have: they were linked to records of
 * other names, such as ones that the venue has made itself.
 */
export async function renameInLists(
  tx: Transaction,
  scope: SettlingScope,
  {
    kind,
    name,
    records,
  }: { readonly kind: RecordKind; readonly name: string; readonly records: readonly NamedRecord[] },
): Promise<void> {
  const rule = kind.listReferences[name];
  const pairs = records.flatMap(({ externalId, sourceId }) => {
    const pulled = pulledSourceId(scope.account, externalId);
    return pulled === sourceId ? [] : [{ external_id: externalId, pulled, own: sourceId }];
  });
  if (rule === undefined || pairs.length === 0) return;
  const named = sql`jsonb_to_recordset(${JSON.stringify(pairs)}::jsonb) as r(external_id text, pulled text, own text)`;
  const naming = sql`(select distinct f.record_id from ${named} cross join ${referencesTo(scope)}
    where f.resource = ${kind.name} and ${referenceName} = ${name} and ${isListed}) h`;
  const renamed = (list: SQL): SQL => sql`(select jsonb_agg(
      case when r.own is null then e.value else jsonb_set(e.value, array[${rule.field}::text], to_jsonb(r.own)) end order by e.place)
    from jsonb_array_elements(${list}) with ordinality as e(value, place)
    left join ${named} on r.pulled = e.value ->> ${rule.field})`;
  const isNamed = (list: SQL): SQL => sql`exists (select from jsonb_array_elements(${list}) as e(value)
    join ${named} on r.pulled = e.value ->> ${rule.field})`;
  for (const side of ['venue', 'provider']) {
    const [column, list] = [
      sql.identifier(side),
      sql`jsonb_path_query_array(a.${sql.identifier(side)}, ${`$.${rule.list}[*]`}::jsonpath)`,
    ];
    await tx.execute(sql`
      update agreed_records a set ${column} = jsonb_set(a.${column}, array[${rule.list}::text], ${renamed(list)})
      from ${naming} where a.record_id = h.record_id and a.connection_id = ${scope.connectionId} and a.resource = ${kind.name}
        and ${isNamed(list)}`);
  }
  const column = sql`t.${sql.identifier(columnName(rule.list))}`;
  await changeAgreed(
    tx,
    { ...scope, kind },
    sql`${sql.identifier(columnName(rule.list))} = ${renamed(column)}, version = t.version + 1, updated_at = now()
      from ${naming} where t.id = h.record_id and ${isNamed(column)}`,
  );
}
