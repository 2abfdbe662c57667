import { firstSegments, nextStage } from '../../domain/sync/checkpoint.ts';
import type { Checkpoint, PullCheckpoint, PullStage } from '../../domain/sync/checkpoint.ts';
import { anomalyOf } from '../../domain/sync/page-check.ts';
import { advance, restart, split } from '../../domain/sync/segments.ts';
import type { Segment } from '../../domain/sync/segments.ts';
import { SplitAllowance } from '../../domain/sync/split-allowance.ts';
import { ProviderError } from '../../providers/provider-error.ts';
import type { ProviderPage } from '../../providers/provider.ts';
import type { PullEnvironment } from './pull-context.ts';
import { toPulled } from './pulled-record.ts';
import { SerialCommitter } from './serial-committer.ts';

/** Pages in one transaction at most, and as many may wait for it. */
const MAX_PAGES_A_COMMIT = 8;
/** Times in a row that one part may bring a page again before a person has to look. */
const MAX_REPEATS = 3;

type ReadingStage = Extract<PullStage, { readonly streams: readonly string[] }>;

/** One page read, and what it leaves of its segment. */
interface PageRead {
  readonly page: Pick<ProviderPage, 'records' | 'amendments' | 'rejections' | 'positions'>;
  readonly segmentId: number;
  readonly left: readonly Segment[];
}

/** Reads the stage's remaining segments, several at once, and commits each page together with the cursor. */
export async function readStage(
  environment: PullEnvironment,
  checkpoint: PullCheckpoint,
  stage: ReadingStage,
): Promise<Checkpoint | null> {
  const reader = new StageReader(environment, checkpoint, stage);
  return reader.run();
}

class StageReader {
  readonly #environment: PullEnvironment;
  readonly #stage: ReadingStage;
  readonly #committer: SerialCommitter<PageRead>;
  readonly #idle: Segment[];
  readonly #running = new Set<Promise<void>>();
  /** Parts of which not every page is committed, as the last commit left them. */
  readonly #uncommitted: Map<number, Segment>;
  readonly #allowance = new SplitAllowance();
  readonly #repeats = new Map<number, number>();
  readonly #anomalies = new Set<string>();
  #listedCount: number;
  #noted: string[] = [];
  #checkpoint: PullCheckpoint;
  #stored: Checkpoint | null = null;
  #counted = Promise.resolve();

