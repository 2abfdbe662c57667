import { sql } from 'drizzle-orm';
import type { SQL } from 'drizzle-orm';
import type { ConnectionId, RecordId, VenueId } from '../../contracts/ids.ts';
import type { RecordEnvelope, RecordLink } from '../../contracts/records.ts';
import type { FieldsOf, RecordFields, RecordFilterRule, RecordKind } from '../../records/record-kind.ts';
import type { RecordKinds } from '../../records/registry.ts';
import { recordWith } from '../core/audit-store.ts';
import type { AuditOf } from '../core/audit-store.ts';
import type { PendingClaim } from '../core/idempotency-store.ts';
import { MAX_PAGE_BYTES, toPage } from '../core/page.ts';
import type { Page, PageRequest } from '../core/page.ts';
import { keepAgreed } from './agreed-records.ts';
import { createFewRecordsStore } from './few-records-store.ts';
import { writeStaged } from './record-staging.ts';
import type { StagedLoad, StagedResult } from './record-staging.ts';
import {
  bySourceId,
  columnName,
  fieldsDocument,
  MANY_EXPECTED,
  recordTable,
  shownInstant,
  tableOf,
} from './record-tables.ts';
import { created, findViolations, incoming, lockKnown, toDocuments, updated } from './record-writing.ts';
import type { FieldProblem, NumberedDocument, UpsertVerdict, WriteScope } from './record-writing.ts';
import { ListStatements, statement } from '../core/statement.ts';
import type { Operand } from '../core/statement.ts';
import { writeMany } from '../core/many-rows.ts';
import { readVenue, together, withVenue } from '../core/venue-scope.ts';
import type { Database, Transaction } from '../core/venue-scope.ts';

/** Fields that a caller sent: an absent field keeps its value, null clears it. */
export type RecordChanges<Fields = RecordFields> = {
  readonly [Field in keyof Fields]?: Fields[Field] | null | undefined;
};

export type RecordInput<Fields = RecordFields> = RecordChanges<Fields> & { readonly sourceId: string };

/** A record with its links, as answers show it. */
export type StoredRecord<Fields = RecordFields> = RecordEnvelope & Fields & { readonly links: readonly RecordLink[] };

/**
 * A StoredRecord as JSON text. Lists take it from the database as it is: objects that are only written out again as JSON
 * cost several times as much.
 */
export type RecordJson = string;

export interface RecordFilter {
  readonly sourceId?: string | undefined;
  readonly updatedSince?: Date | undefined;
  readonly connectionId?: ConnectionId | undefined;
  readonly includeDeleted: boolean;
  /** Keyed by the names of the kind's own filters. */
  readonly [filter: string]: unknown;
}

export interface RecordStore<Fields = RecordFields> {
  /**
   * Creates or updates records by `sourceId`, in one transaction and in the given order; the verdicts have the same
   * order. `sourceId`s of one call are distinct. An unchanged record keeps its version; a deleted one that is sent
   * again is restored.
   */
  upsertMany(venueId: VenueId, records: readonly RecordInput<Fields>[]): Promise<readonly UpsertVerdict[]>;
  /** Like `upsertMany`, with the claim in the same transaction. Null, and nothing is done, for more than a few small records. */
  tryUpsertFew(
    venueId: VenueId,
    records: readonly RecordInput<Fields>[],
    claim: PendingClaim,
  ): Promise<readonly UpsertVerdict[]> | null;
  /** Like `upsertMany`, for any number of records that are all written or none. */
  upsertAll(
    venueId: VenueId,
    load: StagedLoad & { readonly documents: AsyncIterable<readonly (RecordInput<Fields> & NumberedDocument)[]> },
  ): Promise<StagedResult>;
  list(venueId: VenueId, filter: RecordFilter, page: PageRequest): Promise<Page<RecordJson>>;
  /** The existing records, including deleted ones. */
  findBySourceIds(venueId: VenueId, sourceIds: readonly string[]): Promise<readonly StoredRecord<Fields>[]>;
  /** Finds deleted records too. */
  find(venueId: VenueId, id: RecordId): Promise<StoredRecord<Fields> | null>;
  /**
   * Null when there is no such record or it is deleted; problems when the record would be invalid. An unchanged record
   * keeps its version.
   */
  update(
    ref: { readonly venueId: VenueId; readonly id: RecordId },
    changes: RecordChanges<Fields>,
    auditOf?: AuditOf<StoredRecord<Fields>>,
  ): Promise<StoredRecord<Fields> | readonly FieldProblem[] | null>;
  /** Marks the record as deleted. Null when there is none; a deleted one stays as it is. */
  remove(venueId: VenueId, id: RecordId, auditOf?: AuditOf<StoredRecord<Fields>>): Promise<StoredRecord<Fields> | null>;
}

