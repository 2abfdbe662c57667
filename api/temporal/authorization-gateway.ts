import {
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import type { WorkflowExecutionDescription } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import {
  authorizeConnectionWorkflowId,
  AUTHORIZE_CONNECTION,
  COMPLETE_AUTHORIZATION_UPDATE,
} from '../../contracts/connections.ts';
import type {
  AuthorizationCallback,
  AuthorizationMemo,
  AuthorizationOutcome,
  AuthorizeConnectionInput,
  CompleteAuthorizationArgs,
} from '../../contracts/connections.ts';
import { FAILURE } from '../../contracts/failures.ts';
import type { ConnectionId } from '../../contracts/ids.ts';
import { PRIORITY, WORKFLOW_QUEUE } from '../../contracts/temporal.ts';
import { connectionKeywords } from '../../domain/grants/connection-owner.ts';
import { startAttributes } from '../../domain/sync/search-attributes.ts';
import { callTemporal, callWorker } from './temporal-gateway.ts';
import type { StarterAccess, WorkerAccess } from './temporal-gateway.ts';

/** State of one attempt to connect. */
export interface AuthorizationAttempt extends AuthorizationMemo {
  /** `failed`: it was terminated from outside or by an error of ours, and has no outcome. */
  readonly state: 'open' | 'ended' | 'failed';
  /** Null unless it has ended. */
  readonly outcome: AuthorizationOutcome | null;
}

export type Completion =
  | { readonly kind: 'ended'; readonly outcome: AuthorizationOutcome }
  /** The callback was accepted and is still being handled: ask for the attempt later. */
  | { readonly kind: 'pending' }
  /** The state was used before, or the attempt is over. */
  | { readonly kind: 'used' };

/**
 * Attempts to connect by OAuth, held by Temporal's workflows. `attempt` is the digest of an attempt's state. Every
 * method throws ApiError `temporal-unavailable` when Temporal, and `worker-unavailable` when no worker, answers in
 * time, and is safe to repeat.
 */
export interface AuthorizationGateway {
  begin(attempt: string, input: AuthorizeConnectionInput, returnUrl: string | null): Promise<void>;
  /** Null when the attempt does not exist or has expired from Temporal. */
  find(attempt: string): Promise<AuthorizationAttempt | null>;
  /** Passes on what the account owner came back with. */
  complete(attempt: string, callback: AuthorizationCallback): Promise<Completion>;
  /**
   * Withdraws open attempts to connect this connection. One that began a second ago may be missed: at its end it finds
   * the connection gone.
   */
  withdraw(connectionId: ConnectionId): Promise<void>;
}

export interface AuthorizationGatewayOptions extends StarterAccess, WorkerAccess {
  /** How long an exchange of the code may keep a browser waiting. */
  readonly settleTimeoutMs?: number;
}

const SETTLE_TIMEOUT_MS = 15_000;

export function createAuthorizationGateway(options: AuthorizationGatewayOptions): AuthorizationGateway {
  return new TemporalAuthorizationGateway(options);
}

class TemporalAuthorizationGateway implements AuthorizationGateway {
  readonly #options: AuthorizationGatewayOptions;

  constructor(options: AuthorizationGatewayOptions) {
    this.#options = options;
  }

  async begin(attempt: string, input: AuthorizeConnectionInput, returnUrl: string | null): Promise<void> {
    const { venueId, connectionId, provider, flow, reauthorize } = input;
    const memo: AuthorizationMemo = { venueId, connectionId, provider, returnUrl };
    await callTemporal(this.#options, ({ workflow }) =>
      workflow.start(AUTHORIZE_CONNECTION, {
        taskQueue: WORKFLOW_QUEUE,
        workflowId: authorizeConnectionWorkflowId(attempt),
        args: [input],
        // The SDK retries a start whose answer was lost, and must then accept its own workflow.
        workflowIdConflictPolicy: 'USE_EXISTING',
        workflowIdReusePolicy: 'REJECT_DUPLICATE',
        memo: { ...memo },
        typedSearchAttributes: startAttributes(connectionKeywords(input, 'connecting')),
        staticSummary: `${this.#options.providerName(provider)}: ${reauthorize ? 're-authorise' : 'connect'} (${flow})`,
        priority: { priorityKey: PRIORITY.interactive, fairnessKey: venueId },
      }),
    );
  }

  async find(attempt: string): Promise<AuthorizationAttempt | null> {
    try {
      return await callTemporal(this.#options, async ({ workflow }) => {
        const handle = workflow.getHandle(authorizeConnectionWorkflowId(attempt));
        const description = await handle.describe();
        const state = stateOf(description);
        return {
          ...memoOf(description),
          state,
          outcome: state === 'ended' ? ((await handle.result()) as AuthorizationOutcome) : null,
        };
      });
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return null;
      throw error;
    }
  }

  async complete(attempt: string, callback: AuthorizationCallback): Promise<Completion> {
    const { settleTimeoutMs = SETTLE_TIMEOUT_MS } = this.#options;
    try {
      const taken = await callWorker(this.#options, ({ workflow }) =>
        workflow
          .getHandle(authorizeConnectionWorkflowId(attempt))
          .startUpdate<AuthorizationOutcome, CompleteAuthorizationArgs>(COMPLETE_AUTHORIZATION_UPDATE, {
            args: [callback],
            waitForStage: 'ACCEPTED',
          }),
      );
      return { kind: 'ended', outcome: await callTemporal(this.#options, () => taken.result(), settleTimeoutMs) };
    } catch (error) {
      const completion = toCompletion(error);
      if (completion === null) throw error;
      return completion;
    }
  }

  async withdraw(connectionId: ConnectionId): Promise<void> {
    await callTemporal(this.#options, async ({ workflow }) => {
      const query = `WorkflowType = '${AUTHORIZE_CONNECTION}' AND ConnectionId = '${connectionId}' AND ExecutionStatus = 'Running'`;
      for await (const { workflowId, runId } of workflow.list({ query })) {
        await workflow
          .getHandle(workflowId, runId)
          .cancel()
          .catch((error: unknown) => {
            if (!(error instanceof WorkflowNotFoundError)) throw error;
          });
      }
    });
  }
}

function stateOf({ status }: WorkflowExecutionDescription): AuthorizationAttempt['state'] {
  if (status.name === 'RUNNING' || status.name === 'PAUSED') return 'open';
  return status.name === 'COMPLETED' ? 'ended' : 'failed';
}

/** Only `begin` writes it. A memo stores no nulls, so null values are absent. */
function memoOf({ memo }: WorkflowExecutionDescription): AuthorizationMemo {
  const { venueId, connectionId, provider, returnUrl } = memo as unknown as Omit<AuthorizationMemo, 'returnUrl'> & {
    readonly returnUrl?: string;
  };
  return { venueId, connectionId, provider, returnUrl: returnUrl ?? null };
}

/** Null when the error is neither a validator's rejection nor a timeout. */
function toCompletion(error: unknown): Completion | null {
  if (error instanceof WorkflowNotFoundError) return { kind: 'used' };
  if (
    error instanceof WorkflowUpdateFailedError &&
    error.cause instanceof ApplicationFailure &&
    error.cause.type === FAILURE.authorizationUsed
  )
    return { kind: 'used' };
  // The workflow has the callback and is waiting for the provider.
  return error instanceof WorkflowUpdateRPCTimeoutOrCancelledError ? { kind: 'pending' } : null;
}
