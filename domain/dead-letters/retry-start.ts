import { RETRY_DEAD_LETTERS, RETRY_MORE_SIGNAL, retryDeadLettersWorkflowId } from '../../contracts/dead-letters.ts';
import type { RetryDeadLettersInput } from '../../contracts/dead-letters.ts';
import type { VenueId } from '../../contracts/ids.ts';
import { WORKFLOW_QUEUE } from '../../contracts/temporal.ts';
import { startAttributes } from '../sync/search-attributes.ts';
import { syncPriority } from '../sync/sync-labels.ts';

/** A function with the type of the `retryDeadLetters` workflow. */
export type RetryDeadLetters = (input: RetryDeadLettersInput) => Promise<void>;

/** Has a venue's marked entries retried: the arguments of the client's signalWithStart. Safe to repeat. */
export function retryStart(venueId: VenueId) {
  return [
    RETRY_DEAD_LETTERS,
    {
      taskQueue: WORKFLOW_QUEUE,
      workflowId: retryDeadLettersWorkflowId(venueId),
      args: [{ venueId }] as [RetryDeadLettersInput],
      signal: RETRY_MORE_SIGNAL,
      workflowIdConflictPolicy: 'USE_EXISTING' as const,
      workflowIdReusePolicy: 'ALLOW_DUPLICATE' as const,
      staticSummary: 'Retry dead letters of the venue',
      typedSearchAttributes: startAttributes({ VenueId: venueId, Phase: 'queued' }),
      priority: syncPriority({ venueId, mode: 'incremental' }),
    },
  ] as const;
}
