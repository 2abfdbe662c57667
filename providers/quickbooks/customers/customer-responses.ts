import { z } from 'zod';
import { DOCUMENTED_NAMES, namesIn, nullableText } from '../../items.ts';
import { OBJECT_NAMES, objectFields, orNull, reference } from '../http/objects.ts';

/** https://developer.intuit.com/app/developer/qbo/docs/api/accounting/all-entities/customer, read 2026-11-28: as far as it is read here. */
export const customerSchema = z
  .object({
    ...objectFields,
    DisplayName: z.string().min(1),
    Active: z
      .boolean()
      .nullish()
      .transform((value) => value ?? true),
    GivenName: nullableText,
    FamilyName: nullableText,
    CompanyName: nullableText,
    ParentRef: reference,
    PrimaryEmailAddr: orNull(z.object({ Address: nullableText })),
    PrimaryPhone: orNull(z.object({ FreeFormNumber: nullableText })),
    BillAddr: orNull(
      z.object({
        Line1: nullableText,
        Line2: nullableText,
        Line3: nullableText,
        Line4: nullableText,
        Line5: nullableText,
        City: nullableText,
        CountrySubDivisionCode: nullableText,
        PostalCode: nullableText,
        Country: nullableText,
      }),
    ),
  })
  .register(
    DOCUMENTED_NAMES,
    // Also the fields of Intuit's schema (QuickBooks-V3-PHP-SDK, IPPCustomer and IPPNameBase, read 2026-11-29), which the page does not list all.
    namesIn(`
    ${OBJECT_NAMES} IntuitId Organization Title GivenName MiddleName FamilyName Suffix FullyQualifiedName CompanyName
    DisplayName PrintOnCheckName UserId Active V4IDPseudonym PrimaryPhone AlternatePhone Mobile Fax PrimaryEmailAddr WebAddr
    OtherContactInfo DefaultTaxCodeRef Taxable BillAddr ShipAddr OtherAddr ContactName AltContactName Notes Job BillWithParent
    RootCustomerRef ParentRef Level CustomerTypeRef SalesTermRef SalesRepRef TaxGroupCodeRef TaxRateRef PaymentMethodRef
    CCDetail PriceLevelRef Balance OpenBalanceDate BalanceWithJobs CreditLimit AcctNum CurrencyRef OverDueBalance TotalRevenue
    TotalExpense PreferredDeliveryMethod ResaleNum JobInfo TDSEnabled CustomerEx SecondaryTaxIdentifier ARAccountRef
    PrimaryTaxIdentifier TaxExemptionReasonId IsProject ClientEntityId BusinessNumber GSTIN GSTRegistrationType Source`),
  );
export type QuickBooksCustomer = z.output<typeof customerSchema>;
