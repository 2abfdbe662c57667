import { batchKey } from '../../../domain/sync/push/idempotency-key.ts';
import type { PushResult, PushStore } from '../../../db/push/push-store.ts';
import { ProviderError, refusesAccount } from '../../../providers/provider-error.ts';
import type { BatchOutcome, BatchWriter, ResourceWriter } from '../../../providers/provider.ts';
import {
  afterError,
  anotherAttempt,
  created,
  doneBefore,
  isGivenUp,
  isSpentKey,
  keepsFailing,
  pendingMarkOf,
  pushRecord,
  untied,
} from './push-record.ts';
import type { Attempt } from './push-record.ts';
import { findRemotes, placed } from './push-remote-record.ts';
import type { MergedAgain } from './push-merge-again.ts';
import { PLACE_TAKEN, agreed, rejected } from './push-result.ts';
import { createOptionsOf, sentBy, updateOptionsOf, whenSent } from './push-work.ts';
import type { PushTools, PushWork } from './push-work.ts';

/** Rounds in which a batch reads anew what somebody else changes meanwhile, before it is cut. */
const MOST_ROUNDS = 3;

export interface BatchTools extends PushTools {
  readonly batch: BatchWriter;
  /** Of a two-way run: reads and merges what has changed since the run read it. */
  readonly mergeAgain?: (stale: readonly PushWork[]) => Promise<MergedAgain>;
  readonly store: Pick<PushStore, 'markPending' | 'markAnew' | 'markMerged' | 'tiedTo' | 'untieDeleted'>;
}

/**
 * How a record may go with others: with those that have the same word. Null for one that goes alone, because it is taken out
 * of use, or has to be looked up first and the provider tells one a call.
 */
export function companyOf(
  planned: PushWork,
  { findMany }: Pick<ResourceWriter, 'findMany'>,
  nowMs: number,
): string | null {
  const work = whenSent(planned, nowMs);
  if (work.decision === 'update') return 'update';
  if (work.decision === 'create') return `create ${work.row.link?.batchKey ?? ''}`;
  return findMany !== undefined && isToBeLookedUp(work) ? 'look up' : null;
}

const isToBeLookedUp = ({ decision, row }: PushWork): boolean => decision === 'resolve' && row.link?.externalId == null;

/**
 * Writes records of one company in as few calls as it takes; results come in the order of the records. A call that is
 * refused as a whole has written nothing: it is cut in halves until the record that it was refused for stands alone.
 * Throws temporary failures as ProviderError.
 */
export async function pushBatch(
  planned: readonly PushWork[],
  tools: BatchTools,
  round = 0,
): Promise<readonly PushResult[]> {
  const asked = planned.map((work) => whenSent(work, Date.now()));
  const { refused, displaced } = await placed(asked, tools);
  // What another record of the batch takes is untied before either is written: the links of two that swap would clash, and
  // a batch that is cut would clear what the other has written.
  const works: PushWork[] = [];
  for (const work of asked)
    if (!refused.has(work.row.id)) works.push(displaced.has(work.row.id) ? await untied(work, tools) : work);
  const [creations, updates] = (['create', 'update'] as const).map((decision) =>
    works.filter((work) => work.decision === decision),
  );
  // Keys may have ended since the records were put together.
  const inDoubt = works.filter(isToBeLookedUp);
  const alone = works.filter(
    (work) => work.decision !== 'create' && work.decision !== 'update' && !isToBeLookedUp(work),
  );
  const results = [
    ...asked.filter(({ row }) => refused.has(row.id)).map(placeTaken),
    ...(creations?.length ? await createTogether(creations, tools) : []),
    ...(updates?.length ? await updateTogether(updates, tools, round) : []),
    ...(await resolveTogether(inDoubt, tools)),
    ...(await oneByOne(alone, (work) => pushRecord(work, tools))),
  ];
  const byRecord = new Map(
    results.map((result) => [result.recordId, displaced.has(result.recordId) ? moved(result) : result]),
  );
  return asked.flatMap(({ row }) => byRecord.get(row.id) ?? []);
}

const placeTaken = (work: PushWork): PushResult => rejected(work, 'place-taken', PLACE_TAKEN);

/** The record was at the provider before, elsewhere. */
const moved = (result: PushResult): PushResult =>
  result.action === 'created' ? { ...result, action: 'updated' } : result;

interface Creation {
  /** Other records than those that were marked with a key: no key of theirs stands for this batch. */
  readonly isCut?: true;
  /** Nothing of these records is at the provider: they were just looked up. */
  readonly isLookedUp?: true;
}

