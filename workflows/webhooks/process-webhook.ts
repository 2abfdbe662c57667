import { ActivityFailure, ApplicationFailure, isCancellation, proxyActivities } from '@temporalio/workflow';
import type { InboxActivities, ProcessWebhookInput, ProcessWebhookResult } from '../../contracts/inbox.ts';
import { INTERNAL_QUEUE, PRIORITY } from '../../contracts/temporal.ts';
import { causeOf } from '../activity-failures.ts';
import { showFailure } from '../search-attributes.ts';

const { processEvent } = proxyActivities<Pick<InboxActivities, 'processEvent'>>({
  taskQueue: INTERNAL_QUEUE,
  startToCloseTimeout: '1 minute',
  // Behind everything else of the queue: as many events as a provider has sent may fail at once.
  priority: { priorityKey: PRIORITY.reprocessing },
  // The failure of an event says itself when the next attempt is, and which is the last. This is for everything else,
  // such as a database that is away.
  retry: { initialInterval: '1 second', maximumInterval: '1 minute' },
});

/**
 * Processes one event that failed in its batch. It fails with the failure of the last attempt when the event is dead;
 * a reset runs it once more.
 */
export async function processWebhook(input: ProcessWebhookInput): Promise<ProcessWebhookResult> {
  try {
    return await processEvent.executeWithOptions({ summary: `Apply the event ${input.eventId}` }, [input]);
  } catch (error) {
    if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error;
    const { type, message } = causeOf(error);
    showFailure(type);
    throw ApplicationFailure.nonRetryable(message, type);
  }
}
