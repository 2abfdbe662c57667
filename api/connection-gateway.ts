import { WithStartWorkflowOperation, WorkflowFailedError, WorkflowNotFoundError, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError } from '@temporalio/client';
import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import {
  ACCESS_REVOKED_SIGNAL,
  authorizeConnectionWorkflowId,
  AUTHORIZE_CONNECTION,
  COMPLETE_AUTHORIZATION_UPDATE,
  DISCONNECT_UPDATE,
  GRANT_REPLACED_SIGNAL,
  KEEP_CONNECTION_FRESH,
  TEST_CONNECTION,
  testConnectionWorkflowId,
} from '../contracts/connections.ts';
import type {
  AuthorizationCallback,
  AuthorizationMemo,
  AuthorizationOutcome,
  AuthorizeConnectionInput,
  CompleteAuthorizationArgs,
  ConnectionTestOutcome,
  DisconnectArgs,
  DisconnectRequest,
  KeepConnectionFreshInput,
  TestConnectionInput,
} from '../contracts/connections.ts';
import { FAILURE } from '../contracts/failures.ts';
import type { ConnectionId, ConnectionRef } from '../contracts/ids.ts';
import type { ProviderId } from '../contracts/providers.ts';
import { PRIORITY, WORKFLOW_QUEUE } from '../contracts/temporal.ts';
import { connectionKeywords, ownerKeywords, ownerOptions } from '../domain/connection-owner.ts';
import { startAttributes } from '../domain/search-attributes.ts';
import { ApiError } from './api-error.ts';
import { CALL_TIMEOUT_MS, callTemporal } from './temporal-gateway.ts';
import type { TemporalAccess } from './temporal-gateway.ts';

/** What is known of one attempt to connect. */
export interface AuthorizationAttempt extends AuthorizationMemo {
  /** `failed`: it was ended from outside, or by a mistake of ours, and has no outcome. */
  readonly state: 'open' | 'ended' | 'failed';
  /** Null unless it has ended. */
  readonly outcome: AuthorizationOutcome | null;
}

export type Completion =
  | { readonly kind: 'ended'; readonly outcome: AuthorizationOutcome }
  /** It was taken, and is not done: ask for the attempt later. */
  | { readonly kind: 'pending' }
  /** Somebody has come back with this state before, or the attempt is over. */
  | { readonly kind: 'used' };

export interface AccountConnection extends ConnectionRef {
  readonly provider: ProviderId;
}

/**
 * Connections as Temporal's workflows hold them. Every method throws ApiError `temporal-unavailable` when Temporal, and `worker-unavailable`
 * when no worker, answers in time; repeating is safe.
 */
export interface ConnectionGateway {
  /** Starts an attempt. `attempt` is the digest of its state. */
  authorize(attempt: string, input: AuthorizeConnectionInput, returnUrl: string | null): Promise<void>;
  /** Null when there is no such attempt, or none any more. */
  findAttempt(attempt: string): Promise<AuthorizationAttempt | null>;
  /** Hands over what the owner came back with. */
  complete(attempt: string, callback: AuthorizationCallback): Promise<Completion>;
  /** Withdraws open attempts to connect this connection. One that began a second ago may be missed: its end finds the connection gone. */
  withdrawAttempts(connectionId: ConnectionId): Promise<void>;
  /** Resolves when the connection's owner has taken the request and not when it is done. */
  disconnect(connection: AccountConnection, request: DisconnectRequest): Promise<void>;
  /** Has a worker try the stored credentials. */
  test(connection: AccountConnection): Promise<ConnectionTestOutcome>;
  /** Tells the connection's owner that something about it was changed here. */
  lookAgain(connection: AccountConnection): Promise<void>;
  /** Tells the connection's owner that the provider has sent word of a revocation. Resolves when Temporal has it: a worker need not be there. */
  accessRevoked(connection: AccountConnection): Promise<void>;
}

export interface ConnectionGatewayOptions extends TemporalAccess {
  /** What a person calls a provider: stands in the summary in the Web UI. */
  readonly providerName: (provider: ProviderId) => string;
  /** How long an exchange of the code may keep a browser waiting. */
  readonly settleTimeoutMs?: number;
  /** How long a worker may take to answer. */
  readonly acceptTimeoutMs?: number;
}

