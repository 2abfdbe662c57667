import { countryCodeOf } from '../../../domain/reference/countries.ts';
import type { Address, CustomerFields } from '../../../records/customers.ts';
import type { ProviderRecord } from '../../provider.ts';
import { customFieldsOf, toDeletion, versionOf, withoutEmpty } from '../http/objects.ts';
import type { QuickBooksCustomer } from './customer-responses.ts';

/** QuickBooks deletes no customer: one that is inactive counts as deleted, and its name says so too. */
export function toRecord(customer: QuickBooksCustomer): ProviderRecord {
  if (!customer.Active) return toDeletion(customer.Id, Date.parse(customer.MetaData.LastUpdatedTime));
  return {
    externalId: customer.Id,
    version: versionOf(customer),
    deleted: false,
    changedAtMs: Date.parse(customer.MetaData.LastUpdatedTime),
    recordId: null,
    fields: toFields(customer),
    ...customFieldsOf(customer),
  };
}

export const toFields = (customer: QuickBooksCustomer): CustomerFields => ({
  name: customer.DisplayName,
  email: customer.PrimaryEmailAddr?.Address ?? null,
  phone: customer.PrimaryPhone?.FreeFormNumber ?? null,
  address: customer.BillAddr && toAddress(customer.BillAddr),
  // QuickBooks knows nothing of consent to marketing.
  marketingConsent: null,
  metadata: withoutEmpty({
    quickbooks_given_name: customer.GivenName,
    quickbooks_family_name: customer.FamilyName,
    quickbooks_company_name: customer.CompanyName,
    quickbooks_parent_id: customer.ParentRef?.value ?? null,
  }),
});

/** Addresses that a person typed may stand in lines alone. */
function toAddress(address: NonNullable<QuickBooksCustomer['BillAddr']>): Address | null {
  const more = [address.Line2, address.Line3, address.Line4, address.Line5].filter((line) => line !== null).join(', ');
  const parts: Address = {
    line1: address.Line1,
    line2: more || null,
    city: address.City,
    region: address.CountrySubDivisionCode,
    postalCode: address.PostalCode,
    // Written as two letters, or as a name, a country comes back as three letters.
    country: address.Country && (countryCodeOf(address.Country) ?? address.Country),
  };
  return Object.values(parts).every((part) => part === null) ? null : parts;
}
