import type { ProviderId, Resource } from '../contracts/providers.ts';
import type { ProviderAccount, ProviderAdapterParts, SessionOptions } from './provider.ts';

/** A provider that can be connected but whose records are not synced yet. */
export function createAccountAdapter(
  provider: ProviderId,
  account: (options: SessionOptions) => Promise<ProviderAccount>,
): ProviderAdapterParts {
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