export interface RecordStores {
  of(kind: RecordKind): RecordStore;
}

export function createRecordStores(db: Database, kinds: RecordKinds): RecordStores {
  const stores = new Map(kinds.all.map((kind) => [kind.name, createRecordStore(db, kind)]));
  return {
    of({ name }) {
      const store = stores.get(name);
      if (!store) throw new Error(`there is no store of ${name}`);
      return store;
    },
  };
}

export function createRecordStore<Kind extends RecordKind>(db: Database, kind: Kind): RecordStore<FieldsOf<Kind>> {
  type Fields = FieldsOf<Kind>;
  const table = recordTable(kind);
  const fewRecords = createFewRecordsStore(db, table);
  const findQuery = (id: Operand<RecordId>): SQL =>
    sql`select ${shownColumns(kind)} from ${tableOf(kind)} c where c.id = ${id}`;
  const findStatement = statement<Row>(findQuery(sql.placeholder('id')));
  const shortLists = new ListStatements((given) => statement<ListedRow>(shortPageQuery(kind, given)));
  const longLists = new ListStatements((given) => statement<ListedRow>(longPageQuery(kind, given)));
  const findIn = async (tx: Transaction, id: RecordId): Promise<StoredRecord<Fields> | null> => {
    const [row] = await tx.execute<Row>(findQuery(id));
    return row ? toRecord<Fields>(row) : null;
  };

  return {
    upsertMany: async (venueId, records) =>
      (await fewRecords.tryUpsert(venueId, records)) ??
      withVenue(db, venueId, (tx) => upsert({ tx, venueId, table }, records)),

    tryUpsertFew: (venueId, records, claim) => fewRecords.tryUpsert(venueId, records, claim),

    upsertAll: (venueId, load) => writeStaged(db, { venueId, table }, load),

    list: async (venueId, filter, { limit, after }) => {
      const lists = limit < HEAD_ROWS ? shortLists : longLists;
      const values = { ...filter, includeDeleted: filter.includeDeleted || null, after, rows: limit + 1 };
      const rows = await readVenue(db, venueId, lists.for(values));
      return toPage(rows, limit, { item: ({ json }) => json, id: (row) => row.id, found: rows[0]?.found ?? 0 });
    },

    findBySourceIds: (venueId, sourceIds) =>
      withVenue(db, venueId, async (tx) => {
        const rows = await tx.execute<Row>(sql`
          select ${shownColumns(kind)} from jsonb_array_elements_text(${JSON.stringify(sourceIds)}::jsonb) as w(source_id)
          cross join lateral ${bySourceId(tableOf(kind), sql`w.source_id`)} c`);
        return rows.map((row) => toRecord<Fields>(row));
      }),

    find: async (venueId, id) => {
      const [row] = await readVenue(db, venueId, { statement: findStatement, values: { id } });
      return row ? toRecord<Fields>(row) : null;
    },

    update: ({ venueId, id }, changes, auditOf) =>
      withVenue(db, venueId, async (tx) => {
        const [row] = await tx.execute<{ source_id: string }>(sql`
          select source_id from ${tableOf(kind)} where id = ${id} and deleted_at is null for no key update`);
        if (!row) return null;
        const [verdict] = await upsertKnown(
          { tx, venueId, table },
          toDocuments([{ ...changes, sourceId: row.source_id }]),
        );
        if (verdict !== undefined && typeof verdict !== 'string') return verdict;
        const record = await findIn(tx, id);
        return record && verdict === 'updated' ? recordWith(tx, record, auditOf) : record;
      }),

    remove: (venueId, id, auditOf) =>
      withVenue(db, venueId, async (tx) => {
        // Locked first: a statement that waits for another writer keeps what was agreed before that one.
        const [, deleted] = await together(
          tx.execute(sql`select id from ${tableOf(kind)} where id = ${id} for no key update`),
          tx.execute(sql`
            with removed as (
              update ${tableOf(kind)} set deleted_at = now(), updated_at = now(), version = version + 1 where id = ${id} and deleted_at is null returning id),
            ${keepAgreed(table, sql`removed`)}
            select id from removed`),
        );
        const record = await findIn(tx, id);
        return record && deleted.length > 0 ? recordWith(tx, record, auditOf) : record;
      }),
  };
}

