import { z } from 'zod';
import { changeFeed } from '../../../domain/sync/pull/pull-plan.ts';
import { unreadableIssuesOf, unreadableRejection } from '../../items.ts';
import { ProviderError } from '../../provider-error.ts';
import type { ListQuery, ProviderRejection, PullPlan, ResourceSession } from '../../provider.ts';
import { nullWhenMissing } from '../http/ask.ts';
import type { Ask } from '../http/ask.ts';
import { CHANGES, cursorOf, isoOf, listSchema, squareList, toPage } from '../http/lists.ts';
import { toRecord } from './customer-fields.ts';
import { customerSchema } from './customer-responses.ts';
import type { SquareCustomer } from './customer-responses.ts';
import { createCustomerWriter, MOST_CUSTOMERS, retrieveCustomers } from './customer-writer.ts';
import { Loyalty } from './loyalty.ts';

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
  dates: ['beginnings', 'changes'],
};

const customerPage = listSchema('customers', customerSchema);
const countSchema = z.object({ count: z.int().min(0).nullish() });
const oneCustomer = z.object({ customer: customerSchema });

export function createCustomerSession(ask: Ask): ResourceSession {
  const loyalty = new Loyalty(ask);
  const withPoints = async (
    customers: readonly SquareCustomer[],
    mergedInto?: ReadonlyMap<string, readonly string[]>,
  ) => {
    const accounts = await loyalty.accountsOf(customers.map(({ id }) => id));
    return customers.map((customer) =>
      toRecord(customer, accounts.get(customer.id) ?? null, mergedInto?.get(customer.id)),
    );
  };
  /** Each profile once, with the ids of merged ones that it was asked for by. */
  const answersTo = (asked: Iterable<readonly [id: string, found: SquareCustomer]>) => {
    const byId = Map.groupBy(asked, ([, { id }]) => id);
    const mergedInto = [...byId].map(
      ([id, answers]) => [id, answers.flatMap(([from]) => (from === id ? [] : [from]))] as const,
    );
    return withPoints(
      [...byId.values()].flatMap(([first]) => (first ? [first[1]] : [])),
      new Map(mergedInto),
    );
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
      return found && ((await answersTo([[externalId, found.customer]]))[0] ?? null);
    },

    retrieveMany: {
      size: MOST_CUSTOMERS,
      async read(ids) {
        const customers: [id: string, found: SquareCustomer][] = [];
        const rejections: ProviderRejection[] = [];
        for (const [externalId, found] of await retrieveCustomers(ask, ids)) {
          if (!(found instanceof ProviderError)) customers.push([externalId, found]);
          else if (found.details.httpStatus !== 404) rejections.push(rejectionOf(externalId, found));
        }
        return { records: await answersTo(customers), rejections };
      },
    },

    writer: createCustomerWriter(ask),
  };
}

/** Throws a failure that is no customer's own. */
function rejectionOf(externalId: string, error: ProviderError): ProviderRejection {
  const issues = unreadableIssuesOf(error);
  if (issues === null) throw error;
  return unreadableRejection({ externalId, issues });
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
