import { z } from 'zod';
import { DOCUMENTED_NAMES, namesIn, nullableText } from '../../items.ts';
import { guid, listOf, wireTime } from '../http/objects.ts';

/** Xero keeps the properties of each type; what is sent takes the place of the type. */
const addressSchema = z.looseObject({
  AddressType: z.string(),
  AddressLine1: nullableText,
  AddressLine2: nullableText,
  AddressLine3: nullableText,
  AddressLine4: nullableText,
  City: nullableText,
  Region: nullableText,
  PostalCode: nullableText,
  Country: nullableText,
});
const phoneSchema = z.looseObject({
  PhoneType: z.string(),
  PhoneNumber: nullableText,
  PhoneAreaCode: nullableText,
  PhoneCountryCode: nullableText,
});

/** https://developer.xero.com/documentation/api/accounting/contacts, read 2026-11-29: as far as it is read here. */
export const contactSchema = z
  .object({
    ContactID: guid,
    ContactNumber: nullableText,
    AccountNumber: nullableText,
    /** `ARCHIVED`, and `GDPRREQUEST` for one that was erased, are out of use. */
    ContactStatus: z
      .string()
      .nullish()
      .transform((status) => status ?? 'ACTIVE'),
    Name: z.string().min(1),
    FirstName: nullableText,
    LastName: nullableText,
    CompanyNumber: nullableText,
    EmailAddress: nullableText,
    Addresses: listOf(addressSchema),
    Phones: listOf(phoneSchema),
    UpdatedDateUTC: wireTime,
  })
  .register(
    DOCUMENTED_NAMES,
    // Also the properties of Xero's own description of its API (xero-node, accounting 2.0.5, read 2026-11-29).
    namesIn(`
    ContactID MergedToContactID ContactNumber AccountNumber ContactStatus Name FirstName LastName CompanyNumber EmailAddress
    SkypeUserName ContactPersons BankAccountDetails TaxNumber TaxNumberType AccountsReceivableTaxType AccountsPayableTaxType
    Addresses Phones IsSupplier IsCustomer SalesDefaultLineAmountType PurchasesDefaultLineAmountType DefaultCurrency
    XeroNetworkKey SalesDefaultAccountCode PurchasesDefaultAccountCode SalesTrackingCategories PurchasesTrackingCategories
    TrackingCategoryName TrackingCategoryOption PaymentTerms UpdatedDateUTC ContactGroups Website BrandingTheme BatchPayments
    Discount Balances Attachments HasAttachments ValidationErrors HasValidationErrors StatusAttributeString`),
  );
export type XeroContact = z.output<typeof contactSchema>;
export type XeroAddress = z.output<typeof addressSchema>;
