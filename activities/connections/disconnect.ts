import { setTimeout as delay } from 'node:timers/promises';
import { Context, getClient } from '@temporalio/activity';
import { ScheduleNotFoundError, WorkflowNotFoundError } from '@temporalio/client';
import type {
  ConnectionUpkeepActivities,
  DeleteRecordsInput,
  DeletionCursor,
  DisconnectRequest,
  Revocation,
  TokenActivities,
} from '../../contracts/connections.ts';
import type { ConnectionRef } from '../../contracts/ids.ts';
import type { ProviderId } from '../../contracts/providers.ts';
import { RECONCILIATION_SCHEDULE } from '../../contracts/reconciliation.ts';
import { scheduleId } from '../../contracts/sync.ts';
import type { ConnectionStore } from '../../db/connections/connection-store.ts';
import type { DisconnectionStore } from '../../db/connections/disconnection-store.ts';
import type { OAuthTokenStore } from '../../db/connections/oauth-token-store.ts';
import type { ReconciliationStore } from '../../db/reconciliation/reconciliation-store.ts';
import type { SyncRunStore } from '../../db/runs/sync-run-store.ts';
import { ProviderError } from '../../providers/provider-error.ts';
import type { Providers } from '../../providers/providers.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Opener } from '../../vault/vault.ts';
import { describe, guarded } from '../failures.ts';
import type { AbandonedGrants } from './abandoned-grants.ts';
import { openGrant } from './sealed-grant.ts';

export interface DisconnectingDeps {
  readonly abandonedGrants: Pick<AbandonedGrants, 'revokeOf'>;
  readonly disconnections: DisconnectionStore;
  readonly runs: SyncRunStore;
  readonly reconciliations: Pick<ReconciliationStore, 'listOpen'>;
  readonly log: Logger;
}

export interface RevokingDeps {
  readonly disconnections: DisconnectionStore;
  readonly connections: ConnectionStore;
  readonly tokens: OAuthTokenStore;
  readonly providers: Providers;
  readonly vault: Opener;
  readonly log: Logger;
}

const LOOK_EVERY_MS = 500;
const REVOKE_TIMEOUT_MS = 15_000;
const RECORDS_AT_ONCE = 500;
/** How long records are deleted before the workflow records the progress. */
const DELETING_MS = 60_000;

/** The database steps of a disconnection. */
export function createDisconnectingActivities(
  deps: DisconnectingDeps,
): Pick<ConnectionUpkeepActivities, 'stopConnection' | 'wipeCredentials' | 'deleteRecords'> {
  return {
    stopConnection: (input) => guarded(() => stop(deps, input)),
    wipeCredentials: (input) =>
      guarded(async () => {
        // First: with the credentials it is forgotten what attempts to connect have brought.
        await deps.abandonedGrants.revokeOf(input);
        await deps.disconnections.wipe(input, input);
        deps.log.info(
          { venueId: input.venueId, connectionId: input.connectionId, revocation: input.revocation },
          'the credentials of a connection were wiped',
        );
      }),
    deleteRecords: (input) => guarded(() => deleteRecords(deps, input)),
  };
}

export function createRevokingActivities(deps: RevokingDeps): Pick<TokenActivities, 'revokeGrant'> {
  return {
    revokeGrant: (input) =>
      guarded(async () => {
        try {
          return await revoke(deps, input);
        } catch (error) {
          deps.log.warn(
            {
              venueId: input.venueId,
              connectionId: input.connectionId,
              provider: input.provider,
              cause: describe(error),
            },
            'the access could not be revoked at the provider',
          );
          throw error;
        }
      }),
  };
}

async function stop(
  { disconnections, runs, reconciliations }: DisconnectingDeps,
  { venueId, connectionId, ...request }: ConnectionRef & DisconnectRequest,
): Promise<void> {
  const ref = { venueId, connectionId };
  const context = Context.current();
  await disconnections.begin(ref, request);
  const schedules = [...disconnections.resources, RECONCILIATION_SCHEDULE];
  await Promise.all(schedules.map((name) => deleteSchedule(scheduleId(ref.connectionId, name))));
  for (;;) {
    const open = [...(await runs.listOpen(ref)), ...(await reconciliations.listOpen(ref))];
    const atWork = await Promise.all(open.map(cancelRun));
    if (!atWork.includes(true)) break;
    context.heartbeat();
    await delay(LOOK_EVERY_MS, undefined, { signal: context.cancellationSignal });
  }
  await disconnections.closeRuns(ref);
}

async function deleteSchedule(id: string): Promise<void> {
  try {
    await getClient().schedule.getHandle(id).delete();
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError)) throw error;
  }
}

/** Returns false when no workflow is running for the run. Safe to repeat. */
async function cancelRun({ workflowId }: { readonly workflowId: string }): Promise<boolean> {
  const handle = getClient().workflow.getHandle(workflowId);
  try {
    const { status } = await handle.describe();
    if (status.name !== 'RUNNING' && status.name !== 'PAUSED') return false;
    await handle.cancel();
    return true;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

async function revoke(
  deps: RevokingDeps,
  input: ConnectionRef & { readonly provider: ProviderId },
): Promise<Exclude<Revocation, 'failed'>> {
  const { venueId, connectionId, provider } = input;
  const connection = await deps.connections.find(input);
  const stored = await deps.tokens.find(input);
  if (!connection?.account || !stored)
    return (await deps.connections.findApiKey(input)) ? 'not-supported' : 'already-gone';
  // Some providers have one grant per account: revoking it would cut off every other connection to the account.
  if (await deps.disconnections.isShared(input)) return 'shared';
  const { revoke: take } = deps.providers.oauth(provider, stored.flow) ?? { revoke: null };
  if (!take) return 'not-supported';
  const grant = await openGrant(deps.vault, { venueId, connectionId }, stored);
  const signal = AbortSignal.any([Context.current().cancellationSignal, AbortSignal.timeout(REVOKE_TIMEOUT_MS)]);
  const account = { environment: connection.environment, externalAccountId: connection.account.id };
  return goneOrThrow(() => take(grant, deps.providers.calls(provider, { account, lane: 'interactive', signal })));
}

async function goneOrThrow(revokeGrant: () => Promise<void>): Promise<'revoked' | 'already-gone'> {
  try {
    await revokeGrant();
    return 'revoked';
  } catch (error) {
    if (error instanceof ProviderError && error.details.kind === 'needs-reauth') return 'already-gone';
    throw error;
  }
}

async function deleteRecords(
  { disconnections }: DisconnectingDeps,
  input: DeleteRecordsInput,
): Promise<DeletionCursor | null> {
  const context = Context.current();
  const until = performance.now() + DELETING_MS;
  let cursor: DeletionCursor | null =
    (context.info.heartbeatDetails as DeletionCursor | undefined) ?? input.cursor ?? disconnections.firstDeletion;
  while (cursor !== null) {
    if (performance.now() > until) return { resource: cursor.resource, after: cursor.after };
    context.cancellationSignal.throwIfAborted();
    cursor = await disconnections.deleteSome(input, cursor, RECORDS_AT_ONCE);
    context.heartbeat(cursor ?? undefined);
  }
  await disconnections.finish(input, input.requestedBy);
  return null;
}
