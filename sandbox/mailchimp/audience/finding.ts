import { notFound } from '../http/endpoint.ts';
import type { MailchimpRequest } from '../http/endpoint.ts';
import { hashOf, membersOf } from '../state/mailchimp-state.ts';
import type { Member, Owner, WireObject } from '../state/mailchimp-state.ts';

/** The member that a path names by the hash of the address, the address or the `contact_id`. */
export function findMember(owner: Owner, list: string, name: string): Member | undefined {
  const known = owner.state.get(owner.id, 'members', name) as Member | undefined;
  if (known?.list_id === list) return known;
  const hash = name.includes('@') ? hashOf(name) : name;
  return membersOf(owner, list).find(({ id }) => id === hash);
}

export function memberOf({ owner, list, rest: [, name = ''] }: MailchimpRequest): Member {
  const found = findMember(owner, list, name);
  if (!found) throw notFound();
  return found;
}

/** A member as it is answered. */
export function shown({ _inComplianceState: _hidden, ...member }: Member): WireObject {
  const { merge_fields: values, tags } = member;
  const name = [values['FNAME'], values['LNAME']].filter((part) => typeof part === 'string' && part !== '').join(' ');
  return { ...member, full_name: name, tags_count: tags.length };
}
