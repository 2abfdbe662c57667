import { sql } from 'drizzle-orm';
import type { SQL } from 'drizzle-orm';
import type { ConflictField } from '../../contracts/conflicts.ts';
import { unwrittenFields } from '../../domain/mapping/kept-fields.ts';
import type { StoredAgreement } from '../../domain/sync/merge/agreed-version.ts';
import type { FieldConflict } from '../../domain/sync/merge/merge.ts';
import type { RecordFields } from '../../records/record-kind.ts';
import { fieldsDocument, recordTable } from '../records/record-tables.ts';
import type { KindScope } from '../runs/run-scope.ts';

/** What a run has to know of a record besides. */
export interface MergeRow {
  /** The record's fields, in a two-way run and where the provider tells something that no push writes. */
  readonly own?: RecordFields;
  readonly agreed_venue?: RecordFields | null;
  readonly agreed_provider?: RecordFields | null;
  readonly in_conflict?: boolean;
}

/** The outcome of a merge, as it is stored. */
export interface MergedRecord {
  readonly changesVenue: boolean;
  readonly changesProvider: boolean;
  /** Conflicts that the policies settled. */
  readonly settled: readonly FieldConflict[];
  /** Conflicts for a person. */
  readonly open: readonly ConflictField[];
  readonly agreement: StoredAgreement;
  /** Fingerprint of what the venue's side would write now. */
  readonly fingerprint: string | null;
  readonly remoteFingerprint: string | null;
  /** What the remote record's fingerprint is once the venue's side is written. */
  readonly writtenFingerprint: string | null;
}

export const isTwoWay = ({ direction }: Pick<KindScope, 'direction'>): boolean => direction === 'both';

const tellsUnwritten = ({ kind, mapping }: KindScope): boolean =>
  mapping !== undefined && unwrittenFields(kind, mapping.kept).length > 0;

/** Columns of `MergeRow` beside record `c` and link `l`. */
export const mergeColumns = (scope: KindScope): SQL => {
  const own = sql`, ${fieldsDocument(recordTable(scope.kind), 'c')} as own`;
  if (!isTwoWay(scope)) return tellsUnwritten(scope) ? own : sql``;
  return sql`${own}, a.venue as agreed_venue, a.provider as agreed_provider,
        exists (select from merge_conflicts k where k.record_id = c.id and k.connection_id = ${scope.connectionId} and k.resource = ${scope.resource} and k.state = 'open') as in_conflict`;
};

/** Joins `a`, what is stored of the agreed version of record `c`, for `mergeColumns`. */
export const mergeJoin = ({ connectionId, resource, direction }: KindScope): SQL =>
  isTwoWay({ direction })
    ? sql`left join lateral (select venue, provider from agreed_records
        where record_id = c.id and connection_id = ${connectionId} and resource = ${resource} limit 1) a on true`
    : sql``;
