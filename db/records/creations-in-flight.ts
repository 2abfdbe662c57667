import { sql } from 'drizzle-orm';
import type { SQL } from 'drizzle-orm';
import type { ConnectionRef, SyncId } from '../../contracts/ids.ts';
import type { Resource } from '../../contracts/providers.ts';
import type { Transaction } from '../core/venue-scope.ts';

/** An answer that is not stored after so long was lost: a run looks the object up, and nothing waits for it. */
const ANSWER_WITHIN_MS = 300_000;

export interface CreatedFor extends Pick<ConnectionRef, 'connectionId'> {
  readonly resource: Resource;
  readonly syncId?: SyncId | null;
}

/**
 * One row: `first_at`, when the first of the creations was marked whose answers are not stored yet; null without any, and
 * when no run is open that could store them. `syncId` is a run whose own do not count: it reads before it writes.
 */
export const creationsInFlight = ({ connectionId, resource, syncId = null }: CreatedFor): SQL => sql`
  select min(created_at) as first_at from record_links
  where connection_id = ${connectionId} and resource = ${resource} and state = 'pending'
    and updated_at > now() - ${ANSWER_WITHIN_MS}::integer * interval '1 millisecond'
    and exists (select from sync_runs run
      where run.connection_id = ${connectionId} and run.resource = ${resource} and run.direction in ('push', 'both')
        and run.finished_at is null and not run.dry_run and run.id is distinct from ${syncId}::uuid)`;

export interface Awaited {
  /** Some of the objects have no record, and an answer that is not stored yet may be about them. */
  readonly isAwaited: boolean;
  /** When this was asked first, by the database's clock. */
  readonly asOf: string;
}

/** Whether objects that were read before `asOf`, or before now, may be those of creations whose answers are not stored yet. */
export async function readAwaited(
  tx: Transaction,
  created: CreatedFor,
  { externalIds, asOf }: { readonly externalIds: readonly string[]; readonly asOf: string | null },
): Promise<Awaited> {
  const [row] = await tx.execute<{ is_awaited: boolean; as_of: string }>(sql`
    with sent as materialized (${creationsInFlight(created)})
    select coalesce(sent.first_at <= coalesce(${asOf}::timestamptz, now()), false) and exists (
        select from jsonb_array_elements_text(${JSON.stringify(externalIds)}::jsonb) as asked(external_id)
        where not exists (select from record_links known
          where known.connection_id = ${created.connectionId} and known.resource = ${created.resource}
            and known.external_id = asked.external_id)) as is_awaited,
      coalesce(${asOf}::timestamptz, now())::text as as_of
    from sent`);
  return { isAwaited: row?.is_awaited === true, asOf: row?.as_of ?? '' };
}
