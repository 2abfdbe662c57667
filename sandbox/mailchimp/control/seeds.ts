import { hashOf, membersOf, newContactId, putMembers, timeOf } from '../state/mailchimp-state.ts';
import type { Member, Owner, WireObject } from '../state/mailchimp-state.ts';

/** Milliseconds between seeded members, as in the other stand-ins. */
const APART_MS = 37_000;

/** A member with these values, as though it had been there since `atMs`. For what no request can make. */
export function memberWith(list: string, given: WireObject & { readonly email_address: string }, atMs: number): Member {
  const at = timeOf(atMs);
  return {
    id: hashOf(given.email_address),
    unique_email_id: hashOf(given.email_address).slice(0, 10),
    contact_id: newContactId(),
    web_id: 1,
    email_type: 'html',
    status: 'subscribed',
    merge_fields: { FNAME: '', LNAME: '', ADDRESS: '', PHONE: '', BIRTHDAY: '' },
    ip_signup: '',
    timestamp_signup: '',
    ip_opt: '127.0.0.1',
    timestamp_opt: at,
    member_rating: 2,
    last_changed: at,
    language: '',
    vip: false,
    email_client: '',
    source: 'Import',
    tags: [],
    ...given,
    list_id: list,
  };
}

/** Makes members 37 s apart, back from now, and answers their ids. Addresses are written as people type them. */
export function seedMembers(owner: Owner, list: string, count: number): readonly string[] {
  const first = membersOf(owner, list).length;
  const members = Array.from({ length: count }, (_, index) => {
    const number = first + index;
    const local = number % 2 === 0 ? `Member-${number}` : `member-${number}`;
    const merge_fields = {
      ...{ FNAME: 'Member', LNAME: String(number), PHONE: '+442071234567', BIRTHDAY: '' },
      ADDRESS:
        number % 3 === 0
          ? ''
          : { addr1: `${number} High Street`, addr2: '', city: 'London', state: 'LND', zip: 'N1 1AA', country: 'GB' },
    };
    return memberWith(
      list,
      { email_address: `${local}@${list}.example.com`, merge_fields },
      owner.nowMs - (count - index) * APART_MS,
    );
  });
  putMembers(owner, members);
  return members.map(({ contact_id: id }) => id);
}
