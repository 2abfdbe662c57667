import {
  DRAIN_INBOX,
  PROCESS_WEBHOOK,
  WAKE_INBOX_SIGNAL,
  drainInboxWorkflowId,
  processWebhookWorkflowId,
} from '../../contracts/inbox.ts';
import type {
  DrainInboxInput,
  DrainInboxResult,
  ProcessWebhookInput,
  ProcessWebhookResult,
} from '../../contracts/inbox.ts';
import { PRIORITY, WORKFLOW_QUEUE } from '../../contracts/temporal.ts';
import { startAttributes } from '../sync/search-attributes.ts';

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

/** A function with the type of the `processWebhook` workflow. */
export type ProcessWebhook = (input: ProcessWebhookInput) => Promise<ProcessWebhookResult>;

/**
 * Starts the processing of one failing event: the arguments of the client's start. `replaces`: a run that waits for its
 * next attempt gives way, because the event has failed anew.
 */
export function eventProcessing(
  input: ProcessWebhookInput,
  { startDelay, replaces }: { readonly startDelay: number; readonly replaces: boolean },
) {
  return [
    PROCESS_WEBHOOK,
    {
      taskQueue: WORKFLOW_QUEUE,
      workflowId: processWebhookWorkflowId(input.eventId),
      args: [input] as [ProcessWebhookInput],
      startDelay,
      workflowIdConflictPolicy: replaces ? ('TERMINATE_EXISTING' as const) : ('USE_EXISTING' as const),
      workflowIdReusePolicy: 'ALLOW_DUPLICATE' as const,
      typedSearchAttributes: startAttributes({ Provider: input.provider }),
      staticSummary: `Webhooks: an event of ${input.provider} that failed`,
      priority: { priorityKey: PRIORITY.webhook },
    },
  ] as const;
}
