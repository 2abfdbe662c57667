import { setTimeout as delay } from 'node:timers/promises';
import { Context, getClient } from '@temporalio/activity';
import { ACCESS_REVOKED_SIGNAL } from '../../contracts/connections.ts';
import type { DrainChunk, DrainInboxInput, InboxActivities, SweepInboxResult } from '../../contracts/inbox.ts';
import type { InboxStore } from '../../db/webhooks/inbox-store.ts';
import { inboxWakeUp } from '../../domain/inbox/inbox-drainer.ts';
import type { DrainInbox } from '../../domain/inbox/inbox-drainer.ts';
import { tellOwner } from '../connections/connection-owner.ts';
import { guarded, interrupted } from '../failures.ts';
import { withHeartbeat } from '../heartbeat.ts';
import { applyEvents } from './apply-events.ts';
import type { ApplyingDeps } from './apply-events.ts';

export interface InboxDeps extends Omit<ApplyingDeps, 'signalRevoked' | 'inbox'> {
  readonly inbox: InboxStore;
  /** How long one call works before it returns to the workflow. */
  readonly chunkMs: number;
}

/** Events per transaction. */
const BATCH = 200;
/** How long a partition without events is watched before its drainer falls asleep. */
const IDLE_MS = 2_000;
const POLL_MS = 50;
/** An event that waits for longer than this has no drainer, or a drainer with a long backlog, which a signal does not hurt. */
const OVERDUE_MS = 10_000;

export function createInboxActivities(deps: InboxDeps): InboxActivities {
  const applying: ApplyingDeps = {
    ...deps,
    signalRevoked: (connection) => {
      const { displayName = connection.provider } = deps.providers.definition(connection.provider) ?? {};
      return tellOwner(connection, displayName, ACCESS_REVOKED_SIGNAL);
    },
  };
  return {
    drainPartition: (input) => guarded(() => withHeartbeat(() => drain(deps, applying, input))),
    wakeOverduePartitions: () => guarded(() => wakeOverdue(deps)),
  };
}

async function drain(
  { inbox, chunkMs }: InboxDeps,
  applying: ApplyingDeps,
  { partition }: DrainInboxInput,
): Promise<DrainChunk> {
  const { cancellationSignal } = Context.current();
  const deadlineMs = performance.now() + chunkMs;
  const lease = await inbox.takeOver(partition);
  let handled = 0;
  let busyAtMs = performance.now();
  while (performance.now() < deadlineMs) {
    if (cancellationSignal.aborted) throw interrupted();
    const events = await inbox.listDue(partition, BATCH);
    if (events.length > 0) {
      await applyEvents(applying, lease, events);
      handled += events.length;
      busyAtMs = performance.now();
    } else if (performance.now() - busyAtMs < IDLE_MS) {
      // The delay rejects when the activity is cancelled; the loop checks that itself.
      await delay(POLL_MS, undefined, { signal: cancellationSignal }).catch(() => undefined);
    } else {
      await inbox.fallAsleep(lease);
      if ((await inbox.listDue(partition, 1)).length === 0)
        return { handled, more: false, dueInMs: await inbox.nextDueInMs(partition) };
      await inbox.markAwake(partition);
      busyAtMs = performance.now();
    }
  }
  return { handled, more: true, dueInMs: null };
}

async function wakeOverdue({ inbox }: InboxDeps): Promise<SweepInboxResult> {
  const woken = await inbox.listOverdue(OVERDUE_MS);
  for (const partition of woken) {
    await inbox.markAwake(partition);
    await getClient().workflow.signalWithStart<DrainInbox>(...inboxWakeUp(partition));
  }
  return { woken };
}
