import type { RecordId } from '../../../contracts/ids.ts';
import type { ArchivingCount } from '../../../contracts/sync.ts';
import { afterPush } from '../../../domain/sync/checkpoint.ts';
import type { Checkpoint, PushCheckpoint } from '../../../domain/sync/checkpoint.ts';
import { metadataKeysOf } from '../../../domain/sync/push/metadata-keys.ts';
import { mayArchive } from '../../../domain/sync/pull/blast-radius.ts';
import type { PullStore } from '../../../db/pull/pull-store.ts';
import type { PushResult, PushStore } from '../../../db/push/push-store.ts';
import type { PlanEntry } from '../../../db/runs/plan-items.ts';
import type { SyncProgressStore } from '../../../db/runs/sync-progress-store.ts';
import type { BatchWriter, ResourceWriter } from '../../../providers/provider.ts';
import type { ChunkEnvironment } from '../chunk.ts';
import { mapRows } from './mapped-rows.ts';
import { companyOf, pushBatch } from './push-batch.ts';
import type { BatchTools } from './push-batch.ts';
import { mergeAgain, settleGone } from './push-merge-again.ts';
import { toDoneEntry } from './push-plan.ts';
import { pushRecord } from './push-record.ts';
import { planPush } from './push-work.ts';
import type { PushTools, PushWork } from './push-work.ts';
import { SerialCommitter } from '../serial-committer.ts';

/**
 * A record that waits takes several kilobytes, and many runs share one process: pages are small, so that a run holds
 * few records beyond those of its calls.
 */
const PAGE_SIZE = 250;
/** The page of a run whose account takes few calls a second: what it does not need yet, others may need now. */
const SMALLEST_PAGE_SIZE = 50;
/** A page after one of few changes is larger, because what needs no write is not held. */
const SPARSE_PAGE_SIZE = 1_000;
/** The part of a page above which its changes are not few. */
const FEW = 0.25;
/** Maximum of open pages: enough that pages with few changes never leave the lanes idle. */
const MAX_OPEN_PAGES = 20;
/** The next page is read when fewer records than this wait, or fewer than go in one call, or in half a second. */
const LOW_WATER = 200;
/** Maximum of results in one transaction, and of results that wait for it, unless one call has more. */
const MAX_RESULTS_A_COMMIT = 500;
/** Results are stored twice a second: often enough for a live view, rarely enough to be cheap beside other runs. */
const GATHER_MS = 500;

export interface PushEnvironment extends ChunkEnvironment {
  readonly store: PushStore;
  readonly pulls: Pick<PullStore, 'settleMissing'>;
  readonly writer: ResourceWriter;
  readonly progress: SyncProgressStore;
  /** The count that a person has allowed the run to archive; null without an approval. */
  readonly approved: ArchivingCount | null;
}

/** A page of records in progress. The cursor passes it when it and all earlier pages are finished. */
interface OpenPage {
  readonly last: RecordId;
  /** Records equal to what was agreed, counted when the cursor passes. */
  readonly unchangedCount: number;
  unfinished: number;
}

interface Waiting {
  readonly work: PushWork;
  readonly page: OpenPage;
}

/** A record whose outcome is known. Keeps nothing of what was sent, which is held for no longer than the call takes. */
interface Finished {
  readonly page: OpenPage;
  /** Null where the deletion of the remote record has decided about the record, which is stored already. */
  readonly result: PushResult | null;
  /** What the run did to it; null for a run that carries out no plan. */
  readonly entry: PlanEntry | null;
}

/**
 * Writes what changed, several records at once, and commits results as they arrive. The cursor moves by whole pages.
 */
export async function pushChunk(environment: PushEnvironment, checkpoint: PushCheckpoint): Promise<void> {
  const { scope, store, approved, progress, control } = environment;
  const counted = { ...(await store.blastRadius(scope)), archived: control.progress.counts.archived };
  if (!mayArchive(counted, approved)) {
    await progress.awaitApproval(scope, counted);
    control.awaitApproval(counted);
    return;
  }
  await new PushWalk(environment, checkpoint, counted).run();
}

class PushWalk {
  readonly #environment: PushEnvironment;
  /** What ended together is committed together: a batch that is half known could not be repeated under its key. */
  readonly #committer: SerialCommitter<readonly Finished[]>;
  readonly #lowWater: number;
  /** Of a page after one of which much had to be written. */
  readonly #densePageSize: number;
  readonly #pages: OpenPage[] = [];
  readonly #waiting: Waiting[] = [];
  readonly #running = new Set<Promise<void>>();
  /** The remote records of results that are not stored yet. */
  readonly #claims = new Map<string, RecordId>();
  /** Records that are being taken out of use. */
  #archivingCount = 0;
  readonly #newestDeletionEpochUs: number | null;
  #after: RecordId | null;
  #pageSize: number;
  readonly #first: PushCheckpoint;
  #atEnd = false;
  #isPrepared = false;

