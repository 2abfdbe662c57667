import { Context } from '@temporalio/activity';
import type { RemoveExpiredChunk, RemoveExpiredInput, RetentionActivities } from '../../contracts/retention.ts';
import type { RetentionStore } from '../../db/core/retention-store.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { AbandonedGrants } from '../connections/abandoned-grants.ts';
import { guarded, interrupted } from '../failures.ts';
import { withHeartbeat } from '../heartbeat.ts';

export interface RetentionDeps {
  readonly abandonedGrants: Pick<AbandonedGrants, 'revokeAll'>;
  readonly retention: RetentionStore;
  readonly log: Logger;
  /** How long one call works before it returns to the workflow. */
  readonly chunkMs: number;
}

/** Rows per transaction: some tens of milliseconds of work, so that no other transaction waits longer for a row. */
const PAGE_ROWS = 2_000;

/** Removes expired rows page by page, each in a transaction of its own, so that removed pages stay removed. */
export function createRetentionActivities(deps: RetentionDeps): RetentionActivities {
  return { removeExpired: (input) => guarded(() => removeExpired(deps, input)) };
}

async function removeExpired(
  { abandonedGrants, retention, log, chunkMs }: RetentionDeps,
  { table, keptDays, after }: RemoveExpiredInput,
): Promise<RemoveExpiredChunk> {
  const { info, cancellationSignal } = Context.current();
  const deadlineMs = performance.now() + chunkMs;
  // An earlier attempt that was lost had removed this many rows and reached this position.
  let progress = (info.heartbeatDetails as RemoveExpiredChunk | undefined) ?? { removed: 0, after, more: true };
  await withHeartbeat(
    async () => {
      if (table === 'authorization_exchanges' && after === null)
        await abandonedGrants.revokeAll(() => !cancellationSignal.aborted && performance.now() < deadlineMs);
      while (progress.more && performance.now() < deadlineMs) {
        if (cancellationSignal.aborted) throw interrupted();
        const page = await retention.removePage({ table, keptDays }, { after: progress.after, limit: PAGE_ROWS });
        progress = { ...page, removed: progress.removed + page.removed };
      }
    },
    () => progress,
  );
  if (progress.removed > 0) log.info({ table, removed: progress.removed }, 'expired rows were removed');
  return progress;
}
