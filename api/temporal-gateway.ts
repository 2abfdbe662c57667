import { ServiceError, WorkflowUpdateRPCTimeoutOrCancelledError } from '@temporalio/client';
import type { Client, Connection } from '@temporalio/client';
import type { ProviderId } from '../contracts/providers.ts';
import { ApiError } from './api-error.ts';

/** What every gateway to Temporal calls it with. */
export interface TemporalAccess {
  readonly client: Client;
  readonly connection: Connection;
}

/** For a gateway that starts workflows. */
export interface StarterAccess extends TemporalAccess {
  /** What a person calls a provider: stands in the summary in the Web UI. */
  readonly providerName: (provider: ProviderId) => string;
}

/** For a gateway that asks workers too. */
export interface WorkerAccess extends TemporalAccess {
  /** How long a worker may take to answer. */
  readonly acceptTimeoutMs?: number;
}

export const CALL_TIMEOUT_MS = 5_000;
const ACCEPT_TIMEOUT_MS = 8_000;
const RETRY_AFTER_MS = 2_000;
const WORKER_RETRY_AFTER_MS = 5_000;

/** Throws ApiError `temporal-unavailable` when Temporal does not answer within `timeoutMs`, and whatever else `work` throws as it is. */
export async function callTemporal<T>({ client, connection }: TemporalAccess, work: (client: Client) => Promise<T>, timeoutMs = CALL_TIMEOUT_MS): Promise<T> {
  try {
    return await connection.withDeadline(Date.now() + timeoutMs, () => work(client));
  } catch (error) {
    if (error instanceof ServiceError) throw temporalUnavailable('The workflow service cannot be reached at the moment.', error);
    throw error;
  }
}

/** As `callTemporal`, for what only a worker can take: throws ApiError `worker-unavailable` when none does in time. */
export async function callWorker<T>(access: WorkerAccess, work: (client: Client) => Promise<T>): Promise<T> {
  try {
    return await callTemporal(access, work, access.acceptTimeoutMs ?? ACCEPT_TIMEOUT_MS);
  } catch (error) {
    if (!(error instanceof WorkflowUpdateRPCTimeoutOrCancelledError)) throw error;
    throw workerUnavailable('No worker has taken the request in time.', error);
  }
}

export function temporalUnavailable(detail: string, cause?: unknown): ApiError {
  return new ApiError('temporal-unavailable', detail, { cause, retryAfterMs: RETRY_AFTER_MS });
}

export function workerUnavailable(detail: string, cause: unknown): ApiError {
  return new ApiError('worker-unavailable', detail, { cause, retryAfterMs: WORKER_RETRY_AFTER_MS });
}