  constructor(environment: PushEnvironment, checkpoint: PushCheckpoint, counted: ArchivingCount) {
    this.#environment = environment;
    this.#newestDeletionEpochUs = counted.newestDeletionEpochUs;
    this.#first = checkpoint;
    this.#after = checkpoint.after;
    const batchSize = environment.writer.batch?.size ?? 1;
    const recordsPerSecond = Math.ceil(environment.control.ratePerSecond * batchSize);
    this.#lowWater = Math.max(batchSize, Math.min(LOW_WATER, Math.ceil(recordsPerSecond / 2)));
    this.#densePageSize = Math.min(PAGE_SIZE, Math.max(SMALLEST_PAGE_SIZE, recordsPerSecond));
    this.#pageSize = this.#densePageSize;
    this.#committer = new SerialCommitter((finished) => this.#commit(finished), {
      maxBatch: MAX_RESULTS_A_COMMIT,
      sizeOf: ({ length }) => Math.max(1, length),
      gatherMs: GATHER_MS,
    });
  }

  async run(): Promise<void> {
    while (this.#mayGoOn()) {
      await this.#readAhead();
      this.#fillLanes();
      if (this.#mayReadMore() && this.#hasFreeLane()) continue;
      if (this.#running.size > 0) await Promise.race(this.#running);
      else if (this.#waiting.length === 0) await this.#committer.drain();
    }
    await Promise.all(this.#running);
    await this.#committer.drain();
    this.#environment.control.rethrow();
  }

  #mayGoOn(): boolean {
    if (this.#committer.failed || this.#environment.control.stopping) return false;
    return !this.#atEnd || this.#waiting.length > 0 || this.#running.size > 0;
  }

  async #readAhead(): Promise<void> {
    while (this.#mayReadMore() && !this.#committer.failed) await this.#readPage();
  }

  #mayReadMore(): boolean {
    if (this.#atEnd || this.#environment.control.stopping) return false;
    return this.#waiting.length < this.#lowWater && this.#pages.length < MAX_OPEN_PAGES;
  }

  #hasFreeLane(): boolean {
    return this.#running.size < this.#environment.control.lanes;
  }

  async #readPage(): Promise<void> {
    const { store, scope, mapping } = this.#environment;
    const limit = this.#pageSize;
    const read = await store.readPage(scope, {
      after: this.#after,
      limit,
      newestDeletionEpochUs: this.#newestDeletionEpochUs,
    });
    const rows = await mapRows(read, this.#environment);
    const last = rows.at(-1)?.id;
    if (last !== undefined) {
      this.#after = last;
      const works = rows
        .filter((row) => row.link?.countedInThisRun !== true)
        .map((row) => planPush(row, mapping, Date.now()));
      const open = works.filter((work) => !isSettled(work));
      if (open.length > 0) this.#prepare();
      await this.#markWrites(open);
      const page = { last, unchangedCount: works.length - open.length, unfinished: open.length };
      this.#pages.push(page);
      this.#waiting.push(...open.map((work) => ({ work, page })));
      this.#pageSize = open.length > FEW * rows.length ? this.#densePageSize : SPARSE_PAGE_SIZE;
    }
    // Set only now, so that a concurrent commit does not see the end before this page is in line.
    this.#atEnd = rows.length < limit;
    // A page without work passes at once, and an empty one may be the end.
    this.#committer.add([]);
  }

  #prepare(): void {
    if (this.#isPrepared) return;
    this.#isPrepared = true;
    // The write that needs what could not be asked tells of the failure.
    this.#environment.writer.prepare?.().catch(() => undefined);
  }

  // Marks a first write before it is sent: if its answer is lost, the mark says that there may be a remote record. A batch
  // marks its own.
  async #markWrites(works: readonly PushWork[]): Promise<void> {
    const { store, scope, writer } = this.#environment;
    const first = works
      .filter(({ decision, row }) => decision === 'create' && row.link?.state !== 'pending')
      .map(({ row }) => row.id);
    if (first.length > 0 && writer.batch === undefined) await store.markPending(scope, first, { attempt: 0 });
    const updates = works
      .filter(({ decision }) => decision === 'update')
      .map(({ row: { id, version, fields } }) => ({
        recordId: id,
        version,
        metadataKeys: metadataKeysOf(fields),
      }));
    if (updates.length > 0) await store.markSent(scope, updates);
  }

  #fillLanes(): void {
    const { control } = this.#environment;
    while (this.#hasFreeLane() && !control.stopping) {
      const next = this.#takeNext();
      if (next.length === 0) return;
      const archivingCount = next.filter(isArchived).length;
      this.#archivingCount += archivingCount;
      const task: Promise<void> = this.#push(next).finally(() => {
        this.#archivingCount -= archivingCount;
        this.#running.delete(task);
      });
      this.#running.add(task);
    }
  }

  /**
   * The next record, with those behind it that may go in the same call. What is taken out of use goes first, and nothing is
   * created meanwhile: it may free the name, the address or the number that a new record has.
   */
  #takeNext(): readonly Waiting[] {
    const { writer } = this.#environment;
    if (writer.batch !== undefined && this.#mayReadMore()) return [];
    const archived = this.#waiting.findIndex(isArchived);
    if (archived >= 0) return this.#waiting.splice(archived, 1);
    const first = this.#archivingCount === 0 ? 0 : this.#waiting.findIndex((one) => !mayBeCreated(one));
    if (first < 0) return [];
    return writer.batch === undefined ? this.#waiting.splice(first, 1) : this.#takeCall(first, writer.batch.size);
  }

  /** The records of the call in which this one goes. A call that is not full has waited for more pages. */
  #takeCall(index: number, size: number): readonly Waiting[] {
    const { writer } = this.#environment;
    const nowMs = Date.now();
    const first = this.#waiting[index];
    const company = first ? companyOf(first.work, writer, nowMs) : null;
    if (company === null) return this.#waiting.splice(index, 1);
    const taken: Waiting[] = [];
    const left: Waiting[] = [];
    for (const one of this.#waiting)
      (taken.length < size && companyOf(one.work, writer, nowMs) === company ? taken : left).push(one);
    this.#waiting.splice(0, this.#waiting.length, ...left);
    return taken;
  }

  async #push(taken: readonly Waiting[]): Promise<void> {
    const results = await this.#environment.control.attempt(() => this.#write(taken.map(({ work }) => work)));
    if (results === null) this.#waiting.unshift(...taken);
    else {
      const byRecord = new Map(results.map((result) => [result.recordId, result]));
      this.#committer.add(
        taken.map(({ work, page }) => {
          const result = byRecord.get(work.row.id) ?? null;
          const { direction, planId } = this.#environment.scope;
          if (result === null && direction !== 'both') throw new Error('every record that is pushed has a result');
          const entry = planId === undefined || result === null ? null : toDoneEntry(work, result);
          return { page, result, entry };
        }),
      );
    }
    await this.#committer.room();
  }

  async #write(works: readonly PushWork[]): Promise<readonly PushResult[]> {
    const { batch } = this.#environment.writer;
    if (batch !== undefined) return pushBatch(works, this.#batchTools(batch));
    const tools = this.#tools();
    return (await Promise.all(works.map((work) => pushRecord(work, tools)))).filter((result) => result !== null);
  }

  #tools(): PushTools {
    const environment = this.#environment;
    const tools = { ...environment, claims: this.#claims };
    return environment.scope.direction === 'both'
      ? { ...tools, settleGone: (work) => settleGone(environment, work) }
      : tools;
  }

  #batchTools(batch: BatchWriter): BatchTools {
    const environment = this.#environment;
    const tools = { ...this.#tools(), store: environment.store, batch };
    return environment.scope.direction === 'both'
      ? { ...tools, mergeAgain: (stale) => mergeAgain(environment, stale) }
      : tools;
  }

  async #commit(finished: readonly (readonly Finished[])[]): Promise<void> {
    const { store, scope, control } = this.#environment;
    const ended = finished.flat();
    for (const { page } of ended) page.unfinished -= 1;
    const passed = this.#takePassed();
    // A page was read and is still in progress, so there is nothing yet that counts as progress for a waiting run.
    if (ended.length === 0 && passed.length === 0 && !(this.#atEnd && this.#pages.length === 0)) return;
    const results = ended.flatMap(({ result }) => result ?? []);
    const entries = ended.flatMap(({ entry }) => entry ?? []);
    const unchangedCount = passed.reduce((sum, page) => sum + page.unchangedCount, 0);
    const delta = control.takeDelta(results.length + unchangedCount);
    const committed = await store.commit(scope, {
      results,
      entries,
      unchangedCount,
      checkpoint: this.#checkpointAfter(passed),
      ...delta,
    });
    for (const { externalId } of results) if (externalId !== null) this.#claims.delete(externalId);
    // Reading a page commits too, but moves nothing.
    control.committed(committed, { moved: ended.length > 0 || passed.length > 0 });
  }

  /** Finished pages at the front, which the cursor may pass. */
  #takePassed(): readonly OpenPage[] {
    const firstOpen = this.#pages.findIndex(({ unfinished }) => unfinished > 0);
    return this.#pages.splice(0, firstOpen === -1 ? this.#pages.length : firstOpen);
  }

  #checkpointAfter(passed: readonly OpenPage[]): Checkpoint | null {
    if (this.#atEnd && this.#pages.length === 0) return afterPush(this.#first);
    const last = passed.at(-1);
    return last ? { ...this.#first, after: last.last } : null;
  }
}

const isArchived = ({ work }: Waiting): boolean => work.decision === 'archive';

const mayBeCreated = ({ work: { decision } }: Waiting): boolean => decision === 'create' || decision === 'resolve';

/** Known to equal what was last agreed, so that no write is needed. */
function isSettled({ decision, row }: PushWork): boolean {
  return decision === 'unchanged' && row.link?.recordVersion === row.version;
}
