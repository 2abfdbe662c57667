import { ServiceError } from '@temporalio/client';
import type { Client, Connection } from '@temporalio/client';
import { ApiError } from './api-error.ts';

/** What every gateway to Temporal calls it with. */
export interface TemporalAccess {
  readonly client: Client;
  readonly connection: Connection;
}

export const CALL_TIMEOUT_MS = 5_000;
const RETRY_AFTER_MS = 2_000;

/** Throws ApiError `temporal-unavailable` when Temporal does not answer within `timeoutMs`, and whatever else `work` throws as it is. */
export async function callTemporal<T>({ client, connection }: TemporalAccess, work: (client: Client) => Promise<T>, timeoutMs = CALL_TIMEOUT_MS): Promise<T> {
  try {
    return await connection.withDeadline(Date.now() + timeoutMs, () => work(client));
  } catch (error) {
    if (error instanceof ServiceError) throw temporalUnavailable('The workflow service cannot be reached at the moment.', error);
    throw error;
  }
}

export function temporalUnavailable(detail: string, cause?: unknown): ApiError {
  return new ApiError('temporal-unavailable', detail, { cause, retryAfterMs: RETRY_AFTER_MS });
}
