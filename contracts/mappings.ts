import type { ConnectionId, ConnectionRef, RecordId } from './ids.ts';
import type { ProviderId, Resource } from './providers.ts';
import type { SyncKey } from './sync.ts';

// Workflow histories store every name and shape in this file: add fields, never rename or reuse one.

/** Tries a saved version of a field mapping on one record before it applies. */
export const TRY_MAPPING = 'tryMapping';
/** One trial of a version: a repeated request gets the same answer. */
export const tryMappingWorkflowId = (connectionId: ConnectionId, resource: Resource, version: number): string =>
  `try-mapping/${connectionId}/${resource}/${version}`;

export interface MappingVersionRef extends ConnectionRef {
  readonly provider: ProviderId;
  readonly resource: Resource;
  readonly version: number;
}

/** Why a trial did not come to an answer of the provider's about the record. None of them stands against a mapping. */
export const NOT_TRIED = [
  'nothing-to-try',
  'only-read',
  'rate-limited',
  'unavailable',
  'access-refused',
  'interrupted',
] as const;
export type NotTried = (typeof NOT_TRIED)[number];

export interface MappingTrial {
  readonly outcome: 'accepted' | 'refused' | 'not-tried';
  /** With `not-tried`. */
  readonly reason: NotTried | null;
  readonly recordId: RecordId | null;
  /** With `refused`: the provider's code and the field that it names; null where this service refuses. */
  readonly code: string | null;
  readonly httpStatus: number | null;
  /** With `refused`: fields and what is wrong with them, never a value. */
  readonly problems: readonly { readonly path: string; readonly message: string }[];
}

/** Runs on the provider's interactive queue. */
export interface MappingTrialActivities {
  /** Writes at most one record, which the provider has already. */
  readonly tryMappingVersion: (input: MappingVersionRef) => Promise<MappingTrial>;
}

/** Reads and writes every record again after a change of a field mapping. */
export const REPROJECT_RECORDS = 'reprojectRecords';
/** One at a time for a resource of a connection: a change during it is signalled. */
export const reprojectWorkflowId = (connectionId: ConnectionId, resource: Resource): string =>
  `reproject/${connectionId}/${resource}`;
/** Another version applies: everything begins again once the running pass is over. */
export const MAPPING_CHANGED_SIGNAL = 'mappingChanged';

export interface ReprojectInput extends MappingVersionRef {
  /** The provider's display name, for the summary in the Web UI. */
  readonly providerName: string;
}

/** Runs on the `internal` queue. */
export interface ReprojectionActivities {
  /** The directions that the resource has been synced in, in the order in which they are passed through again. */
  readonly planReprojection: (
    input: MappingVersionRef,
  ) => Promise<{ readonly directions: readonly SyncKey['direction'][] }>;
  readonly noteReprojected: (input: MappingVersionRef) => Promise<void>;
}
