import { getClient } from '@temporalio/activity';
import { WorkflowNotFoundError } from '@temporalio/client';
import { GRANT_REPLACED_SIGNAL, KEEP_CONNECTION_FRESH } from '../../contracts/connections.ts';
import type { KeepConnectionFreshInput } from '../../contracts/connections.ts';
import { WAKE_SIGNAL } from '../../contracts/sync.ts';
import type { SyncRun } from '../../db/runs/sync-run-store.ts';
import { ownerKeywords, ownerOptions } from '../../domain/grants/connection-owner.ts';
import { startAttributes } from '../../domain/sync/search-attributes.ts';

type Owner = (input: KeepConnectionFreshInput) => Promise<unknown>;

/** How a connection's token manager is started when it is not running. */
export function ownerStart(connection: KeepConnectionFreshInput, providerName: string) {
  return {
    ...ownerOptions(connection, providerName),
    typedSearchAttributes: startAttributes(ownerKeywords(connection)),
  };
}

/**
 * For activities: tells the token manager, which is started when it is not running, that the connection has new
 * credentials, or another signal of `keepConnectionFresh`.
 */
export async function tellOwner(
  connection: KeepConnectionFreshInput,
  providerName: string,
  signal = GRANT_REPLACED_SIGNAL,
): Promise<void> {
  await getClient().workflow.signalWithStart<Owner>(KEEP_CONNECTION_FRESH, {
    ...ownerStart(connection, providerName),
    signal,
  });
}

/**
 * For activities: makes waiting runs look again at once. A run without a workflow is over, or looks when it gets one.
 */
export async function wakeRuns(runs: readonly SyncRun[]): Promise<void> {
  await Promise.all(
    runs.map(async ({ workflowId }) => {
      try {
        await getClient().workflow.getHandle(workflowId).signal(WAKE_SIGNAL);
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
      }
    }),
  );
}
