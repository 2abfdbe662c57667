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
  const custom = Object.keys(valuesOf(member)).filter((tag) => !isOwn(tag));
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

type MergeValues = Readonly<Record<string, unknown>>;

const valuesOf = ({ merge_fields: values }: Member): MergeValues => values ?? NO_VALUES;
const NO_VALUES: MergeValues = {};

export function toFields(member: Member): CustomerFields {
  const values = valuesOf(member);
  return {
    name: [textIn(values, OWN_TAGS.given), textIn(values, OWN_TAGS.family)].filter(Boolean).join(' ') || null,
    email: member.email_address,
    phone: textIn(values, OWN_TAGS.phone),
    address: addressIn(values[OWN_TAGS.address]),
    marketingConsent: CONSENTS[member.status],
    metadata: metadataOf(member),
  };
}

function metadataOf(member: Member): CustomerFields['metadata'] {
  const metadata: Record<string, string> = { mailchimp_status: member.status };
  if (member.unsubscribe_reason) metadata['mailchimp_unsubscribe_reason'] = member.unsubscribe_reason;
  if (member.language) metadata['mailchimp_language'] = member.language;
  if (member.vip === true) metadata['mailchimp_vip'] = 'true';
  const tags = tagNames(member).join(', ');
  if (tags !== '') metadata[TAGS_KEY] = tags;
  const values = valuesOf(member);
  for (const tag of Object.keys(values)) {
    const text = isOwn(tag) ? null : textIn(values, tag);
    if (text !== null) metadata[`mailchimp_merge_${tag}`] = text;
  }
  return metadata;
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

/** A merge field's value as text: text or a number. */
function textIn(values: MergeValues, tag: string): string | null {
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

export const tagNames = ({ tags }: Pick<Member, 'tags'>): readonly string[] => tags?.map(({ name }) => name) ?? [];

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
    givenLength: (textIn(valuesOf(member), OWN_TAGS.given) ?? '').length,
  };
}

export const digestOf = (names: readonly string[]): string =>
  names.length === 0 ? NO_TAGS : fingerprintOf(comparableTags(names)).slice(0, 16);
/** Most members have none. */
const NO_TAGS = fingerprintOf([]).slice(0, 16);
