import { ApplicationFailure } from '@temporalio/common';
import { FAILURE } from '../../contracts/failures.ts';
import type { ConnectionRef } from '../../contracts/ids.ts';
import type { ProviderId, Resource } from '../../contracts/providers.ts';
import type { ReachStore } from '../../db/connections/reach-store.ts';
import type { ChosenMappings, MappingStore } from '../../db/mappings/mapping-store.ts';
import { createFieldMapping } from '../../domain/mapping/field-mapping.ts';
import type { Providers } from '../../providers/providers.ts';
import type { RecordKinds } from '../../records/registry.ts';
import type { Mappings } from './pull/pulled-record.ts';
import { fieldMappingWithin, mappingWithin } from './reach.ts';
import type { ExcludedFields } from './reach.ts';

/** What translates records, apart from what venues have chosen. */
export interface TranslationDeps {
  readonly kinds: RecordKinds;
  readonly providers: Providers;
}

export interface MappingsDeps extends TranslationDeps {
  readonly mappings: Pick<MappingStore, 'find'>;
  readonly reach: Pick<ReachStore, 'find'>;
}

type ResourceRef = ConnectionRef & { readonly provider: ProviderId; readonly resource: Resource };

/** How a pull of the connection's resource reads records. */
export async function mappingsOf(
  deps: MappingsDeps,
  of: ResourceRef,
): Promise<Mappings & { readonly reach: ExcludedFields }> {
  const { venueId, connectionId, resource } = of;
  const ref = { venueId, connectionId, resource };
  const stored = await deps.mappings.find(ref);
  return mappingsWith(deps, of, { stored, reach: await deps.reach.find(ref) });
}

/** The same by what the venue is known to have chosen. */
export function mappingsWith(
  { kinds, providers }: TranslationDeps,
  { provider, resource }: Pick<ResourceRef, 'provider' | 'resource'>,
  { stored, reach: { excludedFields: excluded, historyFromEpochS, zones } }: ChosenMappings,
): Mappings & { readonly reach: ExcludedFields } {
  const adapter = providers.find(provider);
  if (!adapter) throw ApplicationFailure.nonRetryable(`${provider} is not spoken here`, FAILURE.runUnavailable);
  const kind = kinds.get(resource);
  const mapping = adapter.mapping(resource);
  const within = { kind, excluded };
  return {
    mapping: mappingWithin(mapping, { ...within, zones }),
    fieldMapping: fieldMappingWithin(createFieldMapping(kind, stored, mapping.holdings), within),
    reach: within,
    historyFromEpochS,
  };
}
