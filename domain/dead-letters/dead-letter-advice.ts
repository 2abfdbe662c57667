import type { DeadLetterSource, DeadLetterState } from '../../contracts/dead-letters.ts';

/** What failed, as far as it decides what helps. */
export interface FailedThing {
  readonly source: DeadLetterSource;
  readonly state: DeadLetterState;
  /** Of the last failure. */
  readonly code: string;
  /** The venue's record that a push could not write. */
  readonly recordId: string | null;
  /** The provider's id of an object. */
  readonly externalId: string | null;
}

/**
 * Whether what failed is the venue's record, so that it can be changed here until the entry is resolved. An object that a pull could not store is the
 * provider's: a copy that was edited here would be overwritten by the next pull.
 */
export const isEditable = ({ source, state, recordId }: FailedThing): boolean =>
  source === 'record' && recordId !== null && state !== 'resolved';

/** Codes of events that can never be applied. */
const NEVER_APPLIED: readonly string[] = ['unreadable', 'body-expired'];
/** Codes of events whose provider could not be asked, as `retry_cleared_dead_letters` has them handled again. */
const OUTAGES: readonly string[] = ['unavailable', 'rate-limited', 'quota-exhausted', 'unexpected-response'];

/** What a person can do about it. */
export function deadLetterAdvice(failed: FailedThing): string {
  if (failed.state === 'resolved') return 'Nothing: it succeeded later, or there is nothing left to do.';
  if (isEditable(failed)) return 'Change the record, here or as any record, and retry the entry.';
  if (failed.source === 'delivery')
    return 'Mend the receiver, enable its subscription where that is disabled, and retry the entry: the message is sent again.';
  if (failed.source === 'event' && NEVER_APPLIED.includes(failed.code))
    return 'Nothing of the event can be handled. Start a pull of its resource, which reads what it told, and discard the entry.';
  if (failed.source === 'event' && OUTAGES.includes(failed.code))
    return 'The provider could not be asked. The event is handled again by itself once the provider answers, up to twenty times; retry the entry to have it handled at once.';
  if (failed.source === 'event')
    return 'Retry the entry: the event is handled again as the provider sent it. A change of its object belongs at the provider.';
  return failed.externalId === null
    ? 'The provider listed an object without a readable id, which cannot be looked up. Mend it there, start a full pull, and discard the entry.'
    : 'The provider holds the object. Change it there, or the mapping of its fields, and retry the entry: the object is read again.';
}
