import type { RecordId } from '../../../contracts/ids.ts';
import type { FieldMapping } from '../../../domain/mapping/field-mapping.ts';
import type { MappingProblem } from '../../../domain/mapping/mapping.ts';
import { fingerprintOf } from '../../../domain/sync/fingerprint.ts';
import { NOTHING_FOLLOWS } from '../../../domain/sync/pull/pull-decision.ts';
import { metadataKeysOf } from '../../../domain/sync/push/metadata-keys.ts';
import type { PulledIdentity, PulledRecord } from '../../../db/pull/pulled-record.ts';
import type { RecordFields } from '../../../records/record-kind.ts';
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

interface Reading extends ReadOptions {
  readonly beforeHistory?: boolean;
  /** The venue's fields; absent: as the provider's record has them. */
  readonly fields?: RecordFields;
}

/** Applies the venue's field mapping to a provider's record. */
export function readRecord(record: ProviderRecord, mappings: Mappings, options: ReadOptions = {}): ReadRecord {
  const { mapping, fieldMapping, historyFromEpochS: fromEpochS = null } = mappings;
  const beforeHistory = fromEpochS !== null && (record.beganAtMs ?? Infinity) < fromEpochS * 1_000;
  const mapped = record.fields && fieldMapping.toVenue(record.fields);
  if (!mapped) return { record: toPulled(record, mapping, { ...options, beforeHistory }) };
  const { externalId } = record;
  return mapped.problems.length > 0
    ? { rejection: { externalId, code: 'not-mappable', message: describeProblems(mapped.problems) } }
    : { record: underMapping(record, mappings, { ...options, beforeHistory, fields: mapped.fields }) };
}

/**
 * The fingerprint of other fields takes the place of an expression's result from the provider's object: where the fields
 * change that result, the push finds a difference and writes it.
 */
function underMapping(record: ProviderRecord, { mapping, fieldMapping }: Mappings, reading: Reading): PulledRecord {
  const pulled = toPulled(record, mapping, reading);
  if (fieldMapping.version === 0) return pulled;
  const held = fieldMapping.heldResults(record.fields ?? {});
  // What an expression makes of another record is unknown here, so it ties none.
  const unknown = fieldMapping.expressions.map(() => ({ ok: true as const, value: null }));
  const sent: Sent = ({ sourceId }, fields) => fieldMapping.toProvider({ sourceId, fields }, unknown).fields;
  return {
    ...pulled,
    identity: () => identityOf(record, mapping, { fields: pulled.fields, sent }),
    payloadFingerprint: (own, fields) =>
      pulled.payloadFingerprint(own, fieldMapping.toProvider({ sourceId: own.sourceId, fields }, held).fields),
  };
}

type Sent = (own: { readonly sourceId: string }, fields: RecordFields) => RecordFields;

/**
 * `fields` are the object's as the venue's record would have them, and `sent` tells which fields of a record the adapter
 * is given. An object that carries an id of ours is known by that.
 */
function identityOf(
  { recordId, fields: told }: ProviderRecord,
  mapping: ResourceMapping,
  { fields, sent }: { readonly fields: RecordFields | null; readonly sent: Sent },
): PulledIdentity | null {
  const { identity } = mapping;
  if (identity === undefined || told === null || recordId !== null) return null;
  const text = fields?.[identity.fields[0]];
  const { payload: held } = mapping.toPayload({ id: '', sourceId: '', fields: told });
  const value = identity.of(held);
  if (value === null || typeof text !== 'string') return null;
  const payloadOf: PayloadOf = (own, ownFields) => mapping.toPayload({ ...own, fields: sent(own, ownFields) }).payload;
  return {
    fields: identity.fields,
    key: text.trim().toLowerCase(),
    isOf: (own, ownFields) => identity.of(payloadOf(own, ownFields)) === value,
    clearedBy(own, ownFields) {
      const wanted = payloadOf(own, ownFields);
      return Object.keys(wanted).filter((name) => wanted[name] === null && (held[name] ?? null) !== null);
    },
  };
}

type PayloadOf = (
  own: { readonly id: string; readonly sourceId: string },
  fields: RecordFields,
) => Readonly<Record<string, unknown>>;

/**
 * A provider's record as it is stored under the default mapping. A plain literal without spreads: this runs for every
 * record that is read, and each copy of one is garbage.
 */
export function toPulled(
  record: ProviderRecord,
  mapping: ResourceMapping,
  { lookedUp = false, beforeHistory = false, fields: venueFields }: Reading = {},
): PulledRecord {
  const { fields: told, refs, listRefs } = record;
  const superseded = record.superseded === true;
  const payloadFingerprint: PulledRecord['payloadFingerprint'] = ({ id, sourceId }, fields) =>
    fingerprintOf(mapping.toPayload({ id, sourceId, fields, refs, listRefs }).payload);
  return {
    externalId: record.externalId,
    deleted: record.deleted,
    fields: venueFields ?? told,
    superseded,
    beforeHistory,
    metadataKeys: metadataKeysOf(told),
    version: superseded ? NOTHING_FOLLOWS : record.version,
    certain: superseded || lookedUp,
    deletedAtMs: orNull(record.deletedAtMs),
    mergedFrom: record.mergedFrom ?? NONE,
    recordId: isUuid(record.recordId) ? (record.recordId as RecordId) : null,
    references: orNull(refs),
    listReferences: orNull(listRefs),
    externalState: orNull(record.externalState),
    changedAtMs: orNull(record.changedAtMs),
    fingerprintFor: (own) => told && payloadFingerprint(own, told),
    payloadFingerprint,
    identity: () => identityOf(record, mapping, { fields: venueFields ?? told, sent: (_own, fields) => fields }),
    contentFingerprint: () => told && fingerprintOf(told),
  };
}

const NONE: readonly string[] = [];

const orNull = <Value>(value: Value | null | undefined): Value | null => value ?? null;

/** For a run's log. */
export const describeProblems = (problems: readonly MappingProblem[]): string =>
  problems.map(({ path, message }) => `${path}: ${message}`).join(' ');

// Anybody can edit metadata at a provider, so text that is not an id of ours is ignored.
const isUuid = (text: string | null) => text !== null && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text);
