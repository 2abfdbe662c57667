import type { RecordId } from '../../../contracts/ids.ts';
import type { FieldMapping } from '../../../domain/mapping/field-mapping.ts';
import type { MappingProblem } from '../../../domain/mapping/mapping.ts';
import { fingerprintOf } from '../../../domain/sync/fingerprint.ts';
import { NOTHING_FOLLOWS } from '../../../domain/sync/pull/pull-decision.ts';
import { metadataKeysOf } from '../../../domain/sync/push/metadata-keys.ts';
import type { PulledRecord } from '../../../db/pull/pulled-record.ts';
import type { ProviderRecord, ProviderRejection, ResourceMapping } from '../../../providers/provider.ts';

export interface Mappings {
  /** The provider's own. */
  readonly mapping: ResourceMapping;
  /** The venue's. */
  readonly fieldMapping: FieldMapping;
  /** From when on history is pulled; null or absent: from the beginning. */
  readonly historyFromEpochS?: number | null;
}

/** A record as it is stored, or why the venue's mapping cannot read it. */
export type ReadRecord =
  | { readonly record: PulledRecord; readonly rejection?: undefined }
  | { readonly record?: undefined; readonly rejection: ProviderRejection };

interface ReadOptions {
  /** The record was requested by itself after all pages were applied. */
  readonly lookedUp?: boolean;
}

/** Applies the venue's field mapping to a provider's record. */
export function readRecord(record: ProviderRecord, mappings: Mappings, options: ReadOptions = {}): ReadRecord {
  const { mapping, fieldMapping, historyFromEpochS: fromEpochS = null } = mappings;
  const beforeHistory = fromEpochS !== null && (record.beganAtMs ?? Infinity) < fromEpochS * 1_000;
  const mapped = record.fields && fieldMapping.toVenue(record.fields);
  if (!mapped) return { record: { ...toPulled(record, mapping, options), beforeHistory } };
  const { externalId } = record;
  return mapped.problems.length > 0
    ? { rejection: { externalId, code: 'not-mappable', message: describeProblems(mapped.problems) } }
    : { record: { ...underMapping(record, mappings, options), fields: mapped.fields, beforeHistory } };
}

/**
 * The fingerprint of other fields takes the place of an expression's result from the provider's object: where the fields
 * change that result, the push finds a difference and writes it.
 */
function underMapping(record: ProviderRecord, { mapping, fieldMapping }: Mappings, options: ReadOptions): PulledRecord {
  const pulled = toPulled(record, mapping, options);
  if (fieldMapping.version === 0) return pulled;
  const held = fieldMapping.heldResults(record.fields ?? {});
  return {
    ...pulled,
    payloadFingerprint: (own, fields) =>
      pulled.payloadFingerprint(own, fieldMapping.toProvider({ sourceId: own.sourceId, fields }, held).fields),
  };
}

/** A provider's record as it is stored under the default mapping. */
export function toPulled(
  record: ProviderRecord,
  mapping: ResourceMapping,
  { lookedUp = false }: ReadOptions = {},
): PulledRecord {
  const { externalId, deleted, fields } = record;
  const superseded = record.superseded === true;
  const payloadFingerprint: PulledRecord['payloadFingerprint'] = ({ id, sourceId }, own) =>
    fingerprintOf(
      mapping.toPayload({ id, sourceId, fields: own, refs: record.refs, listRefs: record.listRefs }).payload,
    );
  return {
    ...{ externalId, deleted, fields, superseded, beforeHistory: false },
    metadataKeys: metadataKeysOf(fields),
    version: superseded ? NOTHING_FOLLOWS : record.version,
    certain: superseded || lookedUp,
    deletedAtMs: record.deletedAtMs ?? null,
    recordId: isUuid(record.recordId) ? (record.recordId as RecordId) : null,
    ...referencesOf(record),
    externalState: record.externalState ?? null,
    changedAtMs: record.changedAtMs ?? null,
    fingerprintFor: (own) => fields && payloadFingerprint(own, fields),
    payloadFingerprint,
    contentFingerprint: () => fields && fingerprintOf(fields),
  };
}

const referencesOf = ({ refs, listRefs }: ProviderRecord): Pick<PulledRecord, 'references' | 'listReferences'> => ({
  references: refs ?? null,
  listReferences: listRefs ?? null,
});

/** For a run's log. */
export const describeProblems = (problems: readonly MappingProblem[]): string =>
  problems.map(({ path, message }) => `${path}: ${message}`).join(' ');

// Anybody can edit metadata at a provider, so text that is not an id of ours is ignored.
const isUuid = (text: string | null) => text !== null && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text);
