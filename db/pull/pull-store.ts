import type { UnknownField } from '../../contracts/unknown-fields.ts';
import type { PlanAction, SyncProgress } from '../../contracts/sync.ts';
import type { TwoWayDecision as PullDecision } from '../../domain/sync/merge/two-way-decision.ts';
import { saveConflicts } from './pull-agreement.ts';
import { applyDeletions, applyPulled, mayHaveEarlierSourceIds } from './pull-apply.ts';
import { readMergePolicies } from './merge-policies.ts';
import { newestOfEach, setDeletionsAside, toDeletion, withoutDeleted } from './pull-deletions.ts';
import { decidePulled, lockRemotes } from './pull-lookup.ts';
import type { Decided, RemoteRow } from './pull-lookup.ts';
import { logPulled, toAmbiguous, toAnomaly, toCopied, toUnlisted } from './pull-log.ts';
import { isTwoWay } from './merge-rows.ts';
import { mergeDecided } from './pull-merge.ts';
import { endingsOf, followMerges, joinMerged, moveMerged, settleMerged, withSuccessors } from './merged-objects.ts';
import type { PulledRecord } from './pulled-record.ts';
import { resolveObjects, resolveTied } from '../dead-letters/rejected-records.ts';
import { logRejections } from './pull-rejections.ts';
import type { Rejection } from './pull-rejections.ts';
import { meetPlan, plannedTies, savePlanItems } from '../runs/plan-items.ts';
import type { PlanEntry } from '../runs/plan-items.ts';
import { withRefusals } from './rejections.ts';
import type { StoreEach } from './rejections.ts';
import { insertLogs } from '../runs/sync-log.ts';
import type { RecordKinds } from '../../records/registry.ts';
import { lockRun, scopeWithKind } from '../runs/run-scope.ts';
import type { KindScope, RunScope } from '../runs/run-scope.ts';
import { noteUnknownFields } from '../connections/unknown-field-store.ts';
import { announceChanges } from '../outgoing/announcements.ts';
import { addProgress } from '../runs/run-state.ts';
import type { ProgressDelta } from '../runs/run-state.ts';
import { markSeen, missingAmong, settle } from './sync-missing.ts';
import type { Deletion, MissingReason } from './sync-missing.ts';
import { amendRecords } from '../records/record-references.ts';
import type { Amendment } from '../records/record-references.ts';
import { readAwaited } from '../records/creations-in-flight.ts';
import type { Awaited } from '../records/creations-in-flight.ts';
import { together, withVenue } from '../core/venue-scope.ts';
import type { Database, Transaction } from '../core/venue-scope.ts';

/**
 * Which records of a commit are counted. `changes`: not those that the run's listing returned already.
 * `first-meetings`: nor those that the run has seen before on a list that it reads a second time.
 */
export type Counting = 'all' | 'changes' | 'first-meetings';

export interface PullCommit extends Omit<ProgressDelta, 'counts' | 'done'> {
  readonly records: readonly PulledRecord[];
  readonly amendments: readonly Amendment[];
  readonly rejections: readonly Rejection[];
  /** Ids of existing objects, from a list of ids only. */
  readonly seen: readonly string[];
  readonly counting: Counting;
  /** Anomalies of the pages for the log, as codes. */
  readonly anomalies: readonly string[];
  /** Fields of the pages' objects that the adapter has no meaning for; absent: none. */
  readonly unknownFields?: readonly UnknownField[];
}

export interface CommitResult {
  readonly progress: SyncProgress;
  readonly stopRequested: boolean;
}

/** Outcome for records that were considered deleted at the provider. */
export interface SettledMissing extends Omit<ProgressDelta, 'counts' | 'done'> {
  readonly gone: readonly Deletion[];
  /** Records that exist after all, as they are now, and why they were asked for. */
  readonly found: readonly { readonly pulled: PulledRecord; readonly reason: MissingReason }[];
  /** Objects that exist but cannot be read. */
  readonly rejections: readonly Rejection[];
}

