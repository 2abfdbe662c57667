import { SYNC_CONNECTION } from '../../contracts/sync.ts';
import type { SyncConnectionInput } from '../../contracts/sync.ts';
import { WORKFLOW_QUEUE } from '../../contracts/temporal.ts';
import { startAttributes } from './search-attributes.ts';
import { queuedKeywords, syncPriority, syncSummary } from './sync-labels.ts';

/** A function with the type of the `syncConnection` workflow, as far as starting it needs that. */
export type SyncConnection = (input: SyncConnectionInput) => Promise<unknown>;

/** Starts an open run's workflow: the arguments of the client's start, which fails while another runs the same sync. */
export function syncStart(
  input: SyncConnectionInput,
  {
    workflowId,
    providerName,
    delayMs = 0,
  }: { readonly workflowId: string; readonly providerName: string; readonly delayMs?: number },
) {
  return [
    SYNC_CONNECTION,
    {
      taskQueue: WORKFLOW_QUEUE,
      workflowId,
      args: [input] as [SyncConnectionInput],
      workflowIdConflictPolicy: 'FAIL' as const,
      workflowIdReusePolicy: 'ALLOW_DUPLICATE' as const,
      memo: { syncId: input.syncId },
      typedSearchAttributes: startAttributes(queuedKeywords(input)),
      staticSummary: syncSummary(input, providerName),
      priority: syncPriority(input),
      ...(delayMs > 0 ? { startDelay: delayMs } : {}),
    },
  ] as const;
}
