import { sql } from 'drizzle-orm';
import type { SQL } from 'drizzle-orm';
import type { ConnectionId, RecordId } from '../../contracts/ids.ts';
import type { StoredAgreement } from '../../domain/sync/merge/agreed-version.ts';
import { fieldsDocument } from './record-tables.ts';
import type { RecordTable } from './record-tables.ts';
import { writeMany } from '../core/many-rows.ts';
import { rowsByColumn, uuidList } from '../core/rows-by-column.ts';
import type { GivenColumn } from '../core/rows-by-column.ts';
import type { KindScope } from '../runs/run-scope.ts';
import { together } from '../core/venue-scope.ts';
import type { Transaction } from '../core/venue-scope.ts';

/** The agreed version of a record in a link with changes to write: no record has it, so the next push sees a difference. */
export const OUTSTANDING_VERSION = -1;

/**
 * A CTE `kept` behind the CTE `changed`, which changes records of the table and returns their `id`s: keeps the fields
 * that they had for each two-way sync that had agreed on them, so that its next run can tell what changed. `except`: a
 * connection whose own run makes the change and stores what it agreed on.
 *
 * Every part of a statement sees the rows as they were before it, so `b` is the record before the change. The rows must
 * be locked by an earlier statement: one that waits for another writer has `b` as it was before that one's commit. A venue
 * without two-way syncs pays for one lookup per statement.
 */
export const keepAgreed = (table: RecordTable, changed: SQL, except?: ConnectionId): SQL => sql`
  kept as (
    insert into agreed_records as a (connection_id, resource, record_id, venue_id, venue)
    select l.connection_id, ${table.resource}::text, u.id, l.venue_id, ${fieldsDocument(table, 'b')}
    from ${changed} u
    cross join lateral (select * from ${sql.identifier(table.name)} where id = u.id limit 1) b
    cross join lateral (select connection_id, venue_id from record_links
      where record_id = u.id and resource = ${table.resource} and record_version = b.version) l
    where exists (select from ${twoWay(table)}) and l.connection_id in (select connection_id from ${twoWay(table)})
      ${except === undefined ? sql`` : sql`and l.connection_id <> ${except}`}
    on conflict (record_id, connection_id, resource) do update set venue = coalesce(a.venue, excluded.venue))`;

/** Syncs of the resource that have run both ways: beginning such a run makes its cursor. */
const twoWay = ({ resource }: RecordTable): SQL =>
  sql`sync_cursors where direction = 'both' and resource = ${resource}`;

type LinkScope = Pick<KindScope, 'connectionId' | 'resource' | 'venueId'>;

interface Agreed {
  readonly recordId: RecordId;
  readonly agreement: StoredAgreement;
}

/** Stores what records do not show of their agreed versions, and removes what they do. */
export async function saveAgreed(
  tx: Transaction,
  { connectionId, resource, venueId }: LinkScope,
  agreements: readonly Agreed[],
): Promise<void> {
  if (agreements.length === 0) return;
  const isNothing = ({ agreement }: Agreed) => agreement.venue === null && agreement.provider === null;
  const [shown, kept] = [agreements.filter(isNothing), agreements.filter((one) => !isNothing(one))];
  const ids = shown.map(({ recordId }) => recordId);
  await together(
    shown.length === 0
      ? NOTHING
      : tx
          .execute(
            sql`
      delete from agreed_records where record_id = any (${uuidList(ids)})
        and connection_id = ${connectionId} and resource = ${resource}`,
          )
          .execute(),
    kept.length === 0
      ? NOTHING
      : writeMany(
          tx,
          sql`
      insert into agreed_records (connection_id, resource, record_id, venue_id, venue, provider)
      select ${connectionId}, ${resource}, r.record_id, ${venueId}, r.venue, r.provider
      from ${rowsByColumn(kept, AGREED_COLUMNS)}
      on conflict (record_id, connection_id, resource) do update set venue = excluded.venue, provider = excluded.provider`,
        ),
  );
}

const NOTHING = Promise.resolve();
const AGREED_COLUMNS: readonly GivenColumn<Agreed>[] = [
  { name: 'record_id', type: 'uuid', of: ({ recordId }) => recordId },
  { name: 'venue', type: 'jsonb', of: ({ agreement }) => agreement.venue },
  { name: 'provider', type: 'jsonb', of: ({ agreement }) => agreement.provider },
];