export interface PullStore {
  /**
   * Applies pages and moves the cursor, in one transaction. A dry run records what it would apply instead. Deletions
   * are set aside for `settleMissing`. Throws SupersededError.
   */
  commit(scope: RunScope, pages: PullCommit): Promise<CommitResult>;
  /**
   * Whether objects that were read before `asOf` (null: before now) may be those of creations of another run whose
   * answers are not stored yet.
   */
  readAwaited(
    scope: RunScope,
    read: { readonly externalIds: readonly string[]; readonly asOf: string | null },
  ): Promise<Awaited>;
  /** Applies what was set aside, in one transaction. Throws SupersededError. */
  settleMissing(scope: RunScope, settled: SettledMissing): Promise<CommitResult>;
}

export function createPullStore(db: Database, kinds: RecordKinds): PullStore {
  const storing = (scope: RunScope, tx: Transaction, storeEach: StoreEach): Storing => ({
    tx,
    scope: scopeWithKind(scope, kinds),
    storeEach,
  });
  return {
    commit: (scope, pages) =>
      withRefusals(db, scope.venueId, (tx, storeEach) => commitPages(storing(scope, tx, storeEach), pages)),
    readAwaited: (scope, read) => withVenue(db, scope.venueId, (tx) => readAwaited(tx, scope, read)),
    settleMissing: (scope, settled) =>
      withRefusals(db, scope.venueId, (tx, storeEach) => settleRecords(storing(scope, tx, storeEach), settled)),
  };
}

interface Storing {
  readonly tx: Transaction;
  readonly scope: KindScope;
  readonly storeEach: StoreEach;
}

async function commitPages({ tx, scope, storeEach }: Storing, pages: PullCommit): Promise<CommitResult> {
  // Sent together with the next statement, unless that may have to be rolled back.
  const locking = lockRun(tx, scope);
  locking.catch(() => undefined);
  const stored = await storeEach(newestOfEach(pages.records), async (sp, part) => {
    const records = part.map(({ pulled }) => pulled);
    const [, earlier, missing, rows] = await together(
      locking,
      mayHaveEarlierSourceIds(sp, scope),
      missingAmong(
        sp,
        scope,
        records.map(({ externalId }) => externalId),
      ),
      lockRemotes(sp, scope, records),
    );
    const current = withoutDeleted(part, missing);
    const olderOf = new Map(
      current.flatMap(({ pulled, older }) => (older.length === 0 ? [] : [[pulled.externalId, older] as const])),
    );
    const decided = (
      await decide(
        { tx: sp, scope },
        current.map(({ pulled }) => pulled),
        rows,
      )
    ).map((one) => {
      const older = olderOf.get(one.pulled.externalId);
      return older ? { ...one, older } : one;
    });
    const contradicted = new Set(current.flatMap((one) => (one.contradicted ? one.pulled.externalId : [])));
    const applied = await apply(
      sp,
      { ...scope, mayHaveEarlierSourceIds: earlier },
      await setDeletionsAside(sp, scope, { decided, contradicted }),
    );
    return [...applied, ...decided.filter(({ pulled, decision }) => !pulled.deleted && decision === 'look-up')];
  });
  const { stopRequested } = await locking;
  const told = stored.results.flat();
  const amended = await storeEach(scope.dryRun === true ? [] : pages.amendments, (sp, part) =>
    amendRecords(sp, scope, part),
  );
  await insertLogs(tx, scope, [
    ...pages.anomalies.map(toAnomaly),
    ...told.flatMap(toCopied),
    ...told.flatMap(toAmbiguous),
  ]);
  const notStored = [
    ...stored.refused.map(({ item, reason }) => notStorable(item.pulled.externalId, reason)),
    ...amended.refused.map(({ item, reason }) =>
      notStorable(String(item[scope.kind.amendments?.reference ?? '']), reason),
    ),
  ];
  const settling = settleStored(tx, scope, told);
  const rejections = [...pages.rejections, ...notStored];
  const [, rejected] =
    rejections.length === 0 ? [null, 0] : await together(settling, logRejections(tx, scope, rejections));
  const refused = new Set(stored.refused.map(({ item }) => item.pulled.externalId));
  await markSeen(tx, scope, pages.seen);
  const kept =
    pages.counting === 'all'
      ? pages.records.filter(({ externalId }) => !refused.has(externalId))
      : told.filter(({ decision, isMet }) =>
          pages.counting === 'changes' || isMet ? !UNCHANGED.has(decision) : decision !== 'ignore',
        );
  const read = rejected + kept.length;
  const counts = countsOf({ read, rejected }, told);
  const progress = await conclude(tx, scope, { delta: { ...pages, done: read, counts }, settling });
  if (scope.dryRun !== true) await noteUnknownFields(tx, scope, pages.unknownFields ?? []);
  return { progress, stopRequested };
}

