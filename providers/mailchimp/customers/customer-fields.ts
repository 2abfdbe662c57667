import { hash } from 'node:crypto';
import type { Address, CustomerFields } from '../../../records/customers.ts';
import { fingerprintOf } from '../../../domain/sync/fingerprint.ts';
import { textAt } from '../../items.ts';
import type { ExternalState, ProviderRecord } from '../../provider.ts';
import type { Member } from './customer-responses.ts';

/** The merge fields that every new audience has, and that become fields of a customer. */
export const OWN_TAGS = { given: 'FNAME', family: 'LNAME', phone: 'PHONE', address: 'ADDRESS' } as const;

/** Mailchimp holds no metadata of ours but tags: what a pull tells are its own facts, under keys that begin so. */
export const MAILCHIMP_METADATA = { prefix: 'mailchimp_' } as const;
/** The names of a member's tags, joined by commas. */
export const TAGS_KEY = 'mailchimp_tags';

/** MD5 of the address in lower case, by which the API knows a member's address. */
export const hashOf = (address: string): string => hash('md5', address.toLowerCase());

/**
 * A member as a record; deleted where it is archived. Two changes may be made in the second that `last_changed` tells,
 * so the version is the time at which the member was asked for.
 */
export function toRecord(member: Member, askedAtMs: number): ProviderRecord {
  const changedAtMs = Date.parse(member.last_changed ?? '');
  const about = {
    externalId: member.contact_id,
    version: askedAtMs,
    recordId: null,
    ...(!Number.isNaN(changedAtMs) && { changedAtMs }),
  };
  if (member.status === 'archived') return { ...about, deleted: true, fields: null };
  const custom = Object.keys(member.merge_fields).filter((tag) => !isOwn(tag));
  return {
    ...about,
    deleted: false,
    fields: toFields(member),
    externalState: stateOf(member),
    ...(custom.length > 0 && { customFields: custom.map((tag) => ['merge_fields', tag]) }),
  };
}

const isOwn = (tag: string): boolean => OWN.has(tag);
const OWN: ReadonlySet<string> = new Set(Object.values(OWN_TAGS));

export function toFields(member: Member): CustomerFields {
  const { merge_fields: values, status } = member;
  return {
    name: [textIn(values, OWN_TAGS.given), textIn(values, OWN_TAGS.family)].filter(Boolean).join(' ') || null,
    email: member.email_address,
    phone: textIn(values, OWN_TAGS.phone),
    address: addressIn(values[OWN_TAGS.address]),
    marketingConsent: CONSENTS[status],
    metadata: withoutEmpty({
      mailchimp_status: status,
      mailchimp_unsubscribe_reason: member.unsubscribe_reason,
      mailchimp_language: member.language,
      mailchimp_vip: member.vip === true ? 'true' : null,
      [TAGS_KEY]: tagNames(member).join(', ') || null,
      ...Object.fromEntries(
        Object.keys(values)
          .filter((tag) => !isOwn(tag))
          .map((tag) => [`mailchimp_merge_${tag}`, textIn(values, tag)]),
      ),
    }),
  };
}

/**
 * What a status says of the consent to marketing. A cleaned address has bounced, and gets no mail either. Who has not
 * confirmed, or is only there because of purchases, has said nothing.
 */
const CONSENTS: Readonly<Record<Member['status'], boolean | null>> = {
  subscribed: true,
  unsubscribed: false,
  cleaned: false,
  pending: null,
  transactional: null,
  archived: null,
};

const withoutEmpty = (values: Readonly<Record<string, string | null>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(values).flatMap(([key, value]) => (value ? [[key, value] as const] : [])));

/** A merge field's value as text: text or a number. */
function textIn(values: Member['merge_fields'], tag: string): string | null {
  const value = values[tag];
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' && value !== '' ? value : null;
}

function addressIn(value: unknown): Address | null {
  if (typeof value !== 'object' || value === null) return null;
  const parts = {
    line1: textAt(value, 'addr1'),
    line2: textAt(value, 'addr2'),
    city: textAt(value, 'city'),
    region: textAt(value, 'state'),
    postalCode: textAt(value, 'zip'),
  };
  // Mailchimp adds the United States to an address without a country, also to one without anything else.
  return Object.values(parts).every((part) => part === null) ? null : { ...parts, country: textAt(value, 'country') };
}

export const tagNames = ({ tags }: Pick<Member, 'tags'>): readonly string[] => tags.map(({ name }) => name);

/** Tags in the form in which two sets of them are equal: their order and case mean nothing. */
export const comparableTags = (names: readonly string[]): readonly string[] =>
  [...new Set(names.map((name) => name.trim().toLowerCase()).filter((name) => name !== ''))].sort();

/** What the next write has to know of a member without reading it. Nothing in it tells who the member is. */
function stateOf(member: Member): ExternalState {
  return {
    hash: member.id,
    status: member.status,
    tags: digestOf(tagNames(member)),
    // Where the given name ends, so that a name is written as it was read.
    givenLength: (textIn(member.merge_fields, OWN_TAGS.given) ?? '').length,
  };
}

export const digestOf = (names: readonly string[]): string => fingerprintOf(comparableTags(names)).slice(0, 16);
