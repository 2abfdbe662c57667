import { sql } from 'drizzle-orm';
import type { SQLWrapper } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Connection } from '../../../db/connections/connection-store.ts';
import { planFor } from '../../../db/runs/sync-run-opening.ts';
import { createSyncRunStore, selectPage } from '../../../db/runs/sync-run-store.ts';
import { withVenue } from '../../../db/core/venue-scope.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';
import { aConnection, aNewRun, aVenue } from '../builders.ts';
import { rowsRead } from '../core/query-plan.ts';
import type { QueryPlan } from '../core/query-plan.ts';

const FINISHED_RUNS = 20_000;

describe('a venue with many finished runs', () => {
  let database: TestDatabase;
  let connection: Connection;

  beforeAll(async () => {
    database = await createTestDatabase();
    const venueId = await aVenue(database.db);
    connection = await aConnection(database.db, venueId);
    const other = await aConnection(database.db, venueId);
    const { run } = await createSyncRunStore(database.db).openOrJoin(aNewRun(connection, { dryRun: true }));
    // All older than the plan: none of them invalidates it, and a start has to verify that.
    for (const { id, share } of [
      { id: connection.id, share: 2 },
      { id: other.id, share: 1 },
    ]) {
      await database.admin`
        insert into sync_runs (id, venue_id, connection_id, provider, resource, direction, mode, phase, outcome, workflow_id, requested_by, created_at, finished_at)
        select gen_random_uuid(), ${venueId}, ${id}, 'stripe', 'customers', 'push', 'incremental', 'finished', 'completed', 'w', 'schedule', now() - interval '2 days', now() - interval '1 day'
        from generate_series(1, ${FINISHED_RUNS / share}::int)`;
    }
    await database.admin`update sync_runs set phase = 'finished', outcome = 'completed', finished_at = now() where id = ${run.id}`;
    await database.admin`analyze sync_runs`;
  });
  afterAll(() => database.drop());

  async function mostRowsRead(query: SQLWrapper): Promise<number> {
    const [row] = await withVenue(database.db, connection.venueId, (tx) =>
      tx.execute<QueryPlan>(sql`explain (analyze, format json) ${query}`),
    );
    return Math.max(...rowsRead(row!['QUERY PLAN'][0].Plan));
  }

  it('starts with a plan without reading its finished runs', async () => {
    const plan = planFor(aNewRun(connection));
    const [found] = await withVenue(database.db, connection.venueId, (tx) =>
      tx.execute<{ id: string | null }>(sql`select ${plan} as id`),
    );
    expect(found?.id).not.toBeNull();
    expect(await mostRowsRead(sql`select ${plan}`)).toBeLessThan(50);
  });

  it('lists one connection’s runs without reading those of the others', async () => {
    expect(await mostRowsRead(selectPage({ connectionId: connection.id, rows: 51 }))).toBeLessThanOrEqual(51);
  });
});
