import { ApplicationFailure } from '@temporalio/common';
import { FAILURE } from '../../contracts/failures.ts';
import type { ConnectionRef } from '../../contracts/ids.ts';
import type { ProviderId, Resource } from '../../contracts/providers.ts';
import type { ReachStore } from '../../db/connections/reach-store.ts';
import type { MappingStore } from '../../db/mappings/mapping-store.ts';
import { createFieldMapping } from '../../domain/mapping/field-mapping.ts';
import type { Providers } from '../../providers/providers.ts';
import type { RecordKinds } from '../../records/registry.ts';
import type { Mappings } from './pull/pulled-record.ts';
import { fieldMappingWithin, mappingWithin } from './reach.ts';
import type { ExcludedFields } from './reach.ts';

export interface MappingsDeps {
  readonly kinds: RecordKinds;
  readonly mappings: Pick<MappingStore, 'find'>;
  readonly providers: Providers;
  readonly reach: Pick<ReachStore, 'find'>;
}

/** How a pull of the connection's resource reads records. */
export async function mappingsOf(
  { kinds, mappings, providers, reach }: MappingsDeps,
  of: ConnectionRef & { readonly provider: ProviderId; readonly resource: Resource },
): Promise<Mappings & { readonly reach: ExcludedFields }> {
  const { venueId, connectionId, provider, resource } = of;
  const ref = { venueId, connectionId, resource };
  const adapter = providers.find(provider);
  if (!adapter) throw ApplicationFailure.nonRetryable(`${provider} is not spoken here`, FAILURE.runUnavailable);
  const kind = kinds.get(resource);
  const mapping = adapter.mapping(resource);
  const stored = await mappings.find(ref);
  const { excludedFields: excluded, historyFromEpochS, timeZone } = await reach.find(ref);
  const within = { kind, excluded };
  return {
    mapping: mappingWithin(mapping, { ...within, timeZone }),
    fieldMapping: fieldMappingWithin(createFieldMapping(kind, stored, mapping.holdings), within),
    reach: within,
    historyFromEpochS,
  };
}
