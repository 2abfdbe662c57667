import type { JobId } from '../../contracts/ids.ts';
import { PRIORITY, WORKFLOW_QUEUE } from '../../contracts/temporal.ts';
import { ROTATE_VAULT_KEYS, rotateVaultKeysWorkflowId } from '../../contracts/vault.ts';
import { startAttributes } from '../../domain/sync/search-attributes.ts';
import type { rotateVaultKeys } from '../../workflows/connections/rotate-vault-keys.ts';
import { callTemporal } from './temporal-gateway.ts';
import type { TemporalAccess } from './temporal-gateway.ts';

/**
 * Starts the workflows of administrators' jobs. Throws ApiError `temporal-unavailable` within its deadline; always safe
 * to repeat.
 */
export interface JobGateway {
  /**
   * Starts the job's workflow unless it is running. If the workflow was terminated, the new one continues where it
   * stopped.
   */
  startKeyRotation(jobId: JobId): Promise<void>;
}

export function createJobGateway(temporal: TemporalAccess): JobGateway {
  return {
    async startKeyRotation(jobId) {
      await callTemporal(temporal, ({ workflow }) =>
        workflow.start<typeof rotateVaultKeys>(ROTATE_VAULT_KEYS, {
          taskQueue: WORKFLOW_QUEUE,
          workflowId: rotateVaultKeysWorkflowId(jobId),
          args: [{ jobId }],
          workflowIdConflictPolicy: 'USE_EXISTING',
          workflowIdReusePolicy: 'ALLOW_DUPLICATE',
          typedSearchAttributes: startAttributes({ Phase: 'queued' }),
          staticSummary: 'Vault: bring all credentials under the current key',
          priority: { priorityKey: PRIORITY.bulk },
        }),
      );
    },
  };
}