const ACCEPT_TIMEOUT_MS = 8_000;
const SETTLE_TIMEOUT_MS = 15_000;
/** The activity's own limit is 20 s. */
const TEST_TIMEOUT_MS = 24_000;
const WORKER_RETRY_AFTER_MS = 5_000;

export function createConnectionGateway(options: ConnectionGatewayOptions): ConnectionGateway {
  return new TemporalConnectionGateway(options);
}

class TemporalConnectionGateway implements ConnectionGateway {
  readonly #options: ConnectionGatewayOptions;

  constructor(options: ConnectionGatewayOptions) {
    this.#options = options;
  }

  async authorize(attempt: string, input: AuthorizeConnectionInput, returnUrl: string | null): Promise<void> {
    const { venueId, connectionId, provider, flow, reauthorize } = input;
    const memo: AuthorizationMemo = { venueId, connectionId, provider, returnUrl };
    await this.#call(({ workflow }) =>
      workflow.start(AUTHORIZE_CONNECTION, {
        taskQueue: WORKFLOW_QUEUE,
        workflowId: authorizeConnectionWorkflowId(attempt),
        args: [input],
        // The SDK sends a request again whose answer was lost: what it then finds is its own.
        workflowIdConflictPolicy: 'USE_EXISTING',
        workflowIdReusePolicy: 'REJECT_DUPLICATE',
        memo: { ...memo },
        typedSearchAttributes: startAttributes(connectionKeywords(input, 'connecting')),
        staticSummary: `${this.#options.providerName(provider)}: ${reauthorize ? 're-authorise' : 'connect'} (${flow})`,
        priority: { priorityKey: PRIORITY.interactive, fairnessKey: venueId },
      }),
    );
  }

  async findAttempt(attempt: string): Promise<AuthorizationAttempt | null> {
    try {
      return await this.#call(async ({ workflow }) => {
        const handle = workflow.getHandle(authorizeConnectionWorkflowId(attempt));
        const description = await handle.describe();
        const state = stateOf(description);
        return { ...memoOf(description), state, outcome: state === 'ended' ? ((await handle.result()) as AuthorizationOutcome) : null };
      });
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return null;
      throw error;
    }
  }

  async complete(attempt: string, callback: AuthorizationCallback): Promise<Completion> {
    const { settleTimeoutMs = SETTLE_TIMEOUT_MS } = this.#options;
    try {
      const taken = await this.#callWorker(({ workflow }) =>
        workflow
          .getHandle(authorizeConnectionWorkflowId(attempt))
          .startUpdate<AuthorizationOutcome, CompleteAuthorizationArgs>(COMPLETE_AUTHORIZATION_UPDATE, { args: [callback], waitForStage: 'ACCEPTED' }),
      );
      return { kind: 'ended', outcome: await this.#call(() => taken.result(), settleTimeoutMs) };
    } catch (error) {
      const completion = toCompletion(error);
      if (completion === null) throw error;
      return completion;
    }
  }

  async withdrawAttempts(connectionId: ConnectionId): Promise<void> {
    await this.#call(async ({ workflow }) => {
      const query = `WorkflowType = '${AUTHORIZE_CONNECTION}' AND ConnectionId = '${connectionId}' AND ExecutionStatus = 'Running'`;
      for await (const { workflowId, runId } of workflow.list({ query })) {
        await workflow.getHandle(workflowId, runId).cancel().catch((error: unknown) => {
          if (!(error instanceof WorkflowNotFoundError)) throw error;
        });
      }
    });
  }

  async disconnect(connection: AccountConnection, request: DisconnectRequest): Promise<void> {
    await this.#callWorker(({ workflow }) =>
      workflow.startUpdateWithStart<Owner, unknown, DisconnectArgs>(DISCONNECT_UPDATE, {
        args: [request],
        waitForStage: 'ACCEPTED',
        startWorkflowOperation: new WithStartWorkflowOperation<Owner>(KEEP_CONNECTION_FRESH, this.#ownerOf(connection)),
      }),
    );
  }

  async test(connection: AccountConnection): Promise<ConnectionTestOutcome> {
    const { venueId, connectionId, provider } = connection;
    const handle = await this.#call(({ workflow }) =>
      workflow.start<Tester>(TEST_CONNECTION, {
        taskQueue: WORKFLOW_QUEUE,
        workflowId: testConnectionWorkflowId(connectionId),
        args: [{ venueId, connectionId, provider }],
        workflowIdConflictPolicy: 'USE_EXISTING',
        workflowIdReusePolicy: 'ALLOW_DUPLICATE',
        workflowExecutionTimeout: TEST_TIMEOUT_MS,
        typedSearchAttributes: startAttributes(connectionKeywords(connection, 'testing')),
        staticSummary: `${this.#options.providerName(provider)}: test the credentials`,
        priority: { priorityKey: PRIORITY.interactive, fairnessKey: venueId },
      }),
    );
    try {
      return await this.#call(() => handle.result(), TEST_TIMEOUT_MS + CALL_TIMEOUT_MS);
    } catch (error) {
      // Its time limit is far above what the test itself takes.
      if (!(error instanceof WorkflowFailedError)) throw error;
      throw new ApiError('worker-unavailable', 'No worker has made the test in time.', { cause: error, retryAfterMs: WORKER_RETRY_AFTER_MS });
    }
  }

  lookAgain(connection: AccountConnection): Promise<void> {
    return this.#tellOwner(connection, GRANT_REPLACED_SIGNAL);
  }

  accessRevoked(connection: AccountConnection): Promise<void> {
    return this.#tellOwner(connection, ACCESS_REVOKED_SIGNAL);
  }

  async #tellOwner(connection: AccountConnection, signal: string): Promise<void> {
    await this.#call(({ workflow }) => workflow.signalWithStart<Owner>(KEEP_CONNECTION_FRESH, { ...this.#ownerOf(connection), signal }));
  }

  #ownerOf(connection: AccountConnection) {
    return { ...ownerOptions(connection, this.#options.providerName(connection.provider)), typedSearchAttributes: startAttributes(ownerKeywords(connection)) };
  }

  #call<T>(work: (client: Client) => Promise<T>, timeoutMs?: number): Promise<T> {
    return callTemporal(this.#options, work, timeoutMs);
  }

  /** A call that only a worker can answer. */
  async #callWorker<T>(work: (client: Client) => Promise<T>): Promise<T> {
    try {
      return await this.#call(work, this.#options.acceptTimeoutMs ?? ACCEPT_TIMEOUT_MS);
    } catch (error) {
      if (!(error instanceof WorkflowUpdateRPCTimeoutOrCancelledError)) throw error;
      throw new ApiError('worker-unavailable', 'No worker has taken the request in time.', { cause: error, retryAfterMs: WORKER_RETRY_AFTER_MS });
    }
  }
}

