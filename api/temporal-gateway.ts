import { ServiceError } from '@temporalio/client';
import type { Client, Connection } from '@temporalio/client';
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import type { SearchAttributePair } from '@temporalio/common';
import { ApiError } from './api-error.ts';

/** What every gateway to Temporal calls it with. */
export interface TemporalAccess {
  readonly client: Client;
  readonly connection: Connection;
}

export const CALL_TIMEOUT_MS = 5_000;
const RETRY_AFTER_MS = 2_000;

const NEEDS_ATTENTION = defineSearchAttributeKey('NeedsAttention', SearchAttributeType.BOOL);

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

/** Search attributes of type Keyword in the SDK's words. */
export function keywordAttributes(keywords: Readonly<Record<string, string>>): SearchAttributePair[] {
  return Object.entries(keywords).map(([name, value]) => ({ key: defineSearchAttributeKey(name, SearchAttributeType.KEYWORD), value }));
}

/** Those of a workflow that begins: it is not on the operators' list. */
export function startAttributes(keywords: Readonly<Record<string, string>>): SearchAttributePair[] {
  return [...keywordAttributes(keywords), { key: NEEDS_ATTENTION, value: false }];
}
