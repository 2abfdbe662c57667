import type postgres from 'postgres';
import type { Checkpoint, PullCheckpoint } from '../../domain/sync/checkpoint.ts';
import type { Segment } from '../../domain/sync/pull/segments.ts';
import { isSegment } from '../../domain/sync/pull/strategies.ts';
import type { Listed } from './provider-side.ts';

/** An open run, its cursor and its committed rows, read at one moment. */
export interface Snapshot {
  readonly id: string;
  readonly connectionId: string;
  readonly direction: 'push' | 'pull';
  readonly mode: 'full' | 'incremental';
  readonly checkpoint: Checkpoint | null;
  /** For a pull: external ids of the objects that this run has committed. */
  readonly committed: ReadonlySet<string>;
  /** For a push: number of records before the cursor that are not done. */
  readonly passed: number;
}

/** All open runs of these connections, read in one statement so that nothing is committed in between. */
export async function snapshot(database: postgres.Sql, connectionIds: readonly string[]): Promise<readonly Snapshot[]> {
  const passedIn = (table: 'customers' | 'products') => database`
    select count(*) from ${database(table)} c left join record_links l on l.record_id = c.id and l.connection_id = r.connection_id
    where r.resource = ${table} and c.venue_id = r.venue_id and c.id <= (r.checkpoint ->> 'after')::uuid and c.deleted_at is null
      and (l.record_id is null or l.state = 'pending' or l.record_version <> c.version)`;
  const rows = await database<(Omit<Snapshot, 'committed'> & { readonly committed: readonly string[] })[]>`
    select r.id, r.connection_id as "connectionId", r.direction, r.mode, r.checkpoint,
      (select coalesce(json_agg(l.external_id), '[]') from record_links l
        where r.direction = 'pull' and l.connection_id = r.connection_id and l.resource = r.resource and l.last_sync_id = r.id) as committed,
      case when r.direction = 'push' and r.checkpoint ->> 'after' is not null
        then ((${passedIn('customers')}) + (${passedIn('products')}))::int else 0 end as passed
    from sync_runs r where r.finished_at is null and r.connection_id = any (string_to_array(${connectionIds.join()}, ',')::uuid[])`;
  return rows.map((row) => ({ ...row, committed: new Set(row.committed) }));
}

/**
 * Describes where the run's cursor is ahead of its rows; empty when all is well. `listed` is what a full pull must
 * bring.
 */
export function aheadOfItsRows(
  { direction, mode, checkpoint, committed, passed }: Snapshot,
  listed: readonly Listed[],
): readonly string[] {
  if (direction === 'push') return passed > 0 ? [`${passed} records that the cursor has passed are not done`] : [];
  if (mode !== 'full' || checkpoint === null || checkpoint.kind === 'push') return [];
  return listed
    .filter((object) => !committed.has(object.id) && (checkpoint.kind === 'done' || !isStillToRead(object, checkpoint)))
    .map(({ id, stream }) => `the cursor has passed ${id} of ${stream}, which is not there`);
}

function isStillToRead(object: Listed, { stages, segments }: PullCheckpoint): boolean {
  const stage = stages.findIndex(
    ({ kind, ...rest }) => kind === 'listing' && 'streams' in rest && rest.streams.includes(object.stream),
  );
  if (stage !== 0 || segments === null) return stage >= 0;
  return segments.some((part) => !isSegment(part) || holds(part, object));
}

/** Whether the part still has to read the object. Objects of one second with the cursor's object count as unread. */
function holds({ stream, fromEpochS, toEpochS, after, oldestEpochS }: Segment, object: Listed): boolean {
  if (stream !== object.stream || object.created >= toEpochS || (fromEpochS !== null && object.created < fromEpochS))
    return false;
  return after === null || oldestEpochS === null || object.created <= oldestEpochS;
}
