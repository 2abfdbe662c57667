import { sql } from 'drizzle-orm';
import type { SQL } from 'drizzle-orm';
import type { VenueId } from '../../contracts/ids.ts';
import type { PendingClaim } from '../core/idempotency-store.ts';
import { statement } from '../core/statement.ts';
import { writeCallerInVenue, writeVenue } from '../core/venue-scope.ts';
import type { Database } from '../core/venue-scope.ts';
import type { RecordTable } from './record-tables.ts';
import {
  brokenRules,
  created,
  incomingFrom,
  lockingKnown,
  problemsOf,
  stored,
  toDocuments,
  updated,
} from './record-writing.ts';
import type { UpsertVerdict } from './record-writing.ts';

/** More records, or larger ones, are sent once for each step that they need. */
const MOST_RECORDS = 10;
const MOST_LENGTH = 65_536;

export interface FewRecordsStore {
  /**
   * As `upsertMany` of a RecordStore, in one round trip, and with the claim in the same transaction. Null, and nothing is
   * done, for more than a few small records.
   */
  tryUpsert(
    venueId: VenueId,
    records: readonly { readonly sourceId: string }[],
    claim?: PendingClaim | null,
  ): Promise<readonly UpsertVerdict[]> | null;
}

interface VerdictRow {
  readonly is_created: boolean;
  readonly is_updated: boolean;
  readonly broken: readonly number[] | null;
}

/**
 * All steps of an upsert are sent at once: each takes the records that the steps before have left, and passes over those
 * that were just created. Done twice, it finds the records unchanged.
 */
export function createFewRecordsStore(db: Database, table: RecordTable): FewRecordsStore {
  const { create, lock, change } = stepsOf(table);

  async function upsert(
    venueId: VenueId,
    values: { readonly documents: string; readonly keys: string },
    claim: PendingClaim | null,
  ): Promise<readonly UpsertVerdict[]> {
    const all = { ...values, venueId };
    const ahead = [create, lock].map((step) => ({ statement: step, values: all }));
    const last = { statement: change, values: all };
    // The key before any record, so that of two requests with one key the second waits without holding a record.
    const rows = await (claim === null
      ? writeVenue(db, venueId, { ahead, last })
      : writeCallerInVenue(db, { caller: claim.caller, venueId }, { ahead: [claim.insert, ...ahead], last }));
    return rows.map(({ is_created, is_updated, broken }) => {
      if (is_created) return 'created';
      if (broken !== null) return problemsOf(table, broken);
      return is_updated ? 'updated' : 'unchanged';
    });
  }

  return {
    tryUpsert(venueId, records, claim = null) {
      if (records.length === 0 || records.length > MOST_RECORDS) return null;
      const numbered = toDocuments(records);
      const documents = JSON.stringify(numbered);
      if (documents.length > MOST_LENGTH) return null;
      const keys = JSON.stringify(numbered.map(({ no, id, sourceId }) => ({ no, id, sourceId })));
      return upsert(venueId, { documents, keys }, claim);
    },
  };
}

/** The statements of an upsert, in their order. */
export function stepsOf(table: RecordTable) {
  const given = incomingFrom(sql.placeholder('documents'));
  const scope = { venueId: sql.placeholder('venueId'), table };
  return {
    create: statement(sql`with ${created(scope, given)} select count(*) from created`),
    lock: statement(lockingKnown(table, incomingFrom(sql.placeholder('keys')))),
    change: statement<VerdictRow>(sql`
      with given as materialized (select * from ${given} g),
      broken as materialized (${table.rules.length === 0 ? NONE_BROKEN : brokenRules(table, sql`given`)}),
      ${updated(scope, sql`(select * from given where no not in (select no from broken))`)}
      select coalesce(o.id = s.id, false) as is_created, u.id is not null as is_updated, b.broken
      from given s
      left join ${stored(table)} on true
      left join updated u on u.source_id = s.source_id
      left join broken b on b.no = s.no
      order by s.no`),
  };
}

const NONE_BROKEN: SQL = sql`select 0 as no, null::jsonb as broken where false`;
