import type { PlanAction, SyncProgress } from '../contracts/sync.ts';
import type { PullDecision } from '../domain/pull-decision.ts';
import { applyPulled, archiveRecords } from './pull-apply.ts';
import { decidePulled, lockTwins } from './pull-lookup.ts';
import type { Decided, TwinRow } from './pull-lookup.ts';
import type { PulledRecord } from './pulled-record.ts';
import { logRejections } from './pull-rejections.ts';
import type { Rejection } from './pull-rejections.ts';
import { meetPlan, plannedTies, savePlanItems } from './plan-items.ts';
import type { PlanEntry } from './plan-items.ts';
import { withRefusals } from './rejecting.ts';
import type { StoreEach } from './rejecting.ts';
import { insertLogs } from './sync-log.ts';
import { lockRun } from './run-scope.ts';
import type { RunScope } from './run-scope.ts';
import { addProgress } from './run-state.ts';
import type { ProgressDelta } from './run-state.ts';
import { missingAmong, noteMissing, settle } from './sync-missing.ts';
import { amendTransactions } from './transaction-references.ts';
import type { Amendment } from './transaction-references.ts';
import { together } from './venue-scope.ts';
import type { Database, Transaction } from './venue-scope.ts';

export interface PullCommit extends Omit<ProgressDelta, 'counts' | 'done'> {
  readonly records: readonly PulledRecord[];
  readonly amendments: readonly Amendment[];
  readonly rejections: readonly Rejection[];
  /** What the run's listing brought already is not counted again. */
  readonly handOff: boolean;
  /** Oddities of the pages, for the log: codes only. */
  readonly anomalies: readonly string[];
}

export interface CommitResult {
  readonly progress: SyncProgress;
  readonly stopRequested: boolean;
}

/** What became of records that were held for deleted at the provider. */
export interface SettledMissing extends Omit<ProgressDelta, 'counts' | 'done'> {
  /** Gone: by their ids at the provider. */
  readonly gone: readonly string[];
  /** There after all, as they are now. */
  readonly found: readonly PulledRecord[];
  /** There after all, and cannot be read. */
  readonly rejections: readonly Rejection[];
}

export interface PullStore {
  /**
   * Applies pages and moves the cursor, in one transaction: either both are there or neither. A dry run writes down what it would apply
   * instead. Deletions are set aside for `settleMissing`. Throws SupersededError.
   */
  commit(scope: RunScope, pages: PullCommit): Promise<CommitResult>;
  /** Applies what was set aside, in one transaction. Throws SupersededError. */
  settleMissing(scope: RunScope, settled: SettledMissing): Promise<CommitResult>;
}

export function createPullStore(db: Database): PullStore {
  return {
    commit: (scope, pages) => withRefusals(db, scope.venueId, (tx, storeEach) => commitPages({ tx, scope, storeEach }, pages)),
    settleMissing: (scope, settled) => withRefusals(db, scope.venueId, (tx, storeEach) => settleRecords({ tx, scope, storeEach }, settled)),
  };
}

interface Storing {
  readonly tx: Transaction;
  readonly scope: RunScope;
  readonly storeEach: StoreEach;
}

async function commitPages({ tx, scope, storeEach }: Storing, pages: PullCommit): Promise<CommitResult> {
  // Sent together with what follows it, unless that may have to be taken back.
  const locking = lockRun(tx, scope);
  locking.catch(() => undefined);
  const stored = await storeEach(newestOfEach(pages.records), async (sp, part) => {
    const [, missing, rows] = await together(locking, missingAmong(sp, scope, part), lockTwins(sp, scope, part));
    return decideAndApply({ tx: sp, scope }, await withoutDeleted(sp, scope, { newest: part, missing }), rows);
  });
  const { stopRequested } = await locking;
  const told = stored.results.flat();
  const amended = await storeEach(scope.dryRun === true ? [] : pages.amendments, (sp, part) => amendTransactions(sp, scope, part));
  await insertLogs(tx, scope, [...pages.anomalies.map(toAnomaly), ...told.flatMap(toCopied)]);
  const notStored = [...stored.refused.map(({ item, reason }) => notStorable(item.externalId, reason)), ...amended.refused.map(({ item, reason }) => notStorable(item.payment, reason))];
  const rejected = await logRejections(tx, scope, [...pages.rejections, ...notStored]);
  const refused = new Set(stored.refused.map(({ item }) => item.externalId));
  const kept = pages.handOff ? told.filter(({ decision }) => decision !== 'touch' && decision !== 'ignore') : pages.records.filter(({ externalId }) => !refused.has(externalId));
  const read = rejected + kept.length;
  return { progress: await addProgress(tx, scope, { ...pages, done: read, counts: countsOf({ read, rejected }, told) }), stopRequested };
}

