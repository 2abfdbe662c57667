import { setTimeout as sleep } from 'node:timers/promises';
import type { InboxStore } from '../../db/webhooks/inbox-store.ts';
import type { Log } from '../http/log.ts';
import type { InboxGateway } from '../temporal/inbox-gateway.ts';
import { createCoalescer } from './coalescer.ts';

export interface InboxWakerDeps {
  readonly inbox: Pick<InboxStore, 'markAwake' | 'markIdle'>;
  readonly inboxGateway: InboxGateway;
  readonly log: Log;
}

/** Call it after the commit of the partitions' events. Never throws: an event that wakes nobody is found by the sweep. */
export type WakeInbox = (partitions: Iterable<number>) => void;

/** Under load this many milliseconds of commits share one look; the first commit after a quiet time is looked at at once. */
const LOOK_EVERY_MS = 20;

/**
 * Wakes the drainers of partitions that were idle. The look at the partitions follows the events' commit, and a drainer
 * that falls asleep looks for events after it has said so. So one of the two always notices the other.
 */
export function createInboxWaker({ inbox, inboxGateway, log }: InboxWakerDeps): WakeInbox {
  const coalesce = createCoalescer();
  let changed = new Set<number>();

  const wake = async (partition: number): Promise<void> => {
    try {
      await inboxGateway.wake(partition);
    } catch (error) {
      tell(log, error);
      await inbox.markIdle(partition);
    }
  };
  const look = async (): Promise<void> => {
    const partitions = [...changed];
    changed = new Set();
    try {
      await Promise.all((await inbox.markAwake(partitions)).map(wake));
    } catch (error) {
      tell(log, error);
    }
    await sleep(LOOK_EVERY_MS, undefined, { ref: false });
  };
  return (partitions) => {
    for (const partition of partitions) changed.add(partition);
    if (changed.size > 0) void coalesce(look);
  };
}

function tell(log: Log, error: unknown): void {
  log.warn(
    { cause: error instanceof Error ? error.name : 'unknown' },
    'the drainer of the inbox could not be woken: the next event or the sweep wakes it',
  );
}
