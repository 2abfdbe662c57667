import type { Resource } from '../../contracts/providers.ts';
import type { ProviderAdapterParts, PullPlan, ResourceMapping } from '../provider.ts';

/** What an adapter has for each resource, besides how it opens a session of it. */
export interface ResourceEntry {
  readonly mapping: ResourceMapping;
  readonly pullPlan: PullPlan;
}

/** What a provider's adapter has for the resources that it syncs. Asking for another throws. */
export function resourceTable<Entry extends ResourceEntry>(
  provider: string,
  entries: Readonly<Partial<Record<Resource, Entry>>>,
): Pick<ProviderAdapterParts, 'mapping' | 'pullPlan'> & { readonly entry: (resource: Resource) => Entry } {
  const entry = (resource: Resource): Entry => {
    const found = entries[resource];
    if (!found) throw new Error(`${provider} does not sync ${resource}`);
    return found;
  };
  return {
    entry,
    mapping: (resource) => entry(resource).mapping,
    pullPlan: (resource) => entry(resource).pullPlan,
  };
}
