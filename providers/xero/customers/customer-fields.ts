import type { Address, CustomerFields } from '../../../records/customers.ts';
import type { ProviderRecord } from '../../provider.ts';
import { toDeletion, withoutEmpty } from '../http/objects.ts';
import type { XeroAddress, XeroContact } from './customer-responses.ts';

const REFERENCE = /^interlock-([\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12})(?:-\d)?$/;

/**
 * The contact number of a record: the property that Xero keeps for other systems’ ids. Only the API changes it, and no
 * two contacts share one (https://developer.xero.com/documentation/api/accounting/contacts, read 2026-11-29).
 */
export const referenceOf = (recordId: string): string => `interlock-${recordId}`;

/**
 * The numbers of one record’s contacts, the first first: a contact that is archived keeps its number, and the record’s next
 * contact has another.
 */
export const referencesOf = (reference: string): readonly string[] => [
  reference,
  ...Array.from({ length: 8 }, (_, index) => `${reference}-${index + 2}`),
];

export const isActive = ({ ContactStatus: status }: Pick<XeroContact, 'ContactStatus'>): boolean => status === 'ACTIVE';

/** Whether a push has made the contact, of whichever connection. */
export const isOfRecord = ({ ContactNumber: number }: Pick<XeroContact, 'ContactNumber'>): boolean =>
  REFERENCE.test(number ?? '');

/** Xero deletes no contact: one that is archived or erased counts as deleted. */
export function toRecord(contact: XeroContact): ProviderRecord {
  if (!isActive(contact)) return toDeletion(contact.ContactID, contact.UpdatedDateUTC);
  return {
    externalId: contact.ContactID,
    version: contact.UpdatedDateUTC,
    deleted: false,
    changedAtMs: contact.UpdatedDateUTC,
    recordId: REFERENCE.exec(contact.ContactNumber ?? '')?.[1] ?? null,
    fields: toFields(contact),
  };
}

export const toFields = (contact: XeroContact): CustomerFields => ({
  name: contact.Name,
  email: contact.EmailAddress,
  phone: phoneOf(contact),
  address: toAddress(postalAddressOf(contact)),
  // Xero knows nothing of consent to marketing.
  marketingConsent: null,
  metadata: withoutEmpty({
    xero_first_name: contact.FirstName,
    xero_last_name: contact.LastName,
    xero_company_number: contact.CompanyNumber,
    xero_account_number: contact.AccountNumber,
  }),
});

/** The address that invoices are sent to. */
export const postalAddressOf = ({ Addresses: addresses }: XeroContact): XeroAddress | undefined =>
  addresses.find(({ AddressType: type }) => type === 'POBOX');

/** Country and area code stand before the number, where they are kept apart. */
function phoneOf({ Phones: phones }: XeroContact): string | null {
  const phone = phones.find(({ PhoneType: type }) => type === 'DEFAULT');
  if (!phone?.PhoneNumber) return null;
  const { PhoneCountryCode: country, PhoneAreaCode: area, PhoneNumber: number } = phone;
  return [country && `+${country.replace(/^\+/, '')}`, area, number].filter(Boolean).join(' ');
}

function toAddress(address: XeroAddress | undefined): Address | null {
  if (!address) return null;
  const more = [address.AddressLine2, address.AddressLine3, address.AddressLine4].filter((line) => line !== null);
  const parts: Address = {
    line1: address.AddressLine1,
    line2: more.join(', ') || null,
    city: address.City,
    region: address.Region,
    postalCode: address.PostalCode,
    country: address.Country,
  };
  return Object.values(parts).every((part) => part === null) ? null : parts;
}
