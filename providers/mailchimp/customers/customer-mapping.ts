import { isLongerThan } from '../../../domain/reference/characters.ts';
import type { RecordNote } from '../../../contracts/records.ts';
import type { Address, CustomerFields } from '../../../records/customers.ts';
import { comparableAddress } from '../../comparable-address.ts';
import type { MappedRecord, ResourceMapping } from '../../provider.ts';
import { comparableTags, digestOf, MAILCHIMP_METADATA, TAGS_KEY } from './customer-fields.ts';

/** What Mailchimp can hold of a customer. */
export interface CustomerPayload {
  readonly name: string | null;
  /** In lower case, as Mailchimp compares addresses. */
  readonly email: string | null;
  readonly phone: string | null;
  /** Null also for an address that Mailchimp would refuse as incomplete. */
  readonly address: Address | null;
  /** Null leaves the member's status as it is. */
  readonly marketingConsent: boolean | null;
  /** Null leaves the member's tags as they are. */
  readonly tags: readonly string[] | null;
}

/** What is written of a member; fields that the venue has left out are missing. */
export type SentMember = Partial<CustomerPayload>;

export const customerMapping: ResourceMapping = {
  toPayload({ fields: given }) {
    const fields = given as CustomerFields;
    const payload = contentOf(fields);
    const isCut = payload.address === null && fields.address !== null && comparableAddress(fields.address) !== null;
    return { payload: { ...payload }, problems: problemsOf(payload), ...(isCut && { notes: [ADDRESS_INCOMPLETE] }) };
  },
  leavesAbsent: true,
  concurrency: 'parts',
  // An audience has one member of an address.
  identity: { fields: ['email'], of: ({ email }) => (typeof email === 'string' ? email : null) },
  // A batch names its members by their addresses.
  alwaysSent: ['email'],
  // An audience may lack a merge field, and an address that is incomplete has no place in one: an empty value says
  // nothing. Mailchimp tells tags and other facts, and holds no other metadata.
  holdings: { name: 'when-set', phone: 'when-set', address: 'when-set', metadata: MAILCHIMP_METADATA },
  callsToWrite({ payload }, remote) {
    if (remote === null) return 1;
    const { marketingConsent, tags } = payload as SentMember;
    const { externalState: state } = remote;
    const looksFirst = marketingConsent === true && state?.['status'] !== 'subscribed';
    const writesTags = tags != null && digestOf(tags) !== state?.['tags'];
    return 1 + (looksFirst ? 1 : 0) + (writesTags ? 1 : 0);
  },
};

export const ADDRESS_INCOMPLETE: RecordNote = {
  code: 'address-incomplete',
  message: 'Mailchimp takes only addresses with a street, a city, a region and a postal code: this one was not sent.',
};

/** A customer's fields in the form in which two readings of one member are equal. */
export function contentOf({
  name,
  email,
  phone,
  address,
  marketingConsent,
  metadata,
}: CustomerFields): CustomerPayload {
  const tags = metadata[TAGS_KEY];
  return {
    name: name?.trim().replace(/\s+/g, ' ') || null,
    email: email?.trim().toLowerCase() || null,
    phone: phone || null,
    address: address && completeAddress(address),
    marketingConsent: marketingConsent ?? null,
    tags: tags === undefined ? null : comparableTags(tags.split(',')),
  };
}

/**
 * "addr1, city, state and zip are required" (https://mailchimp.com/developer/marketing/docs/merge-fields/, read
 * 2026-11-29; https://github.com/drewm/mailchimp-api/issues/262).
 */
function completeAddress(address: Address): Address | null {
  const parts = comparableAddress(address);
  const isComplete = parts?.line1 && parts.city && parts.region && parts.postalCode;
  return isComplete ? parts : null;
}

/** Longer values of a text field are refused (https://mailchimp.com/help/format-data-in-your-audience/, read 2026-11-29). */
const MAX_TEXT = 255;

function problemsOf({ name, email }: CustomerPayload): MappedRecord['problems'] {
  return [
    ...(email === null ? [{ path: 'email', message: 'A member of an audience needs an email address.' }] : []),
    ...(name !== null && isLongerThan(name, MAX_TEXT)
      ? [{ path: 'name', message: `Mailchimp allows at most ${MAX_TEXT} characters.` }]
      : []),
  ];
}
