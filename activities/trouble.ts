import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import type { SyncConnectionInput, WaitingFor } from '../contracts/sync.ts';
import { isDatabaseAway } from '../db/core/outage.ts';
import { SupersededError } from '../db/runs/run-scope.ts';
import type { Waiting } from '../db/runs/sync-run-waiting.ts';
import type { SyncProgressStore } from '../db/runs/sync-progress-store.ts';
import { waitPolicyFor } from '../domain/sync/waiting/wait-policy.ts';
import { explainWaiting } from '../domain/sync/waiting/waiting-advice.ts';
import { ProviderError } from '../providers/provider-error.ts';
import type { ProviderErrorKind } from '../providers/provider-error.ts';
import type { Logger } from '../telemetry/logger.ts';
import { VaultError } from '../vault/vault-error.ts';
import { describe } from './failures.ts';

type Trouble = Exclude<WaitingFor, 'approval'>;

/** Null when the run fails instead of waiting. */
const OF_PROVIDER: Readonly<Record<ProviderErrorKind, Trouble | null>> = {
  'needs-reauth': 'needs-reauth',
  'rate-limited': 'rate-limit',
  'quota-exhausted': 'quota',
  unavailable: 'provider-unavailable',
  'unexpected-response': 'provider-unexpected-response',
  conflict: 'provider-unexpected-response',
  rejected: null,
};

/**
 * What a run shows as the reason to wait after an attempt ended with this error. Null when it does not wait, or was
 * only interrupted.
 */
function troubleOf(error: unknown): Trouble | null {
  if (error instanceof ProviderError) return OF_PROVIDER[error.details.kind];
  if (error instanceof ApplicationFailure) return waitPolicyFor(error.type ?? '')?.what ?? null;
  if (error instanceof VaultError) return OF_VAULT[error.kind] ?? 'internal';
  if (isInterruption(error)) return null;
  return isDatabaseAway(error) ? 'database-unavailable' : 'internal';
}

const OF_VAULT: Readonly<Record<string, Trouble | undefined>> = {
  'key-service-unavailable': 'key-service-unavailable',
};

const isInterruption = (error: unknown) =>
  error instanceof SupersededError ||
  error instanceof CancelledFailure ||
  (error instanceof Error && error.name === 'AbortError');

/** How the trouble is shown on the run; null when there is nothing to show. */
export function waitingOfTrouble(error: unknown): Waiting | null {
  const what = troubleOf(error);
  if (what === null) return null;
  const now = Date.now();
  const retryAfterMs = error instanceof ProviderError ? error.details.retryAfterMs : undefined;
  return {
    what,
    since: new Date(now).toISOString(),
    until: retryAfterMs === undefined ? null : new Date(now + retryAfterMs).toISOString(),
    error: explainWaiting(what),
  };
}

/**
 * Shows on a run why one of its steps fails, for steps that hold no fence. Never throws, because the step's own failure
 * is the one that counts.
 */
export async function noteOnRun(
  { progress, log }: { readonly progress: Pick<SyncProgressStore, 'park'>; readonly log: Logger },
  input: SyncConnectionInput,
  error: unknown,
): Promise<void> {
  const waiting = waitingOfTrouble(error);
  try {
    if (waiting !== null) await progress.park(input, waiting);
  } catch (failure) {
    log.warn({ syncId: input.syncId, cause: describe(failure) }, 'could not note what the run waits for');
  }
}
