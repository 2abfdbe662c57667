import { setTimeout as delay } from 'node:timers/promises';
import { MockActivityEnvironment } from '@temporalio/testing';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { announceStaleSyncs } from '../../../activities/inbox/stale-syncs.ts';
import type { ConnectionRef, VenueId } from '../../../contracts/ids.ts';
import { scheduleId } from '../../../contracts/sync.ts';
import { createSyncSilenceStore } from '../../../db/runs/sync-silence-store.ts';
import { createLogger } from '../../../telemetry/logger.ts';
import { createTemporalLogger } from '../../../worker/temporal-logger.ts';
import { aConnection, aVenue } from '../../db/builders.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';
import { useTemporalClient } from '../../support/services/temporal.ts';

/** A schedule of every second is late after two. */
const STALE_AFTER_MS = 1_000;

const log = createLogger({ name: 'test', level: 'fatal' });
let database: TestDatabase;
let temporal: Awaited<ReturnType<typeof useTemporalClient>>;
let venueId: VenueId;
let ref: ConnectionRef;

beforeAll(async () => {
  [database, temporal] = await Promise.all([createTestDatabase(), useTemporalClient()]);
});
afterAll(async () => {
  await temporal.connection.close();
  await database.drop();
});
beforeEach(async () => {
  await database.admin`truncate subscriptions, outgoing_messages, sync_silences cascade`;
  await database.admin`update connections set state = 'disconnected'`;
  venueId = await aVenue(database.db);
  ref = { venueId, connectionId: (await aConnection(database.db, venueId)).id };
  await database.admin`insert into subscriptions (id, venue_id, url) values (${uuidv7()}, ${venueId}, 'https://a.example/')`;
  await schedule();
});
afterEach(() => handle().delete());

const handle = () => temporal.client.schedule.getHandle(scheduleId(ref.connectionId, 'customers'));
async function schedule(): Promise<void> {
  await database.admin`update connections set live_schedules = '["customers"]' where id = ${ref.connectionId}`;
  await temporal.client.schedule.create({
    scheduleId: scheduleId(ref.connectionId, 'customers'),
    spec: { intervals: [{ every: 1_000 }] },
    policies: { overlap: 'SKIP' },
    action: {
      ...{ type: 'startWorkflow', workflowType: 'nothing', taskQueue: 'served-by-nobody' },
      args: [{ ...ref, direction: 'pull' }],
    },
  });
}
const sweep = (client = temporal.client): Promise<{ readonly told: number }> =>
  new MockActivityEnvironment({}, { client, logger: createTemporalLogger(log) }).run(
    (): ReturnType<typeof announceStaleSyncs> =>
      announceStaleSyncs({ silences: createSyncSilenceStore(database.db), staleAfterMs: STALE_AFTER_MS, log }, 100),
  );
/** Sweeps until one has looked at the schedule, and everything is later than it may be. */
async function sweepLate(): Promise<number> {
  await sweep();
  await delay(3 * STALE_AFTER_MS);
  return (await sweep()).told;
}
const told = async () => [
  ...(await database.admin<{ type: string; data: object }[]>`select type, data from outgoing_messages order by id`),
];
/** Looks again at the next sweep, without waiting for the hour. */
const lookNow = () => database.admin`update sync_silences set look_after = now()`;
async function aRun(outcome: 'completed' | 'failed', change: { readonly dryRun?: boolean } = {}): Promise<void> {
  await database.admin`
    insert into sync_runs (id, venue_id, connection_id, provider, resource, direction, mode, dry_run, phase, outcome, workflow_id, requested_by, started_at, finished_at)
    values (${uuidv7()}, ${venueId}, ${ref.connectionId}, 'stripe', 'customers', 'pull', 'full', ${change.dryRun ?? false}, 'finished', ${outcome}, 'w', 'x', now(), now())`;
}

describe('subscribers are told that a scheduled sync is stale', () => {
  it('once, and again only after a good run has ended that silence', async () => {
    expect(await sweepLate()).toBe(1);
    expect(await told()).toEqual([
      {
        type: 'sync.stale',
        data: {
          ...{ connectionId: ref.connectionId, provider: 'stripe', resource: 'customers', direction: 'pull' },
          ...{ reason: 'not-running', lastGoodRunAt: null },
          path: `/v1/venues/${venueId}/connections/${ref.connectionId}/schedules/customers`,
        },
      },
    ]);
    await lookNow();
    await sweep();
    await aRun('failed');
    await lookNow();
    await sweep();
    expect(await told()).toHaveLength(1);
    await aRun('completed');
    await delay(3 * STALE_AFTER_MS);
    await lookNow();
    await sweep();
    expect((await told())[1]).toMatchObject({
      type: 'sync.stale',
      data: { lastGoodRunAt: expect.any(String) as string },
    });
  }, 30_000);

  it('when its runs fail, or are only tried dry', async () => {
    await sweep();
    await delay(3 * STALE_AFTER_MS);
    await aRun('completed', { dryRun: true });
    await aRun('failed');
    await sweep();
    expect(await told()).toMatchObject([{ data: { reason: 'failing' } }]);
  }, 30_000);

  it('never where a person has paused its schedule, suspended its connection, or deleted either', async () => {
    await handle().pause();
    expect(await sweepLate()).toBe(0);
    await handle().unpause();
    // What was paused begins to count afresh.
    await lookNow();
    expect((await sweep()).told).toBe(0);

    await database.admin`truncate sync_silences`;
    await database.admin`update connections set state = 'suspended' where id = ${ref.connectionId}`;
    expect(await sweepLate()).toBe(0);
    await database.admin`update connections set state = 'active' where id = ${ref.connectionId}`;
    await lookNow();
    expect((await sweep()).told).toBe(0);

    await database.admin`truncate sync_silences`;
    await database.admin`update connections set live_schedules = '[]' where id = ${ref.connectionId}`;
    expect(await sweepLate()).toBe(0);
    expect([...(await database.admin`select * from sync_silences`)]).toEqual([]);
    expect(await told()).toEqual([]);
  }, 60_000);

  it('although one schedule cannot be read, of all others', async () => {
    const other = (await aConnection(database.db, venueId)).id;
    await database.admin`update connections set live_schedules = '["customers"]' where id = ${other}`;
    const { client } = temporal;
    const broken = Object.create(client, {
      schedule: {
        value: {
          getHandle: (id: string) =>
            id.includes(other)
              ? { describe: () => Promise.reject(new Error('broken')) }
              : client.schedule.getHandle(id),
        },
      },
    }) as typeof client;
    await sweep(broken);
    await delay(3 * STALE_AFTER_MS);
    expect(await sweep(broken)).toEqual({ told: 1 });
  }, 30_000);
});
