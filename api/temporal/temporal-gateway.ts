import {
  NamespaceNotFoundError,
  ServiceError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
  isGrpcServiceError,
} from '@temporalio/client';
import type { Client, Connection } from '@temporalio/client';
import type { ProviderId } from '../../contracts/providers.ts';
import { isRefusedForGood } from '../../domain/errors/grpc-status.ts';
import { ApiError } from '../errors/api-error.ts';

/** Access to Temporal, common to all gateways. */
export interface TemporalAccess {
  readonly client: Client;
  readonly connection: Connection;
}

/** Access for gateways that start workflows. */
export interface StarterAccess extends TemporalAccess {
  /** A provider's name as people know it, for the summary in the Web UI. */
  readonly providerName: (provider: ProviderId) => string;
}

/** Access for gateways that also need a worker's answer. */
export interface WorkerAccess extends TemporalAccess {
  /** How long a worker may take to answer. */
  readonly acceptTimeoutMs?: number;
}

export const CALL_TIMEOUT_MS = 5_000;
const ACCEPT_TIMEOUT_MS = 8_000;
const RETRY_AFTER_MS = 2_000;
const WORKER_RETRY_AFTER_MS = 5_000;

/**
 * Throws ApiError `temporal-unavailable` when Temporal does not answer within `timeoutMs`, `temporal-refused` when it
 * rejects the request permanently, and any other error of `work` unchanged.
 */
export async function callTemporal<T>(
  { client, connection }: TemporalAccess,
  work: (client: Client) => Promise<T>,
  timeoutMs = CALL_TIMEOUT_MS,
): Promise<T> {
  try {
    return await connection.withDeadline(Date.now() + timeoutMs, () => work(client));
  } catch (error) {
    throw toApiError(error);
  }
}

/**
 * Like `callTemporal`, for requests that need a worker: throws ApiError `worker-unavailable` when none answers in time.
 * Temporal rejects an update behind ten in flight, and the client hides that behind its own retries, for 41 s without a
 * deadline (@temporalio/client 1.24.0).
 */
export async function callWorker<T>(access: WorkerAccess, work: (client: Client) => Promise<T>): Promise<T> {
  try {
    return await callTemporal(access, work, access.acceptTimeoutMs ?? ACCEPT_TIMEOUT_MS);
  } catch (error) {
    if (!(error instanceof WorkflowUpdateRPCTimeoutOrCancelledError)) throw error;
    throw workerUnavailable(
      'No worker has taken the request in time, or as many requests of its kind are in flight as the workflow takes.',
      error,
    );
  }
}

/**
 * An update that starts its workflow throws some rejections directly and not inside a ServiceError (@temporalio/client
 * 1.24.0, `rethrowKnownErrorTypes`).
 */
function toApiError(error: unknown): unknown {
  if (error instanceof NamespaceNotFoundError) return temporalRefused(error);
  if (!(error instanceof ServiceError || isGrpcServiceError(error))) return error;
  return isRefusedForGood(error)
    ? temporalRefused(error)
    : temporalUnavailable('The workflow service cannot be reached at the moment.', error);
}

function temporalRefused(cause: unknown): ApiError {
  return new ApiError(
    'temporal-refused',
    'The workflow service has refused a request of ours, and will again: that is ours or the operator’s to mend.',
    { cause },
  );
}

export function temporalUnavailable(detail: string, cause?: unknown): ApiError {
  return new ApiError('temporal-unavailable', detail, { cause, retryAfterMs: RETRY_AFTER_MS });
}

export function workerUnavailable(detail: string, cause: unknown): ApiError {
  return new ApiError('worker-unavailable', detail, { cause, retryAfterMs: WORKER_RETRY_AFTER_MS });
}
