import type { ProviderCapabilities, Resource } from '../contracts/providers.ts';
import type { ProviderAccount, ProviderAdapter, SessionOptions } from './provider.ts';

/** A provider that can be connected and whose records are not synced yet. */
export function createAccountAdapter(
  capabilities: ProviderCapabilities,
  account: (options: SessionOptions) => Promise<ProviderAccount>,
): ProviderAdapter {
  const none = (resource: Resource): never => {
    throw new Error(`${capabilities.provider} does not sync ${resource}`);
  };
  return {
    id: capabilities.provider,
    capabilities,
    open: (options) => ({
      account: () => account(options),
      newestChangeEpochS: () => Promise.resolve(null),
      resource: none,
    }),
    mapping: none,
    pullPlan: none,
  };
}
