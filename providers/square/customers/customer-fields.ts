import type { Address, CustomerFields } from '../../../records/customers.ts';
import type { ProviderRecord } from '../../provider.ts';
import { changedAt, withoutEmpty } from '../http/lists.ts';
import type { SquareCustomer } from './customer-responses.ts';
import type { LoyaltyAccount } from './loyalty.ts';

/**
 * A profile as a record; the loyalty account is null where it has none or was not read. `mergedFrom`: ids of merged
 * profiles that it was asked for by.
 */
export function toRecord(
  customer: SquareCustomer,
  account: LoyaltyAccount | null,
  mergedFrom: readonly string[] = [],
): ProviderRecord {
  return {
    externalId: customer.id,
    version: customer.version,
    deleted: false,
    recordId: customer.reference_id,
    fields: toFields(customer, account),
    ...changedAt(customer.updated_at),
    ...(mergedFrom.length > 0 && { mergedFrom }),
    ...(customer.created_at !== null && { beganAtMs: Date.parse(customer.created_at) }),
  };
}

export function toFields(customer: SquareCustomer, account: LoyaltyAccount | null): CustomerFields {
  const person = [customer.given_name, customer.family_name].filter((part) => part !== null).join(' ');
  return {
    name: person || customer.company_name || customer.nickname,
    email: customer.email_address,
    phone: customer.phone_number,
    address: customer.address ? toAddress(customer.address) : null,
    // Who has not unsubscribed has not agreed to anything by that: Square tells a refusal and nothing else.
    marketingConsent: customer.preferences?.email_unsubscribed === true ? false : null,
    metadata: withoutEmpty({
      square_company_name: customer.company_name,
      square_nickname: customer.nickname,
      square_birthday: customer.birthday,
      // Our own record's id says nothing new.
      square_reference_id: isRecordId(customer.reference_id) ? null : customer.reference_id,
      square_loyalty_points: textOf(account?.balance),
      square_loyalty_lifetime_points: textOf(account?.lifetime_points),
    }),
  };
}

const isRecordId = (reference: string | null): boolean =>
  reference !== null && /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/.test(reference);

const textOf = (points: number | null | undefined): string | null => (points == null ? null : String(points));

function toAddress(address: NonNullable<SquareCustomer['address']>): Address {
  const second = [address.address_line_2, address.address_line_3].filter((line) => line !== null).join(', ');
  return {
    line1: address.address_line_1,
    line2: second || null,
    city: address.locality,
    region: address.administrative_district_level_1,
    postalCode: address.postal_code,
    country: address.country,
  };
}
