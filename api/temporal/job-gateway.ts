import type { JobId } from '../../contracts/ids.ts';
import { rotationStart } from '../../domain/vault/rotation-start.ts';
import type { RotateVaultKeys } from '../../domain/vault/rotation-start.ts';
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
      await callTemporal(temporal, ({ workflow }) => workflow.start<RotateVaultKeys>(...rotationStart(jobId)));
    },
  };
}
