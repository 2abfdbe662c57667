import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../../db/core/venue-scope.ts';
import type { Database } from '../../../db/core/venue-scope.ts';
import { createPushStore } from '../../../db/push/push-store.ts';
import { RECORD_KINDS } from '../../../records/registry.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';
import { gatherNoStatistics, tellReads } from '../core/query-plan.ts';

const RECORDS = 2_000;
const PAGE = 100;

describe('a page of a push from tables without statistics', () => {
  let world: Awaited<ReturnType<typeof createSyncWorld>>;
  let venue: TestVenue;
  /** Of one connection, so that its numbers are all there. */
  let db: Database;
  beforeAll(async () => {
    world = await createSyncWorld();
    await gatherNoStatistics(world.database.admin, 'customers', 'record_links');
    venue = await world.aVenue();
    await world.load(venue, RECORDS);
    db = openDatabase({ url: world.database.url, maxConnections: 1, applicationName: 'pages' });
  });
  afterAll(async () => {
    await db.$client.end();
    await world.close();
  });

  /** Rows of records read so far, and how often a link was looked up. */
  async function reads(): Promise<number> {
    await tellReads(db.$client, world.database.admin);
    const [row] = await world.database.admin<{ reads: number }[]>`
      select sum(case relname when 'customers' then seq_tup_read + idx_tup_fetch else idx_scan end)::int as reads
      from pg_stat_user_tables where relname in ('customers', 'record_links')`;
    return row?.reads ?? 0;
  }

  it.each([
    ['full', 'push'],
    ['incremental', 'push'],
    ['full', 'both'],
  ] as const)('reads the records of the page alone in a run that is %s, direction %s', async (mode, direction) => {
    const input = await world.open(venue, direction, mode);
    const { fence, account } = await world.progress.takeOver(input, null);
    const store = createPushStore(db, RECORD_KINDS);
    const before = await reads();
    const page = { after: null, limit: PAGE, newestDeletionEpochUs: null };
    const rows = await store.readPage({ ...input, fence, account }, page);
    expect(rows.map(({ id }) => id)).toEqual(rows.map(({ id }) => id).toSorted());
    expect(rows).toHaveLength(PAGE);
    expect((await reads()) - before).toBeGreaterThanOrEqual(PAGE);
    expect((await reads()) - before).toBeLessThan(4 * PAGE);
    await world.finish(input, 'cancelled');
  });
});
