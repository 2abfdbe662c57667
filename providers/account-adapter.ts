import type { ProviderId, Resource } from '../contracts/providers.ts';
import type { ProviderAccount, ProviderAdapter, SessionOptions } from './provider.ts';

/** A provider that can be connected and whose records are not synced yet. */
export function createAccountAdapter(
  provider: ProviderId,
  account: (options: SessionOptions) => Promise<ProviderAccount>,
): Pick<ProviderAdapter, 'open' | 'mapping' | 'pullPlan'> {
  const none = (resource: Resource): never => {
    throw new Error(`${provider} does not sync ${resource}`);
  };
  return {
    open: (options) => ({
      account: () => account(options),
      newestChangeEpochS: () => Promise.resolve(null),
      resource: none,
    }),
    mapping: none,
    pullPlan: none,
  };
}
