import { beginStream, firstParts, fullPass, isReading, nextStage } from '../../../domain/sync/checkpoint.ts';
import type { Checkpoint, PullCheckpoint, ReadingStage } from '../../../domain/sync/checkpoint.ts';
import { OpenPages } from '../../../domain/sync/pull/open-pages.ts';
import { streamsOf } from '../../../domain/sync/pull/pull-plan.ts';
import type { Stream } from '../../../domain/sync/pull/pull-plan.ts';
import { split } from '../../../domain/sync/pull/segments.ts';
import { SplitAllowance } from '../../../domain/sync/pull/split-allowance.ts';
import { isOfStream, isSegment, checkPage, restartPart } from '../../../domain/sync/pull/strategies.ts';
import type { Part } from '../../../domain/sync/pull/strategies.ts';
import { ProviderError } from '../../../providers/provider-error.ts';
import type { ProviderPage } from '../../../providers/provider.ts';
import type { Counting } from '../../../db/pull/pull-store.ts';
import { OwnCreations } from './own-creations.ts';
import type { PullEnvironment } from './pull-context.ts';
import { readRecord } from './pulled-record.ts';
import type { ReadRecord } from './pulled-record.ts';
import { SerialCommitter } from '../serial-committer.ts';
import { UnknownFields } from '../unknown-fields.ts';

/**
 * Maximum of records in one transaction, and of records that wait for it, unless one page has more: eight pages of
 * Stripe, one of Square's catalogue. Pages are held in memory as they came.
 */
const MAX_RECORDS_A_COMMIT = 800;
/**
 * A commit takes about 10 ms of processor time in Postgres and here, whatever is in it, so pages in quick succession share
 * one. None waits once nothing more is on its way.
 */
const GATHER_MS = 30;
/** How often in a row a part may return a repeated page before a person has to look. */
const MAX_REPEATS = 3;

/** A page that was read, and the rest of its part. */
interface PageRead {
  readonly page: Pick<ProviderPage, 'records' | 'amendments' | 'rejections' | 'positions' | 'feedCursor'>;
  /** Its records as they are stored: read when the page arrives, while the database is busy with earlier ones. */
  readonly read: readonly ReadRecord[];
  readonly partId: number;
  readonly left: readonly Part[];
  /** Number of objects that no earlier page had. */
  readonly newCount: number;
  readonly isReread: boolean;
}

/** A stage that is read. */
export interface StageStart {
  readonly stage: ReadingStage;
  readonly checkpoint: PullCheckpoint;
  /**
   * Resolves with the checkpoint that the stage begins from; null when it does not begin. Its first pages are requested
   * meanwhile, and stored only then. Absent: it begins at once, from `checkpoint`.
   */
  readonly begins?: Promise<PullCheckpoint | null>;
}

/**
 * Reads the stage's remaining parts, several at once, and commits each page together with the cursor. Returns the
 * checkpoint after it, and after the next stages that could be read meanwhile; null when one is not complete.
 */
export const readStage = (environment: PullEnvironment, start: StageStart): Promise<Checkpoint | null> =>
  new StageReader(environment, start).run();

const nowEpochS = () => Math.floor(Date.now() / 1_000);

class StageReader {
  readonly #environment: PullEnvironment;
  readonly #stage: ReadingStage;
  readonly #streams: ReadonlyMap<string, Stream>;
  readonly #committer: SerialCommitter<PageRead>;
  readonly #idle: Part[];
  readonly #running = new Set<Promise<void>>();
  /** Parts that are being requested: fewer than are running, because a page that was read waits for its commit. */
  #requestedCount = 0;
  /** Parts with uncommitted pages, as of the last commit. */
  readonly #uncommitted: Map<number, Part>;
  readonly #allowance = new SplitAllowance();
  readonly #openPages: OpenPages;
  readonly #repeats = new Map<number, number>();
  readonly #anomalies = new Set<string>();
  readonly #unknownFields: UnknownFields;
  readonly #ownCreations: OwnCreations;
  #listedCount: number;
  #noted: string[] = [];
  #checkpoint: PullCheckpoint;
  #stored: Checkpoint | null = null;
  #counted = Promise.resolve();
  /** Whether pages may be stored: false when the stage does not begin. */
  readonly #begun: Promise<boolean>;
  /** The provider no longer accepts the position where the last pull left its change feed. */
  #isFeedLost = false;

