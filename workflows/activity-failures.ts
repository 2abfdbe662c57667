import { ApplicationFailure } from '@temporalio/workflow';
import type { ActivityFailure } from '@temporalio/workflow';
import type { SyncFailureInfo } from '../contracts/sync.ts';

/** The type and message of the failure that ended an activity. */
export function causeOf({ cause }: ActivityFailure): SyncFailureInfo {
  return cause instanceof ApplicationFailure
    ? { type: cause.type ?? 'Internal', message: cause.message }
    : { type: cause?.name ?? 'Internal', message: '' };
}

/** How long the provider asks to wait. Null for failures recorded by an earlier version, which do not say. */
export function retryAfterOf({ cause }: ActivityFailure): number | null {
  const [details] = (cause instanceof ApplicationFailure ? cause.details : null) ?? [];
  const { retryAfterMs } = (details ?? {}) as { readonly retryAfterMs?: unknown };
  return typeof retryAfterMs === 'number' && retryAfterMs > 0 ? retryAfterMs : null;
}
