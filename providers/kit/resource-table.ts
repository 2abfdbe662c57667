import type { Resource } from '../../contracts/providers.ts';
import type { ProviderAdapterParts, PullPlan, ResourceMapping } from '../provider.ts';

/** An adapter's parts for each resource, besides how it opens a session. */
export interface ResourceEntry {
  readonly mapping: ResourceMapping;
  readonly pullPlan: PullPlan;
}

/** The adapter's parts for the resources that it syncs. Asking for another resource throws. */
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
