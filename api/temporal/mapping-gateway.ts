import {
  MAPPING_CHANGED_SIGNAL,
  REPROJECT_RECORDS,
  TRY_MAPPING,
  reprojectWorkflowId,
  tryMappingWorkflowId,
} from '../../contracts/mappings.ts';
import type { MappingTrial, MappingVersionRef, ReprojectInput } from '../../contracts/mappings.ts';
import { PRIORITY, WORKFLOW_QUEUE } from '../../contracts/temporal.ts';
import { connectionKeywords } from '../../domain/grants/connection-owner.ts';
import { startAttributes } from '../../domain/sync/search-attributes.ts';
import { syncPriority } from '../../domain/sync/sync-labels.ts';
import { CALL_TIMEOUT_MS, callTemporal } from './temporal-gateway.ts';
import type { StarterAccess } from './temporal-gateway.ts';

/** What workflows do for field mappings. Both throw ApiError when Temporal does not answer, and are safe to repeat. */
export interface MappingGateway {
  /** Has a worker try the version on one record. */
  tryVersion(version: MappingVersionRef): Promise<MappingTrial>;
  /** Has every record read and written again. Resolves when Temporal has the request. */
  reproject(version: MappingVersionRef): Promise<void>;
}

/** Above the activity's own limit of 15 s. */
const TRIAL_TIMEOUT_MS = 18_000;

export function createMappingGateway(access: StarterAccess): MappingGateway {
  const attributesOf = (version: MappingVersionRef, phase: string) =>
    startAttributes({ ...connectionKeywords(version, phase), Resource: version.resource });
  return {
    async tryVersion(ref) {
      const { venueId, connectionId, provider, resource, version } = ref;
      const handle = await callTemporal(access, ({ workflow }) =>
        workflow.start<(input: MappingVersionRef) => Promise<MappingTrial>>(TRY_MAPPING, {
          taskQueue: WORKFLOW_QUEUE,
          workflowId: tryMappingWorkflowId(connectionId, resource, version),
          args: [{ venueId, connectionId, provider, resource, version }],
          workflowIdConflictPolicy: 'USE_EXISTING',
          workflowIdReusePolicy: 'ALLOW_DUPLICATE',
          workflowExecutionTimeout: TRIAL_TIMEOUT_MS,
          typedSearchAttributes: attributesOf(ref, 'testing'),
          staticSummary: `${access.providerName(provider)}: try a mapping of ${resource}`,
          priority: { priorityKey: PRIORITY.interactive, fairnessKey: venueId },
        }),
      );
      return callTemporal(access, () => handle.result(), TRIAL_TIMEOUT_MS + CALL_TIMEOUT_MS);
    },

    async reproject(ref) {
      const { venueId, connectionId, provider, resource, version } = ref;
      const providerName = access.providerName(provider);
      await callTemporal(access, ({ workflow }) =>
        workflow.signalWithStart<(input: ReprojectInput) => Promise<unknown>, [{ readonly version: number }]>(
          REPROJECT_RECORDS,
          {
            taskQueue: WORKFLOW_QUEUE,
            workflowId: reprojectWorkflowId(connectionId, resource),
            args: [{ venueId, connectionId, provider, resource, version, providerName }],
            workflowIdReusePolicy: 'ALLOW_DUPLICATE',
            signal: MAPPING_CHANGED_SIGNAL,
            signalArgs: [{ version }],
            typedSearchAttributes: attributesOf(ref, 'queued'),
            staticSummary: `${providerName}: ${resource} by a changed mapping`,
            priority: syncPriority({ venueId, mode: 'full' }),
          },
        ),
      );
    },
  };
}
