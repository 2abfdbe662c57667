import { isLongerThan } from '../../../domain/reference/characters.ts';
import type { Address, CustomerFields } from '../../../records/customers.ts';
import { comparableAddress } from '../../comparable-address.ts';
import { nameAndAddress } from '../../name-and-address.ts';
import type { MappedRecord, ResourceMapping } from '../../provider.ts';
import { QUICKBOOKS_IDEMPOTENCY } from '../http/ask.ts';
import { QUICKBOOKS_METADATA } from '../http/objects.ts';

/** What QuickBooks can hold of a customer. */
export interface CustomerPayload {
  readonly name: string | null;
  readonly email: string | null;
  readonly phone: string | null;
  readonly address: Address | null;
}

/** Metadata and consent to marketing have no place in a customer. */
export const customerMapping: ResourceMapping = {
  toPayload({ fields }) {
    const payload = contentOf(fields as CustomerFields);
    return { payload: { ...payload }, problems: problemsOf(payload) };
  },
  idempotency: QUICKBOOKS_IDEMPOTENCY,
  leavesAbsent: true,
  identity: { fields: ['email', 'name'], of: nameAndAddress },
  concurrency: 'versions',
  holdings: { marketingConsent: 'nothing', metadata: QUICKBOOKS_METADATA },
  // An update reads the customer first, because only changed properties are written and the SyncToken is carried.
  callsToWrite: (_, remote) => (remote === null ? 1 : 2),
};

/** A customer's fields in the form in which two readings of one customer are equal. */
export function contentOf({ name, email, phone, address }: CustomerFields): CustomerPayload {
  return {
    name: name?.trim().replace(/ +/g, ' ') || null,
    email: email || null,
    phone: phone || null,
    address: address && comparableAddress(address),
  };
}

/** https://developer.intuit.com/app/developer/qbo/docs/api/accounting/all-entities/customer, read 2026-11-28. */
const LIMITS = { name: 500, email: 100, phone: 30 } as const;

function problemsOf(payload: CustomerPayload): MappedRecord['problems'] {
  const tooLong = (['name', 'email', 'phone'] as const).flatMap((path) =>
    isLongerThan(payload[path] ?? '', LIMITS[path])
      ? [{ path, message: `QuickBooks allows at most ${LIMITS[path]} characters.` }]
      : [],
  );
  return [...tooLong, ...nameProblems(payload.name)];
}

/** A colon would make a sub-customer of the name. That a new object needs one is told by its writer: an update may leave it out. */
export const nameProblems = (name: string | null): MappedRecord['problems'] =>
  name !== null && /[:\t\r\n]/.test(name)
    ? [{ path: 'name', message: 'QuickBooks allows no colon, tab or line break in a name.' }]
    : [];