async function settleRecords({ tx, scope, storeEach }: Storing, settled: SettledMissing): Promise<CommitResult> {
  const { stopRequested } = await lockRun(tx, scope);
  const stored = await storeEach([...settled.found, ...settled.gone.map(toDeletion)], async (sp, part) => decideAndApply({ tx: sp, scope }, part, await lockTwins(sp, scope, part)));
  const refused = new Set(stored.refused.map(({ item }) => item.externalId));
  const found = settled.found.filter(({ externalId }) => !refused.has(externalId));
  const rejections = [...settled.rejections, ...stored.refused.map(({ item, reason }) => notStorable(item.externalId, reason))];
  const rejected = await logRejections(tx, scope, rejections);
  await settle(tx, scope, [...settled.gone, ...settled.found.map(({ externalId }) => externalId), ...settled.rejections.flatMap(({ externalId }) => externalId ?? [])]);
  await insertLogs(tx, scope, found.map(toUnlisted));
  const read = found.length + rejected;
  return { progress: await addProgress(tx, scope, { ...settled, done: read, counts: countsOf({ read, rejected }, stored.results.flat()) }), stopRequested };
}

const notStorable = (externalId: string, reason: string): Rejection => ({ externalId, code: 'not-storable', message: `The database does not store this object (${reason}).` });

async function decideAndApply({ tx, scope }: Pick<Storing, 'tx' | 'scope'>, records: readonly PulledRecord[], rows: readonly TwinRow[]): Promise<readonly Decided[]> {
  const ties = await plannedTies(tx, scope, records.flatMap(({ recordId }) => recordId ?? []));
  return apply(tx, scope, decidePulled(scope, records, { rows, ties }));
}

/** Returns what is to be counted: a dry run, which changes nothing, decides the same again whenever it meets a record again. */
async function apply(tx: Transaction, scope: RunScope, decided: readonly Decided[]): Promise<readonly Decided[]> {
  if (scope.dryRun === true) {
    const known = await savePlanItems(tx, scope, decided.map(toPlanEntry));
    return decided.map((one) => (known.has(one.pulled.externalId) ? { ...one, decision: 'touch' } : one));
  }
  await applyPulled(tx, scope, decided);
  await archiveRecords(tx, scope, decided.filter(({ decision }) => decision === 'archive'));
  if (scope.planId !== undefined) await meetPlan(tx, scope, decided.map(toPlanEntry));
  await logRecords(tx, scope, decided);
  return decided;
}

/**
 * Sets deletions aside, and leaves out what is told of a record after its deletion: a feed tells the newest first, so that is older, and
 * a record that we never had would be created, and stay.
 */
async function withoutDeleted(tx: Transaction, scope: RunScope, { newest, missing }: { readonly newest: readonly PulledRecord[]; readonly missing: ReadonlySet<string> }): Promise<readonly PulledRecord[]> {
  const deleted = new Set(newest.filter((record) => record.deleted && !record.superseded).map(({ externalId }) => externalId));
  await noteMissing(tx, scope, [...deleted]);
  return newest.filter(({ externalId }) => !deleted.has(externalId) && !missing.has(externalId));
}

