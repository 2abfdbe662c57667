import { getClient } from '@temporalio/activity';
import { WithStartWorkflowOperation } from '@temporalio/client';
import { DISCONNECT_UPDATE, KEEP_CONNECTION_FRESH } from '../../contracts/connections.ts';
import type { DisconnectArgs, DisconnectRequest, KeepConnectionFreshInput } from '../../contracts/connections.ts';
import type { DisconnectionStore } from '../../db/connections/disconnection-store.ts';
import type { Providers } from '../../providers/providers.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { describe } from '../failures.ts';
import { ownerStart } from './connection-owner.ts';

export interface AskingDeps {
  readonly disconnections: DisconnectionStore;
  readonly providers: Pick<Providers, 'find'>;
  readonly log: Pick<Logger, 'warn'>;
}

type Owner = (input: KeepConnectionFreshInput) => Promise<unknown>;

/** How long a token manager may take to accept the request. */
const ACCEPT_TIMEOUT_MS = 5_000;

/**
 * For activities: asks a connection's token manager, which is started when it is not running, to disconnect it. Never
 * throws, because whoever asks does so for many, and asks again later. `updateId` makes a repeat join the request that the token
 * manager has.
 */
export async function askForDisconnection(
  { providers, log }: Omit<AskingDeps, 'disconnections'>,
  connection: KeepConnectionFreshInput,
  { updateId, ...request }: DisconnectRequest & { readonly updateId: string },
): Promise<void> {
  const client = getClient();
  const name = providers.find(connection.provider)?.capabilities.displayName ?? connection.provider;
  try {
    await client.withDeadline(Date.now() + ACCEPT_TIMEOUT_MS, () =>
      client.workflow.startUpdateWithStart<Owner, unknown, DisconnectArgs>(DISCONNECT_UPDATE, {
        args: [request],
        updateId,
        waitForStage: 'ACCEPTED',
        startWorkflowOperation: new WithStartWorkflowOperation<Owner>(
          KEEP_CONNECTION_FRESH,
          ownerStart(connection, name),
        ),
      }),
    );
  } catch (error) {
    const { venueId, connectionId } = connection;
    log.warn({ venueId, connectionId, cause: describe(error) }, 'a token manager has not taken a disconnection yet');
  }
}
