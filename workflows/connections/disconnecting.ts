import { ActivityFailure, isCancellation, patched, proxyActivities } from '@temporalio/workflow';
import type {
  ConnectionUpkeepActivities,
  DeleteRecordsInput,
  DeletionCursor,
  DisconnectRequest,
  DisconnectResult,
  KeepConnectionFreshInput,
  TokenActivities,
} from '../../contracts/connections.ts';
import { INTERNAL_QUEUE, PRIORITY, laneQueue } from '../../contracts/temporal.ts';
import type { WebhookRegistrationActivities } from '../../contracts/webhook-registration.ts';

const retry = { initialInterval: '500 milliseconds', maximumInterval: '30 seconds' } as const;

const { wipeCredentials } = proxyActivities<Pick<ConnectionUpkeepActivities, 'wipeCredentials'>>({
  taskQueue: INTERNAL_QUEUE,
  startToCloseTimeout: '30 seconds',
  retry,
});

/**
 * Allows minutes for each step: a run ends only after its current page, and a connection may own millions of records.
 */
const { stopConnection, deleteRecords } = proxyActivities<
  Pick<ConnectionUpkeepActivities, 'stopConnection' | 'deleteRecords'>
>({
  taskQueue: INTERNAL_QUEUE,
  startToCloseTimeout: '5 minutes',
  heartbeatTimeout: '20 seconds',
  retry,
});

/**
 * Ends a connection in any state: first its webhook is removed and nothing uses it any more, then its access is revoked, then its credentials are
 * wiped.
 */
export async function disconnectConnection(
  input: KeepConnectionFreshInput,
  request: DisconnectRequest,
): Promise<DisconnectResult> {
  const { venueId, connectionId, provider } = input;
  const ref = { venueId, connectionId };
  // First, while the credentials may still be used.
  if (patched('removes-its-webhook')) await removeWebhook({ ...ref, provider, ...request });
  await stopConnection.executeWithOptions({ summary: 'Stop schedules and runs' }, [{ ...ref, ...request }]);
  const revocation = await revoke({ ...ref, provider });
  await wipeCredentials.executeWithOptions({ summary: 'Wipe the credentials' }, [{ ...ref, ...request, revocation }]);
  if (request.records === 'delete') await deleteAll({ ...ref, requestedBy: request.requestedBy });
  return { revocation };
}

async function deleteAll(input: Omit<DeleteRecordsInput, 'cursor'>): Promise<void> {
  let cursor: DeletionCursor | undefined;
  for (;;) {
    // Histories and workers of earlier versions answer with a boolean: whether there is more.
    const left: DeletionCursor | boolean | null = await deleteRecords.executeWithOptions(
      { summary: 'Delete records' },
      [{ ...input, ...(cursor && { cursor }) }],
    );
    if (!left) return;
    if (typeof left === 'object') cursor = left;
  }
}

/** Removes the connection's address at the provider. One that stays is refused: its row goes with the credentials. */
async function removeWebhook(
  input: Pick<KeepConnectionFreshInput, 'venueId' | 'connectionId' | 'provider'> & DisconnectRequest,
): Promise<void> {
  const { removeWebhookAddress } = proxyActivities<WebhookRegistrationActivities>({
    taskQueue: laneQueue('interactive'),
    startToCloseTimeout: '30 seconds',
    scheduleToCloseTimeout: '1 minute',
    retry: { initialInterval: '1 second', maximumInterval: '10 seconds' },
    priority: { priorityKey: PRIORITY.interactive, fairnessKey: input.venueId },
    summary: 'Remove the webhook address',
  });
  try {
    await removeWebhookAddress(input);
  } catch (error) {
    if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error;
  }
}

/**
 * Revokes the access. An outage of the provider delays this for minutes at most; `failed` then says that the access has
 * to be removed there by hand.
 */
async function revoke(
  input: Pick<KeepConnectionFreshInput, 'venueId' | 'connectionId' | 'provider'>,
): Promise<DisconnectResult['revocation']> {
  const { revokeGrant } = proxyActivities<Pick<TokenActivities, 'revokeGrant'>>({
    taskQueue: laneQueue('interactive'),
    startToCloseTimeout: '30 seconds',
    scheduleToCloseTimeout: '5 minutes',
    retry: { initialInterval: '1 second', maximumInterval: '30 seconds' },
    priority: { priorityKey: PRIORITY.interactive, fairnessKey: input.venueId },
    summary: 'Revoke the access at the provider',
  });
  try {
    return await revokeGrant(input);
  } catch (error) {
    if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error;
    return 'failed';
  }
}