async function upsert(
  scope: WriteScope,
  records: readonly { readonly sourceId: string }[],
): Promise<readonly UpsertVerdict[]> {
  if (records.length === 0) return [];
  const documents = toDocuments(records);
  const creating = sql`with ${created(scope, incoming(documents))} select source_id from created`;
  const rows: readonly { source_id: string }[] =
    documents.length === 1
      ? await scope.tx.execute<{ source_id: string }>(creating)
      : await writeMany(scope.tx, creating);
  const verdicts: UpsertVerdict[] = documents.map(() => 'created');
  if (rows.length === documents.length) return verdicts;
  const isNew = new Set(rows.map((row) => row.source_id));
  const known = documents.filter(({ sourceId }) => !isNew.has(sourceId));
  await lockKnown(scope, incoming(known));
  const later = await upsertKnown(scope, known);
  for (const [index, verdict] of later.entries()) verdicts[known[index]?.no ?? 0] = verdict;
  return verdicts;
}

/**
 * Writes records that exist and are locked; a record that does not exist is incomplete. The verdicts have the given
 * order.
 */
async function upsertKnown(
  scope: WriteScope,
  documents: readonly NumberedDocument[],
): Promise<readonly UpsertVerdict[]> {
  const { violations } = await findViolations(scope, incoming(documents), documents.length);
  const problems = new Map(violations.map((violation) => [violation.no, violation.problems]));
  const whole = documents.filter(({ no }) => !problems.has(no));
  const rows =
    whole.length === 0
      ? []
      : await scope.tx.execute<{ source_id: string }>(
          sql`with ${updated(scope, incoming(whole))} select source_id from updated`,
        );
  const changed = new Set(rows.map((row) => row.source_id));
  return documents.map(({ no, sourceId }) => problems.get(no) ?? (changed.has(sourceId) ? 'updated' : 'unchanged'));
}

/** Rows of a list that are read before it is known how large its records are. */
const HEAD_ROWS = 21;

/**
 * The rows of a list up to the one that fills the page. Limited in the database, because 200 records can be 200 MB,
 * which the API would have to hold. `found` counts the rows of the list; `more` is added to it.
 */
const boundedQuery = (kind: RecordKind, list: SQL, more = sql`0`): SQL => sql`
  select id, ${recordJson(kind)} as json, found + ${more} as found
  from (
    select q.*, count(*) over ()::int as found,
      sum(bytes) over (order by id rows between unbounded preceding and 1 preceding) as bytes_before
    from (${withBytes(list)}) q
  ) measured
  where coalesce(bytes_before, 0) < ${MAX_PAGE_BYTES}
  order by id`;

const withBytes = (list: SQL): SQL =>
  sql`select l.*, octet_length(fields) + octet_length(links) as bytes from (${list}) l`;