/** Settles the dead letters of objects that are stored now. Awaited together with the next statements. */
function settleStored(tx: Transaction, scope: KindScope, told: readonly Decided[]): Promise<void> {
  const settling = scope.dryRun === true ? Promise.resolve() : resolveStored(tx, scope, told);
  settling.catch(() => undefined);
  return settling;
}

async function resolveStored(tx: Transaction, scope: KindScope, told: readonly Decided[]): Promise<void> {
  await resolveObjects(tx, scope, told.flatMap(toStoredId));
  const tied = told.filter(({ decision, sameBy }) => decision === 'link' && sameBy !== undefined);
  if (tied.length > 0)
    await resolveTied(
      tx,
      scope,
      tied.map(({ record }) => record.id),
    );
}

/** What every commit ends with: its statements are sent without waiting for each other. */
async function conclude(
  tx: Transaction,
  scope: KindScope,
  { delta, settling }: { readonly delta: ProgressDelta; readonly settling?: Promise<void> },
): Promise<SyncProgress> {
  const [, , progress] = await together(
    settling ?? Promise.resolve(),
    scope.dryRun === true ? Promise.resolve() : announceChanges(tx, scope, delta.counts),
    addProgress(tx, scope, delta),
  );
  return progress;
}

async function settleRecords({ tx, scope, storeEach }: Storing, settled: SettledMissing): Promise<CommitResult> {
  const { stopRequested } = await lockRun(tx, scope);
  const records = [...joinMerged(settled.found.map(({ pulled }) => pulled)), ...settled.gone.map(toDeletion)];
  const stored = await storeEach(records, async (sp, part) => {
    const { merges, rows } = followMerges(part, await lockRemotes(sp, scope, part));
    const decided = await decide({ tx: sp, scope }, [...part, ...merges.flatMap(endingsOf)], rows);
    if (scope.dryRun !== true) await moveMerged(sp, scope, merges);
    // A reported deletion is doubtful when the remote record was seen after it, because it may have been created again.
    const applied = await apply(
      sp,
      scope,
      withSuccessors(decided, merges).filter(({ decision }) => decision !== 'look-up'),
    );
    if (scope.dryRun !== true) await settleMerged(sp, scope, merges);
    return applied;
  });
  const refused = new Set(stored.refused.map(({ item }) => item.externalId));
  // Doubted records were counted with their page.
  const found = settled.found.filter(({ pulled, reason }) => reason !== 'doubted' && !refused.has(pulled.externalId));
  const unlisted = found.filter(({ reason }) => reason === 'unlisted').map(({ pulled }) => pulled);
  const rejections = [
    ...settled.rejections,
    ...stored.refused.map(({ item, reason }) => notStorable(item.externalId, reason)),
  ];
  const told = stored.results.flat();
  const [, rejected] = await together(settleStored(tx, scope, told), logRejections(tx, scope, rejections));
  await settle(tx, scope, [
    ...settled.found.flatMap(({ pulled }) => [pulled.externalId, ...pulled.mergedFrom]),
    ...settled.gone.map(({ externalId }) => externalId),
    ...settled.rejections.flatMap(({ externalId }) => externalId ?? []),
  ]);
  await insertLogs(tx, scope, unlisted.map(toUnlisted));
  const read = found.length + rejected;
  const counts = countsOf({ read, rejected }, told);
  const progress = await conclude(tx, scope, { delta: { ...settled, done: read, counts } });
  return { progress, stopRequested };
}

const UNCHANGED: ReadonlySet<PullDecision> = new Set(['touch', 'ignore', 'look-up']);

const notStorable = (externalId: string, reason: string): Rejection => ({
  externalId,
  code: 'not-storable',
  message: `The database does not store this object (${reason}).`,
});

/** Decides on records as the scope's direction asks: by the provider's word, or by a merge of both sides. */
export async function decide(
  { tx, scope }: Pick<Storing, 'tx' | 'scope'>,
  records: readonly PulledRecord[],
  rows: readonly RemoteRow[],
): Promise<readonly Decided[]> {
  const ties = await plannedTies(
    tx,
    scope,
    records.flatMap(({ recordId }) => recordId ?? []),
  );
  if (!isTwoWay(scope)) return decidePulled(scope, records, { rows, ties, policies: null });
  const policies = await readMergePolicies(tx, scope);
  return mergeDecided(tx, scope, { decided: decidePulled(scope, records, { rows, ties, policies }), rows, policies });
}

