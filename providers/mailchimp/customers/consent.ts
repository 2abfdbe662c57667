import type { RecordNote } from '../../../contracts/records.ts';
import type { Member } from './customer-responses.ts';

type Status = Member['status'];

/** The status of a new member. Whoever has not agreed is in the audience without being subscribed. */
export function newStatusOf(consent: boolean | null | undefined): Status {
  if (consent === true) return 'subscribed';
  return consent === false ? 'unsubscribed' : 'transactional';
}

/** Whether an update may have to subscribe the member: the present status is then read first. */
export const mayWiden = (consent: boolean | null | undefined, known: unknown): boolean =>
  consent === true && known !== 'subscribed';

export interface ConsentChange {
  /** Null leaves the status as it is. */
  readonly status: Status | null;
  readonly notes: readonly RecordNote[];
}

const AS_IT_IS: ConsentChange = { status: null, notes: [] };

/** Refusals hold for ever, and confirmations that are waited for are the member's own to give. */
const KEPT: ReadonlySet<unknown> = new Set(['unsubscribed', 'cleaned', 'pending']);

/**
 * What a record's consent changes of a member with this status. A consent of the venue's never outweighs what the
 * member or its mail server has said since; a refusal always holds.
 */
export function consentChange(consent: boolean | null | undefined, present: unknown): ConsentChange {
  if (consent === true) {
    if (present === 'subscribed') return AS_IT_IS;
    return KEPT.has(present) ? { status: null, notes: [consentKept(present)] } : { status: 'subscribed', notes: [] };
  }
  const isRefusal = consent === false && present !== 'unsubscribed' && present !== 'cleaned';
  return isRefusal ? { status: 'unsubscribed', notes: [] } : AS_IT_IS;
}

/** Says on the record's link why the member is not subscribed although the record has a consent. */
export function consentKept(status: unknown): RecordNote {
  const why = typeof status === 'string' ? (REASONS[status] ?? `is ${status}`) : 'may not be subscribed again';
  return { code: 'consent-kept', message: `Mailchimp’s member ${why}, and was not subscribed.` };
}

const REASONS: Readonly<Record<string, string>> = {
  unsubscribed: 'has unsubscribed',
  cleaned: 'was cleaned because mail to its address bounced',
  pending: 'has yet to confirm the subscription',
};
