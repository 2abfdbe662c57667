import type { RecordId } from '../../../contracts/ids.ts';
import type { PushLink, PushResult, PushRow, PushStore } from '../../../db/push/push-store.ts';
import type { RunScope } from '../../../db/runs/run-scope.ts';
import { isSame } from '../../../domain/sync/merge/flat-fields.ts';
import { fingerprintOf } from '../../../domain/sync/fingerprint.ts';
import { listReferencesIn } from '../../../domain/sync/list-references.ts';
import type { ListReferences } from '../../../domain/sync/list-references.ts';
import { createKey, repeatableUntilMs, updateKey } from '../../../domain/sync/push/idempotency-key.ts';
import { keptIn } from '../../../domain/sync/push/kept-fields.ts';
import { clearedMetadataKeys as clearedKeys } from '../../../domain/sync/push/metadata-keys.ts';
import { decidePush } from '../../../domain/sync/push/push-decision.ts';
import type { PushDecision } from '../../../domain/sync/push/push-decision.ts';
import type {
  CreateOptions,
  MappedRecord,
  ResourceMapping,
  ResourceSession,
  ResourceWriter,
  UpdateOptions,
  WrittenRecord,
} from '../../../providers/provider.ts';
import type { RecordFields } from '../../../records/record-kind.ts';
import type { MappedRow } from './mapped-rows.ts';

export interface PushWork {
  readonly row: MappedRow;
  readonly mapped: MappedRecord;
  readonly fingerprint: string;
  readonly decision: PushDecision;
  /** An earlier update may have left something behind that its key does not reveal. */
  readonly afterLostUpdate: boolean;
  /** Fingerprint of a remote record, mapped as for a push of this record. */
  readonly fingerprintOfRemote: (remote: WrittenRecord) => string | null;
  /** Until when the provider knows the key of an earlier write; null when there is nothing to repeat. */
  readonly repeatableUntilMs: number | null;
}

export interface PushTools {
  readonly scope: RunScope;
  readonly writer: ResourceWriter;
  readonly mapping: ResourceMapping;
  readonly session: Pick<ResourceSession, 'retrieve'>;
  readonly store: Pick<PushStore, 'markPending' | 'markAnew' | 'markMerged' | 'tiedTo'>;
  /** Of a two-way run: writes a record whose remote record was merged into another, once both sides are merged; as `pushRecord`. */
  readonly followMerge?: (work: PushWork) => Promise<PushResult | null>;
  readonly claims?: Map<string, RecordId>;
  /** Of a two-way run: applies the policy to the deletion of a remote record that the run was about to update. */
  readonly settleGone?: (work: PushWork) => Promise<SettledGone>;
}

/** `decided`: nothing is left to write. `wanted`: the venue's record holds. `too-many`: more than a run may archive by itself. */
export type SettledGone = 'decided' | 'wanted' | 'too-many';

/** Decides what to do with a record. Pure except for the time, which says whether an old key can still be repeated. */
export function planPush(row: MappedRow, mapping: ResourceMapping, nowMs: number): PushWork {
  const linkedAt = linkedAtOf(row);
  const { id, sourceId, refs, fields, link } = row;
  const mapped = withProblems(
    mapping.toPayload({ id, sourceId, refs, fields, listRefs: listRefsOf(row, fields), linkedAt }),
    row,
  );
  const fingerprint = fingerprintOf(mapped.payload);
  const decision = decidePush({
    fingerprint: isMapped(row) ? fingerprint : null,
    hasProblems: mapped.problems.length > 0,
    deleted: row.deleted,
    link: link && { ...link, inDoubt: link.sent !== null },
  });
  const kept = link?.state === 'gone' ? { ...row, link: withoutRemote(link) } : row;
  const untilMs = knownUntilMs(kept, decision, mapping.idempotency?.keyLifeMs ?? 0);
  // A recent first write may be repeated under its key, because the provider still knows it.
  return {
    row: kept,
    mapped,
    fingerprint,
    fingerprintOfRemote: (remote) => {
      if (remote.fields === null) return null;
      const { payload } = mapping.toPayload({
        ...{ id, sourceId, linkedAt },
        ...{ fields: remote.fields, refs: remote.refs, listRefs: remote.listRefs },
      });
      return isSame(payload, mapped.payload) ? fingerprint : fingerprintOf(payload);
    },
    afterLostUpdate: isSent(kept) && !isKnown(untilMs, nowMs),
    repeatableUntilMs: untilMs,
    decision: decision === 'resolve' && isKnown(untilMs, nowMs) ? 'create' : decision,
  };
}

/** When the record was first written to the provider, or found there. */
const linkedAtOf = ({ link }: Pick<MappedRow, 'link'>): Date | undefined => link?.createdAt;

/** The provider's ids of the records that lists of these fields name. */
export const listRefsOf = ({ lists }: Pick<MappedRow, 'lists'>, fields: RecordFields): ListReferences | undefined =>
  lists && listReferencesIn(lists, fields);

const withProblems = (mapped: MappedRecord, { mappingProblems = [] }: MappedRow): MappedRecord =>
  mappingProblems.length === 0 ? mapped : { ...mapped, problems: [...mappingProblems, ...mapped.problems] };
/** A field that the venue's mapping could not write has another value, which nobody has agreed on. */
const isMapped = ({ mappingProblems = [] }: MappedRow) => mappingProblems.length === 0;

const isSent = ({ link }: PushRow) => link?.sent != null;
const isKnown = (untilMs: number | null, nowMs: number) => untilMs !== null && nowMs < untilMs;

/**
 * Until when the provider knows the key that this write was sent under. Null when it was not sent, or under another key
 * than the next one.
 */