/** A page of fewer records than `HEAD_ROWS`. */
const shortPageQuery = (kind: RecordKind, page: RecordPage): SQL => boundedQuery(kind, listQuery(kind, page));

/**
 * Like `shortPageQuery`, but reads no more rows than the page has room for, judged by its first ones: to make the text of
 * 200 large records, Postgres takes many times as long as for a page of them. Twice as many are read as would fit, and
 * where later records are smaller still, the page ends early; `found` is then one more than the rows, so that the list
 * goes on.
 */
export function longPageQuery(kind: RecordKind, page: RecordPage): SQL {
  const head = listQuery(kind, { ...page, rows: HEAD_ROWS });
  const rest = listQuery(kind, { ...page, after: sql`(select last_id from room)` });
  const all = sql`select * from head union all (select * from (${rest}) r limit (select fitting from room))`;
  const more = sql`(select case when fitting < wanted and found = ${HEAD_ROWS}::int + fitting then 1 else 0 end from room)`;
  return sql`
  with head as materialized (${head}),
  room as materialized (
    select wanted, last_id, case when head_rows < ${HEAD_ROWS} then 0 else least(fitting, wanted) end as fitting
    from (
      select ${page.rows}::int - ${HEAD_ROWS}::int as wanted, count(*) as head_rows, (array_agg(id order by id desc))[1] as last_id,
        (greatest(${MAX_PAGE_BYTES}::int - sum(bytes), 0) / greatest(avg(bytes) / 2, 1))::int as fitting
      from (${withBytes(sql`select * from head`)}) h
    ) sizes
  )
  ${boundedQuery(kind, all, more)}`;
}

/** What a page is read by: values, or their placeholders. */
interface RecordPage extends Readonly<Record<string, unknown>> {
  /** Id of the last record before the page. */
  readonly after?: Operand<string> | SQL;
  readonly rows?: Operand<number>;
  readonly sourceId?: Operand<string>;
  readonly connectionId?: Operand<string>;
  readonly updatedSince?: Operand<Date>;
  readonly includeDeleted?: Operand<boolean>;
}

/** Without the venue: row-level security leaves no other. */
export function listQuery(kind: RecordKind, page: RecordPage): SQL {
  const { from, id } = listedFrom(kind, page);
  const { after, rows } = page;
  return sql`
    select ${shownColumns(kind, sql`::text`)}
    from ${from}
    where ${after === undefined ? sql`true` : sql`${id} > ${after}::uuid`} and ${matches(kind, page)}
    order by ${id} limit ${rows}`;
}

/** A list without filters, of which every record from the start of the page on belongs to it. */
const isWhole = ({ filters }: RecordKind, page: RecordPage): boolean =>
  ['sourceId', 'connectionId', 'updatedSince', ...Object.keys(filters)].every((name) => page[name] === undefined);

/**
 * A list without filters is read in the order of its index, also of a venue that the statistics do not know
 * (`MANY_EXPECTED`). With filters it is left to the planner: another index may find the few records that match.
 *
 * Records with a link to the connection are found through the index `record_links_listing`, which has the list's order
 * (its predicate, `write_attempt >= 0`, always holds); a record requested by key is looked up first. LATERAL with a
 * limit keeps the planner from reversing the join on tables without statistics, where a page would cost as much as the
 * whole list.
 */
function listedFrom(kind: RecordKind, page: RecordPage): { readonly from: SQL; readonly id: SQL } {
  const { connectionId, sourceId } = page;
  const records =
    sourceId === undefined ? sql`${tableOf(kind)} c` : sql`${bySourceId(tableOf(kind), sql`${sourceId}::text`)} c`;
  if (isWhole(kind, page)) return { from: sql`${records} cross join ${MANY_EXPECTED}`, id: sql`c.id` };
  if (connectionId === undefined) return { from: records, id: sql`c.id` };
  const links = sql`record_links where connection_id = ${connectionId} and resource = ${kind.name}`;
  if (sourceId !== undefined)
    return {
      from: sql`${records} cross join lateral (select from ${links} and record_id = c.id limit 1) l`,
      id: sql`c.id`,
    };
  return {
    from: sql`(select record_id from ${links} and write_attempt >= 0) l cross join lateral (select * from ${tableOf(kind)} where id = l.record_id limit 1) c`,
    id: sql`l.record_id`,
  };
}

