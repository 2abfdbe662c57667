import { ActivityFailure, isCancellation, proxyActivities } from '@temporalio/workflow';
import type { ConnectionTestActivities, ConnectionTestOutcome, TestConnectionInput } from '../contracts/connections.ts';
import { PRIORITY, providerQueue } from '../contracts/temporal.ts';

/** Tries a connection's stored credentials at the provider: only a worker can open them. Somebody waits for the answer. */
export async function testConnection(input: TestConnectionInput): Promise<ConnectionTestOutcome> {
  const { tryCredentials } = proxyActivities<ConnectionTestActivities>({
    taskQueue: providerQueue(input.provider, 'interactive'),
    scheduleToCloseTimeout: '20 seconds',
    priority: { priorityKey: PRIORITY.interactive, fairnessKey: input.venueId },
    retry: { initialInterval: '500 milliseconds', maximumAttempts: 3 },
    summary: 'Ask the provider whose credentials these are',
  });
  try {
    return await tryCredentials(input);
  } catch (error) {
    if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error;
    return 'unavailable';
  }
}
