import { sql } from 'drizzle-orm';
import type { SQL } from 'drizzle-orm';
import type { RecordId } from '../../contracts/ids.ts';
import { withOwnIdsInLists } from '../../domain/sync/list-references.ts';
import { pulledSourceId } from '../../domain/sync/pull/source-id.ts';
import type { Field } from '../../records/field.ts';
import type { RecordKind } from '../../records/record-kind.ts';
import type { Decided } from '../pull/pull-lookup.ts';
import { mergedValue } from '../pull/pulled-fields.ts';
import type { KindScope } from '../runs/run-scope.ts';
import { writeMany } from '../core/many-rows.ts';
import { rowsByColumn, textList, uuidList } from '../core/rows-by-column.ts';
import type { GivenColumn } from '../core/rows-by-column.ts';
import type { Transaction } from '../core/venue-scope.ts';
import { forgetUnlisted, listedRows, referenceName, renameInLists } from './list-reference-rows.ts';
import type { ReferenceRow } from './list-reference-rows.ts';
import { columnName, columnTypeOf, tableOf } from './record-tables.ts';
import { changeAgreed, referencesTo } from './reference-rows.ts';
import type { NamedRecord, OwnIds, SettlingScope } from './reference-rows.ts';

// A provider's objects name one another by the provider's ids. Each such name is a row of `record_references`: it belongs to a connection,
// because the ids are unique in one account only. Our own ids are filled in when the record that is named is there.

/** What another of the provider's objects tells of a record: the id by which it is found, under the reference's name, and fields. */
export type Amendment = Readonly<Record<string, unknown>>;

/** Our own ids by the provider's, for one kind of record. */
type IdsByExternalId = ReadonlyMap<string, OwnIds>;

/** Puts our own ids into the fields of records that name others, as far as we have those. */
export async function resolveReferences(
  tx: Transaction,
  scope: KindScope,
  decided: readonly Decided[],
): Promise<readonly Decided[]> {
  if (!namesOthers(scope.kind)) return decided;
  const stored = decided.filter(({ pulled, merged }) => pulled.fields !== null && merged === undefined);
  const named = stored.flatMap(({ pulled }) => namedBy(scope.kind, pulled));
  if (named.length === 0) return decided;
  const known = new Map<string, IdsByExternalId>();
  for (const to of new Set(named.map((one) => one.to))) {
    const externalIds = named.flatMap((one) => (one.to === to ? one.externalId : []));
    const found = await find(tx, scope, { kind: scope.kinds.get(to), externalIds });
    // A refund may come on the same page as its payment, which has its id already.
    known.set(to, to === scope.kind.name ? new Map([...createdAmong(decided), ...found]) : found);
  }
  return decided.map((one) => withListedIds(withOwnIds(one, scope, known), scope, known));
}

const namesOthers = ({ references, listReferences }: RecordKind): boolean =>
  Object.keys(references).length + Object.keys(listReferences).length > 0;

interface Named {
  readonly to: string;
  readonly externalId: string;
}

/** The provider's ids that a record names in fields of its own and inside lists. */
const namedBy = ({ references, listReferences }: RecordKind, pulled: Decided['pulled']): readonly Named[] => [
  ...Object.entries(references).flatMap(([name, { to, field }]) => {
    const externalId = pulled.references?.[name] ?? null;
    return field === null || externalId === null ? [] : [{ to, externalId }];
  }),
  ...Object.entries(listReferences).flatMap(([name, { to }]) =>
    (pulled.listReferences?.[name] ?? []).flatMap((externalId) => (externalId === null ? [] : [{ to, externalId }])),
  ),
];

const createdAmong = (decided: readonly Decided[]): IdsByExternalId =>
  new Map(
    decided.filter(({ decision }) => decision === 'create').map(({ pulled, record }) => [pulled.externalId, record]),
  );

