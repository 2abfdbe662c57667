import { z } from 'zod';
import type { Address, CustomerFields } from '../../../records/customers.ts';
import { changeFeed } from '../../../domain/sync/pull/pull-plan.ts';
import type { ListQuery, ProviderRecord, PullPlan, ResourceSession } from '../../provider.ts';
import { nullWhenMissing } from '../http/ask.ts';
import type { Ask } from '../http/ask.ts';
import { CHANGES, cursorOf, isoOf, listSchema, squareList, toPage, withoutEmpty } from '../http/lists.ts';
import { customerSchema } from './customer-responses.ts';
import type { SquareCustomer } from './customer-responses.ts';
import { Loyalty } from './loyalty.ts';
import type { LoyaltyAccount } from './loyalty.ts';

/** https://developer.squareup.com/reference/square/customers-api/search-customers, read 2026-11-28. */
const PAGE_SIZE = 100;

/**
 * The list is ordered by creation and can be filtered by it, so an expired cursor is replaced by a time. What changed can be filtered by the
 * time of the change and not be ordered by it: there an expired cursor costs the list once more. Nothing tells deletions but a full pass.
 */
export const customerPullPlan: PullPlan = {
  listing: [[squareList('customers', { from: 'time', overlapS: 60 })]],
  changes: changeFeed([[squareList('changed-customers', { from: 'start' })]], CHANGES),
  mayVanish: true,
};

const customerPage = listSchema('customers', customerSchema);
const countSchema = z.object({ count: z.int().min(0).nullish() });
const oneCustomer = z.object({ customer: customerSchema });

export function createCustomerSession(ask: Ask): ResourceSession {
  const loyalty = new Loyalty(ask);
  const withPoints = async (customers: readonly SquareCustomer[]) => {
    const accounts = await loyalty.accountsOf(customers.map(({ id }) => id));
    return customers.map((customer) => toRecord(customer, accounts.get(customer.id) ?? null));
  };
  return {
    async listPage(query) {
      const page = await ask(customerPage, { method: 'POST', path: '/v2/customers/search', body: searchOf(query) });
      return toPage(page, await withPoints(page.items), PAGE_SIZE);
    },

    async count() {
      const body = { limit: 1, count: true };
      return (await ask(countSchema, { method: 'POST', path: '/v2/customers/search', body })).count ?? null;
    },

    // Higher than any version of Square's: a customer that is gone stays gone, since ids are never used again.
    versionOf: (askedAtMs) => askedAtMs,

    async retrieve(externalId) {
      const path = `/v2/customers/${encodeURIComponent(externalId)}`;
      const found = await nullWhenMissing(ask(oneCustomer, { method: 'GET', path, isOneObject: true }));
      return found && ((await withPoints([found.customer]))[0] ?? null);
    },

    writer: null,
  };
}

/** Every page repeats the whole query: a cursor fits no other. */
function searchOf(query: ListQuery) {
  const range = {
    ...(query.fromEpochS !== null && { start_at: isoOf(query.fromEpochS) }),
    end_at: isoOf(query.toEpochS),
  };
  const filter = query.stream === 'customers' ? { created_at: range } : { updated_at: range };
  return { limit: PAGE_SIZE, query: { filter, sort: { field: 'CREATED_AT', order: 'ASC' } }, ...cursorOf(query) };
}

function toRecord(customer: SquareCustomer, account: LoyaltyAccount | null): ProviderRecord {
  return {
    externalId: customer.id,
    version: customer.version,
    deleted: false,
    recordId: customer.reference_id,
    fields: toFields(customer, account),
  };
}

function toFields(customer: SquareCustomer, account: LoyaltyAccount | null): CustomerFields {
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
      square_reference_id: customer.reference_id,
      square_loyalty_points: textOf(account?.balance),
      square_loyalty_lifetime_points: textOf(account?.lifetime_points),
    }),
  };
}

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
