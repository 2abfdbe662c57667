import { WithStartWorkflowOperation, WorkflowFailedError } from '@temporalio/client';
import {
  DISCONNECT_UPDATE,
  GRANT_REPLACED_SIGNAL,
  KEEP_CONNECTION_FRESH,
  TEST_CONNECTION,
  listAccountsWorkflowId,
  testConnectionWorkflowId,
} from '../../contracts/connections.ts';
import type {
  ConnectionTestOutcome,
  ConnectionTestResult,
  DisconnectArgs,
  DisconnectRequest,
  KeepConnectionFreshInput,
  TestConnectionInput,
} from '../../contracts/connections.ts';
import type { ConnectionRef } from '../../contracts/ids.ts';
import type { ProviderId } from '../../contracts/providers.ts';
import { PRIORITY, WORKFLOW_QUEUE } from '../../contracts/temporal.ts';
import { connectionKeywords, ownerKeywords, ownerOptions } from '../../domain/grants/connection-owner.ts';
import { startAttributes } from '../../domain/sync/search-attributes.ts';
import { CALL_TIMEOUT_MS, callTemporal, callWorker, workerUnavailable } from './temporal-gateway.ts';
import type { StarterAccess, WorkerAccess } from './temporal-gateway.ts';

export interface AccountConnection extends ConnectionRef {
  readonly provider: ProviderId;
}

/**
 * Existing connections, held by Temporal's workflows; `authorization-gateway.ts` has the attempts to make one. Every
 * method throws ApiError `temporal-unavailable` when Temporal, and `worker-unavailable` when no worker, answers in
 * time, and is safe to repeat.
 */
export interface ConnectionGateway {
  /** Resolves when the token manager has accepted the request, not when it is done. */
  disconnect(connection: AccountConnection, request: DisconnectRequest): Promise<void>;
  /** Makes a worker test the stored credentials. */
  test(connection: AccountConnection): Promise<ConnectionTestResult>;
  /** Has a worker ask the provider which accounts the connection's grant opens; the answer is in the database afterwards. */
  listAccounts(connection: AccountConnection): Promise<ConnectionTestResult>;
  /** Tells the token manager that the connection was changed here. */
  lookAgain(connection: AccountConnection): Promise<void>;
}

export interface ConnectionGatewayOptions extends StarterAccess, WorkerAccess {}

/** Above the activity's own limit of 20 s. */
const TEST_TIMEOUT_MS = 24_000;

export function createConnectionGateway(options: ConnectionGatewayOptions): ConnectionGateway {
  return new TemporalConnectionGateway(options);
}

class TemporalConnectionGateway implements ConnectionGateway {
  readonly #options: ConnectionGatewayOptions;

  constructor(options: ConnectionGatewayOptions) {
    this.#options = options;
  }

  async disconnect(connection: AccountConnection, request: DisconnectRequest): Promise<void> {
    await callWorker(this.#options, ({ workflow }) =>
      workflow.startUpdateWithStart<Owner, unknown, DisconnectArgs>(DISCONNECT_UPDATE, {
        args: [request],
        waitForStage: 'ACCEPTED',
        startWorkflowOperation: new WithStartWorkflowOperation<Owner>(KEEP_CONNECTION_FRESH, this.#ownerOf(connection)),
      }),
    );
  }

  test(connection: AccountConnection): Promise<ConnectionTestResult> {
    return this.#ask(connection, {
      workflowId: testConnectionWorkflowId(connection.connectionId),
      what: 'test the credentials',
    });
  }

  listAccounts(connection: AccountConnection): Promise<ConnectionTestResult> {
    return this.#ask(connection, {
      workflowId: listAccountsWorkflowId(connection.connectionId),
      what: 'list the accounts',
      input: { listAccounts: true },
    });
  }

  async #ask(
    connection: AccountConnection,
    {
      workflowId,
      what,
      input = {},
    }: {
      readonly workflowId: string;
      readonly what: string;
      readonly input?: Pick<TestConnectionInput, 'listAccounts'>;
    },
  ): Promise<ConnectionTestResult> {
    const { venueId, connectionId, provider } = connection;
    const handle = await callTemporal(this.#options, ({ workflow }) =>
      workflow.start<Tester>(TEST_CONNECTION, {
        taskQueue: WORKFLOW_QUEUE,
        workflowId,
        args: [{ venueId, connectionId, provider, ...input }],
        workflowIdConflictPolicy: 'USE_EXISTING',
        workflowIdReusePolicy: 'ALLOW_DUPLICATE',
        workflowExecutionTimeout: TEST_TIMEOUT_MS,
        typedSearchAttributes: startAttributes(connectionKeywords(connection, 'testing')),
        staticSummary: `${this.#options.providerName(provider)}: ${what}`,
        priority: { priorityKey: PRIORITY.interactive, fairnessKey: venueId },
      }),
    );
    try {
      const result = await callTemporal(this.#options, () => handle.result(), TEST_TIMEOUT_MS + CALL_TIMEOUT_MS);
      return typeof result === 'string' ? { outcome: result, refusal: null } : result;
    } catch (error) {
      // The workflow's time limit is far above what the test takes.
      if (!(error instanceof WorkflowFailedError)) throw error;
      throw workerUnavailable('No worker has asked the provider in time.', error);
    }
  }

  async lookAgain(connection: AccountConnection): Promise<void> {
    await callTemporal(this.#options, ({ workflow }) =>
      workflow.signalWithStart<Owner>(KEEP_CONNECTION_FRESH, {
        ...this.#ownerOf(connection),
        signal: GRANT_REPLACED_SIGNAL,
      }),
    );
  }

  #ownerOf(connection: AccountConnection) {
    return {
      ...ownerOptions(connection, this.#options.providerName(connection.provider)),
      typedSearchAttributes: startAttributes(ownerKeywords(connection)),
    };
  }
}

/** The connection's token manager. */
type Owner = (input: KeepConnectionFreshInput) => Promise<unknown>;

type Tester = (input: TestConnectionInput) => Promise<ConnectionTestResult | ConnectionTestOutcome>;
