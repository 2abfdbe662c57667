import { applyEvents } from '../../activities/inbox/apply-events.ts';
import type { ApplyingDeps } from '../../activities/inbox/apply-events.ts';
import { INBOX_PARTITIONS } from '../../contracts/inbox.ts';
import { createAccessCheckStore } from '../../db/connections/access-check-store.ts';
import { createAccountConnections } from '../../db/connections/account-connections.ts';
import type { Database } from '../../db/core/venue-scope.ts';
import { createInboxStore } from '../../db/webhooks/inbox-store.ts';

/** Handles every event that is due, as the worker does, without a worker. Returns how many there were. */
export async function drainInbox(
  db: Database,
  deps: Pick<ApplyingDeps, 'providers' | 'log' | 'signalRevoked'>,
): Promise<number> {
  const inbox = createInboxStore(db);
  const applying = {
    inbox,
    accountConnections: createAccountConnections(db),
    accessChecks: createAccessCheckStore(db),
    ...deps,
  };
  let handled = 0;
  for (let partition = 0; partition < INBOX_PARTITIONS; partition += 1) {
    const lease = await inbox.takeOver(partition);
    for (;;) {
      const events = await inbox.listDue(partition, 100);
      if (events.length === 0) break;
      await applyEvents(applying, lease, events);
      handled += events.length;
    }
    await inbox.fallAsleep(lease);
  }
  return handled;
}
