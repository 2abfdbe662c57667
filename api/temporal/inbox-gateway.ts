import { inboxWakeUp } from '../../domain/inbox/inbox-drainer.ts';
import type { DrainInbox } from '../../domain/inbox/inbox-drainer.ts';
import { callTemporal } from './temporal-gateway.ts';
import type { TemporalAccess } from './temporal-gateway.ts';

/** The drainers of the inbox, as Temporal's workflows. */
export interface InboxGateway {
  /**
   * Wakes a partition's drainer, or starts it. Resolves when Temporal has the signal; no worker is needed. Throws
   * ApiError `temporal-unavailable` within its deadline, and is safe to repeat.
   */
  wake(partition: number): Promise<void>;
}

export function createInboxGateway(temporal: TemporalAccess): InboxGateway {
  return {
    async wake(partition) {
      await callTemporal(temporal, ({ workflow }) => workflow.signalWithStart<DrainInbox>(...inboxWakeUp(partition)));
    },
  };
}
