import { ActivityFailure, isCancellation, proxyActivities } from '@temporalio/workflow';
import { INTERNAL_QUEUE, PRIORITY, laneQueue } from '../../contracts/temporal.ts';
import type {
  RegisterWebhookInput,
  RegisterWebhookResult,
  WebhookRegistrationActivities,
  WebhookRegistrationNotes,
} from '../../contracts/webhook-registration.ts';
import { detailsOf, refusalFor } from '../refusals.ts';

const { noteRegistrationFailed } = proxyActivities<WebhookRegistrationNotes>({
  taskQueue: INTERNAL_QUEUE,
  startToCloseTimeout: '30 seconds',
  retry: { initialInterval: '500 milliseconds', maximumInterval: '30 seconds' },
});

/**
 * Registers a connection's own address with its provider. An outage of the provider delays this for an hour at most; the
 * connection's address then shows why it is not registered.
 */
export async function registerWebhook(input: RegisterWebhookInput): Promise<RegisterWebhookResult> {
  const { venueId, connectionId, provider, pathDigest } = input;
  const { registerWebhookAddress } = proxyActivities<WebhookRegistrationActivities>({
    taskQueue: laneQueue('interactive'),
    startToCloseTimeout: '2 minutes',
    scheduleToCloseTimeout: '1 hour',
    priority: { priorityKey: PRIORITY.interactive, fairnessKey: venueId },
    retry: { initialInterval: '1 second', maximumInterval: '2 minutes' },
    summary: 'Register the address with the provider',
  });
  try {
    return await registerWebhookAddress(input);
  } catch (error) {
    if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error;
    const code = detailsOf(error).code ?? refusalFor(error);
    await noteRegistrationFailed({ venueId, connectionId, provider, pathDigest, code });
    return { outcome: 'failed', code };
  }
}
