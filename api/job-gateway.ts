import { ServiceError } from '@temporalio/client';
import type { Client, Connection } from '@temporalio/client';
import { defineSearchAttributeKey, SearchAttributeType, TypedSearchAttributes } from '@temporalio/common';
import type { JobId } from '../contracts/ids.ts';
import { PRIORITY, WORKFLOW_QUEUE } from '../contracts/temporal.ts';
import { ROTATE_VAULT_KEYS, rotateVaultKeysWorkflowId } from '../contracts/vault.ts';
import type { rotateVaultKeys } from '../workflows/rotate-vault-keys.ts';
import { ApiError } from './api-error.ts';

/** Starts the workflows of administrators' jobs. Throws ApiError `temporal-unavailable` within its deadline; repeating it is always safe. */
export interface JobGateway {
  /** Starts the job's workflow unless it runs. Of a job whose workflow was terminated, another goes on where that one stood. */
  startKeyRotation(jobId: JobId): Promise<void>;
}

const CALL_TIMEOUT_MS = 5_000;
const RETRY_AFTER_MS = 2_000;

const PHASE = defineSearchAttributeKey('Phase', SearchAttributeType.KEYWORD);
const NEEDS_ATTENTION = defineSearchAttributeKey('NeedsAttention', SearchAttributeType.BOOL);

export function createJobGateway({ client, connection }: { readonly client: Client; readonly connection: Connection }): JobGateway {
  return {
    async startKeyRotation(jobId) {
      try {
        await connection.withDeadline(Date.now() + CALL_TIMEOUT_MS, () =>
          client.workflow.start<typeof rotateVaultKeys>(ROTATE_VAULT_KEYS, {
            taskQueue: WORKFLOW_QUEUE,
            workflowId: rotateVaultKeysWorkflowId(jobId),
            args: [{ jobId }],
            workflowIdConflictPolicy: 'USE_EXISTING',
            workflowIdReusePolicy: 'ALLOW_DUPLICATE',
            typedSearchAttributes: new TypedSearchAttributes([{ key: PHASE, value: 'queued' }, { key: NEEDS_ATTENTION, value: false }]),
            staticSummary: 'Vault: bring all credentials under the current key',
            priority: { priorityKey: PRIORITY.bulk },
          }),
        );
      } catch (error) {
        if (!(error instanceof ServiceError)) throw error;
        throw new ApiError('temporal-unavailable', 'The workflow service cannot be reached at the moment.', { cause: error, retryAfterMs: RETRY_AFTER_MS });
      }
    },
  };
}
