import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ScheduleClient } from '@temporalio/client';
import { readWorkerConfig } from '../../config/config.ts';
import { RETENTION_SCHEDULE_ID } from '../../contracts/retention.ts';
import type { RemoveExpiredRowsInput } from '../../contracts/retention.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { keepRetentionSchedule } from '../../worker/retention-schedule.ts';
import { aConnection, aVenue } from '../db/builders.ts';
import { anAgedRun, countOf, idOf, someLogLines } from '../db/retention/aged-rows.ts';
import { createTestDatabase } from '../support/services/database.ts';
import type { TestDatabase } from '../support/services/database.ts';
import { createTestNamespace } from '../support/services/temporal.ts';
import type { TestTemporal } from '../support/services/temporal.ts';
import { aWorkerProcess, eventually } from './support.ts';
import type { WorkerProcess } from './support.ts';

let database: TestDatabase;
let temporal: TestTemporal;
let client: Client;
beforeAll(async () => {
  [database, temporal] = await Promise.all([createTestDatabase(), createTestNamespace()]);
  client = new Client({
    connection: await Connection.connect({ address: temporal.address }),
    namespace: temporal.namespace,
  });
});
afterAll(async () => {
  await client.connection.close();
  await database.drop();
});

const schedule = () => client.schedule.getHandle(RETENTION_SCHEDULE_ID);
const exists = () =>
  schedule()
    .describe()
    .then(
      () => true,
      () => false,
    );
const daysOf = async () => {
  const { action, spec, state } = await schedule().describe();
  const [{ rules }] = action.args as [RemoveExpiredRowsInput];
  const days = (table: string) => rules.find((rule) => rule.table === table)?.keptDays;
  return { audit: days('audit_log'), runs: days('sync_runs'), everyMs: spec.intervals?.[0]?.every, ...state };
};
const aWorker = async (env: Record<string, string> = {}): Promise<WorkerProcess> => {
  const worker = await aWorkerProcess({
    DATABASE_URL: database.url,
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
    ...env,
  });
  await eventually(async () => (await worker.health('ready')) === 200, 60_000);
  return worker;
};
const stop = async (worker: WorkerProcess, signal?: NodeJS.Signals) => {
  worker.stop(signal);
  await worker.exitCode();
};
/** The workflow that the schedule started last. */
async function lastRun() {
  const { recentActions } = (await schedule().describe()).info;
  const started = recentActions.at(-1)?.action.workflow;
  return started ? client.workflow.getHandle(started.workflowId, started.firstExecutionRunId) : null;
}

describe('the schedule that removes expired rows', () => {
  beforeEach(async () => {
    if (await exists()) await schedule().delete();
  });

  it('exists once a worker has started, exists once however many start, and follows their configuration', async () => {
    const workers = await Promise.all([aWorker(), aWorker()]);
    await eventually(exists);
    expect(await daysOf()).toMatchObject({ audit: 400, runs: 90, everyMs: 3_600_000, paused: false });
    await schedule().pause('an audit is under way');
    await Promise.all(workers.map((worker) => stop(worker)));

    const changed = await aWorker({
      RETENTION_AUDIT_DAYS: '31',
      RETENTION_RUN_DAYS: '45',
      RETENTION_EVERY_MINUTES: '20',
    });
    await eventually(async () => (await daysOf()).audit === 31);
    expect(await daysOf()).toMatchObject({
      runs: 45,
      everyMs: 1_200_000,
      paused: true,
      note: 'an audit is under way',
    });
    await stop(changed);
  }, 120_000);

  it('starts a workflow that removes expired rows, even when its worker is killed halfway', async () => {
    const venueId = await aVenue(database.db);
    const venue = { venueId, connectionId: (await aConnection(database.db, venueId)).id };
    const syncId = await anAgedRun(database.admin, { ...venue, endedDaysAgo: 100 });
    await anAgedRun(database.admin, { ...venue, endedDaysAgo: 1 });
    await someLogLines(database.admin, { ...venue, syncId, daysAgo: 100, count: 9_000 });
    await database.admin`
      insert into audit_log (id, venue_id, at, actor, action, target_type, target_id, outcome)
      values (${idOf(401)}, ${venueId}, now() - interval '401 days', 'fresh', 'credentials.opened', 'connection', 'x', 'ok')`;
    const first = await aWorker();
    await eventually(exists);
    // Blocks the removal in its third page.
    await database.admin.begin(async (tx) => {
      await tx`select from sync_logs where seq = (select seq from sync_logs order by seq offset 5000 limit 1) for update`;
      await schedule().trigger();
      await eventually(async () => (await countOf(database.admin, 'sync_logs')) === 5_000);
      await stop(first, 'SIGKILL');
    });
    const second = await aWorker();
    const run = await lastRun();
    expect(await run?.result()).toMatchObject({ removed: { sync_runs: 1, audit_log: 1, webhook_events: 0 } });
    expect(await countOf(database.admin, 'sync_logs')).toBe(0);
    expect(await countOf(database.admin, 'audit_log')).toBe(0);
    expect(await countOf(database.admin, 'sync_runs')).toBe(1);
    const description = await run?.describe();
    expect(await description?.staticSummary()).toBe('Remove expired rows');
    await stop(second);
  }, 120_000);

  it('is retried while Temporal refuses it and does not delay the worker’s start', async () => {
    const { retention } = readWorkerConfig(
      {
        DATABASE_URL: database.url,
        MOCK_KMS: 'true',
        ENCRYPTION_KEY: Buffer.alloc(32).toString('base64'),
      },
      [],
    );
    const log = createLogger({ name: 'test', level: 'fatal' });
    let refusals = 2;
    const refusing: Pick<ScheduleClient, 'create' | 'getHandle'> = {
      create: (options) => {
        refusals -= 1;
        return refusals >= 0 ? Promise.reject(new Error('refused')) : client.schedule.create(options as never);
      },
      getHandle: (id) => client.schedule.getHandle(id),
    };
    await keepRetentionSchedule({
      ...{ schedule: refusing, retention, log, retryEveryMs: 1 },
      stopped: new AbortController().signal,
    });
    expect(refusals).toBe(-1);
    expect(await exists()).toBe(true);

    const stopping = new AbortController();
    const always: typeof refusing = {
      ...refusing,
      create: () => {
        stopping.abort();
        return Promise.reject(new Error('refused'));
      },
    };
    await expect(
      keepRetentionSchedule({ schedule: always, retention, log, stopped: stopping.signal }),
    ).resolves.toBeUndefined();
  });
});
