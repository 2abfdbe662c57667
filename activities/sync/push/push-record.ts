import type { PendingMark } from '../../../db/push/push-marks.ts';
import type { PushLink, PushResult } from '../../../db/push/push-store.ts';
import { fingerprintOf, withNamesOf } from '../../../domain/sync/fingerprint.ts';
import { archiveKey } from '../../../domain/sync/push/idempotency-key.ts';
import { keptIn, leftEmptyBy, withKept } from '../../../domain/sync/push/kept-fields.ts';
import { metadataKeysOf } from '../../../domain/sync/push/metadata-keys.ts';
import { unreadableIssuesOf } from '../../../providers/items.ts';
import { ProviderError, refusesAccount } from '../../../providers/provider-error.ts';
import type { ProviderRecord, ResourceMapping, WrittenRecord } from '../../../providers/provider.ts';
import { describeProblems } from '../pull/pulled-record.ts';
import type { MappedRow } from './mapped-rows.ts';
import { findRemote, isOthers } from './push-remote-record.ts';
import { agreed, changedMeanwhile, rejected } from './push-result.ts';
import { NO_LINK, createOptionsOf, identityOf, sentBy, updateOptionsOf, whenSent, withoutRemote } from './push-work.ts';
import type { PushTools, PushWork } from './push-work.ts';

/** Stored failures in a row after which a record is set aside, so that one record cannot block a run. */
const MAX_WRITE_ATTEMPTS = 5;

/**
 * Writes one record to the provider. Returns a rejected record as a result, and null where the deletion of its remote
 * record has decided about it. Throws temporary failures as ProviderError.
 */
