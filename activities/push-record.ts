import type { PlanAction } from '../contracts/sync.ts';
import type { PlanEntry } from '../db/plan-items.ts';
import type { PushLink, PushResult, PushRow, PushStore } from '../db/push-store.ts';
import type { RunScope } from '../db/run-scope.ts';
import { fingerprintOf } from '../domain/fingerprint.ts';
import { archiveKey, createKey, updateKey } from '../domain/idempotency-key.ts';
import { decidePush } from '../domain/push-decision.ts';
import type { PushDecision } from '../domain/push-decision.ts';
import { ProviderError } from '../providers/provider-error.ts';
import type { MappedRecord, ProviderRecord, ResourceMapping, ResourceWriter, TwinHint, TwinSearch, WrittenRecord } from '../providers/provider.ts';

/** Stripe keeps idempotency keys for at least 24 hours (https://docs.stripe.com/api/idempotent_requests, read 2026-11-21). */
const KEY_LIFE_MS = 23 * 3_600_000;
/** Stored failures in a row after which a record is set aside, so that one record cannot hold a run up. */
const MAX_WRITE_ATTEMPTS = 5;
/** How far before a write was first sent its twin is looked for: the provider's clock may be behind. */
const CLOCK_SKEW_S = 600;

export interface PushWork {
  readonly row: PushRow;
  readonly mapped: MappedRecord;
  readonly fingerprint: string;
  readonly decision: PushDecision;
  /** An update that was sent earlier may have left something behind, and its key does not tell. */
  readonly afterLostUpdate: boolean;
}

export interface PushTools {
  readonly scope: RunScope;
  readonly writer: ResourceWriter;
  readonly mapping: ResourceMapping;
  readonly store: Pick<PushStore, 'markPending'>;
}

/** What is to be done with a record. Pure but for the time, which says whether an old key can still be repeated. */
export function planPush(row: PushRow, mapping: ResourceMapping, nowMs: number): PushWork {
  const mapped = mapping.toPayload(row);
  const fingerprint = fingerprintOf(mapped.payload);
  const { link } = row;
  const decision = decidePush({ fingerprint, hasProblems: mapped.problems.length > 0, deleted: row.deleted, link: link && { ...link, inDoubt: link.sent !== null } });
  // A first write that was sent lately may be sent again under its key: the provider will know it.
  const repeatable = link !== null && link.writeAttempt === 0 && isLately(link.createdAt, nowMs);
  return { row, mapped, fingerprint, afterLostUpdate: isUnrepeatable(row, nowMs), decision: decision === 'resolve' && repeatable ? 'create' : decision };
}

const isLately = (sentAt: Date, nowMs: number) => nowMs - sentAt.getTime() < KEY_LIFE_MS;

/** An update was sent, and the key that the next one would have is not that one's, or is forgotten. */
function isUnrepeatable({ version, link }: PushRow, nowMs: number): boolean {
  if (link?.sent == null) return false;
  return link.sent.version !== version || link.writeAttempt > 0 || !isLately(link.sent.at, nowMs);
}

/** Brings one record to the provider. A rejected record is a result; whatever may pass is thrown as ProviderError. */
export async function pushRecord(work: PushWork, tools: PushTools): Promise<PushResult> {
  const { decision, mapped } = work;
  if (decision === 'unchanged') return agreed(work, 'unchanged', null);
  if (decision === 'deleted-at-provider') return gone(work);
  if (decision === 'reject') return rejected(work, 'not-mappable', mapped.problems.map(({ path, message }) => `${path}: ${message}`).join(' '));
  try {
    return await WRITES[decision](work, tools);
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    // A spent key stands for a stored failure, or for the same record with other content: what it did is looked up.
    if (isSpentKey(error) && (decision === 'create' || decision === 'update')) return pushRecord({ ...work, decision: 'resolve' }, tools);
    return afterRefusal(error, work);
  }
}

const WRITES: Readonly<Record<'create' | 'update' | 'archive' | 'resolve', (work: PushWork, tools: PushTools) => Promise<PushResult>>> = {
  create: write,
  update: write,
  archive,
  resolve,
};

