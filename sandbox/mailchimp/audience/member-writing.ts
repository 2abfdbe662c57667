import { Refusal } from '../../oauth/exchange.ts';
import { problem } from '../errors.ts';
import { invalidResource } from '../http/endpoint.ts';
import { hashOf, newContactId, STATUSES, timeOf } from '../state/mailchimp-state.ts';
import type { Member, Owner, Status, WireObject } from '../state/mailchimp-state.ts';
import type { SideEffect } from '../state/side-effects.ts';
import { mergedValues } from './merge-fields.ts';
import { tagNamed } from './tags.ts';

/** One member as a client sends it, and what is known at its address. */
export interface Writing {
  readonly list: string;
  readonly given: WireObject;
  readonly known: Member | undefined;
  /** Whoever has the address that is given, where that is not the member's own. */
  readonly holder: Member | undefined;
  readonly skipsRequired: boolean;
}

export interface Written {
  readonly member: Member;
  readonly effects: readonly SideEffect[];
}

/** What becomes of a member that is not there. Throws a `Refusal`. */
export function created(owner: Owner, { list, given, skipsRequired }: Writing): Written {
  const address = addressIn(given);
  const status = statusIn(given, 'status_if_new') ?? statusIn(given, 'status');
  if (status === null)
    throw invalidResource('The resource submitted could not be validated.', [
      { field: 'status', message: 'Required fields were not provided: status' },
    ]);
  const hash = hashOf(address);
  if (isForgotten(owner, list, hash))
    throw refusal(
      `${address} was permanently deleted and cannot be re-imported. The contact must re-subscribe to get back on the list.`,
      'Forgotten Email Not Subscribed',
    );
  const at = timeOf(owner.nowMs);
  const member: Member = {
    id: hash,
    email_address: address,
    unique_email_id: hash.slice(0, 10),
    contact_id: newContactId(),
    web_id: Number.parseInt(hash.slice(0, 7), 16),
    email_type: 'html',
    status,
    consents_to_one_to_one_messaging: true,
    merge_fields: mergedValues(owner, list, { known: {}, given: valuesIn(given), skipsRequired }),
    stats: { avg_open_rate: 0, avg_click_rate: 0 },
    ip_signup: '',
    timestamp_signup: '',
    ip_opt: '127.0.0.1',
    timestamp_opt: status === 'subscribed' ? at : '',
    member_rating: 2,
    last_changed: at,
    language: textIn(given, 'language') ?? '',
    vip: given['vip'] === true,
    email_client: '',
    source: 'API - Generic',
    tags: tagsIn(given).map(tagNamed),
    list_id: list,
  };
  return { member, effects: effectsOf(null, member) };
}

/** What becomes of a member that is there. Throws a `Refusal`. */
export function updated(owner: Owner, { list, given, known, holder, skipsRequired }: Writing): Written {
  if (known === undefined) throw new Error('there is no member to update');
  const address = given['email_address'] === undefined ? known.email_address : addressIn(given);
  if (holder && holder.contact_id !== known.contact_id) throw memberExists(address);
  const status = statusIn(given, 'status') ?? known.status;
  if (status === 'subscribed') refuseInComplianceState(known);
  const same = hashOf(address) === known.id;
  const next: Member = {
    ...known,
    // The case of an address that is known stays as it was first written.
    ...(!same && { email_address: address, id: hashOf(address) }),
    status,
    merge_fields: mergedValues(owner, list, { known: known.merge_fields, given: valuesIn(given), skipsRequired }),
    language: textIn(given, 'language') ?? known['language'],
  };
  const isChanged = JSON.stringify(next) !== JSON.stringify(known);
  if (!isChanged) return { member: known, effects: [{ kind: 'write-without-change', of: known.contact_id }] };
  const member = { ...next, last_changed: timeOf(owner.nowMs) };
  return { member, effects: effectsOf(known, member) };
}

/** Whoever has unsubscribed, bounced or complained is subscribed again only by signing up. */
function refuseInComplianceState({ status, email_address: address, _inComplianceState: isIn }: Member): void {
  if (status === 'subscribed' || isIn !== true) return;
  throw refusal(
    `${address} is in a compliance state due to unsubscribe, bounce, or compliance review and cannot be subscribed.`,
    'Member In Compliance State',
  );
}

export const memberExists = (address: string): Refusal =>
  refusal(`${address} is already a list member. Use PUT to insert or update list members.`, 'Member Exists');

const refusal = (detail: string, title: string) => new Refusal(problem(400, detail, { title }));

const isForgotten = ({ state, id }: Owner, list: string, hash: string) =>
  state.get(id, 'forgotten', `${list}/${hash}`) !== undefined;

function addressIn(given: WireObject): string {
  const address = given['email_address'];
  if (typeof address !== 'string' || !/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(address))
    throw invalidResource('Please provide a valid email address.');
  // What Mailchimp takes for fake it does not tell (https://github.com/JustFixNYC/tenants2/issues/1554, 2026-11).
  if (address.startsWith('fake'))
    throw invalidResource(`${address} looks fake or invalid, please enter a real email address.`);
  if (address.startsWith('often'))
    throw invalidResource(
      `${address} has signed up to a lot of lists very recently; we're not allowing more signups for now`,
    );
  return address;
}

function statusIn(given: WireObject, name: string): Status | null {
  const value = given[name];
  if (value === undefined || value === null) return null;
  const status = STATUSES.find((one) => one === value);
  if (status === undefined || status === 'archived')
    throw invalidResource('The resource submitted could not be validated.', [
      { field: name, message: 'Data did not match any of the schemas described in anyOf.' },
    ]);
  return status;
}

const valuesIn = (given: WireObject) => (given['merge_fields'] ?? {}) as Readonly<Record<string, unknown>>;
const tagsIn = ({ tags }: WireObject) =>
  Array.isArray(tags) ? tags.filter((tag): tag is string => typeof tag === 'string') : [];
const textIn = (given: WireObject, name: string) => (typeof given[name] === 'string' ? given[name] : undefined);

function effectsOf(before: Member | null, { status, contact_id: of }: Member): readonly SideEffect[] {
  if (before?.status === status) return [];
  if (status === 'pending') return [{ kind: 'confirmation-sent', of }];
  if (status !== 'subscribed') return [];
  if (before?.status === 'unsubscribed' || before?.status === 'cleaned') return [{ kind: 'resubscribed', of }];
  return [{ kind: 'welcome-automation', of }];
}
