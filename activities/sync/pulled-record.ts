import type { RecordId } from '../../contracts/ids.ts';
import { fingerprintOf } from '../../domain/sync/fingerprint.ts';
import { NOTHING_FOLLOWS } from '../../domain/sync/pull/pull-decision.ts';
import type { PulledRecord } from '../../db/pull/pulled-record.ts';
import type { ProviderRecord, ResourceMapping } from '../../providers/provider.ts';

/** A provider's record as it is stored. `lookedUp`: it was requested by itself after all pages were applied. */
export function toPulled(record: ProviderRecord, mapping: ResourceMapping, { lookedUp = false } = {}): PulledRecord {
  const { externalId, deleted, fields } = record;
  const superseded = record.superseded === true;
  const payloadFingerprint: PulledRecord['payloadFingerprint'] = ({ id, sourceId }, own) =>
    fingerprintOf(mapping.toPayload({ id, sourceId, fields: own, refs: record.refs }).payload);
  return {
    ...{ externalId, deleted, fields, superseded },
    version: superseded ? NOTHING_FOLLOWS : record.version,
    certain: superseded || lookedUp,
    deletedAtMs: record.deletedAtMs ?? null,
    recordId: isUuid(record.recordId) ? (record.recordId as RecordId) : null,
    references: record.refs ?? null,
    externalState: record.externalState ?? null,
    changedAtMs: record.changedAtMs ?? null,
    fingerprintFor: (own) => fields && payloadFingerprint(own, fields),
    payloadFingerprint,
    contentFingerprint: () => fields && fingerprintOf(fields),
  };
}

// Anybody can edit metadata at a provider, so text that is not an id of ours is ignored.
const isUuid = (text: string | null) => text !== null && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text);
