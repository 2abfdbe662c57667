import type { VenueId } from '../../contracts/ids.ts';
import { CLOSE_VENUE, SHRED_AFTER_MS, closeVenueWorkflowId } from '../../contracts/venues.ts';
import type { CloseVenueInput } from '../../contracts/venues.ts';
import { PRIORITY, WORKFLOW_QUEUE } from '../../contracts/temporal.ts';
import { startAttributes } from '../sync/search-attributes.ts';

/** The audit event of a request to close a venue. The API and the workflow write the same one; the first is kept. */
export const closingEntry = (
  venueId: VenueId,
  { requestedBy, requestId }: Pick<CloseVenueInput, 'requestedBy' | 'requestId'>,
) => ({
  venueId,
  actor: requestedBy,
  action: 'venue.closing-requested',
  targetType: 'venue',
  targetId: venueId,
  outcome: 'ok' as const,
  requestId,
});

/** How the closing of a venue is started unless it is running: the arguments of the client's `start`. Safe to repeat. */
export function closingStart(input: Pick<CloseVenueInput, 'venueId' | 'requestedBy' | 'requestId'>) {
  const { venueId } = input;
  return [
    CLOSE_VENUE,
    {
      taskQueue: WORKFLOW_QUEUE,
      workflowId: closeVenueWorkflowId(venueId),
      args: [{ ...input, shredAfterMs: SHRED_AFTER_MS }] as [CloseVenueInput],
      workflowIdConflictPolicy: 'USE_EXISTING' as const,
      workflowIdReusePolicy: 'ALLOW_DUPLICATE' as const,
      typedSearchAttributes: startAttributes({ VenueId: venueId, Phase: 'queued' }),
      staticSummary: 'Close the venue and erase what it has',
      priority: { priorityKey: PRIORITY.bulk, fairnessKey: venueId },
    },
  ] as const;
}
