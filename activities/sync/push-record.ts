import type { PushLink, PushResult, PushRow, PushStore } from '../../db/push/push-store.ts';
import type { RunScope } from '../../db/runs/run-scope.ts';
import { fingerprintOf } from '../../domain/sync/fingerprint.ts';
import { archiveKey, createKey, repeatableUntilMs, updateKey } from '../../domain/sync/push/idempotency-key.ts';
import { clearedMetadataKeys as clearedKeys, metadataKeysOf } from '../../domain/sync/push/metadata-keys.ts';
import { decidePush } from '../../domain/sync/push/push-decision.ts';
import type { PushDecision } from '../../domain/sync/push/push-decision.ts';
import { unreadableIssuesOf } from '../../providers/items.ts';
import { ProviderError } from '../../providers/provider-error.ts';
import type {
  MappedRecord,
  ProviderRecord,
  ResourceMapping,
  ResourceSession,
  ResourceWriter,
  UpdateOptions,
  WrittenRecord,
} from '../../providers/provider.ts';
import type { MappedRow } from './mapped-rows.ts';
import { describeProblems } from './pulled-record.ts';
import { findRemote } from './push-remote-record.ts';

/** Stored failures in a row after which a record is set aside, so that one record cannot block a run. */
const MAX_WRITE_ATTEMPTS = 5;

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
  readonly store: Pick<PushStore, 'markPending' | 'markAnew' | 'tiedTo'>;
}

