import { sql } from 'drizzle-orm';
import type { SyncKey } from '../../contracts/sync.ts';
import type { Transaction } from '../core/venue-scope.ts';

/**
 * Notes that every record has been read and written under the mapping that applies, once a full pass has ended and each
 * direction in use has had one since. Whoever made the passes: the workflow that is started with a change may have been
 * ended, or never have begun.
 */
export async function noteReprojectedByPasses(
  tx: Transaction,
  { connectionId, resource }: Pick<SyncKey, 'connectionId' | 'resource'>,
): Promise<void> {
  await tx.execute(sql`
    update field_mappings m set reprojected_at = now()
    where m.connection_id = ${connectionId} and m.resource = ${resource} and m.active and m.reprojected_at is null
      and not exists (select from sync_runs r
        where r.connection_id = m.connection_id and r.resource = m.resource and not r.dry_run
          and not exists (select from sync_cursors c
            where c.connection_id = r.connection_id and c.resource = r.resource and c.direction = r.direction
              and c.full_started_at >= m.activated_at))`);
}
