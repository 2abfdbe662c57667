import { SearchAttributeType, defineSearchAttributeKey } from '@temporalio/common';
import { upsertSearchAttributes } from '@temporalio/workflow';
import type { AuthorizationRefusal } from '../contracts/connections.ts';
import type { ConnectionState } from '../contracts/providers.ts';
import type { SyncPhase } from '../contracts/sync.ts';

const phaseKey = defineSearchAttributeKey('Phase', SearchAttributeType.KEYWORD);
const errorTypeKey = defineSearchAttributeKey('ErrorType', SearchAttributeType.KEYWORD);
const needsAttentionKey = defineSearchAttributeKey('NeedsAttention', SearchAttributeType.BOOL);

/** Only on a change of phase: each call is an entry in the history. A run that moves has no error and needs nobody. */
export function showPhase(phase: SyncPhase): void {
  upsertSearchAttributes([
    { key: phaseKey, value: phase },
    { key: errorTypeKey, value: null },
    { key: needsAttentionKey, value: false },
  ]);
}

/** A run that stands still; with `needsAttention` on the operators' list. */
export function showWaiting(phase: SyncPhase, errorType: string | null, needsAttention: boolean): void {
  upsertSearchAttributes([
    { key: phaseKey, value: phase },
    ...(errorType === null ? [] : [{ key: errorTypeKey, value: errorType }]),
    { key: needsAttentionKey, value: needsAttention },
  ]);
}

/** Puts the run on the operators' list. */
export function showFailure(errorType: string): void {
  upsertSearchAttributes([
    { key: phaseKey, value: 'finished' },
    { key: errorTypeKey, value: errorType },
    { key: needsAttentionKey, value: true },
  ]);
}

/** How an attempt to connect ended. None is the operators' to mend by itself, so none is on their list; `ErrorType` finds a kind. */
export function showAttempt(end: 'connected' | AuthorizationRefusal): void {
  upsertSearchAttributes([
    { key: phaseKey, value: 'finished' },
    { key: errorTypeKey, value: end === 'connected' ? null : end },
  ]);
}

/** How a connection stands. */
export function showConnection(state: ConnectionState, errorType: string | null, needsAttention: boolean): void {
  upsertSearchAttributes([
    { key: phaseKey, value: state },
    { key: errorTypeKey, value: errorType },
    { key: needsAttentionKey, value: needsAttention },
  ]);
}