function withOwnIds(
  one: Decided,
  { kind: { references, fields }, account }: Pick<KindScope, 'kind' | 'account'>,
  known: ReadonlyMap<string, IdsByExternalId>,
): Decided {
  const { references: named, fields: given } = one.pulled;
  // A merge has resolved them.
  if (!named || !given || one.merged) return one;
  const own = Object.entries(references).flatMap(([name, { to, field }]) => {
    const externalId = named[name] ?? null;
    if (field === null || externalId === null) return [];
    const ids = known.get(to)?.get(externalId);
    if (ids !== undefined) return [[field, fields[field]?.value.type === 'record-id' ? ids.id : ids.sourceId] as const];
    // A record is not whole without a required field: it names the other by the `sourceId` that a pull will give it.
    return isRequiredSourceId(fields[field]) ? [[field, pulledSourceId(account, externalId)] as const] : [];
  });
  return own.length === 0
    ? one
    : { ...one, pulled: { ...one.pulled, fields: { ...given, ...Object.fromEntries(own) } } };
}

/**
 * A list is stored whole, so an element names the record from the start by the `sourceId` that a pull will give it: what
 * arrives later changes nothing in records that were stored before.
 */
function withListedIds(
  one: Decided,
  { kind: { listReferences: rules }, account }: Pick<KindScope, 'kind' | 'account'>,
  known: ReadonlyMap<string, IdsByExternalId>,
): Decided {
  const { listReferences: told, fields } = one.pulled;
  if (!told || !fields || one.merged) return one;
  const sourceIdOf = (to: string, externalId: string) =>
    known.get(to)?.get(externalId)?.sourceId ?? pulledSourceId(account, externalId);
  return { ...one, pulled: { ...one.pulled, fields: withOwnIdsInLists({ rules, sourceIdOf }, fields, told) } };
}

const isRequiredSourceId = (field: Field | undefined): boolean =>
  field?.presence === 'required' && field.value.type === 'source-id';

/** Our records that the provider's ids stand for, as far as we have them. The id of a merged object stands for what it was merged into. */
async function find(
  tx: Transaction,
  scope: KindScope,
  { kind, externalIds }: { readonly kind: RecordKind; readonly externalIds: readonly string[] },
): Promise<IdsByExternalId> {
  const wanted = [...new Set(externalIds)];
  if (wanted.length === 0) return new Map();
  const rows = await tx.execute<{ external_id: string; id: RecordId; source_id: string }>(sql`
    select w.external_id, c.id, c.source_id
    from jsonb_array_elements_text(${JSON.stringify(wanted)}::jsonb) as w(external_id)
    cross join lateral (select record_id from record_links where connection_id = ${scope.connectionId} and resource = ${kind.name}
      and external_id = coalesce((select into_external_id from merged_objects
        where connection_id = ${scope.connectionId} and resource = ${kind.name} and external_id = w.external_id), w.external_id) limit 1) l
    join ${tableOf(kind)} c on c.id = l.record_id`);
  return new Map(rows.map((row) => [row.external_id, { id: row.id, sourceId: row.source_id }]));
}

/**
 * Stores the provider's ids that records name. A newer reading replaces what an older one named, and leaves what it does not name itself;
 * `older` readings only add.
 */
export async function saveReferences(
  tx: Transaction,
  scope: KindScope,
  { decided, older = false }: { readonly decided: readonly Decided[]; readonly older?: boolean },
): Promise<void> {
  if (!namesOthers(scope.kind)) return;
  const rules = Object.entries(scope.kind.references);
  const rows = decided.flatMap(({ record, pulled }) =>
    rules.flatMap(([name, { to }]) => {
      const externalId = pulled.references?.[name] ?? null;
      return externalId === null ? [] : [{ record_id: record.id, name, to_resource: to, external_id: externalId }];
    }),
  );
  const listed = listedRows(scope.kind, { decided, older });
  if (!older) await forgetUnlisted(tx, scope, { decided, listed });
  if (rows.length + listed.length === 0) return;
  const moved = await writeMany<MovedReference>(
    tx,
    sql`
    with saved as (insert into record_references as f (connection_id, resource, record_id, name, venue_id, to_resource, external_id)
    select ${scope.connectionId}, ${scope.resource}, r.record_id, r.name, ${scope.venueId}, r.to_resource, r.external_id
    from ${rowsByColumn([...rows, ...listed], SAVED_COLUMNS)}
    on conflict (record_id, connection_id, name) ${
      older
        ? sql`do nothing`
        : sql`do update set external_id = excluded.external_id where f.external_id <> excluded.external_id`
    } returning f.record_id, f.name, f.xmax <> 0 as replaced)
    select record_id, name from saved where replaced`,
  );
  await emptyMoved(tx, scope, { decided, moved });
}

