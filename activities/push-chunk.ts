import type { RecordId } from '../contracts/ids.ts';
import type { PushCheckpoint } from '../domain/checkpoint.ts';
import type { PushResult, PushStore } from '../db/push-store.ts';
import type { ChunkEnvironment } from './chunk.ts';
import { planPush, pushRecord } from './push-record.ts';
import type { PushWork } from './push-record.ts';
import { SerialCommitter } from './serial-committer.ts';

const PAGE_SIZE = 1_000;
/** Pages ahead of the oldest unfinished one: enough that a page with few changes never leaves the lanes idle. */
const MAX_OPEN_PAGES = 20;
const MAX_RESULTS_A_COMMIT = 500;
/** Results are stored a few times a second: often enough for a live view, seldom enough to cost nothing. */
const GATHER_MS = 200;

/** One page of records on its way. The cursor passes it when it and all before it are finished. */
interface OpenPage {
  readonly last: RecordId;
  /** Records that were as agreed, counted when the cursor passes. */
  readonly unchangedCount: number;
  unfinished: number;
}

/** Writes what changed, several records at once, and commits results as they come; the cursor moves over whole pages. */
export async function pushChunk(environment: ChunkEnvironment & { readonly store: PushStore }, checkpoint: PushCheckpoint): Promise<void> {
  const { scope, mapping, control, store } = environment;
  const pages: OpenPage[] = [];
  const waiting: { readonly work: PushWork; readonly page: OpenPage }[] = [];
  const running = new Set<Promise<void>>();
  let after = checkpoint.after;
  let atEnd = false;

  const committer = new SerialCommitter<{ readonly result: PushResult; readonly page: OpenPage } | null>(async (finished) => {
    const results = finished.flatMap((one) => one?.result ?? []);
    for (const one of finished) if (one) one.page.unfinished -= 1;
    const passed = takeFinished(pages);
    const last = passed.at(-1)?.last;
    const unchangedCount = passed.reduce((sum, page) => sum + page.unchangedCount, 0);
    const done = atEnd && pages.length === 0;
    const next = done ? ({ kind: 'done', watermarkEpochS: null } as const) : last === undefined ? null : ({ kind: 'push', after: last } as const);
    const committed = await store.commit(scope, { results, unchangedCount, checkpoint: next, ...control.takeDelta(results.length + unchangedCount) });
    control.committed(committed);
  }, { maxBatch: MAX_RESULTS_A_COMMIT, gatherMs: GATHER_MS });

  async function readPage(): Promise<void> {
    const rows = await store.readPage(scope, { after, limit: PAGE_SIZE });
    const last = rows.at(-1)?.id;
    if (last !== undefined) {
      after = last;
      const works = rows.filter((row) => row.link?.countedInThisRun !== true).map((row) => planPush(row, mapping, Date.now()));
      const open = works.filter((work) => !isSettled(work));
      const page = { last, unchangedCount: works.length - open.length, unfinished: open.length };
      await markCreations(open);
      pages.push(page);
      waiting.push(...open.map((work) => ({ work, page })));
    }
    // Only now: a commit that runs meanwhile must not take the end for reached before this page is in line.
    atEnd = rows.length < PAGE_SIZE;
    // A page without work passes at once, and an empty one may be the end.
    committer.add(null);
  }

  // Before the first write is sent, not after: should its answer be lost, the mark says that there may be a twin.
  async function markCreations(works: readonly PushWork[]): Promise<void> {
    const first = works.filter(({ decision, row }) => decision === 'create' && row.link?.state !== 'pending').map(({ row }) => row.id);
    if (first.length > 0) await store.markPending(scope, first, 0);
  }

  async function pushOne(one: { readonly work: PushWork; readonly page: OpenPage }): Promise<void> {
    const result = await control.attempt(() => pushRecord(one.work, environment));
    if (result === null) waiting.unshift(one);
    else committer.add({ result, page: one.page });
    await committer.room();
  }

  while (!committer.failed && !(control.stopping && running.size === 0)) {
    while (!atEnd && !control.stopping && waiting.length < PAGE_SIZE / 2 && pages.length < MAX_OPEN_PAGES) await readPage();
    while (waiting.length > 0 && running.size < control.lanes && !control.stopping) start(waiting.shift());
    if (running.size === 0 && waiting.length === 0) {
      await committer.drain();
      if (atEnd) break;
      continue;
    }
    if (running.size > 0) await Promise.race(running);
  }
  await Promise.all(running);
  await committer.drain();
  control.rethrow();

  function start(one: { readonly work: PushWork; readonly page: OpenPage } | undefined): void {
    if (one === undefined) return;
    const task: Promise<void> = pushOne(one).finally(() => running.delete(task));
    running.add(task);
  }
}

/** As last agreed, and known to be: no write of any kind. */
function isSettled({ decision, row }: PushWork): boolean {
  return decision === 'unchanged' && row.link?.recordVersion === row.version;
}

/** Removes and returns the pages at the front that are finished. */
function takeFinished(pages: OpenPage[]): readonly OpenPage[] {
  const firstOpen = pages.findIndex(({ unfinished }) => unfinished > 0);
  return pages.splice(0, firstOpen === -1 ? pages.length : firstOpen);
}