const isSpentKey = ({ details }: ProviderError) => details.kind === 'conflict' || (details.kind === 'unavailable' && details.replayed === true);

async function write(work: PushWork, tools: PushTools): Promise<PushResult> {
  const { row, mapped, afterLostUpdate } = work;
  const identity = identityOf(work, tools);
  const externalId = row.link?.externalId ?? null;
  if (externalId === null) return agreed(work, 'created', await tools.writer.create(mapped, { idempotencyKey: createKey(identity) }));
  const kept = new Set(Object.entries(row.fields.metadata).flatMap(([key, value]) => (value === '' ? [] : [key])));
  const clearedMetadataKeys = (row.link?.metadataKeys ?? []).filter((key) => !kept.has(key));
  const idempotencyKey = updateKey(identity, work.fingerprint);
  const externalState = row.link?.externalState ?? null;
  return agreed(work, 'updated', await tools.writer.update(externalId, mapped, { idempotencyKey, clearedMetadataKeys, externalState, afterLostUpdate }));
}

const identityOf = ({ row }: PushWork, { scope }: PushTools) => ({
  ...{ connectionId: scope.connectionId, recordId: row.id, recordVersion: row.version, attempt: row.link?.writeAttempt ?? 0 },
});

/** Also of a record whose first write was never answered: that may have left a twin. */
async function archive(work: PushWork, tools: PushTools): Promise<PushResult> {
  const externalId = work.row.link?.externalId ?? (await findTwin(work, tools))?.externalId ?? null;
  const outcome = externalId === null ? 'deleted' : await tools.writer.archive(externalId, { idempotencyKey: archiveKey(identityOf(work, tools)) });
  const result = agreed(work, externalId === null ? 'unchanged' : 'archived', null);
  return { ...result, linkState: 'archived', externalId: outcome === 'deleted' ? null : externalId, fingerprint: null, externalState: null };
}

function afterRefusal(error: ProviderError, work: PushWork): PushResult {
  const { kind, httpStatus, code, field } = error.details;
  // 403 refuses the whole account, not this record.
  if (kind !== 'rejected' || httpStatus === 403) throw error;
  if (httpStatus === 404 && work.row.link?.externalId != null) return gone(work);
  const message = `The provider refused this record${field === undefined ? '' : ` because of ${field}`} (http ${httpStatus ?? 'none'}).`;
  return rejected(work, code ?? 'rejected', message);
}

/** Looks up what earlier writes of unknown outcome have done, and writes only what is missing, under a key that was never used. */
async function resolve(work: PushWork, tools: PushTools): Promise<PushResult> {
  const { row } = work;
  const link = row.link ?? NO_LINK;
  const twin = link.externalId === null ? await findTwin(work, tools) : null;
  // Only of a record that never was another can nothing but its creation have been sent.
  if (twin !== null && !link.recordChangedSince && isAsWanted(twin, work, tools.mapping)) return agreed(work, 'created', twin);

  const writeAttempt = link.writeAttempt + 1;
  await tools.store.markPending(tools.scope, [row.id], writeAttempt);
  if (writeAttempt > MAX_WRITE_ATTEMPTS) return rejected(work, 'provider-keeps-failing', `The provider failed ${MAX_WRITE_ATTEMPTS} times on this record.`);
  return write({ ...work, row: { ...row, link: { ...link, writeAttempt, ...twinOf(twin) } }, afterLostUpdate: true }, tools);
}

const twinOf = (twin: ProviderRecord | null): Partial<PushLink> => (twin ? { externalId: twin.externalId, metadataKeys: Object.keys(twin.fields?.metadata ?? {}), externalState: twin.externalState ?? null } : {});

/** By its email where it has one; a record that changed since its first write was sent may have had another then. */
async function findTwin(work: PushWork, { writer }: PushTools): Promise<ProviderRecord | null> {
  const { id: recordId, fields, link } = work.row;
  const createdSinceEpochS = Math.floor((link?.createdAt.getTime() ?? Date.now()) / 1_000) - CLOCK_SKEW_S;
  const email = 'email' in fields ? fields.email : null;
  const found = await searchTwin(writer, { recordId, createdSinceEpochS, email });
  return found === null && email !== null && link?.recordChangedSince === true ? searchTwin(writer, { recordId, createdSinceEpochS, email: null }) : found;
}

