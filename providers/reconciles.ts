import { transactions } from '../records/transactions.ts';
import type { ProviderAdapter } from './provider.ts';

/** Whether the provider has transactions and can be asked for those of a span of time. */
export function reconciles({ capabilities, pullPlan }: Pick<ProviderAdapter, 'capabilities' | 'pullPlan'>): boolean {
  const isPulled = capabilities.resources.some(
    ({ resource, directions }) => resource === transactions.name && directions.includes('pull'),
  );
  return isPulled && pullPlan(transactions.name).span !== undefined;
}