function knownUntilMs({ version, link }: PushRow, decision: PushDecision, keyLifeMs: number): number | null {
  if (!link || link.writeAttempt > 0) return null;
  if (link.sent !== null)
    return link.sent.version === version ? repeatableUntilMs(link.sent.at.getTime(), keyLifeMs) : null;
  return decision === 'resolve' ? repeatableUntilMs(link.createdAt.getTime(), keyLifeMs) : null;
}

/** The link without a remote record that the provider has deleted; it keeps the count of spent keys. */
export const withoutRemote = (link: PushLink): PushLink => ({
  ...link,
  externalId: null,
  fingerprint: null,
  metadataKeys: [],
  externalState: null,
  sent: null,
});

/**
 * A record may wait in line for longer than its key is known; then the earlier write is looked up before it is
 * repeated.
 */
export function whenSent(work: PushWork, nowMs: number): PushWork {
  if (work.repeatableUntilMs === null || nowMs < work.repeatableUntilMs) return work;
  const { decision, row } = work;
  const isCreation = decision === 'create' && row.link !== null;
  return {
    ...work,
    repeatableUntilMs: null,
    decision: isCreation ? 'resolve' : decision,
    afterLostUpdate: work.afterLostUpdate || isSent(row),
  };
}

/** The link of a record that has none. */
export const NO_LINK: PushLink = {
  externalId: null,
  externalVersion: 0,
  fingerprint: null,
  state: 'pending',
  recordVersion: 0,
  writeAttempt: 0,
  refusals: 0,
  sent: null,
  metadataKeys: [],
  externalState: null,
  batchKey: null,
  createdAt: new Date(0),
  recordChangedSince: false,
  countedInThisRun: false,
};

/**
 * The options of a record's first write. In a two-way run the sides have agreed on what a deleted object held, so that an
 * empty field means cleared.
 */
export function createOptionsOf(work: PushWork, tools: PushTools): CreateOptions {
  const state = work.row.link?.state;
  const isAnew = tools.scope.direction === 'both' && (state === 'gone' || state === 'archived');
  return { idempotencyKey: createKey(identityOf(work, tools)), ...(isAnew && { isAnew }) };
}

/**
 * What an update sends: all, or only what changes where nothing else spares what others change meanwhile. An update of
 * unknown outcome is repeated whole, because what the object holds now is unknown.
 */
export function sentBy(work: PushWork, { mapping }: Pick<PushTools, 'mapping'>): MappedRecord {
  const { mapped } = work;
  const before = mapping.concurrency === 'parts' ? knownBefore(work, mapping)?.payload : undefined;
  const kept = keptBy(work);
  if (before === undefined && kept.length === 0) return mapped;
  const isNeeded = (name: string) => mapping.alwaysSent?.includes(name) === true;
  const changed = Object.entries(mapped.payload).filter(
    ([name, value]) => !kept.includes(name) && (before === undefined || isNeeded(name) || !isSame(value, before[name])),
  );
  return { ...mapped, payload: Object.fromEntries(changed) };
}

/** What the remote record has held since it was found, and the record still leaves empty. */
export function keptBy({ row, mapped }: Pick<PushWork, 'row' | 'mapped'>): readonly string[] {
  const kept = keptIn(row.link?.externalState);
  return kept.length === 0 ? kept : kept.filter((name) => mapped.payload[name] === null);
}

/** What the provider's object holds before the update; null where that is not known for certain. */
function knownBefore({ row, afterLostUpdate }: PushWork, mapping: ResourceMapping) {
  const { id, sourceId, refs, atProvider: fields, isDerived = false, link } = row;
  if (fields === undefined || afterLostUpdate) return null;
  const { payload } = mapping.toPayload({
    ...{ id, sourceId, refs, fields, linkedAt: link?.createdAt },
    listRefs: listRefsOf(row, fields),
  });
  return isDerived && fingerprintOf(payload) !== link?.fingerprint ? null : { fields, payload };
}

/** Absent where the run has merged no version, or where its own lost write may have made a newer one. */
function expectedVersionOf(
  { row, afterLostUpdate }: PushWork,
  { scope, mapping }: Pick<PushTools, 'scope' | 'mapping'>,
) {
  const version = row.link?.externalVersion ?? 0;
  const isExpected = scope.direction === 'both' && mapping.concurrency === 'versions' && !afterLostUpdate;
  return isExpected ? { expectedVersion: version } : {};
}

export function updateOptionsOf(work: PushWork, tools: Pick<PushTools, 'scope' | 'mapping'>): UpdateOptions {
  const { row, mapped, fingerprint, afterLostUpdate } = work;
  const before = knownBefore(work, tools.mapping);
  const leavesMetadata = mapped.excluded?.includes('metadata') === true;
  return {
    idempotencyKey: updateKey(identityOf(work, tools), fingerprint),
    clearedMetadataKeys: leavesMetadata ? [] : clearedKeys(row.fields, row.link?.metadataKeys ?? []),
    externalState: row.link?.externalState ?? null,
    ...expectedVersionOf(work, tools),
    ...(before && { readFields: before.fields }),
    // Of an update in several steps the first ones may have been carried out, and another key does not repeat them.
    afterLostUpdate: afterLostUpdate || row.link?.state === 'rejected',
  };
}

export const identityOf = ({ row }: PushWork, { scope }: Pick<PushTools, 'scope'>) => ({
  connectionId: scope.connectionId,
  recordId: row.id,
  recordVersion: row.version,
  attempt: row.link?.writeAttempt ?? 0,
  refusals: row.link?.refusals ?? 0,
});
