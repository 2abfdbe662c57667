import { textAt } from '../items.ts';
import type { EventChange, ReadChanges } from '../kit/webhook-definition.ts';
import { hashOf } from './customers/customer-fields.ts';

/**
 * Events about a member, https://mailchimp.com/developer/marketing/guides/sync-audience-data-webhooks/, read
 * 2026-11-28. `campaign` is about none.
 */
export const MEMBER_EVENTS = ['subscribe', 'unsubscribe', 'profile', 'upemail', 'cleaned'];

/** Names in a form are in brackets. Of an address that changes both are read, since events arrive in any order. */
const ADDRESSES = ['data[email]', 'data[new_email]', 'data[old_email]'];

/**
 * An event is a hint: it is not signed and has no id, and its member may have changed since. It names the member by an
 * address, so the member is read by the hash of that, which tells nobody the address.
 */
export const mailchimpChangesIn: ReadChanges = (event) => {
  const list = textAt(event, 'data[list_id]');
  const addresses = ADDRESSES.flatMap((name) => textAt(event, name) ?? []);
  const hashes = new Set(addresses.map((address) => hashOf(address)));
  return [...hashes].map((externalId): EventChange => ({
    resource: 'customers',
    says: 'refetch',
    externalId,
    place: list,
  }));
};