const SAVED_COLUMNS: readonly GivenColumn<ReferenceRow>[] = [
  { name: 'record_id', type: 'uuid', of: (row) => row.record_id },
  ...(['name', 'to_resource', 'external_id'] as const).map((name) => ({
    ...{ name, type: 'text', of: (row: ReferenceRow) => row[name] },
  })),
];

type MovedReference = { readonly record_id: RecordId; readonly name: string };

/** Empties fields whose record now names one that we do not have: they still hold our id of the one that it named before. */
async function emptyMoved(
  tx: Transaction,
  scope: KindScope,
  { decided, moved }: { readonly decided: readonly Decided[]; readonly moved: readonly MovedReference[] },
): Promise<void> {
  if (moved.length === 0) return;
  const told = new Map(decided.map(({ record, pulled }) => [record.id, pulled.fields]));
  for (const [name, { field }] of Object.entries(scope.kind.references)) {
    if (field === null) continue;
    const ids = moved
      .filter((one) => one.name === name && ((told.get(one.record_id) as Fields | null)?.[field] ?? null) === null)
      .map((one) => one.record_id);
    if (ids.length === 0) continue;
    const column = sql.identifier(columnName(field));
    await changeAgreed(
      tx,
      scope,
      sql`${column} = null, version = t.version + 1, updated_at = now()
      where t.id = any (${uuidList(ids)}) and t.${column} is not null`,
    );
  }
}

type Fields = Readonly<Record<string, unknown>>;

/** Fills in our own ids of these records where others have waited for them. */
export const settleReferences = (tx: Transaction, scope: SettlingScope, decided: readonly Decided[]): Promise<void> =>
  settleReferencesTo(tx, scope, {
    records: decided.map(({ pulled, record }) => ({ externalId: pulled.externalId, ...record })),
  });

interface Settling {
  readonly records: readonly NamedRecord[];
  /** Records that those which name these may have named so far. */
  readonly inPlaceOf?: readonly OwnIds[];
}

/** The same for records that were not just decided about. */
export async function settleReferencesTo(
  tx: Transaction,
  scope: SettlingScope,
  { records, inPlaceOf = [] }: Settling,
): Promise<void> {
  if (records.length === 0 || !isEverNamed(scope)) return;
  const ids = records.map(({ externalId }) => externalId);
  const waiting = await tx.execute<{ resource: string; name: string }>(sql`
    select distinct f.resource, ${referenceName} as name
    from json_array_elements_text(${JSON.stringify(ids)}::json) as r(external_id) cross join ${referencesTo(scope)}
    -- Asked once, before any id is looked up: most connections have nothing that names this kind of record.
    where exists (select from record_references where connection_id = ${scope.connectionId} and to_resource = ${scope.resource})`);
  if (waiting.length === 0) return;
  const known = knownRecords(records);
  for (const { resource, name } of waiting) {
    const kind = scope.kinds.get(resource);
    if (kind.listReferences[name]) await renameInLists(tx, scope, { kind, name, records });
    else await settleField(tx, scope, { kind, name, known, inPlaceOf });
  }
}

interface NamingField {
  readonly kind: RecordKind;
  readonly name: string;
  readonly known: SQL;
  readonly inPlaceOf: readonly OwnIds[];
}

