import type { InboxStore } from '../../db/webhooks/inbox-store.ts';
import type { Log } from '../http/log.ts';
import type { InboxGateway } from '../temporal/inbox-gateway.ts';
import { createCoalescer } from './coalescer.ts';

export interface InboxWakerDeps {
  readonly inbox: Pick<InboxStore, 'markAwake' | 'markIdle'>;
  readonly inboxGateway: InboxGateway;
  readonly log: Log;
}

/** Call it after an event's commit. Never throws: an event that wakes nobody is found by the sweep. */
export type WakeInbox = (partition: number) => Promise<void>;

/**
 * Wakes a partition's drainer when the partition was idle. The look at the partition follows the event's commit, and a
 * drainer that falls asleep looks for events after it has said so. So one of the two always notices the other.
 */
export function createInboxWaker({ inbox, inboxGateway, log }: InboxWakerDeps): WakeInbox {
  // A look that began after the commits of several events serves all of them.
  const coalesce = createCoalescer();
  const wake = async (partition: number): Promise<void> => {
    if (!(await inbox.markAwake(partition))) return;
    try {
      await inboxGateway.wake(partition);
    } catch (error) {
      await inbox.markIdle(partition);
      throw error;
    }
  };
  return (partition) =>
    coalesce(String(partition), () => wake(partition)).catch((error: unknown) => {
      log.warn(
        { partition, cause: error instanceof Error ? error.name : 'unknown' },
        'the drainer of the inbox could not be woken: the next event or the sweep wakes it',
      );
    });
}
