import { WorkflowFailedError } from '@temporalio/client';
import type { SubscriptionRef } from '../../contracts/ids.ts';
import { TEST_SUBSCRIPTION, testSubscriptionWorkflowId } from '../../contracts/outgoing-webhooks.ts';
import type { SampleResult } from '../../contracts/outgoing-webhooks.ts';
import { PRIORITY, WORKFLOW_QUEUE } from '../../contracts/temporal.ts';
import { startAttributes } from '../../domain/sync/search-attributes.ts';
import { CALL_TIMEOUT_MS, callTemporal, workerUnavailable } from './temporal-gateway.ts';
import type { TemporalAccess } from './temporal-gateway.ts';

/** Samples to subscriptions' receivers, which a worker sends. */
export interface SubscriptionGateway {
  /**
   * Sends a sample now. Throws ApiError `temporal-unavailable` when Temporal, and `worker-unavailable` when no worker,
   * answers in time.
   */
  test(ref: SubscriptionRef): Promise<SampleResult>;
}

/** Above the activity's own limit of 20 s. */
const TEST_TIMEOUT_MS = 24_000;

export function createSubscriptionGateway(temporal: TemporalAccess): SubscriptionGateway {
  return {
    async test({ venueId, subscriptionId }) {
      const handle = await callTemporal(temporal, ({ workflow }) =>
        workflow.start<(input: SubscriptionRef) => Promise<SampleResult>>(TEST_SUBSCRIPTION, {
          taskQueue: WORKFLOW_QUEUE,
          workflowId: testSubscriptionWorkflowId({ venueId, subscriptionId }),
          args: [{ venueId, subscriptionId }],
          workflowIdConflictPolicy: 'USE_EXISTING',
          workflowIdReusePolicy: 'ALLOW_DUPLICATE',
          workflowExecutionTimeout: TEST_TIMEOUT_MS,
          typedSearchAttributes: startAttributes({ VenueId: venueId, Phase: 'testing' }),
          staticSummary: `Webhooks: send a sample to subscription ${subscriptionId}`,
          priority: { priorityKey: PRIORITY.interactive, fairnessKey: venueId },
        }),
      );
      try {
        return await callTemporal(temporal, () => handle.result(), TEST_TIMEOUT_MS + CALL_TIMEOUT_MS);
      } catch (error) {
        // The workflow's time limit is far above what a sample takes.
        if (!(error instanceof WorkflowFailedError)) throw error;
        throw workerUnavailable('No worker has sent the sample in time.', error);
      }
    },
  };
}