async function settleField(
  tx: Transaction,
  scope: SettlingScope,
  { kind, name, known, inPlaceOf }: NamingField,
): Promise<void> {
  const field = kind.references[name]?.field ?? null;
  if (field === null) return;
  const column = sql.identifier(columnName(field));
  const isById = kind.fields[field]?.value.type === 'record-id';
  const own = isById ? sql`r.id` : sql`r.source_id`;
  const former = textList(inPlaceOf.map(({ id, sourceId }) => (isById ? id : sourceId)));
  await changeAgreed(
    tx,
    { ...scope, kind },
    sql`${column} = ${own}, version = t.version + 1, updated_at = now()
    from ${known} cross join ${referencesTo(scope)}
    where f.resource = ${kind.name} and f.name = ${name} and t.id = f.record_id
      and ${isRequiredSourceId(kind.fields[field]) ? sql`t.${column} <> ${own}` : sql`(t.${column} is null or t.${column}::text = any (${former}))`}`,
  );
}

const isEverNamed = ({ kinds, resource }: SettlingScope): boolean =>
  kinds.all.some(
    ({ references, listReferences }) =>
      Object.values(references).some(({ to, field }) => to === resource && field !== null) ||
      Object.values(listReferences).some(({ to }) => to === resource),
  );

const knownRecords = (records: readonly NamedRecord[]): SQL =>
  rowsByColumn(records, [
    { name: 'external_id', type: 'text', of: ({ externalId }) => externalId },
    { name: 'id', type: 'uuid', of: ({ id }) => id },
    { name: 'source_id', type: 'text', of: ({ sourceId }) => sourceId },
  ]);

/** Lays over records what other objects tell of them, as `kind.amendments` says; one that we do not have is left out. */
export async function amendRecords(tx: Transaction, scope: KindScope, amendments: readonly Amendment[]): Promise<void> {
  const { kind } = scope;
  if (amendments.length === 0 || kind.amendments === null) return;
  const { reference, where, fields } = kind.amendments;
  const columns = fields.map((field) => ({
    name: columnName(field),
    type: columnTypeOf(kind, field),
    merged: mergedValue(kind, field),
  }));
  const rows = amendments.map((amendment) => ({
    external_id: amendment[reference],
    ...Object.fromEntries(fields.map((field) => [columnName(field), amendment[field]])),
  }));
  const shape = columns.map(({ name, type }) => sql`${sql.identifier(name)} ${sql.raw(type)}`);
  const list = (parts: readonly SQL[]) => sql.join([...parts], sql`, `);
  const merged = columns.map((column) => column.merged('r', 't'));
  const own = Object.entries(where).map(([field, value]) => sql`and t.${sql.identifier(columnName(field))} = ${value}`);
  await changeAgreed(
    tx,
    scope,
    sql`${list(columns.map(({ name }, index) => sql`${sql.identifier(name)} = ${merged[index]}`))},
      version = t.version + 1, updated_at = now()
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as r(external_id text, ${list(shape)})
    cross join ${referencesTo({ ...scope, resource: kind.references[reference]?.to ?? '' })}
    where f.resource = ${kind.name} and f.name = ${reference} and t.id = f.record_id ${sql.join(own, sql` `)}
      and (${list(columns.map(({ name }) => sql`t.${sql.identifier(name)}`))}) is distinct from (${list(merged)})`,
  );
}

/** The provider's ids by which amendments find records, of those that no record of the scope has. */
export async function idsWithoutRecord(
  tx: Transaction,
  { connectionId, kind }: Pick<KindScope, 'connectionId' | 'kind'>,
  amendments: readonly Amendment[],
): Promise<readonly string[]> {
  if (amendments.length === 0 || kind.amendments === null) return [];
  const { reference } = kind.amendments;
  const ids = amendments.map((amendment) => amendment[reference]);
  const rows = await tx.execute<{ id: string }>(sql`
    select distinct r.id from jsonb_array_elements_text(${JSON.stringify(ids)}::jsonb) as r(id)
    where not exists (select from record_references
      where connection_id = ${connectionId} and to_resource = ${kind.references[reference]?.to ?? ''} and external_id = r.id
        and resource = ${kind.name} and name = ${reference})`);
  return rows.map(({ id }) => id);
}

/** Forgets what records name that are deleted for good. */
export async function deleteReferences(tx: Transaction, recordIds: readonly RecordId[]): Promise<void> {
  if (recordIds.length === 0) return;
  await tx.execute(sql`
    delete from record_references
    where record_id = any (${uuidList(recordIds)})`);
}