  constructor(environment: PullEnvironment, { checkpoint, stage, begins }: StageStart) {
    this.#environment = environment;
    this.#stage = stage;
    this.#streams = streamsOf(environment.plan);
    this.#unknownFields = new UnknownFields(environment.scope.provider);
    this.#ownCreations = new OwnCreations(environment);
    const parts = checkpoint.segments
      ? this.#known(checkpoint.segments)
      : firstParts(stage, environment.plan, { nowEpochS: nowEpochS(), firstId: checkpoint.nextSegmentId });
    const nextSegmentId = checkpoint.segments ? checkpoint.nextSegmentId : checkpoint.nextSegmentId + parts.length;
    this.#checkpoint = { ...checkpoint, segments: parts, nextSegmentId };
    this.#listedCount = checkpoint.listedCount ?? 0;
    this.#idle = [...parts];
    this.#openPages = new OpenPages(parts);
    this.#uncommitted = new Map(parts.map((part) => [part.id, part]));
    this.#committer = new SerialCommitter((pages) => this.#commit(pages), {
      maxBatch: MAX_RECORDS_A_COMMIT,
      sizeOf: ({ page }) => Math.max(1, page.records.length, page.positions.length),
      gatherMs: GATHER_MS,
    });
    this.#begun = begins ? begins.then((from) => this.#beginFrom(from)) : Promise.resolve(true);
  }

  /** Keeps the parts and the count of this reader, which may have changed meanwhile. */
  #beginFrom(from: PullCheckpoint | null): boolean {
    const { segments, nextSegmentId, countedAtProvider } = this.#checkpoint;
    if (from !== null)
      this.#checkpoint = {
        ...{ ...from, segments, nextSegmentId },
        ...(countedAtProvider !== undefined && { countedAtProvider }),
      };
    return from !== null;
  }

  /** The stored parts. A list that an earlier version of this service read by another strategy is restarted once. */
  #known(stored: readonly Part[]): readonly Part[] {
    const begun = new Set<string>();
    return stored.flatMap((part) => {
      const { id, stream: name } = part;
      if (isOfStream(part, this.#streams.get(name))) return [part];
      if (begun.has(name)) return [];
      begun.add(name);
      return [beginStream(this.#stage, this.#environment.plan, { name, id, nowEpochS: nowEpochS() })];
    });
  }

  async run(): Promise<Checkpoint | null> {
    // What it waits for may be a call too.
    this.#begin(this.#begun.then(() => undefined));
    if (this.#isToBeCounted()) {
      this.#counted = this.#count();
      this.#begin(this.#counted);
    }
    while ((this.#idle.length > 0 || this.#running.size > 0) && !this.#committer.failed) {
      this.#fillLanes();
      if (this.#running.size === 0) break;
      await Promise.race(this.#running);
    }
    await Promise.all(this.#running);
    return this.#end();
  }

  async #end(): Promise<Checkpoint | null> {
    const { control } = this.#environment;
    const hasBegun = await this.#begun;
    const next = hasBegun ? this.#readNext() : null;
    await next?.catch(() => undefined);
    await this.#committer.drain();
    control.rethrow();
    if (!hasBegun) return null;
    if (this.#isFeedLost) return this.#readEverything();
    if (next !== null) return next;
    return this.#uncommitted.size === 0 ? this.#stored : null;
  }

  /**
   * Requests the first pages of the next stage while this one's last pages are being stored: all answers of this stage
   * are there, which is all that the order of stages is about. Null when the next stage is none that is read.
   */
  #readNext(): Promise<Checkpoint | null> | null {
    if (this.#environment.control.stopping || this.#committer.failed || this.#isFeedLost) return null;
    const expected = nextStage({ ...this.#checkpoint, listedCount: this.#listedCount });
    const [stage] = expected.kind === 'pull' ? expected.stages : [];
    if (expected.kind !== 'pull' || !stage || !isReading(stage)) return null;
    const begins = this.#committer
      .drain()
      .then(() => (this.#stored?.kind === 'pull' && this.#uncommitted.size === 0 ? this.#stored : null))
      .catch(() => null);
    return readStage(this.#environment, { stage, checkpoint: expected, begins });
  }

  #fillLanes(): void {
    const { control } = this.#environment;
    while (this.#running.size < control.lanes && !control.stopping && !this.#isFeedLost) {
      const part = this.#idle.shift();
      if (!part) return;
      this.#begin(this.#readOne(part));
    }
  }

  /** Replaces the change feed by a pass through everything. */
  async #readEverything(): Promise<Checkpoint> {
    const checkpoint = fullPass(this.#environment.plan, nowEpochS(), this.#environment.historyFromEpochS);
    this.#note('feed-lost');
    await this.#store([], checkpoint);
    return checkpoint;
  }

  #isToBeCounted(): boolean {
    return (
      this.#stage.kind === 'listing' &&
      // A count is of everything that the provider has.
      this.#stage.fromEpochS === null &&
      this.#checkpoint.countedAtProvider === undefined &&
      this.#checkpoint.watermarkEpochS !== null
    );
  }

  #begin(work: Promise<void>): void {
    const task: Promise<void> = work.finally(() => this.#running.delete(task));
    this.#running.add(task);
  }

  async #readOne(part: Part): Promise<void> {
    const { control, session } = this.#environment;
    const stream = this.#streamOf(part);
    const { fromEpochS, toEpochS, after } = part;
    this.#requestedCount += 1;
    const page = await control.attempt(() =>
      session
        .listPage({ stream: stream.name, fromEpochS, toEpochS, after })
        .catch((error: unknown) =>
          isCursorGone(stream, part, error) ? 'cursor-gone' : Promise.reject(error as Error),
        ),
    );
    this.#requestedCount -= 1;
    if (page === 'cursor-gone') this.#restart(stream, part);
    else if (page === null) this.#idle.push(part);
    else await this.#take(stream, part, page);
  }

  #streamOf({ stream: name }: Part): Stream {
    const stream = this.#streams.get(name);
    if (!stream) throw new Error(`the plan has no list ${name}`);
    return stream;
  }

  #restart(stream: Stream, part: Part): void {
    if (this.#stage.after !== undefined) {
      this.#isFeedLost = true;
      return;
    }
    this.#note(stream.strategy === 'timeWindows' ? 'cursor-lost' : 'cursor-expired');
    const restarted = restartPart(stream, part);
    if (restarted === null) this.#fail('cursor-keeps-expiring');
    this.#idle.push(restarted ?? part);
  }

  async #take(stream: Stream, part: Part, page: ProviderPage): Promise<void> {
    const verdict = checkPage(stream, part, page);
    if (verdict.do === 'fail') {
      this.#fail(verdict.code);
      return;
    }
    if (verdict.anomaly !== null) this.#note(verdict.anomaly);
    if (verdict.do === 'ask-again') {
      this.#askAgain(verdict.part, verdict.anomaly);
      return;
    }
    this.#repeats.delete(part.id);
    const { known, isReread } = verdict;
    const newCount = page.positions.filter(({ id }) => !known.has(id)).length;
    const left = this.#whatIsLeft(part, verdict.left, { page, newCount });
    this.#idle.push(...left);
    // The next pages are on their way while this one is read, and while it waits for the stage to begin.
    this.#fillLanes();
    const records = page.records.filter(({ externalId }) => !known.has(externalId));
    const read = records.map((record) => readRecord(record, this.#environment));
    if (!(await this.#begun)) return;
    this.#committer.add({ page: { ...page, records }, read, partId: part.id, left, newCount, isReread });
    await this.#committer.room();
  }

  /** Reads a page again. A step back in a list whose order has shifted does not count as a repetition. */
  #askAgain(part: Part, anomaly: string): void {
    if (anomaly === 'page-repeats') {
      const repeats = (this.#repeats.get(part.id) ?? 0) + 1;
      this.#repeats.set(part.id, repeats);
      if (repeats > MAX_REPEATS) this.#fail(anomaly);
    }
    this.#idle.push(part);
  }

  #fail(code: string): void {
    const { control, scope } = this.#environment;
    control.fail(new ProviderError({ provider: scope.provider, kind: 'unexpected-response', code }));
  }

  #whatIsLeft(
    part: Part,
    rest: Part | null,
    { page, newCount }: { readonly page: ProviderPage; readonly newCount: number },
  ): readonly Part[] {
    const { positions, pageSize } = page;
    this.#listedCount += newCount;
    this.#allowance.read({ recordCount: positions.length, pageSize, isLast: rest === null });
    const isToBeSplit = rest !== null && this.#stage.kind === 'listing' && isSegment(rest);
    this.#openPages.read(part.id, page, isToBeSplit ? [rest] : []);
    if (rest === null) return [];
    if (!isToBeSplit) return [rest];
    const { lanes } = this.#environment.control;
    const pagesLeft = this.#pagesLeft(pageSize);
    const reading = { openCount: this.#requestedCount + this.#idle.length + 1, lanes, pagesLeft };
    const { nextSegmentId: firstId } = this.#checkpoint;
    const firstPart = this.#openPages.firstPartFor(lanes);
    const left = split(rest, page, { parts: this.#allowance.partsFor(reading), firstId, pagesLeft, firstPart });
    this.#openPages.read(part.id, page, left);
    this.#checkpoint = { ...this.#checkpoint, nextSegmentId: firstId + left.length - 1 };
    return left;
  }

  /**
   * Estimated remaining pages; null when unknown. A provider's count may lag behind its listing, so a count that the
   * listing has exceeded is ignored. It only affects how the rest is read, never whether.
   */
  #pagesLeft(pageSize: number): number | null {
    const left = (this.#checkpoint.countedAtProvider ?? 0) - this.#listedCount;
    return left > 0 ? Math.ceil(left / pageSize) : null;
  }

  async #commit(pages: readonly PageRead[]): Promise<void> {
    for (const { partId, left } of pages) {
      this.#uncommitted.delete(partId);
      for (const part of left) this.#uncommitted.set(part.id, part);
    }
    const listed = this.#stage.kind === 'listing' ? pages.reduce((sum, { newCount }) => sum + newCount, 0) : 0;
    const feedCursor = pages.findLast(({ page }) => page.feedCursor !== undefined)?.page.feedCursor;
    this.#checkpoint = {
      ...this.#checkpoint,
      segments: [...this.#uncommitted.values()],
      listedCount: (this.#checkpoint.listedCount ?? 0) + listed,
      ...(feedCursor !== undefined && { feedCursor }),
    };
    await this.#store(pages, this.#uncommitted.size === 0 ? await this.#endStage() : this.#checkpoint);
  }

  async #store(pages: readonly PageRead[], checkpoint: Checkpoint): Promise<void> {
    const { scope, control, pulls } = this.#environment;
    const all = pages.flatMap(({ read }) => read);
    const records = all.flatMap(({ record }) => record ?? []);
    const rejections = [
      ...pages.flatMap(({ page }) => page.rejections ?? []),
      ...all.flatMap(({ rejection }) => rejection ?? []),
    ];
    await this.#ownCreations.settled(records);
    const anomalies = this.#noted;
    this.#noted = [];
    control.committed(
      await pulls.commit(scope, {
        records,
        amendments: pages.flatMap(({ page }) => page.amendments ?? []),
        rejections,
        seen: this.#stage.kind === 'sweep' ? pages.flatMap(({ page }) => page.positions.map(({ id }) => id)) : [],
        anomalies,
        unknownFields: this.#unknownFields.newIn(pages.map(({ page }) => page)),
        counting: this.#countingOf(pages),
        checkpoint,
        ...control.takeDelta(records.length + rejections.length),
      }),
    );
    this.#stored = checkpoint;
  }

  #countingOf(pages: readonly PageRead[]): Counting {
    if (this.#stage.handOff === true) return 'changes';
    return pages.some(({ isReread }) => isReread) ? 'first-meetings' : 'all';
  }

  /** A listing that ends before its count is not complete until the two are compared. */
  async #endStage(): Promise<Checkpoint> {
    await this.#counted;
    const next = nextStage(this.#checkpoint);
    if (next.kind === 'pull' && next.relisted === true && this.#checkpoint.relisted !== true)
      this.#note('fewer-than-counted');
    return next;
  }

  /** Notes each kind of anomaly once a chunk, so that a provider that always has it does not fill the log. */
  #note(anomaly: string): void {
    if (this.#anomalies.has(anomaly)) return;
    this.#anomalies.add(anomaly);
    this.#noted.push(anomaly);
  }

  /** Asks for the number of records to show progress. A provider that cannot tell does not delay the run. */
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

const isCursorGone = (stream: Stream, { after }: Part, error: unknown) =>
  after !== null && error instanceof ProviderError && stream.isCursorGone(error.details);