  constructor(environment: PullEnvironment, checkpoint: PullCheckpoint, stage: ReadingStage) {
    this.#environment = environment;
    this.#stage = stage;
    const segments =
      checkpoint.segments ?? firstSegments(stage, Math.floor(Date.now() / 1_000), checkpoint.nextSegmentId);
    const nextSegmentId = checkpoint.segments ? checkpoint.nextSegmentId : checkpoint.nextSegmentId + segments.length;
    this.#checkpoint = { ...checkpoint, segments, nextSegmentId };
    this.#listedCount = checkpoint.listedCount ?? 0;
    this.#idle = [...segments];
    this.#uncommitted = new Map(segments.map((segment) => [segment.id, segment]));
    this.#committer = new SerialCommitter((pages) => this.#commit(pages), {
      maxBatch: MAX_PAGES_A_COMMIT,
      gatherMs: 0,
    });
  }

  async run(): Promise<Checkpoint | null> {
    const { control } = this.#environment;
    if (this.#isToBeCounted()) {
      this.#counted = this.#count();
      this.#begin(this.#counted);
    }
    while ((this.#idle.length > 0 || this.#running.size > 0) && !this.#committer.failed) {
      while (this.#idle.length > 0 && this.#running.size < control.lanes && !control.stopping)
        this.#start(this.#idle.shift());
      if (this.#running.size === 0) break;
      await Promise.race(this.#running);
    }
    await Promise.all(this.#running);
    await this.#committer.drain();
    control.rethrow();
    return this.#uncommitted.size === 0 ? this.#stored : null;
  }

  #isToBeCounted(): boolean {
    return (
      this.#stage.kind === 'listing' &&
      this.#checkpoint.countedAtProvider === undefined &&
      this.#checkpoint.watermarkEpochS !== null
    );
  }

  #start(segment: Segment | undefined): void {
    if (segment) this.#begin(this.#readOne(segment));
  }

  #begin(work: Promise<void>): void {
    const task: Promise<void> = work.finally(() => this.#running.delete(task));
    this.#running.add(task);
  }

  async #readOne(segment: Segment): Promise<void> {
    const { control, session } = this.#environment;
    const page = await control.attempt(() =>
      session
        .listPage(segment)
        .catch((error: unknown) => (isCursorGone(error) ? 'cursor-gone' : Promise.reject(error as Error))),
    );
    if (page === null || page === 'cursor-gone') {
      if (page !== null) this.#note('cursor-lost');
      this.#idle.push(page === null ? segment : restart(segment));
      return;
    }
    if (this.#isToBeAskedAgain(segment, page)) return;
    const left = this.#whatIsLeft(segment, page);
    this.#idle.push(...left);
    this.#committer.add({ page, segmentId: segment.id, left });
    await this.#committer.room();
  }

  #isToBeAskedAgain(segment: Segment, page: ProviderPage): boolean {
    const anomaly = anomalyOf(segment, page);
    if (anomaly !== null) this.#note(anomaly);
    if (anomaly !== 'page-repeats') {
      this.#repeats.delete(segment.id);
      return false;
    }
    const repeats = (this.#repeats.get(segment.id) ?? 0) + 1;
    this.#repeats.set(segment.id, repeats);
    if (repeats > MAX_REPEATS)
      this.#environment.control.fail(
        new ProviderError({ provider: this.#environment.scope.provider, kind: 'unexpected-response', code: anomaly }),
      );
    this.#idle.push(segment);
    return true;
  }

  #whatIsLeft(segment: Segment, page: ProviderPage): readonly Segment[] {
    const { positions, pageSize } = page;
    const rest = advance(segment, page);
    this.#listedCount += positions.length;
    this.#allowance.read({ recordCount: positions.length, pageSize, isLast: rest === null });
    if (rest === null) return [];
    if (this.#stage.kind !== 'listing') return [rest];
    // The one that was just read is still among the running.
    const pagesLeft = this.#pagesLeft(pageSize);
    const reading = {
      openCount: this.#running.size + this.#idle.length,
      lanes: this.#environment.control.lanes,
      pagesLeft,
    };
    const { nextSegmentId } = this.#checkpoint;
    const left = split(rest, page, { parts: this.#allowance.partsFor(reading), firstId: nextSegmentId, pagesLeft });
    this.#checkpoint = { ...this.#checkpoint, nextSegmentId: nextSegmentId + left.length - 1 };
    return left;
  }

  /**
   * Null when nobody knows. A provider's count may lag behind its listing: one that the listing has passed tells nothing. It decides how the
   * rest is read, never whether.
   */
  #pagesLeft(pageSize: number): number | null {
    const left = (this.#checkpoint.countedAtProvider ?? 0) - this.#listedCount;
    return left > 0 ? Math.ceil(left / pageSize) : null;
  }

  async #commit(pages: readonly PageRead[]): Promise<void> {
    const { scope, mapping, control, pulls } = this.#environment;
    for (const { segmentId, left } of pages) {
      this.#uncommitted.delete(segmentId);
      for (const segment of left) this.#uncommitted.set(segment.id, segment);
    }
    const listed = this.#stage.kind === 'listing' ? pages.reduce((sum, { page }) => sum + page.positions.length, 0) : 0;
    this.#checkpoint = {
      ...this.#checkpoint,
      segments: [...this.#uncommitted.values()],
      listedCount: (this.#checkpoint.listedCount ?? 0) + listed,
    };
    const next = this.#uncommitted.size === 0 ? await this.#endStage() : this.#checkpoint;

    const records = pages.flatMap(({ page }) => page.records).map((record) => toPulled(record, mapping));
    const amendments = pages.flatMap(({ page }) => page.amendments ?? []);
    const rejections = pages.flatMap(({ page }) => page.rejections ?? []);
    const anomalies = this.#noted;
    this.#noted = [];
    const handOff = this.#stage.kind === 'changes' && this.#stage.handOff === true;
    control.committed(
      await pulls.commit(scope, {
        records,
        amendments,
        rejections,
        anomalies,
        handOff,
        checkpoint: next,
        ...control.takeDelta(records.length + rejections.length),
      }),
    );
    this.#stored = next;
  }

  /** A listing that is quicker than its count is not complete before the two are compared. */
  async #endStage(): Promise<Checkpoint> {
    await this.#counted;
    const next = nextStage(this.#checkpoint);
    if (next.kind === 'pull' && next.relisted === true && this.#checkpoint.relisted !== true)
      this.#note('fewer-than-counted');
    return next;
  }

  /** Each kind once a chunk: a provider that always does so would fill the log. */
  #note(anomaly: string): void {
    if (this.#anomalies.has(anomaly)) return;
    this.#anomalies.add(anomaly);
    this.#noted.push(anomaly);
  }

  /** Asks how much there is, for the progress; a provider that cannot tell holds nobody up. */
  async #count(): Promise<void> {
    const { session, progress, scope } = this.#environment;
    const counted = await session.count().catch(() => null);
    this.#checkpoint = { ...this.#checkpoint, countedAtProvider: counted };
    if (counted !== null)
      await progress.setTotal(scope, counted).catch((error: unknown) => {
        this.#environment.control.fail(error);
      });
  }
}

/** The record that a cursor names may be deleted while the listing is walked (seen as 400 `resource_missing`). */
const isCursorGone = (error: unknown) =>
  error instanceof ProviderError &&
  error.details.httpStatus === 400 &&
  error.details.code === 'resource_missing' &&
  error.details.field === 'starting_after';
