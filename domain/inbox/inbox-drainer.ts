import { DRAIN_INBOX, WAKE_INBOX_SIGNAL, drainInboxWorkflowId } from '../../contracts/inbox.ts';
import type { DrainInboxInput, DrainInboxResult } from '../../contracts/inbox.ts';
import { PRIORITY, WORKFLOW_QUEUE } from '../../contracts/temporal.ts';

/** A function with the type of the `drainInbox` workflow. */
export type DrainInbox = (input: DrainInboxInput) => Promise<DrainInboxResult>;

/** Wakes a partition's drainer, or starts it when it is not running: the arguments of the client's signalWithStart. */
export function inboxWakeUp(partition: number) {
  return [
    DRAIN_INBOX,
    {
      taskQueue: WORKFLOW_QUEUE,
      workflowId: drainInboxWorkflowId(partition),
      args: [{ partition }] as [DrainInboxInput],
      signal: WAKE_INBOX_SIGNAL,
      workflowIdConflictPolicy: 'USE_EXISTING' as const,
      workflowIdReusePolicy: 'ALLOW_DUPLICATE' as const,
      staticSummary: `Webhooks: drain partition ${partition} of the inbox`,
      priority: { priorityKey: PRIORITY.webhook },
    },
  ] as const;
}