export async function pushRecord(planned: PushWork, tools: PushTools): Promise<PushResult | null> {
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
export async function afterError(error: ProviderError, work: PushWork, tools: PushTools): Promise<PushResult | null> {
  const { decision } = work;
  // A spent key stands for a stored failure, or for the same record with other content. The result of that write is
  // looked up.
  if (isSpentKey(error) && (decision === 'create' || decision === 'update'))
    return pushRecord({ ...work, decision: 'resolve' }, tools);
  if (decision === 'update' && isMissing(error)) {
    const present = await presentRemote(work, tools);
    if (present === null) return afterDeletion(work, tools);
    if (isMergedFrom(present, work)) return afterMerge(present, work, tools);
  }
  const issues = unreadableIssuesOf(error);
  return issues === null ? afterRefusal(error, work) : afterUnreadable(issues, work, tools);
}

const WRITES: Readonly<
  Record<'create' | 'update' | 'archive' | 'resolve', (work: PushWork, tools: PushTools) => Promise<PushResult | null>>
> = {
  create: write,
  update: write,
  archive,
  resolve,
};

const isMissing = ({ details }: ProviderError) => details.kind === 'rejected' && details.httpStatus === 404;

/**
 * Asks the provider, because what an update reports as missing may be another object than the remote record, such as a
 * price. Null when the remote record is gone; `unreadable` for one that exists and cannot be read.
 */
async function presentRemote({ row }: PushWork, { session }: PushTools): Promise<ProviderRecord | 'unreadable' | null> {
  const externalId = row.link?.externalId ?? null;
  try {
    return externalId === null ? 'unreadable' : await session.retrieve(externalId);
  } catch (error) {
    if (unreadableIssuesOf(error) === null) throw error;
    return 'unreadable';
  }
}

/** The provider has deleted what the venue has changed: a push writes it anew, and in a two-way run its policy decides. */
async function afterDeletion(work: PushWork, tools: PushTools): Promise<PushResult | null> {
  const settled = (await tools.settleGone?.(work)) ?? 'wanted';
  if (settled === 'decided') return null;
  return settled === 'too-many' ? changedMeanwhile(work) : createAnew(work, tools);
}

const isMergedFrom = (present: ProviderRecord | 'unreadable', { row }: PushWork): present is ProviderRecord =>
  present !== 'unreadable' && present.mergedFrom?.includes(row.link?.externalId ?? '') === true;

/**
 * Writes to the object that the provider has merged the remote record into, unless that is another record’s. A two-way run
 * merges what it holds first.
 */
async function afterMerge(present: ProviderRecord, work: PushWork, tools: PushTools): Promise<PushResult | null> {
  if (tools.followMerge) return tools.followMerge(work);
  const { externalId } = present;
  const { row } = work;
  if (await isOthers(externalId, row.id, tools)) return rejected(work, 'merged-at-provider', MERGED);
  const from = row.link?.externalId ?? '';
  await tools.store.markMerged(tools.scope, row.id, { into: externalId, from });
  return pushRecord({ ...work, row: { ...row, link: { ...(row.link ?? NO_LINK), externalId } } }, tools);
}

const MERGED =
  'The provider merged this record’s object with that of another record. A pull in full deletes the one that it does not go on with.';

/**
 * Creates a remote record that the provider has deleted once more, under a fresh key, because the venue changed the
 * record since both sides agreed and therefore wants it.
 */
async function createAnew(work: PushWork, tools: PushTools): Promise<PushResult | null> {
  const result = await pushRecord(await untied(work, tools), tools);
  return result?.action === 'created' ? { ...result, ...CREATED_ANEW } : result;
}

/** Unties a record from its remote record, to be written as a first time under unused keys. */
export async function untied(work: PushWork, { store, scope }: Pick<PushTools, 'store' | 'scope'>): Promise<PushWork> {
  const { row } = work;
  const link = {
    ...withoutRemote(row.link ?? NO_LINK),
    state: 'gone' as const,
    writeAttempt: (row.link?.writeAttempt ?? 0) + 1,
  };
  await store.markAnew(scope, row.id, link.writeAttempt);
  return { ...work, row: { ...row, link }, decision: 'create', afterLostUpdate: false, repeatableUntilMs: null };
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
  if (externalId === null) return created(work, tools, await tools.writer.create(mapped, createOptionsOf(work, tools)));
  return agreed(
    work,
    'updated',
    await tools.writer.update(externalId, sentBy(work, tools), updateOptionsOf(work, tools)),
  );
}

/** Until the result is stored, no look-up of this run may take the new object for another record’s. */
export function created(work: PushWork, { claims }: PushTools, written: WrittenRecord): PushResult {
  claims?.set(written.externalId, work.row.id);
  return agreed(work, 'created', written);
}

/** Also archives a record whose first write was never answered, because that may have left a remote record. */
async function archive(work: PushWork, tools: PushTools): Promise<PushResult> {
  const externalId = work.row.link?.externalId ?? (await madeBefore(work.row, tools));
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

/** What a first write of the record has made. What was there before it is nobody's to take out of use. */
async function madeBefore(row: MappedRow, tools: PushTools): Promise<string | null> {
  const { remote } = await findRemote(row, tools);
  const wasThere = remote?.wasThere === true || keptIn(row.link?.externalState).length > 0;
  return remote === null || wasThere ? null : remote.externalId;
}

/**
 * Handles a provider that answers but whose answer about this record is unreadable: the write has an unknown outcome,
 * and this run leaves it there. A first write stays pending under an unused key, so that the next run looks for its
 * remote record before it writes.
 */
async function afterUnreadable(issues: string, work: PushWork, { store, scope }: PushTools): Promise<PushResult> {
  const { row, decision } = work;
  if (decision === 'create') await store.markPending(scope, [row.id], { attempt: (row.link?.writeAttempt ?? 0) + 1 });
  const result = rejected(
    work,
    'unreadable-answer',
    `The provider’s answer cannot be read: ${issues}. The next run finds out whether the record was written.`,
  );
  return result.externalId === null ? { ...result, linkState: 'pending' } : result;
}

function afterRefusal(error: ProviderError, work: PushWork): PushResult {
  const { kind, httpStatus, code, field } = error.details;
  if (kind !== 'rejected' || refusesAccount(error)) throw error;
  const message = `The provider refused this record${field === undefined ? '' : ` because of ${field}`} (http ${httpStatus ?? 'none'}).`;
  return rejected(work, code ?? 'rejected', message);
}

/** Looks up what earlier writes of unknown outcome have done, and writes only what is missing, under an unused key. */
async function resolve(work: PushWork, tools: PushTools): Promise<PushResult> {
  const { row } = work;
  const { remote, copies } = row.link?.externalId == null ? await findRemote(row, tools) : NO_REMOTE;
  const note = copies.length === 0 ? {} : COPIED;
  const done = remote && doneBefore(remote, work, tools);
  if (done) return { ...done, ...note };

  const again = anotherAttempt(work, remote);
  await tools.store.markPending(tools.scope, [row.id], pendingMarkOf(again.row.link.writeAttempt, [again]));
  if (isGivenUp(again, tools.scope)) return keepsFailing(work);
  return { ...(await writeAgain(again, tools)), ...note };
}

/** The outcome of an earlier write that has left this; null where it has to be written once more. */
export function doneBefore(remote: ProviderRecord, work: PushWork, { mapping }: PushTools): PushResult | null {
  // For a record that never had other content, only its creation can have been sent.
  const isDone = work.row.link?.recordChangedSince !== true && isAsWanted(remote, work, mapping);
  return isDone ? agreed(work, 'created', remote) : null;
}

export type Attempt = PushWork & { readonly row: { readonly link: PushLink } };

/** The write of what is there, or of a new remote record for null, under an unused key. */
export function anotherAttempt(work: PushWork, remote: ProviderRecord | null): Attempt {
  const link = work.row.link ?? NO_LINK;
  return {
    ...work,
    row: { ...work.row, link: { ...link, writeAttempt: link.writeAttempt + 1, ...remoteOf(remote, work) } },
    afterLostUpdate: true,
  };
}

/** The mark of these records before they are written once more. */
export const pendingMarkOf = (attempt: number, works: readonly Attempt[]): PendingMark => ({
  attempt,
  kept: new Map(
    works.map(({ row }) => [row.id, keptIn(row.link.externalState)] as const).filter(([, names]) => names.length > 0),
  ),
});

export const keepsFailing = (work: PushWork): PushResult =>
  rejected(work, 'provider-keeps-failing', `The provider failed ${MAX_WRITE_ATTEMPTS} times on this record.`);

/** A record that was set aside is written again, as often as at first, only when somebody has it retried. */
export const isGivenUp = ({ row }: Attempt, { deadLettersOnly }: PushTools['scope']): boolean =>
  deadLettersOnly === true
    ? row.link.writeAttempt % (MAX_WRITE_ATTEMPTS + 1) === 0
    : row.link.writeAttempt > MAX_WRITE_ATTEMPTS;

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

function remoteOf(remote: ProviderRecord | null, { mapped, row }: PushWork): Partial<PushLink> {
  if (remote === null) return {};
  const { externalId, fields, externalState: state = null, wasThere = false } = remote;
  return {
    externalId,
    metadataKeys: metadataKeysOf(fields),
    // One that was written since it was found is not told to have been there.
    externalState: withKept(state, wasThere ? leftEmptyBy(mapped.payload) : keptIn(row.link?.externalState)),
  };
}

function isAsWanted(
  { fields, refs, listRefs }: ProviderRecord,
  { row: { id, sourceId, link }, mapped, fingerprint }: PushWork,
  mapping: ResourceMapping,
): boolean {
  if (fields === null) return false;
  const held = mapping.toPayload({ id, sourceId, fields, refs, listRefs, linkedAt: link?.createdAt }).payload;
  // What the record leaves out is as the provider wants it.
  return fingerprintOf(mapping.leavesAbsent ? withNamesOf(mapped.payload, held) : held) === fingerprint;
}
