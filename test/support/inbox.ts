import { applyEvents } from '../../activities/inbox/apply-events.ts';
import type { ApplyingDeps } from '../../activities/inbox/apply-events.ts';
import { INBOX_PARTITIONS } from '../../contracts/inbox.ts';
import { createAccessCheckStore } from '../../db/connections/access-check-store.ts';
import { createAccountConnections } from '../../db/connections/account-connections.ts';
import { createEventRecordStore } from '../../db/webhooks/event-record-store.ts';
import { createInboxStore } from '../../db/webhooks/inbox-store.ts';
import type { InboxStore } from '../../db/webhooks/inbox-store.ts';
import { ProviderError } from '../../providers/provider-error.ts';
import { RECORD_KINDS } from '../../records/registry.ts';
import type { TestDatabase } from './services/database.ts';

type OwnDeps = Pick<ApplyingDeps, 'providers' | 'log' | 'signalRevoked'> &
  Partial<Pick<ApplyingDeps, 'credentials' | 'kinds'>>;

type Databases = Pick<TestDatabase, 'db' | 'eventDb'>;

/** What handling events takes, on these databases. Without `credentials` no event can be read again at its provider. */
export function applyingDeps({ db, eventDb }: Databases, deps: OwnDeps): ApplyingDeps & { readonly inbox: InboxStore } {
  const { kinds = RECORD_KINDS } = deps;
  const none = () => Promise.reject(new ProviderError({ provider: 'none', kind: 'unavailable' }));
  return {
    inbox: createInboxStore(eventDb),
    accountConnections: createAccountConnections(db),
    accessChecks: createAccessCheckStore(db),
    eventRecords: createEventRecordStore(eventDb, kinds),
    credentials: { open: none, replaceRefused: none },
    kinds,
    ...deps,
  };
}

/** Handles every event that is due, as the worker does, without a worker. Returns how many there were. */
export async function drainInbox(databases: Databases, deps: OwnDeps): Promise<number> {
  const applying = applyingDeps(databases, deps);
  const { inbox } = applying;
  let handled = 0;
  for (let partition = 0; partition < INBOX_PARTITIONS; partition += 1) {
    const lease = await inbox.takeOver(partition);
    for (;;) {
      const events = await inbox.listDue(partition, 100);
      if (events.length === 0) break;
      await applyEvents(applying, (work) => inbox.settle(lease, work), events);
      handled += events.length;
    }
    await inbox.fallAsleep(lease);
  }
  return handled;
}
