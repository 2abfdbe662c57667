import type { SpanLists } from '../domain/sync/pull/pull-plan.ts';
import { transactions } from '../records/transactions.ts';
import type { ProviderAdapter } from './provider.ts';

type Adapter = Pick<ProviderAdapter, 'capabilities' | 'pullPlan'>;

/** Whether the provider has transactions and can be asked for those of a span of time. */
export const reconciles = (adapter: Adapter): boolean => spanOf(adapter) !== undefined;

/**
 * The time zone in which instants of the provider's transactions have their days. A day of an account is no instant, and
 * in the venue's zone its first instant in UTC would often be the day before.
 */
export const zoneOfDays = (adapter: Adapter | null, venueZone: string): string =>
  adapter !== null && hasDaysAlone(adapter) ? 'UTC' : venueZone;

/** Whether the provider's transactions have days and no times. */
export const hasDaysAlone = (adapter: Adapter): boolean => spanOf(adapter)?.hasDaysAlone === true;

function spanOf({ capabilities, pullPlan }: Adapter): SpanLists | undefined {
  const isPulled = capabilities.resources.some(
    ({ resource, directions }) => resource === transactions.name && directions.includes('pull'),
  );
  return isPulled ? pullPlan(transactions.name).span : undefined;
}
