import { PRIORITY, WORKFLOW_QUEUE } from '../../contracts/temporal.ts';
import { REGISTER_WEBHOOK, registerWebhookWorkflowId } from '../../contracts/webhook-registration.ts';
import type { RegisterWebhookInput, RegisterWebhookResult } from '../../contracts/webhook-registration.ts';
import { connectionKeywords } from '../../domain/grants/connection-owner.ts';
import { startAttributes } from '../../domain/sync/search-attributes.ts';
import { callTemporal } from './temporal-gateway.ts';
import type { StarterAccess } from './temporal-gateway.ts';

/**
 * Has a worker register a connection's own address with its provider, and does not wait for it. Throws ApiError
 * `temporal-unavailable`. Safe to repeat.
 */
export interface WebhookRegistrationGateway {
  start(input: RegisterWebhookInput): Promise<void>;
}

export function createWebhookRegistrationGateway(access: StarterAccess): WebhookRegistrationGateway {
  return {
    async start(input) {
      const { venueId, connectionId, provider, pathDigest } = input;
      await callTemporal(access, ({ workflow }) =>
        workflow.start<(given: RegisterWebhookInput) => Promise<RegisterWebhookResult>>(REGISTER_WEBHOOK, {
          taskQueue: WORKFLOW_QUEUE,
          workflowId: registerWebhookWorkflowId(connectionId, pathDigest),
          args: [input],
          workflowIdConflictPolicy: 'USE_EXISTING',
          workflowIdReusePolicy: 'ALLOW_DUPLICATE',
          typedSearchAttributes: startAttributes(
            connectionKeywords({ venueId, connectionId, provider }, 'registering-webhook'),
          ),
          staticSummary: `${access.providerName(provider)}: register the webhook address`,
          priority: { priorityKey: PRIORITY.interactive, fairnessKey: venueId },
        }),
      );
    },
  };
}
