import { sql } from 'drizzle-orm';
import type { SQL } from 'drizzle-orm';
import type { SyncId } from '../../contracts/ids.ts';
import type { SyncConnectionInput } from '../../contracts/sync.ts';
import type { FieldMapping } from '../../domain/mapping/field-mapping.ts';
import type { ProviderAccountName } from '../../domain/sync/pull/source-id.ts';
import type { RecordKind } from '../../records/record-kind.ts';
import type { RecordKinds } from '../../records/registry.ts';
import type { Transaction } from '../core/venue-scope.ts';

/** A newer attempt at the run's chunk has begun, or the run has ended, so this attempt must not write anything more. */
export class SupersededError extends Error {
  override readonly name = 'SupersededError';
  constructor() {
    super('a newer attempt has taken this run over');
  }
}

/** The run that one attempt works on. `fence` is the attempt's number; writes under an older one are refused. */
export interface RunScope extends SyncConnectionInput {
  readonly fence: number;
  /** The account that the run reads and writes. */
  readonly account: ProviderAccountName;
  /** The field mapping that the attempt applies; absent for the defaults. */
  readonly mapping?: Pick<FieldMapping, 'version' | 'kept'>;
}

/** Stands for the run where none writes. A link keeps the run that last wrote it, so that no run in progress loses its mark. */
export const NO_RUN = '00000000-0000-0000-0000-000000000000' as SyncId;

/** The run as a link or a conflict names it; null where none writes. */
export const runOf = ({ syncId }: Pick<RunScope, 'syncId'>) => sql`nullif(${syncId}::uuid, ${NO_RUN}::uuid)`;

/** A run with the kind of record that it reads and writes. */
export interface KindScope extends RunScope {
  readonly kind: RecordKind;
  readonly kinds: RecordKinds;
  /** False: no record of the venue has a `sourceId` without its account. Absent: not known. */
  readonly mayHaveEarlierSourceIds?: boolean;
}

export const scopeWithKind = (scope: RunScope, kinds: RecordKinds): KindScope => ({
  ...scope,
  kinds,
  kind: kinds.get(scope.resource),
});

/**
 * Joins `l`, the link of record `c` to the connection, or nulls. LATERAL with a limit looks each record's link up: with
 * a plain join on tables without statistics, the planner assumes one link per connection and reads them all for every
 * record, which takes minutes instead of a tenth of a second.
 */
export const linkOfRecord = ({ connectionId, resource }: Pick<SyncConnectionInput, 'connectionId' | 'resource'>) => sql`
  left join lateral (select * from record_links where connection_id = ${connectionId} and resource = ${resource} and record_id = c.id limit 1) l on true`;

/**
 * The remote record of link `l` is in use at the provider, as far as we know, or may be because its first write was
 * never answered.
 */
export const inUse = sql`((l.external_id is not null or l.state = 'pending') and l.state not in ('gone', 'archived'))`;

/**
 * Rows `c` (record) and `l` (link or null) whose last agreed version is not the current one, or whose remote record is
 * gone.
 */
export const needsPush = sql`(l.record_id is null or l.record_version <> c.version or l.state in ('pending', 'rejected', 'gone'))`;

/** Rows `c` (record) that the run covers: all, or those of dead letters that are to be retried. */
export const coveredBy = ({ deadLettersOnly, ...scope }: SyncConnectionInput) =>
  deadLettersOnly === true
    ? sql`c.id in (select d.record_id from dead_letters d where ${retriedIn(scope)} and d.record_id is not null)`
    : sql`true`;

/** Dead letters `d` of the run's records that are to be retried. */
export const retriedIn = ({
  venueId,
  connectionId,
  resource,
  direction,
}: Pick<SyncConnectionInput, 'venueId' | 'connectionId' | 'resource' | 'direction'>) => sql`
  (d.venue_id = ${venueId} and d.connection_id = ${connectionId} and d.resource = ${resource} and d.direction = ${direction}
    and d.source = 'record' and d.state = 'retrying')`;

/**
 * Locks the run for one commit, which may change its row. Throws SupersededError under an older fence. Returns whether
 * the run was asked to stop.
 */
export const lockRun = (tx: Transaction, scope: RunScope): Promise<{ readonly stopRequested: boolean }> =>
  lockRunFor(tx, scope, sql`no key update`);

/**
 * Holds the run as it is for one commit that changes other rows alone, beside others of the same run. Throws
 * SupersededError under an older fence.
 */
export const shareRun = (tx: Transaction, scope: RunScope): Promise<unknown> => lockRunFor(tx, scope, sql`key share`);

/** Waits for every commit under `lockRun` and `shareRun`, for whoever takes over runs or ends them. */
export const claimRuns = (tx: Transaction, runs: SQL): Promise<unknown> =>
  tx.execute(sql`select from sync_runs where ${runs} order by id for update`);

async function lockRunFor(
  tx: Transaction,
  { syncId, fence }: RunScope,
  strength: SQL,
): Promise<{ readonly stopRequested: boolean }> {
  const [row] = await tx.execute<{ fence: number; stop: boolean; finished: boolean }>(sql`
    select fence, stop_requested_at is not null as stop, finished_at is not null as finished from sync_runs where id = ${syncId} for ${strength}`);
  if (row?.fence !== fence || row.finished) throw new SupersededError();
  return { stopRequested: row.stop };
}