/** The workflow that owns a connection's token. */
type Owner = (input: KeepConnectionFreshInput) => Promise<unknown>;

type Tester = (input: TestConnectionInput) => Promise<ConnectionTestOutcome>;

function stateOf({ status }: WorkflowExecutionDescription): AuthorizationAttempt['state'] {
  if (status.name === 'RUNNING' || status.name === 'PAUSED') return 'open';
  return status.name === 'COMPLETED' ? 'ended' : 'failed';
}

/** Written by `authorize` and by nobody else. A memo keeps no nulls: what was null is not there. */
function memoOf({ memo }: WorkflowExecutionDescription): AuthorizationMemo {
  const { venueId, connectionId, provider, returnUrl } = memo as unknown as Omit<AuthorizationMemo, 'returnUrl'> & { readonly returnUrl?: string };
  return { venueId, connectionId, provider, returnUrl: returnUrl ?? null };
}

/** Null for what a validator did not refuse and time did not cut off. */
function toCompletion(error: unknown): Completion | null {
  if (error instanceof WorkflowNotFoundError) return { kind: 'used' };
  if (error instanceof WorkflowUpdateFailedError && error.cause instanceof ApplicationFailure && error.cause.type === FAILURE.authorizationUsed) return { kind: 'used' };
  // The workflow has it: what is being waited for is the provider.
  return error instanceof WorkflowUpdateRPCTimeoutOrCancelledError ? { kind: 'pending' } : null;
}