/** Returns what to count. A dry run changes nothing, so it decides the same again when it sees a record again. */
async function apply(tx: Transaction, scope: KindScope, decided: readonly Decided[]): Promise<readonly Decided[]> {
  if (scope.dryRun === true) {
    const known = await savePlanItems(tx, scope, [...decided.map(toPlanEntry), ...decided.flatMap(toTiedEntry)]);
    return decided.map(({ merged, ...one }) => {
      if (known.has(one.pulled.externalId)) return { ...one, decision: 'touch' };
      return merged ? { ...one, merged } : one;
    });
  }
  await applyPulled(tx, scope, decided);
  await applyDeletions(tx, scope, decided);
  await saveConflicts(tx, scope, decided);
  if (scope.planId !== undefined) await meetPlan(tx, scope, decided.map(toPlanEntry));
  await logPulled(tx, scope, decided);
  return decided;
}

const PLAN_ACTION_OF: Readonly<Record<PullDecision, PlanAction>> = {
  create: 'create',
  link: 'update',
  update: 'update',
  overwrite: 'conflict',
  revive: 'update',
  archive: 'archive',
  keep: 'conflict',
  'look-up': 'skip',
  merge: 'update',
  hold: 'conflict',
  touch: 'skip',
  ignore: 'skip',
};

function plannedAction({ decision, merged }: Decided): PlanAction {
  if (!merged) return PLAN_ACTION_OF[decision];
  if (merged.open.length > 0) return 'conflict';
  return merged.changesVenue ? 'update' : 'skip';
}

/** An older reading says nothing about the one that was rejected. */
const toStoredId = ({ decision, pulled }: Decided): readonly string[] =>
  decision === 'ignore' || decision === 'look-up' ? [] : [pulled.externalId, ...pulled.mergedFrom];

function toPlanEntry(one: Decided): PlanEntry {
  const { pulled, record } = one;
  const action = plannedAction(one);
  return {
    key: pulled.externalId,
    action,
    // A record that would only be created has no id yet.
    recordId: action === 'create' ? null : record.id,
    sourceId: record.sourceId,
    externalId: pulled.externalId,
    detail: null,
    fingerprint: action === 'skip' ? null : pulled.contentFingerprint(),
    ...(!pulled.deleted && { version: pulled.version }),
  };
}

/** What the run's push would do to a record that is tied, which is known no longer once the pull's part has ended. */
function toTiedEntry({ decision, merged, pulled, record: { id, sourceId } }: Decided): readonly PlanEntry[] {
  if (decision !== 'link' || !merged) return [];
  const { changesProvider, remoteFingerprint, writtenFingerprint } = merged;
  const isWritten = changesProvider && writtenFingerprint !== remoteFingerprint;
  const fingerprint = isWritten ? writtenFingerprint : null;
  const about = { recordId: id, sourceId, externalId: pulled.externalId, detail: null, fingerprint };
  return [{ ...about, key: id, action: isWritten ? 'update' : 'skip' }];
}

function countsOf(
  { read, rejected }: { readonly read: number; readonly rejected: number },
  decided: readonly Decided[],
): ProgressDelta['counts'] {
  const count = (...decisions: PullDecision[]) => decided.filter(({ decision }) => decisions.includes(decision)).length;
  const created = count('create');
  const merged = decided.filter((one) => one.merged?.changesVenue === true).length;
  const inConflict = decided.filter(
    ({ merged, isConflictTold }) => merged && (isConflictTold ? 0 : merged.open.length) + merged.settled.length > 0,
  ).length;
  const held = decided.filter(({ decision, isConflictTold }) => decision === 'hold' && !isConflictTold).length;
  const updated =
    count('update', 'overwrite', 'revive') +
    merged +
    decided.filter(({ decision, merged }) => decision === 'link' && !merged).length;
  const unchanged = Math.max(0, read - rejected - created - updated - count('look-up'));
  return {
    read,
    rejected,
    created,
    updated,
    archived: count('archive'),
    conflicts: count('overwrite', 'keep') + held + inConflict,
    unchanged,
  };
}