async function createTogether(
  works: readonly PushWork[],
  tools: BatchTools,
  { isCut, isLookedUp }: Creation = {},
): Promise<readonly PushResult[]> {
  const idempotencyKey = (isCut ? null : markedKeyOf(works)) ?? (await markBatch(works, tools));
  const entries = works.map((work) => ({ mapped: work.mapped, ...createOptionsOf(work, tools) }));
  const outcomes = await answered(tools.batch.create(entries, { idempotencyKey }));
  const lookUp = isLookedUp ? resolveOneByOne : resolveTogether;
  if (!(outcomes instanceof ProviderError)) {
    const { settled, spent } = await settleUnlessSpent(works, outcomes, tools);
    return [...settled, ...(await lookUp(spent, tools))];
  }
  // A stored failure of a key that was used for nothing else: it is tried again later.
  if (isLookedUp && outcomes.details.kind === 'unavailable') throw outcomes;
  // The key stands for other content, such as that of an earlier version, which may have been written.
  if (isSpentKey(outcomes)) return lookUp(works, tools);
  return cut(outcomes, works, { tools, again: (half) => createTogether(half, tools, { isCut: true }) });
}

/** A call that was refused as a whole is its error. */
async function answered(outcomes: Promise<readonly BatchOutcome[]>): Promise<readonly BatchOutcome[] | ProviderError> {
  try {
    return await outcomes;
  } catch (error) {
    if (error instanceof ProviderError) return error;
    throw error;
  }
}

/** Settles each record whose key did not stand for other content, and returns the others. */
async function settleUnlessSpent(
  works: readonly PushWork[],
  outcomes: readonly BatchOutcome[],
  tools: BatchTools,
): Promise<{ readonly settled: readonly PushResult[]; readonly spent: readonly PushWork[] }> {
  const isSpent = (outcome: BatchOutcome | undefined) => outcome instanceof ProviderError && isSpentKey(outcome);
  const settled = await settle(
    works.filter((_, index) => !isSpent(outcomes[index])),
    outcomes.filter((outcome) => !isSpent(outcome)),
    tools,
  );
  return { settled, spent: works.filter((_, index) => isSpent(outcomes[index])) };
}

const resolveOneByOne = (works: readonly PushWork[], tools: BatchTools): Promise<readonly PushResult[]> =>
  oneByOne(works, (work) => pushRecord({ ...work, decision: 'resolve' }, tools));

/**
 * Looks up by few calls what earlier writes of unknown outcome have left, and writes by few what is missing. What is in
 * doubt goes alone.
 */
async function resolveTogether(works: readonly PushWork[], tools: BatchTools): Promise<readonly PushResult[]> {
  const rows = works.map(({ row }) => row);
  const found = await findRemotes(rows, tools);
  const results: PushResult[] = [];
  const again: Attempt[] = [];
  for (const work of works) {
    const remote = found.get(work.row.id);
    if (remote === undefined) continue;
    const done = remote && doneBefore(remote, work, tools);
    if (done) results.push(done);
    else again.push(anotherAttempt(work, remote));
  }
  const inDoubt = works.filter(({ row }) => !found.has(row.id));
  return [...results, ...(await writeTogether(again, tools)), ...(await resolveOneByOne(inDoubt, tools))];
}

async function writeTogether(works: readonly Attempt[], tools: BatchTools): Promise<readonly PushResult[]> {
  const { scope, store } = tools;
  for (const attempt of new Set(works.map(({ row }) => row.link.writeAttempt))) {
    const marked = works.filter(({ row }) => row.link.writeAttempt === attempt);
    const ids = marked.map(({ row }) => row.id);
    await store.markPending(scope, ids, pendingMarkOf(attempt, marked));
  }
  const left = works.filter((work) => !isGivenUp(work, scope)).map((work) => ({ ...work, repeatableUntilMs: null }));
  const missing = left.filter(({ row }) => row.link.externalId === null);
  const present = left.filter(({ row }) => row.link.externalId !== null);
  const creations = missing.map((work) => ({ ...work, decision: 'create' as const }));
  const updates = present.map((work) => ({ ...work, decision: 'update' as const }));
  return [
    ...works.filter((work) => isGivenUp(work, scope)).map(keepsFailing),
    ...(creations.length === 0 ? [] : await createTogether(creations, tools, { isCut: true, isLookedUp: true })),
    ...(updates.length === 0 ? [] : await updateTogether(updates, tools)),
  ];
}

/** The key that these records were sent under before; null where they were not sent, or alone. */
const markedKeyOf = ([first]: readonly PushWork[]): string | null => first?.row.link?.batchKey ?? null;

