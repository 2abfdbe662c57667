import { SearchAttributeType, defineSearchAttributeKey } from '@temporalio/common';
import { patched, upsertSearchAttributes } from '@temporalio/workflow';
import type { AuthorizationRefusal } from '../contracts/connections.ts';
import type { ConnectionState } from '../contracts/providers.ts';
import type { SyncPhase } from '../contracts/sync.ts';
import { isLasting, needsOwner } from '../domain/sync/waiting/wait-policy.ts';
import type { WaitPolicy } from '../domain/sync/waiting/wait-policy.ts';

const phaseKey = defineSearchAttributeKey('Phase', SearchAttributeType.KEYWORD);
const errorTypeKey = defineSearchAttributeKey('ErrorType', SearchAttributeType.KEYWORD);
const needsAttentionKey = defineSearchAttributeKey('NeedsAttention', SearchAttributeType.BOOL);

/**
 * Call it only when the phase changes: each call is an event in the history. Clears the error and the mark for
 * operators.
 */
export function showPhase(phase: SyncPhase): void {
  upsertSearchAttributes([
    { key: phaseKey, value: phase },
    { key: errorTypeKey, value: null },
    { key: needsAttentionKey, value: false },
  ]);
}

/** Marks a run as waiting; with `needsAttention` it appears on the operators' list. */
export function showWaiting(phase: SyncPhase, errorType: string | null, needsAttention: boolean): void {
  upsertSearchAttributes([
    { key: phaseKey, value: phase },
    ...(errorType === null ? [] : [{ key: errorTypeKey, value: errorType }]),
    { key: needsAttentionKey, value: needsAttention },
  ]);
}

/**
 * Shows a wait after this many failures in a row: when it begins, and again when it has lasted for so long that an
 * operator should look.
 */
export function showWait(policy: WaitPolicy, errorType: string, failures: number): void {
  if (failures === 1) showWaiting('waiting', errorType, needsOwner(policy));
  else if (isLasting(policy, failures) && patched('shows-lasting-waits')) showWaiting('waiting', errorType, true);
}

/** Puts the run on the operators' list. */
export function showFailure(errorType: string): void {
  upsertSearchAttributes([
    { key: phaseKey, value: 'finished' },
    { key: errorTypeKey, value: errorType },
    { key: needsAttentionKey, value: true },
  ]);
}

/**
 * Records how an attempt to connect ended. `ErrorType` makes kinds of refusals searchable; none is put on the
 * operators' list, since operators cannot resolve a single refusal.
 */
export function showAttempt(end: 'connected' | AuthorizationRefusal): void {
  upsertSearchAttributes([
    { key: phaseKey, value: 'finished' },
    { key: errorTypeKey, value: end === 'connected' ? null : end },
  ]);
}

/** Records the state of a connection. */
export function showConnection(state: ConnectionState, errorType: string | null, needsAttention: boolean): void {
  upsertSearchAttributes([
    { key: phaseKey, value: state },
    { key: errorTypeKey, value: errorType },
    { key: needsAttentionKey, value: needsAttention },
  ]);
}
