import { ActivityFailure, isCancellation, proxyActivities } from '@temporalio/workflow';
import type {
  ConnectionTestActivities,
  ConnectionTestResult,
  TestConnectionInput,
} from '../../contracts/connections.ts';
import { PRIORITY, laneQueue } from '../../contracts/temporal.ts';
import { refusalFor } from '../refusals.ts';

/**
 * Tests a connection's stored credentials at the provider. A workflow, because only a worker can open them. A caller
 * waits for the answer.
 */
export async function testConnection(input: TestConnectionInput): Promise<ConnectionTestResult> {
  const { tryCredentials } = proxyActivities<ConnectionTestActivities>({
    taskQueue: laneQueue('interactive'),
    scheduleToCloseTimeout: '20 seconds',
    priority: { priorityKey: PRIORITY.interactive, fairnessKey: input.venueId },
    retry: { initialInterval: '500 milliseconds' },
    summary: input.listAccounts
      ? 'Ask the provider which accounts they open'
      : 'Ask the provider whose credentials these are',
  });
  try {
    return { outcome: await tryCredentials(input), refusal: null };
  } catch (error) {
    if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error;
    return { outcome: 'unavailable', refusal: refusalFor(error) };
  }
}