async function markBatch(works: readonly PushWork[], tools: BatchTools): Promise<string> {
  const key = keyOf(works, tools, { action: 'create', round: 0 });
  const ids = works.map(({ row }) => row.id);
  await tools.store.markPending(tools.scope, ids, { attempt: 0, batchKey: key });
  return key;
}

/** `round`: how often the same records were refused because a remote record had changed since it was read. */
async function updateTogether(
  works: readonly PushWork[],
  tools: BatchTools,
  round = 0,
): Promise<readonly PushResult[]> {
  const idempotencyKey = keyOf(works, tools, { action: 'update', round });
  const mayRepeat = round + 1 < MOST_ROUNDS;
  const entries = works.map((work) => ({
    externalId: work.row.link?.externalId ?? '',
    mapped: sentBy(work, tools),
    ...updateOptionsOf(work, tools),
  }));
  const outcomes = await answered(tools.batch.update(entries, { idempotencyKey }));
  if (outcomes instanceof ProviderError)
    return isSpentKey(outcomes) && mayRepeat
      ? repeat(works, tools, round + 1)
      : cut(outcomes, works, { tools, again: (half) => updateTogether(half, tools) });
  if (!mayRepeat) return settle(works, outcomes, tools);
  const { settled, spent: stale } = await settleUnlessSpent(works, outcomes, tools);
  return stale.length === 0 ? settled : [...settled, ...(await repeat(stale, tools, round + 1))];
}

/** Updates that met a newer version: a push writes them over it, a two-way run merges first. */
async function repeat(stale: readonly PushWork[], tools: BatchTools, round: number): Promise<readonly PushResult[]> {
  if (!tools.mergeAgain) return updateTogether(stale, tools, round);
  const { works, results } = await tools.mergeAgain(stale);
  return [...results, ...(await pushBatch(works, tools, round))];
}

/** A two-way run overwrites no version that it has not merged. */
function afterRefusal(
  error: ProviderError,
  work: PushWork,
  tools: BatchTools,
): PushResult | Promise<PushResult | null> {
  return tools.mergeAgain && isSpentKey(error) && work.decision === 'update'
    ? rejected(work, 'keeps-changing', 'The provider’s object changed at every attempt. The next run merges it.')
    : afterError(error, work, { ...tools, ...(tools.mergeAgain && { followMerge: (one) => followMerge(one, tools) }) });
}

/** Reads what the remote record was merged into, and writes what the venue then still has otherwise. */
async function followMerge(work: PushWork, tools: BatchTools): Promise<PushResult | null> {
  const [result = null] = await repeat([work], tools, MOST_ROUNDS - 1);
  return result;
}

const keyOf = (
  works: readonly PushWork[],
  { scope }: BatchTools,
  of: { readonly action: 'create' | 'update'; readonly round: number },
): string =>
  batchKey(
    scope.connectionId,
    works.map(({ row: { id: recordId, version: recordVersion, link } }) => ({
      ...{ recordId, recordVersion, attempt: link?.writeAttempt ?? 0, refusals: link?.refusals ?? 0 },
    })),
    of,
  );

/** Records that were refused by themselves go on alone, as single ones do. */
function settle(
  works: readonly PushWork[],
  outcomes: readonly BatchOutcome[],
  tools: BatchTools,
): Promise<readonly PushResult[]> {
  return oneByOne(works, (work, index) => {
    const outcome = outcomes[index];
    if (outcome === undefined) throw new Error('a batch has an outcome for each of its records');
    if (outcome instanceof ProviderError) return afterRefusal(outcome, work, tools);
    return work.decision === 'create' ? created(work, tools, outcome) : agreed(work, 'updated', outcome);
  });
}

interface Cutting {
  readonly tools: BatchTools;
  readonly again: (half: readonly PushWork[]) => Promise<readonly PushResult[]>;
}

/** Throws an error that no other composition of the batch would avoid. */
async function cut(error: ProviderError, works: readonly PushWork[], { tools, again }: Cutting) {
  const [only] = works;
  if (only !== undefined && works.length === 1) return oneByOne([only], (work) => afterRefusal(error, work, tools));
  const { kind } = error.details;
  if ((kind !== 'rejected' && kind !== 'conflict') || refusesAccount(error)) throw error;
  const middle = Math.ceil(works.length / 2);
  return [...(await again(works.slice(0, middle))), ...(await again(works.slice(middle)))];
}

async function oneByOne(
  works: readonly PushWork[],
  push: (work: PushWork, index: number) => PushResult | null | Promise<PushResult | null>,
): Promise<readonly PushResult[]> {
  const results: PushResult[] = [];
  for (const [index, work] of works.entries()) {
    const result = await push(work, index);
    if (result !== null) results.push(result);
  }
  return results;
}
