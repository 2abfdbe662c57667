import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { SyncId, VenueId } from '../../../contracts/ids.ts';
import { createPlanStore } from '../../../db/runs/plan-store.ts';
import type { PlanStore } from '../../../db/runs/plan-store.ts';
import { createSyncRunStore } from '../../../db/runs/sync-run-store.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';
import { aConnection, aNewRun, aVenue } from '../builders.ts';

describe('a plan', () => {
  let database: TestDatabase;
  let store: PlanStore;
  let venueId: VenueId;
  let syncId: SyncId;
  beforeAll(async () => {
    database = await createTestDatabase();
    store = createPlanStore(database.db);
    venueId = await aVenue(database.db);
  });
  beforeEach(async () => {
    syncId = await aDryRun();
  });
  afterAll(() => database.drop());

  async function aDryRun(): Promise<SyncId> {
    const connection = await aConnection(database.db, venueId);
    return (await createSyncRunStore(database.db).openOrJoin(aNewRun(connection, { dryRun: true }))).run.id;
  }

  const plan = (count: number, id = syncId) => database.admin`
    insert into sync_plan_items (venue_id, sync_id, key, action, source_id, detail)
    select ${venueId}, ${id}, 'k' || n, case n % 3 when 0 then 'create' when 1 then 'update' else 'skip' end, 's' || n, 'name' from generate_series(0, ${count - 1}::int) n order by n`;

  it('counts every action and shows the first few of each', async () => {
    await plan(10);
    await plan(5, await aDryRun());
    const { counts, samples } = await store.summarise(venueId, syncId, 2);
    expect(counts).toEqual({ create: 4, update: 3, archive: 0, skip: 3, reject: 0, conflict: 0 });
    expect(samples.map(({ action, sourceId }) => [action, sourceId]).sort()).toEqual([
      ['create', 's0'],
      ['create', 's3'],
      ['skip', 's2'],
      ['skip', 's5'],
      ['update', 's1'],
      ['update', 's4'],
    ]);
  });

  it('is listed in order, by action, page by page', async () => {
    await plan(12);
    const listed: (string | null)[] = [];
    for (let after: string | null = null, more = true; more; more = after !== null) {
      const page: Awaited<ReturnType<PlanStore['list']>> = await store.list(venueId, syncId, {
        action: 'update',
        page: { limit: 3, after },
      });
      expect(page.data.every(({ action, detail }) => action === 'update' && detail === 'name')).toBe(true);
      listed.push(...page.data.map(({ sourceId }) => sourceId));
      after = page.next;
    }
    expect(listed).toEqual(['s1', 's4', 's7', 's10']);
    expect(
      (await store.list(venueId, syncId, { page: { limit: 50, after: null } })).data.map(({ sourceId }) => sourceId),
    ).toEqual(Array.from({ length: 12 }, (_, index) => `s${index}`));
  });

  it('is not visible to another venue', async () => {
    await plan(3);
    const other = await aVenue(database.db);
    expect((await store.summarise(other, syncId, 2)).samples).toEqual([]);
    expect((await store.list(other, syncId, { page: { limit: 5, after: null } })).data).toEqual([]);
  });
});