/** Decides what to do with a record. Pure except for the time, which says whether an old key can still be repeated. */
export function planPush(row: MappedRow, mapping: ResourceMapping, nowMs: number): PushWork {
  const mapped = withProblems(mapping.toPayload(row), row);
  const fingerprint = fingerprintOf(mapped.payload);
  const { link } = row;
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
    fingerprintOfRemote: ({ fields, refs }) =>
      fields && fingerprintOf(mapping.toPayload({ id: row.id, sourceId: row.sourceId, fields, refs }).payload),
    afterLostUpdate: isSent(kept) && !isKnown(untilMs, nowMs),
    repeatableUntilMs: untilMs,
    decision: decision === 'resolve' && isKnown(untilMs, nowMs) ? 'create' : decision,
  };
}

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
const withoutRemote = (link: PushLink): PushLink => ({
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

/**
 * Writes one record to the provider. Returns a rejected record as a result, and throws temporary failures as
 * ProviderError.
 */
export async function pushRecord(planned: PushWork, tools: PushTools): Promise<PushResult> {
  const work = whenSent(planned, Date.now());
  const { decision, mapped } = work;
  if (decision === 'unchanged') return agreed(work, 'unchanged', null);
  if (decision === 'reject') return rejected(work, 'not-mappable', describeProblems(mapped.problems));
  try {
    return await WRITES[decision](work, tools);
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    return afterError(error, work, tools);
  }
}

/** What becomes of a record whose write was refused or answered unreadably. Throws an error that is no matter of one record. */
export async function afterError(error: ProviderError, work: PushWork, tools: PushTools): Promise<PushResult> {
  const { decision } = work;
  // A spent key stands for a stored failure, or for the same record with other content. The result of that write is
  // looked up.
  if (isSpentKey(error) && (decision === 'create' || decision === 'update'))
    return pushRecord({ ...work, decision: 'resolve' }, tools);
  if (decision === 'update' && isMissing(error) && (await isRemoteGone(work, tools))) return createAnew(work, tools);
  const issues = unreadableIssuesOf(error);
  return issues === null ? afterRefusal(error, work) : afterUnreadable(issues, work, tools);
}

const WRITES: Readonly<
  Record<'create' | 'update' | 'archive' | 'resolve', (work: PushWork, tools: PushTools) => Promise<PushResult>>
> = {
  create: write,
  update: write,
  archive,
  resolve,
};

const isMissing = ({ details }: ProviderError) => details.kind === 'rejected' && details.httpStatus === 404;

/**
 * Asks the provider, because what an update reports as missing may be another object than the remote record, such as a
 * price.
 */
async function isRemoteGone({ row }: PushWork, { session }: PushTools): Promise<boolean> {
  const externalId = row.link?.externalId ?? null;
  try {
    return externalId !== null && (await session.retrieve(externalId)) === null;
  } catch (error) {
    // An unreadable object exists.
    if (unreadableIssuesOf(error) === null) throw error;
    return false;
  }
}

/**
 * Creates a remote record that the provider has deleted once more, under a fresh key, because the venue changed the
 * record since both sides agreed and therefore wants it.
 */
async function createAnew(work: PushWork, tools: PushTools): Promise<PushResult> {
  const { row } = work;
  const link = { ...withoutRemote(row.link ?? NO_LINK), writeAttempt: (row.link?.writeAttempt ?? 0) + 1 };
  await tools.store.markAnew(tools.scope, row.id, link.writeAttempt);
  const result = await pushRecord(
    { ...work, row: { ...row, link }, decision: 'create', afterLostUpdate: false, repeatableUntilMs: null },
    tools,
  );
  return result.action === 'created' ? { ...result, ...CREATED_ANEW } : result;
}

const CREATED_ANEW = {
  code: 'created-anew',
  message: 'The provider had deleted this record, and the venue changed it since: it was created anew.',
} as const;

export const isSpentKey = ({ details }: ProviderError) =>
  details.kind === 'conflict' || (details.kind === 'unavailable' && details.replayed === true);

async function write(work: PushWork, tools: PushTools): Promise<PushResult> {
  const { row, mapped } = work;
  const externalId = row.link?.externalId ?? null;
  if (externalId === null)
    return agreed(work, 'created', await tools.writer.create(mapped, { idempotencyKey: createKeyOf(work, tools) }));
  return agreed(work, 'updated', await tools.writer.update(externalId, mapped, updateOptionsOf(work, tools)));
}

/** The key of a record's first write. */
export const createKeyOf = (work: PushWork, tools: PushTools): string => createKey(identityOf(work, tools));

export function updateOptionsOf(work: PushWork, tools: Pick<PushTools, 'scope'>): UpdateOptions {
  const { row, mapped, fingerprint, afterLostUpdate } = work;
  const leavesMetadata = mapped.excluded?.includes('metadata') === true;
  return {
    idempotencyKey: updateKey(identityOf(work, tools), fingerprint),
    clearedMetadataKeys: leavesMetadata ? [] : clearedKeys(row.fields, row.link?.metadataKeys ?? []),
    externalState: row.link?.externalState ?? null,
    afterLostUpdate,
  };
}

const identityOf = ({ row }: PushWork, { scope }: Pick<PushTools, 'scope'>) => ({
  ...{
    connectionId: scope.connectionId,
    recordId: row.id,
    recordVersion: row.version,
    attempt: row.link?.writeAttempt ?? 0,
  },
});

/** Also archives a record whose first write was never answered, because that may have left a remote record. */
async function archive(work: PushWork, tools: PushTools): Promise<PushResult> {
  const externalId = work.row.link?.externalId ?? (await findRemote(work.row, tools)).remote?.externalId ?? null;
  const outcome =
    externalId === null
      ? 'deleted'
      : await tools.writer.archive(externalId, { idempotencyKey: archiveKey(identityOf(work, tools)) });
  const result = agreed(work, externalId === null ? 'unchanged' : 'archived', null);
  return {
    ...result,
    linkState: 'archived',
    externalId: outcome === 'deleted' ? null : externalId,
    fingerprint: null,
    externalState: null,
  };
}

/**
 * Handles a provider that answers but whose answer about this record is unreadable: the write has an unknown outcome,
 * and this run leaves it there. A first write stays pending under an unused key, so that the next run looks for its
 * remote record before it writes.
 */
async function afterUnreadable(issues: string, work: PushWork, { store, scope }: PushTools): Promise<PushResult> {
  const { row, decision } = work;
  if (decision === 'create') await store.markPending(scope, [row.id], (row.link?.writeAttempt ?? 0) + 1);
  const result = rejected(
    work,
    'unreadable-answer',
    `The provider’s answer cannot be read: ${issues}. The next run finds out whether the record was written.`,
  );
  return result.externalId === null ? { ...result, linkState: 'pending' } : result;
}

function afterRefusal(error: ProviderError, work: PushWork): PushResult {
  const { kind, httpStatus, code, field } = error.details;
  // 403 refuses the whole account, not this record.
  if (kind !== 'rejected' || httpStatus === 403) throw error;
  const message = `The provider refused this record${field === undefined ? '' : ` because of ${field}`} (http ${httpStatus ?? 'none'}).`;
  return rejected(work, code ?? 'rejected', message);
}

/** Looks up what earlier writes of unknown outcome have done, and writes only what is missing, under an unused key. */
async function resolve(work: PushWork, tools: PushTools): Promise<PushResult> {
  const { row } = work;
  const link = row.link ?? NO_LINK;
  const { remote, copies } = link.externalId === null ? await findRemote(row, tools) : NO_REMOTE;
  const note = copies.length === 0 ? {} : COPIED;
  // For a record that never had other content, only its creation can have been sent.
  if (remote !== null && !link.recordChangedSince && isAsWanted(remote, work, tools.mapping))
    return { ...agreed(work, 'created', remote), ...note };

  const writeAttempt = link.writeAttempt + 1;
  await tools.store.markPending(tools.scope, [row.id], writeAttempt);
  if (writeAttempt > MAX_WRITE_ATTEMPTS)
    return rejected(work, 'provider-keeps-failing', `The provider failed ${MAX_WRITE_ATTEMPTS} times on this record.`);
  const again = {
    ...work,
    row: { ...row, link: { ...link, writeAttempt, ...remoteOf(remote) } },
    afterLostUpdate: true,
  };
  return { ...(await writeAgain(again, tools)), ...note };
}

async function writeAgain(work: PushWork, tools: PushTools): Promise<PushResult> {
  try {
    return await write(work, tools);
  } catch (error) {
    // The remote record changed once more between its reading and this write.
    if (error instanceof ProviderError && error.details.kind === 'conflict') return resolve(work, tools);
    throw error;
  }
}

const NO_REMOTE = { remote: null, copies: [] } as const;
const COPIED = {
  code: 'own-id-copied',
  message: 'Another record’s object at the provider carries this record’s id: it was copied there, and was left alone.',
} as const;

const remoteOf = (remote: ProviderRecord | null): Partial<PushLink> =>
  remote
    ? {
        externalId: remote.externalId,
        metadataKeys: metadataKeysOf(remote.fields),
        externalState: remote.externalState ?? null,
      }
    : {};

function isAsWanted(
  { fields, refs }: ProviderRecord,
  { row: { id, sourceId }, fingerprint }: PushWork,
  mapping: ResourceMapping,
): boolean {
  return fields !== null && fingerprintOf(mapping.toPayload({ id, sourceId, fields, refs }).payload) === fingerprint;
}

const NO_LINK: PushLink = {
  externalId: null,
  fingerprint: null,
  state: 'pending',
  recordVersion: 0,
  writeAttempt: 0,
  sent: null,
  metadataKeys: [],
  externalState: null,
  batchKey: null,
  createdAt: new Date(0),
  recordChangedSince: false,
  countedInThisRun: false,
};

/** The outcome of a write that both sides agree on. */
export function agreed(
  { row, fingerprint, fingerprintOfRemote }: PushWork,
  action: PushResult['action'],
  written: WrittenRecord | null,
): PushResult {
  return {
    recordId: row.id,
    sourceId: row.sourceId,
    action,
    recordVersion: row.version,
    linkState: 'linked',
    ...toldBy(written, row.link),
    fingerprint,
    remoteFingerprint: written && fingerprintOfRemote(written),
    ...writtenOf(row, written),
    metadataKeys: metadataKeysOf(row.fields),
    code: null,
    message: null,
  };
}

/** What was written, and what the provider made of it, both in the venue's fields. */
function writtenOf(
  { fields, merging, venueSide }: MappedRow,
  written: WrittenRecord | null,
): Pick<PushResult, 'fields' | 'merging' | 'answer'> {
  const told = written?.fields ?? null;
  if (venueSide === undefined) return { fields, merging, answer: told };
  const read = told && venueSide.read(told);
  return { fields: venueSide.fields, merging, answer: read && read.problems.length === 0 ? read.fields : null };
}

/** The record in the answer to a write; without an answer the link's. */
function toldBy(
  written: WrittenRecord | null,
  link: PushLink | null,
): Pick<PushResult, 'externalId' | 'externalVersion' | 'externalState' | 'notes'> {
  if (written === null)
    return { externalId: link?.externalId ?? null, externalVersion: 0, externalState: null, notes: [] };
  return {
    externalId: written.externalId,
    externalVersion: written.version,
    externalState: written.externalState ?? null,
    notes: written.notes ?? [],
  };
}

function rejected({ row }: PushWork, code: string, message: string): PushResult {
  return {
    recordId: row.id,
    sourceId: row.sourceId,
    action: 'rejected',
    recordVersion: row.version,
    linkState: 'rejected',
    externalId: row.link?.externalId ?? null,
    externalVersion: 0,
    fingerprint: null,
    remoteFingerprint: null,
    ...writtenOf(row, null),
    metadataKeys: [],
    externalState: null,
    notes: [],
    code,
    message,
  };
}
