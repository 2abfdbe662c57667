import { z } from 'zod';
import { nullableText, objectFields, orNull, reference } from '../http/objects.ts';

/** https://developer.intuit.com/app/developer/qbo/docs/api/accounting/all-entities/customer, read 2026-11-28: as far as it is read here. */
export const customerSchema = z.object({
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
});
export type QuickBooksCustomer = z.output<typeof customerSchema>;
