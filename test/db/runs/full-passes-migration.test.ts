import { readdirSync } from 'node:fs';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrateDown, migrateUp } from '../../../db/core/migrate.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';
import { aVenue } from '../builders.ts';

const quiet = () => undefined;
const FULL_PASSES = Number(
  readdirSync('db/migrations')
    .find((name) => name.endsWith('.do.full-passes.sql'))
    ?.slice(0, 4),
);

describe('the times of full passes after an upgrade', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());

  it('are those of the last completed full run, or of the first run, which reads everything in any mode', async () => {
    const { admin, ownerUrl: url } = database;
    const venueId = await aVenue(database.db);
    const connectionId = uuidv7();
    await admin`insert into connections (id, venue_id, provider, environment, state, external_account_id, flow) values (${connectionId}, ${venueId}, 'stripe', 'sandbox', 'active', 'acct_1', 'code')`;
    await migrateDown({ url, to: FULL_PASSES - 1, log: quiet });
    const hour = (at: number) => new Date(Date.UTC(2026, 10, 1, at));
    const run = (
      resource: string,
      at: number,
      { mode = 'incremental', outcome = 'completed', dryRun = false, windowed = false } = {},
    ) => admin`
      insert into sync_runs (id, venue_id, connection_id, provider, resource, direction, mode, dry_run, window_to, outcome, phase, workflow_id, requested_by, started_at, finished_at)
      values (${uuidv7({ msecs: hour(at).getTime() })}, ${venueId}, ${connectionId}, 'stripe', ${resource}, 'pull', ${mode}, ${dryRun}, ${windowed ? hour(at) : null}, ${outcome}, 'finished', 'w', 'test', ${hour(at)}, ${hour(at + 1)})`;
    for (const resource of ['customers', 'products', 'transactions']) {
      await admin`insert into sync_cursors (connection_id, resource, direction, venue_id, watermark) values (${connectionId}, ${resource}, 'pull', ${venueId}, now())`;
    }
    await run('customers', 1);
    await run('customers', 3);
    await run('products', 1);
    await run('products', 3, { mode: 'full', outcome: 'completed-with-rejections' });
    await run('products', 5, { mode: 'full', outcome: 'failed' });
    await run('products', 7, { mode: 'full', dryRun: true });
    await run('products', 9, { mode: 'full', windowed: true });
    await run('products', 11);
    await migrateUp({ url, log: quiet });
    expect([
      ...(await admin`select resource, full_started_at, full_finished_at from sync_cursors where connection_id = ${connectionId} order by resource`),
    ]).toEqual([
      { resource: 'customers', full_started_at: hour(1), full_finished_at: hour(2) },
      { resource: 'products', full_started_at: hour(3), full_finished_at: hour(4) },
      { resource: 'transactions', full_started_at: null, full_finished_at: null },
    ]);
  });
});