function matches({ filters }: RecordKind, page: RecordPage): SQL {
  const { updatedSince, includeDeleted } = page;
  const own = Object.entries(filters).flatMap(([name, { by, field }]) => {
    const value = page[name];
    return value === undefined ? [] : [compared(sql`c.${sql.identifier(columnName(field))}`, by, value)];
  });
  const conditions = [
    ...(includeDeleted ? [] : [sql`c.deleted_at is null`]),
    ...(updatedSince === undefined ? [] : [compared(sql`c.updated_at`, 'from', updatedSince)]),
    ...own,
  ];
  return conditions.length === 0 ? sql`true` : sql.join(conditions, sql` and `);
}

/** `from` and `before` compare times. */
const OPERATORS = { equal: sql`=`, from: sql`>=`, before: sql`<` } as const;

function compared(column: SQL, by: RecordFilterRule['by'], value: unknown): SQL {
  return sql`${column} ${OPERATORS[by]} ${value}${by === 'equal' ? sql`` : sql`::timestamptz`}`;
}

interface RowOf<Fields, Links> extends Record<string, unknown> {
  readonly id: RecordId;
  readonly venue_id: VenueId;
  readonly source_id: string;
  readonly version: number;
  readonly created_at: string;
  readonly updated_at: string;
  readonly deleted_at: string | null;
  readonly fields: Fields;
  readonly links: Links;
}
type Row = RowOf<RecordFields, readonly RecordLink[]>;

interface ListedRow extends Record<string, unknown> {
  readonly id: RecordId;
  readonly json: RecordJson;
  readonly found: number;
}

/** `as`: the documents' type, where it is not `jsonb`. */
const shownColumns = (kind: RecordKind, as = sql``): SQL => sql`
  c.id, c.venue_id, c.source_id, c.version, ${shownInstant(sql`c.created_at`)} as created_at,
  ${shownInstant(sql`c.updated_at`)} as updated_at, ${shownInstant(sql`c.deleted_at`)} as deleted_at,
  ${fieldsDocument(recordTable(kind), 'c')}${as} as fields,
  (select coalesce(jsonb_agg(jsonb_build_object('connectionId', k.connection_id, 'externalId', k.external_id, 'syncedAt', ${shownInstant(sql`k.synced_at`)}, 'state', k.state, 'notes', coalesce(k.notes, '[]')) order by k.connection_id), '[]')
   from record_links k where k.record_id = c.id and k.resource = ${kind.name})${as} as links`;

/** As answers show it, in their order. */
const toRecord = <Fields>(row: Row): StoredRecord<Fields> => ({
  id: row.id,
  venueId: row.venue_id,
  sourceId: row.source_id,
  version: row.version,
  ...(row.fields as Fields),
  createdAt: row.created_at,
  updatedAt: row.updated_at,
  deletedAt: row.deleted_at,
  links: row.links,
});

/**
 * Like `toRecord`, as JSON text of a listed row. Made by the database, because to read ten values of each row and to put
 * them together costs this process several times as much as to read one.
 */
function recordJson(kind: RecordKind): SQL {
  const fields = recordTable(kind).columns.length === 0 ? sql`''` : sql`substr(fields, 2, length(fields) - 2), ','`;
  return sql`concat('{"id":"', id, '","venueId":"', venue_id, '","sourceId":', to_json(source_id), ',"version":', version, ',', ${fields},
    '"createdAt":"', created_at, '","updatedAt":"', updated_at, '","deletedAt":', coalesce('"' || deleted_at || '"', 'null'), ',"links":', links, '}')`;
}
