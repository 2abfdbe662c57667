import { z } from 'zod';
import { DOCUMENTED_NAMES, namesIn, nullableText } from '../../items.ts';
import { versionNumber } from '../http/lists.ts';

/** https://developer.squareup.com/reference/square/objects/Customer, read 2026-11-28: as far as it is read here. */
export const customerSchema = z
  .object({
    id: z.string().min(1),
    version: versionNumber,
    created_at: nullableText,
    updated_at: nullableText,
    given_name: nullableText,
    family_name: nullableText,
    nickname: nullableText,
    company_name: nullableText,
    email_address: nullableText,
    phone_number: nullableText,
    birthday: nullableText,
    reference_id: nullableText,
    address: z
      .object({
        address_line_1: nullableText,
        address_line_2: nullableText,
        address_line_3: nullableText,
        locality: nullableText,
        administrative_district_level_1: nullableText,
        postal_code: nullableText,
        country: nullableText,
      })
      .nullish(),
    preferences: z.object({ email_unsubscribed: z.boolean().nullish() }).nullish(),
  })
  .register(
    DOCUMENTED_NAMES,
    namesIn(`
    id created_at updated_at given_name family_name nickname company_name email_address address phone_number birthday
    reference_id note preferences creation_source group_ids segment_ids version tax_ids cards`),
  );

export type SquareCustomer = z.output<typeof customerSchema>;
