import { isLongerThan } from '../../../domain/reference/characters.ts';
import type { Address, CustomerFields } from '../../../records/customers.ts';
import { comparableAddress } from '../../comparable-address.ts';
import type { MappedRecord, ResourceMapping } from '../../provider.ts';
import { SQUARE_IDEMPOTENCY } from '../http/ask.ts';
import { SQUARE_METADATA } from '../http/lists.ts';

/**
 * What Square can hold of a customer. `reference_id` is Square's field for an id in another system: a new profile gets our
 * record's id there, and an existing one keeps what it has.
 */
export interface CustomerPayload {
  readonly name: string | null;
  readonly email: string | null;
  readonly phone: string | null;
  readonly address: Address | null;
  readonly reference_id: string;
}

/** What is written of a profile; fields that the venue has left out are missing. */
export type SentProfile = Partial<CustomerPayload> & Pick<CustomerPayload, 'reference_id'>;

/** Metadata and consent to marketing have no place in a profile that an application can write to. */
export const customerMapping: ResourceMapping = {
  toPayload({ id, fields }) {
    const payload: CustomerPayload = { ...contentOf(fields as CustomerFields), reference_id: id };
    return { payload: { ...payload }, problems: problemsOf(payload) };
  },
  idempotency: SQUARE_IDEMPOTENCY,
  leavesAbsent: true,
  concurrency: 'versions',
  // Square tells a refusal of marketing and no consent. Points change without the customer's version.
  holdings: {
    marketingConsent: 'when-set',
    metadata: { ...SQUARE_METADATA, unversioned: ['square_loyalty_'] },
  },
  // An update reads the profile first, because only changed fields are written and the version is carried.
  callsToWrite: (_, remote) => (remote === null ? 1 : 2),
};

/** A customer's fields in the form in which two readings of one customer are equal. */
export function contentOf(fields: CustomerFields): Omit<CustomerPayload, 'reference_id'> {
  const { email, phone, address } = fields;
  return {
    name: fields.name?.trim().replace(/\s+/g, ' ') || null,
    email: email || null,
    phone: phone || null,
    address: address && comparableAddress(address),
  };
}

/**
 * https://developer.squareup.com/reference/square/customers-api/create-customer and the typings of the SDK (square
 * 46.0.0, CreateCustomerRequest), read 2026-11-28.
 */
const LIMITS = { name: 600, email: 254 } as const;
const PHONE = /^\+?(?:[ ().-]*\d){9,16}[ ().-]*$/;

function problemsOf(payload: CustomerPayload): MappedRecord['problems'] {
  const { name, email, phone, address } = payload;
  const tooLong = (['name', 'email'] as const).flatMap((path) =>
    isLongerThan(payload[path] ?? '', LIMITS[path])
      ? [{ path, message: `Square allows at most ${LIMITS[path]} characters.` }]
      : [],
  );
  return [
    ...tooLong,
    ...(name === null && email === null && phone === null
      ? [{ path: 'name', message: 'Square needs a name, an email address or a phone number.' }]
      : []),
    ...(phone !== null && !PHONE.test(phone)
      ? [{ path: 'phone', message: 'Square takes a phone number of 9 to 16 digits.' }]
      : []),
    ...(address?.country != null && !/^[A-Z]{2}$/.test(address.country)
      ? [{ path: 'address.country', message: 'Square takes a country of ISO 3166.' }]
      : []),
  ];
}
