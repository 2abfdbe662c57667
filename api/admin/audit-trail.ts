import type { VenueId } from '../../contracts/ids.ts';
import type { AuditEntry, AuditStore } from '../../db/core/audit-store.ts';
import type { Caller } from '../auth/caller.ts';
import type { Log } from '../http/log.ts';
import { describeError } from '../errors/outage.ts';

export type AuditEvent = Pick<AuditEntry, 'action' | 'targetType' | 'targetId' | 'details'> & {
  readonly outcome?: AuditEntry['outcome'];
};

export interface Actor {
  readonly caller: Caller;
  readonly requestId: string;
}

/** Records who did what to a venue. Never holds a secret or customers' data. */
export interface AuditTrail {
  /** Makes the row that a store writes in the transaction of the change. */
  entry(actor: Actor, venueId: VenueId, auditEvent: AuditEvent): AuditEntry;
  /**
   * Records an action that changes nothing in our database: a signal to a workflow, a Temporal schedule, a refusal.
   * Never throws, because the action is done and its answer must not say otherwise. A row that cannot be written is
   * logged.
   */
  note(actor: Actor, venueId: VenueId, auditEvent: AuditEvent): Promise<void>;
  /** As `note`, for an entry that was made before. */
  write(entry: AuditEntry): Promise<void>;
}

export function createAuditTrail(store: AuditStore, log: Log): AuditTrail {
  const entryOf = ({ caller, requestId }: Actor, venueId: VenueId, auditEvent: AuditEvent): AuditEntry => ({
    venueId,
    actor: caller.subject,
    requestId,
    ...auditEvent,
    outcome: auditEvent.outcome ?? 'ok',
  });
  const write = async (entry: AuditEntry): Promise<void> => {
    try {
      await store.record(entry);
    } catch (error) {
      log.error({ audit: entry, error: describeError(error) }, 'the audit row could not be written');
    }
  };
  return {
    entry: entryOf,
    note: (actor, venueId, auditEvent) => write(entryOf(actor, venueId, auditEvent)),
    write,
  };
}