/** A change feed may tell of a record twice on one page: newest first, so of equal versions the first is the later one. */
function newestOfEach(records: readonly PulledRecord[]): readonly PulledRecord[] {
  const newest = new Map<string, PulledRecord>();
  for (const record of records) {
    const seen = newest.get(record.externalId);
    if (!seen || record.version > seen.version || (record.deleted && !seen.deleted)) newest.set(record.externalId, record);
  }
  return [...newest.values()];
}

/** Nothing follows a deletion: whatever version was seen before, it is newer. */
const toDeletion = (externalId: string): PulledRecord => ({
  externalId,
  version: 0,
  deleted: true,
  superseded: false,
  recordId: null,
  fields: null,
  references: null,
  externalState: null,
  fingerprintFor: () => null,
  contentFingerprint: () => null,
});

const PLAN_ACTION_OF: Readonly<Record<PullDecision, PlanAction>> = {
  create: 'create',
  adopt: 'update',
  update: 'update',
  overwrite: 'conflict',
  archive: 'archive',
  touch: 'skip',
  ignore: 'skip',
};

function toPlanEntry({ pulled, record, decision }: Decided): PlanEntry {
  const action = PLAN_ACTION_OF[decision];
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

const toAnomaly = (code: string) => ({ record_id: null, source_id: null, external_id: null, level: 'warn', action: 'anomaly', code, message: ANOMALIES[code] ?? null });

const ANOMALIES: Readonly<Record<string, string>> = {
  'page-out-of-order': 'The provider listed records out of order; all were taken.',
  'page-short': 'The provider gave a page with fewer records than fit, and said that there are more; the listing went on.',
  'page-repeats': 'The provider gave a page again; it was asked for once more.',
  'cursor-lost': 'The provider no longer knew the record that the listing had come to; the listing went on from the second before it.',
  'fewer-than-counted': 'The provider listed fewer records than it counted; the listing was read once more.',
};

/** Of two objects with one id of ours, the one that was met later. */
const toCopied = ({ record, pulled, copyOf, decision }: Decided) =>
  copyOf === null || decision !== 'create'
    ? []
    : [
        {
          ...{ record_id: record.id, source_id: record.sourceId, external_id: pulled.externalId, level: 'warn', action: 'anomaly', code: 'own-id-copied' },
          message: `This object carries the id of record ${copyOf}, which is tied to another object: it was copied at the provider, and became a record of its own.`,
        },
      ];

const toUnlisted = ({ externalId }: PulledRecord) => ({
  record_id: null,
  source_id: null,
  external_id: externalId,
  level: 'warn',
  action: 'anomaly',
  code: 'left-out-of-listing',
  message: 'The provider’s listing left this record out; it was looked up, is there, and was not archived.',
});

const DELETED = { code: 'deleted-at-provider', message: 'The provider deleted this record.' };
const SUPERSEDED = { code: 'superseded', message: 'Another record has taken its place, such as a payment that of its intent.' };

async function logRecords(tx: Transaction, scope: RunScope, decided: readonly Decided[]): Promise<void> {
  const rows = decided.flatMap(({ decision, record, pulled }) => {
    const row = { record_id: record.id, source_id: record.sourceId, external_id: pulled.externalId };
    if (decision === 'archive') return [{ ...row, level: 'info', action: 'archived', ...(pulled.superseded ? SUPERSEDED : DELETED) }];
    if (decision !== 'overwrite') return [];
    const message = 'Both sides changed since they last agreed; a pull takes the provider’s values.';
    return [{ ...row, level: 'warn', action: 'conflict', code: 'venue-change-overwritten', message }];
  });
  await insertLogs(tx, scope, rows);
}

function countsOf({ read, rejected }: { readonly read: number; readonly rejected: number }, decided: readonly Decided[]): ProgressDelta['counts'] {
  const count = (...decisions: PullDecision[]) => decided.filter(({ decision }) => decisions.includes(decision)).length;
  const created = count('create');
  const updated = count('update', 'overwrite', 'adopt');
  return { read, rejected, created, updated, archived: count('archive'), conflicts: count('overwrite'), unchanged: Math.max(0, read - rejected - created - updated) };
}
