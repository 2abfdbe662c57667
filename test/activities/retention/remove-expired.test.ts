import { setTimeout as delay } from 'node:timers/promises';
import type { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createRetentionActivities } from '../../../activities/retention/remove-expired.ts';
import type { RemoveExpiredChunk, RemoveExpiredInput } from '../../../contracts/retention.ts';
import { createRetentionStore } from '../../../db/core/retention-store.ts';
import type { RetentionStore } from '../../../db/core/retention-store.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';
import { anAgedRun, countOf, someLogLines } from '../../db/retention/aged-rows.ts';

type World = Awaited<ReturnType<typeof createSyncWorld>>;

const LOGS: RemoveExpiredInput = { table: 'sync_logs', keptDays: 30, after: null };
const RUNS: RemoveExpiredInput = { table: 'sync_runs', keptDays: 90, after: null };

let world: World;
let venue: TestVenue;
beforeAll(async () => {
  world = await createSyncWorld();
});
afterAll(() => world.close());
beforeEach(async () => {
  await world.stripe.reset();
  await world.database.admin`truncate sync_runs cascade`;
  venue = await world.aVenue();
});

interface Stage {
  readonly environment?: MockActivityEnvironment;
  readonly retention?: RetentionStore;
  readonly chunkMs?: number;
}

function removeExpired(input: RemoveExpiredInput, stage: Stage = {}): Promise<RemoveExpiredChunk> {
  const { environment = world.aStage(), retention = createRetentionStore(world.database.db), chunkMs = 60_000 } = stage;
  const abandonedGrants = { revokeAll: () => Promise.resolve() };
  const { removeExpired: remove } = createRetentionActivities({
    ...{ abandonedGrants, retention, log: world.deps.log, chunkMs },
  });
  return environment.run(remove, input);
}

/** A run that ended 100 days ago, with `lines` log lines, and a newer one. */
async function anOldRun(lines: number): Promise<void> {
  const syncId = await anAgedRun(world.database.admin, { ...venue, endedDaysAgo: 100 });
  await someLogLines(world.database.admin, { ...venue, syncId, daysAgo: 100, count: lines });
  await anAgedRun(world.database.admin, { ...venue, endedDaysAgo: 1 });
}

/** The real store, with a call of `then` after each page. */
const watched = (then: (page: number) => void): RetentionStore => {
  const real = createRetentionStore(world.database.db);
  let pages = 0;
  return {
    async removePage(rule, page) {
      const made = await real.removePage(rule, page);
      pages += 1;
      then(pages);
      return made;
    },
  };
};

describe('the removal of expired rows of one table', () => {
  it('resumes where a lost attempt stopped, and counts what that attempt removed', async () => {
    await anOldRun(5_000);
    const [row] = await world.database.admin<
      { seq: number }[]
    >`select seq::int from sync_logs order by seq offset 3999 limit 1`;
    const heartbeatDetails = { removed: 4_000, after: String(row?.seq), more: true };
    expect(await removeExpired(LOGS, { environment: world.aStage({ heartbeatDetails }) })).toMatchObject({
      removed: 5_000,
      more: false,
    });
    expect(await countOf(world.database.admin, 'sync_logs')).toBe(4_000);
  });

  it('heartbeats its progress while a page takes long', async () => {
    await anOldRun(5_000);
    const real = createRetentionStore(world.database.db);
    const environment = world.aStage();
    const beats: RemoveExpiredChunk[] = [];
    let release: (() => void) | null = null;
    environment.on('heartbeat', (progress: RemoveExpiredChunk) => {
      beats.push(progress);
      release?.();
    });
    let pages = 0;
    const retention: RetentionStore = {
      async removePage(rule, page) {
        pages += 1;
        if (pages === 2)
          await new Promise<void>((resolve) => {
            release = resolve;
          });
        return real.removePage(rule, page);
      },
    };
    await removeExpired(LOGS, { environment, retention });
    expect(beats[0]).toMatchObject({ removed: 2_000, more: true, after: expect.stringMatching(/^\d+$/) as string });
  });

  it('ends between two pages when its worker stops, and keeps what it has removed', async () => {
    await anOldRun(5_000);
    const environment = world.aStage();
    const retention = watched((page) => {
      if (page === 1) environment.cancel();
    });
    await expect(removeExpired(LOGS, { environment, retention })).rejects.toMatchObject({
      type: 'Interrupted',
      nonRetryable: false,
    });
    expect(await countOf(world.database.admin, 'sync_logs')).toBe(3_000);
    expect(await removeExpired(LOGS)).toMatchObject({ removed: 3_000, more: false });
  });

  it('returns to its workflow when its time is up, with where to resume', async () => {
    await anOldRun(5_000);
    let now = 0;
    const retention = watched(() => {
      now += 1;
    });
    // The time is up before the first page, so nothing is done and everything remains.
    const first = await removeExpired(LOGS, { retention, chunkMs: 0 });
    expect([first, now]).toEqual([{ removed: 0, after: null, more: true }, 0]);
    expect(await removeExpired({ ...LOGS, after: first.after }, { retention })).toMatchObject({
      removed: 5_000,
      more: false,
    });
  });

  it('reports a database outage without quoting its message', async () => {
    const retention: RetentionStore = {
      removePage: () => Promise.reject(Object.assign(new Error('hunter2'), { code: 'ECONNREFUSED' })),
    };
    await expect(removeExpired(LOGS, { retention })).rejects.toMatchObject({
      type: 'Internal',
      message: expect.not.stringContaining('hunter2') as string,
    });
  });
});

describe('the removal of expired rows during a sync', () => {
  it('takes nothing from the run, which ends as it would without it', async () => {
    await anOldRun(3_000);
    await world.load(venue, 100);
    const input = await world.open(venue, 'push', 'full');
    await world.begin(input);
    // An open run is never removed, nor its log, however old it is.
    await world.database.admin`update sync_logs set at = now() - interval '400 days' where sync_id = ${input.syncId}`;
    let syncing = true as boolean;
    const run = world.chunk(input).finally(() => {
      syncing = false;
    });
    const removals: RemoveExpiredChunk[] = [];
    do {
      removals.push(await removeExpired(LOGS), await removeExpired(RUNS));
      await delay(0);
    } while (syncing);
    expect(await run).toMatchObject({ status: 'done', done: 100 });
    expect(await world.finish(input)).toMatchObject({ outcome: 'completed', counts: { created: 100, rejected: 0 } });
    expect(removals.reduce((sum, { removed }) => sum + removed, 0)).toBe(3_001);
    const { data } = await world.runs.listLog(venue.venueId, input.syncId, {
      filter: { action: 'phase' },
      page: { limit: 10, after: null },
    });
    expect(data.map(({ code }) => code)).toEqual(['queued', 'estimating', 'running', 'finished']);
    expect(await world.stripe.customers()).toHaveLength(100);
  });
});
