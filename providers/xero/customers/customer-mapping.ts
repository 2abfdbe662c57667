import { isLongerThan } from '../../../domain/reference/characters.ts';
import type { Address, CustomerFields } from '../../../records/customers.ts';
import { comparableAddress } from '../../comparable-address.ts';
import { nameAndAddress } from '../../name-and-address.ts';
import type { MappedRecord, ResourceMapping } from '../../provider.ts';
import { XERO_IDEMPOTENCY } from '../http/ask.ts';
import { XERO_METADATA } from '../http/objects.ts';
import { referenceOf } from './customer-fields.ts';

/** What Xero can hold of a customer. */
export interface CustomerPayload {
  readonly reference: string;
  readonly name: string | null;
  readonly email: string | null;
  readonly phone: string | null;
  readonly address: Address | null;
}

/** Metadata and consent to marketing have no place in a contact. */
export const customerMapping: ResourceMapping = {
  toPayload({ id, fields }) {
    const payload = { reference: referenceOf(id), ...contentOf(fields as CustomerFields) };
    return { payload, problems: problemsOf(payload) };
  },
  idempotency: XERO_IDEMPOTENCY,
  leavesAbsent: true,
  identity: { fields: ['email', 'name'], of: nameAndAddress },
  concurrency: 'versions',
  holdings: { marketingConsent: 'nothing', metadata: XERO_METADATA },
  // An update reads the contact first, because only changed properties are written.
  callsToWrite: (_, remote) => (remote === null ? 1 : 2),
};

/** A customer’s fields in the form in which two readings of one contact are equal. */
export function contentOf({ name, email, phone, address }: CustomerFields): Omit<CustomerPayload, 'reference'> {
  return {
    name: name?.trim().replace(/\s+/g, ' ') || null,
    email: email || null,
    phone: phone || null,
    address: address && comparableAddress(address),
  };
}

/** https://developer.xero.com/documentation/api/accounting/contacts, read 2026-11-29. */
const LIMITS = { name: 255, email: 255, phone: 50 } as const;
const ADDRESS_LIMITS = { line1: 500, line2: 500, city: 255, region: 255, postalCode: 50, country: 50 } as const;

function problemsOf({ address, ...payload }: CustomerPayload): MappedRecord['problems'] {
  const tooLong = (path: string, text: string | null, most: number) =>
    isLongerThan(text ?? '', most) ? [{ path, message: `Xero allows at most ${most} characters.` }] : [];
  const parts = Object.entries(ADDRESS_LIMITS) as readonly [keyof typeof ADDRESS_LIMITS, number][];
  return [
    ...(['name', 'email', 'phone'] as const).flatMap((path) => tooLong(path, payload[path], LIMITS[path])),
    ...parts.flatMap(([part, most]) => tooLong(`address.${part}`, address?.[part] ?? null, most)),
    // "umlauts not supported": anything but plain letters is refused.
    ...(payload.email !== null && !/^[\x21-\x7e]+$/.test(payload.email)
      ? [{ path: 'email', message: 'Xero allows no letters with accents in an address.' }]
      : []),
  ];
}
