import { SearchAttributeType, defineSearchAttributeKey } from '@temporalio/common';
import { upsertSearchAttributes } from '@temporalio/workflow';
import type { SyncPhase } from '../contracts/sync.ts';

const phaseKey = defineSearchAttributeKey('Phase', SearchAttributeType.KEYWORD);
const errorTypeKey = defineSearchAttributeKey('ErrorType', SearchAttributeType.KEYWORD);
const needsAttentionKey = defineSearchAttributeKey('NeedsAttention', SearchAttributeType.BOOL);

/** Only on a change of phase: each call is an entry in the history. */
export function showPhase(phase: SyncPhase): void {
  upsertSearchAttributes([{ key: phaseKey, value: phase }]);
}

/** Puts the run on the operators' list. */
export function showFailure(errorType: string): void {
  upsertSearchAttributes([
    { key: phaseKey, value: 'finished' },
    { key: errorTypeKey, value: errorType },
    { key: needsAttentionKey, value: true },
  ]);
}
