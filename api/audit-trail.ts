import type { VenueId } from '../contracts/ids.ts';
import type { AuditEntry, AuditStore } from '../db/audit-store.ts';
import type { Caller } from './caller.ts';
import type { Log } from './log.ts';
import { describeError } from './outage.ts';

export type Deed = Pick<AuditEntry, 'action' | 'targetType' | 'targetId' | 'details'> & {
  readonly outcome?: AuditEntry['outcome'];
};

export interface Doer {
  readonly caller: Caller;
  readonly requestId: string;
}

/** Who did what to a venue. Never a secret, never a customer's data. */
export interface AuditTrail {
  /** The row that a store writes in the transaction of the change that it tells of. */
  entry(doer: Doer, venueId: VenueId, deed: Deed): AuditEntry;
  /**
   * For what changes nothing in our database: a signal to a workflow, a schedule of Temporal's, a refusal. Never throws: the deed is done, and its
   * answer must not say otherwise. A row that cannot be written is in the log.
   */
  note(doer: Doer, venueId: VenueId, deed: Deed): Promise<void>;
}

export function createAuditTrail(store: AuditStore, log: Log): AuditTrail {
  const entryOf = ({ caller, requestId }: Doer, venueId: VenueId, deed: Deed): AuditEntry => ({
    venueId,
    actor: caller.subject,
    requestId,
    ...deed,
    outcome: deed.outcome ?? 'ok',
  });
  return {
    entry: entryOf,
    async note(doer, venueId, deed) {
      const entry = entryOf(doer, venueId, deed);
      try {
        await store.record(entry);
      } catch (error) {
        log.error({ audit: entry, error: describeError(error) }, 'the audit row could not be written');
      }
    },
  };
}