async function searchTwin(writer: ResourceWriter, hint: Omit<TwinHint, 'after'>): Promise<ProviderRecord | null> {
  let after: string | null = null;
  do {
    const search: TwinSearch = await writer.findTwin({ ...hint, after });
    if (search.found) return search.found;
    after = search.after;
  } while (after !== null);
  return null;
}

function isAsWanted(twin: ProviderRecord, { row, fingerprint }: PushWork, mapping: ResourceMapping): boolean {
  return twin.fields !== null && fingerprintOf(mapping.toPayload({ id: row.id, sourceId: row.sourceId, fields: twin.fields }).payload) === fingerprint;
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
  createdAt: new Date(0),
  recordChangedSince: false,
  countedInThisRun: false,
};

function agreed({ row, fingerprint }: PushWork, action: PushResult['action'], written: WrittenRecord | null): PushResult {
  return {
    recordId: row.id,
    sourceId: row.sourceId,
    action,
    recordVersion: row.version,
    linkState: 'linked',
    ...toldBy(written, row.link),
    fingerprint,
    metadataKeys: Object.keys(row.fields.metadata),
    code: null,
    message: null,
  };
}

/** What the answer to a write tells; without one the twin is the link's. */
function toldBy(written: WrittenRecord | null, link: PushLink | null): Pick<PushResult, 'externalId' | 'externalVersion' | 'externalState' | 'notes'> {
  if (written === null) return { externalId: link?.externalId ?? null, externalVersion: 0, externalState: null, notes: [] };
  return { externalId: written.externalId, externalVersion: written.version, externalState: written.externalState ?? null, notes: written.notes ?? [] };
}

const gone = (work: PushWork) => rejected(work, 'deleted-at-provider', 'The provider has deleted this record; it is not created again.');

function rejected({ row }: PushWork, code: string, message: string): PushResult {
  return {
    recordId: row.id,
    sourceId: row.sourceId,
    action: 'rejected',
    recordVersion: row.version,
    linkState: code === 'deleted-at-provider' ? 'gone' : 'rejected',
    externalId: row.link?.externalId ?? null,
    externalVersion: 0,
    fingerprint: null,
    metadataKeys: [],
    externalState: null,
    notes: [],
    code,
    message,
  };
}

/** What a dry run says of the record, and what a plan knows a result by. */
export function toPlanEntry({ row, mapped, fingerprint, decision }: PushWork): PlanEntry {
  const action = PLANNED[decision === 'resolve' && row.link?.externalId != null ? 'update' : decision];
  const { id, sourceId, link } = row;
  const refusal = decision === 'deleted-at-provider' ? 'deleted-at-provider' : mapped.problems.map(({ path, message }) => `${path}: ${message}`).join(' ');
  return {
    ...{ key: id, action, recordId: id, sourceId, externalId: link?.externalId ?? null },
    detail: action === 'reject' ? refusal : null,
    fingerprint: action === 'create' || action === 'update' ? fingerprint : null,
  };
}

const PLANNED: Readonly<Record<PushDecision, PlanAction>> = {
  create: 'create',
  resolve: 'create',
  update: 'update',
  archive: 'archive',
  unchanged: 'skip',
  reject: 'reject',
  'deleted-at-provider': 'reject',
};
const DONE: Readonly<Record<PushResult['action'], PlanAction>> = { created: 'create', updated: 'update', archived: 'archive', unchanged: 'skip', rejected: 'reject' };

/** What became of the record, to be held against its plan. */
export function toDoneEntry(work: PushWork, { action, externalId }: PushResult): PlanEntry {
  return { ...toPlanEntry(work), action: DONE[action], externalId };
}

/** HTTP calls that bringing the record to the provider would take. */
export function callsOf({ row, mapped, decision }: PushWork, mapping: ResourceMapping): number {
  if (decision === 'archive') return 1;
  if (decision !== 'create' && decision !== 'update' && decision !== 'resolve') return 0;
  return mapping.callsToWrite(mapped, row.link?.externalId == null ? null : { externalState: row.link.externalState });
}
