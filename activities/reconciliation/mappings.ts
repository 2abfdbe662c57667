import { ApplicationFailure } from '@temporalio/common';
import { FAILURE } from '../../contracts/failures.ts';
import type { ConnectionRef } from '../../contracts/ids.ts';
import type { ProviderId } from '../../contracts/providers.ts';
import type { ReachStore } from '../../db/connections/reach-store.ts';
import type { MappingStore } from '../../db/mappings/mapping-store.ts';
import { createFieldMapping } from '../../domain/mapping/field-mapping.ts';
import type { Providers } from '../../providers/providers.ts';
import type { RecordKinds } from '../../records/registry.ts';
import { transactions } from '../../records/transactions.ts';
import type { Mappings } from '../sync/pulled-record.ts';
import { fieldMappingWithin, mappingWithin } from '../sync/reach.ts';
import type { ExcludedFields } from '../sync/reach.ts';

export interface MappingsDeps {
  readonly kinds: RecordKinds;
  readonly mappings: Pick<MappingStore, 'find'>;
  readonly providers: Providers;
  readonly reach: Pick<ReachStore, 'excludedFields'>;
}

/** How a pull of the connection's transactions reads them. */
export async function mappingsOf(
  { kinds, mappings, providers, reach }: MappingsDeps,
  connection: ConnectionRef & { readonly provider: ProviderId },
): Promise<Mappings & { readonly reach: ExcludedFields }> {
  const { venueId, connectionId, provider } = connection;
  const ref = { venueId, connectionId, resource: transactions.name };
  const adapter = providers.find(provider);
  if (!adapter) throw ApplicationFailure.nonRetryable(`${provider} is not spoken here`, FAILURE.runUnavailable);
  const kind = kinds.get(transactions.name);
  const mapping = adapter.mapping(transactions.name);
  const stored = await mappings.find(ref);
  const within = { kind, excluded: await reach.excludedFields(ref) };
  return {
    mapping: mappingWithin(mapping, within),
    fieldMapping: fieldMappingWithin(createFieldMapping(kind, stored, mapping.holdings), within),
    reach: within,
  };
}
