import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { FeedView } from '../../../api/syncs/sync-feed.ts';
import { createSyncFeeds } from '../../../api/syncs/sync-feed.ts';
import type { SyncId, VenueId } from '../../../contracts/ids.ts';
import { createSyncRunStore } from '../../../db/runs/sync-run-store.ts';
import type { SyncRunStore } from '../../../db/runs/sync-run-store.ts';
import { createLogger } from '../../../telemetry/logger.ts';
import { aConnection, aNewRun, aVenue } from '../../db/builders.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';
import { until } from '../../support/eventually.ts';

describe('the feed of a run with a long log', () => {
  let database: TestDatabase;
  let runs: SyncRunStore;
  let venueId: VenueId;
  let syncId: SyncId;

  beforeAll(async () => {
    database = await createTestDatabase();
    runs = createSyncRunStore(database.db);
    venueId = await aVenue(database.db);
  });
  afterAll(() => database.drop());
  beforeEach(async () => {
    syncId = (await runs.openOrJoin(aNewRun(await aConnection(database.db, venueId)))).run.id;
  });

  const reject = (count: number) => database.admin`
    insert into sync_logs (venue_id, sync_id, level, action, source_id, code)
    select ${venueId}, ${syncId}, 'warn', 'rejected', 'c' || n, 'email-invalid' from generate_series(1, ${count}::int) n order by n`;
  const newest = async () =>
    Number((await database.admin`select max(seq) as seq from sync_logs where sync_id = ${syncId}`)[0]?.['seq']);

  /** The views that a viewer gets until `stop` is called. */
  function watch() {
    const views: FeedView[] = [];
    const feeds = createSyncFeeds(runs, createLogger({ name: 'test', level: 'silent' }));
    const stop = feeds.subscribe(
      { venueId, id: syncId },
      { onView: (view) => views.push(view), onGone: () => undefined },
    );
    const reached = (seq: number) =>
      until(() => views.at(-1) !== undefined && views.at(-1)!.head >= seq, {
        limitMs: 20_000,
        what: `the feed has come to ${seq}`,
      });
    return { views, stop, reached };
  }

  it('shows its first viewer the run without reading the log written so far', async () => {
    await reject(10_000);
    const listLog = vi.spyOn(runs, 'listLog');
    const { views, stop, reached } = watch();
    await reached(await newest());
    stop();
    const pages = await Promise.all(
      listLog.mock.results.map(({ value }) => value as ReturnType<SyncRunStore['listLog']>),
    );
    expect(pages.flatMap(({ data }) => data)).toEqual([]);
    // The reader fetches earlier rows itself, as fast as its viewer reads them.
    expect(views.at(-1)?.rowsAfter(0)).toBeNull();
  });

  it('reads at most one page between two views, however much is written meanwhile', async () => {
    const { views, stop, reached } = watch();
    await reached(await newest());
    const before = views.at(-1)!.head;
    const listLog = vi.spyOn(runs, 'listLog');
    await reject(10_000);
    const after = await newest();
    await reached(after);
    stop();
    const pages = await Promise.all(
      listLog.mock.results.map(({ value }) => value as ReturnType<SyncRunStore['listLog']>),
    );
    expect(pages.filter(({ data }) => data.length > 0)).toHaveLength(1);
    expect(views.at(-1)?.rowsAfter(before)).toBeNull();
  });

  it('serves rows written after the first view to every viewer from memory, in their order', async () => {
    const { views, stop, reached } = watch();
    await reached(await newest());
    const before = views.at(-1)!.head;
    for (let batch = 0; batch < 3; batch += 1) {
      await reject(10);
      await reached(await newest());
    }
    stop();
    const rows = views.at(-1)?.rowsAfter(before) ?? [];
    expect(rows.map(({ seq }) => seq)).toEqual(Array.from({ length: 30 }, (_, index) => rows[0]!.seq + index));
    expect(rows.at(-1)?.seq).toBe(views.at(-1)?.head);
  });
});
