import { getClient } from '@temporalio/activity';
import type { ConnectionSweepActivities } from '../../contracts/inbox.ts';
import type { EventFeedStore } from '../../db/webhooks/event-feed-store.ts';
import type { EventRecordStore } from '../../db/webhooks/event-record-store.ts';
import { COMPARE_EVERY_MS, gapRepair } from '../../domain/inbox/event-comparison.ts';
import type { RepairGaps } from '../../domain/inbox/event-comparison.ts';
import { heldDeletionsRun } from '../../domain/inbox/held-deletions.ts';
import type { ScheduledSync } from '../../domain/inbox/held-deletions.ts';
import type { Providers } from '../../providers/providers.ts';
import { guarded } from '../failures.ts';
import { announceStaleSyncs } from './stale-syncs.ts';
import type { StaleSyncDeps } from './stale-syncs.ts';

export interface ConnectionSweepDeps extends StaleSyncDeps {
  readonly providers: Pick<Providers, 'definition' | 'ids'>;
  readonly eventFeeds: Pick<EventFeedStore, 'listDue'>;
  readonly eventRecords: Pick<EventRecordStore, 'listHeldDeletions'>;
}

/** Of one sweep; the next one takes the rest. */
const MAX_STARTED = 500;

export function createConnectionSweepActivities(
  deps: ConnectionSweepDeps,
): Omit<ConnectionSweepActivities, 'settleSilentWork'> {
  const { providers, eventFeeds, eventRecords } = deps;
  const nameOf = (provider: string) => providers.definition(provider)?.displayName ?? provider;
  return {
    startComparisons: () =>
      guarded(async () => {
        const listing = providers.ids.filter((id) => providers.definition(id)?.webhooks?.feedReachMs !== undefined);
        const due = await eventFeeds.listDue(listing, { pauseMs: COMPARE_EVERY_MS, limit: MAX_STARTED });
        for (const input of due)
          await getClient().workflow.start<RepairGaps>(...gapRepair(input, nameOf(input.provider)));
        return { started: due.length };
      }),

    startHeldDeletions: () =>
      guarded(async () => {
        const held = await eventRecords.listHeldDeletions(MAX_STARTED);
        for (const sync of held)
          await getClient().workflow.start<ScheduledSync>(...heldDeletionsRun(sync, nameOf(sync.provider)));
        return { started: held.length };
      }),

    announceStaleSyncs: () => guarded(() => announceStaleSyncs(deps, MAX_STARTED)),
  };
}
