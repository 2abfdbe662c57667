import type { JobId } from '../../contracts/ids.ts';
import { PRIORITY, WORKFLOW_QUEUE } from '../../contracts/temporal.ts';
import { ROTATE_VAULT_KEYS, rotateVaultKeysWorkflowId } from '../../contracts/vault.ts';
import type { RotateVaultKeysInput } from '../../contracts/vault.ts';
import { startAttributes } from '../sync/search-attributes.ts';

/** A function with the type of the `rotateVaultKeys` workflow, as far as starting it needs that. */
export type RotateVaultKeys = (input: RotateVaultKeysInput) => Promise<unknown>;

/**
 * Starts an open rotation's workflow, or finds the one that runs: the arguments of the client's start. With `first` the
 * start fails when the rotation has had a workflow that has ended.
 */
export function rotationStart(jobId: JobId, { first = false }: { readonly first?: boolean } = {}) {
  return [
    ROTATE_VAULT_KEYS,
    {
      taskQueue: WORKFLOW_QUEUE,
      workflowId: rotateVaultKeysWorkflowId(jobId),
      args: [{ jobId }] as [RotateVaultKeysInput],
      workflowIdConflictPolicy: 'USE_EXISTING' as const,
      workflowIdReusePolicy: first ? ('REJECT_DUPLICATE' as const) : ('ALLOW_DUPLICATE' as const),
      typedSearchAttributes: startAttributes({ Phase: 'queued' }),
      staticSummary: 'Vault: bring all credentials under the current key',
      priority: { priorityKey: PRIORITY.bulk },
    },
  ] as const;
}
