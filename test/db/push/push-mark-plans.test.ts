import { sql } from 'drizzle-orm';
import type { SQL } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ConnectionId, RecordId, VenueId } from '../../../contracts/ids.ts';
import { withVenue } from '../../../db/core/venue-scope.ts';
import { sentUpdates } from '../../../db/push/push-marks.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';
import { aConnection, aVenue } from '../builders.ts';
import { gatherNoStatistics, rowsRead } from '../core/query-plan.ts';
import type { QueryPlan } from '../core/query-plan.ts';

const LINKS = 5_000;
const MARKED = 200;

let database: TestDatabase;
let venueId: VenueId;
let connectionId: ConnectionId;
beforeAll(async () => {
  database = await createTestDatabase();
  await gatherNoStatistics(database.admin, 'record_links');
});
afterAll(() => database.drop());

async function aConnectionWithLinks(count: number): Promise<void> {
  venueId = await aVenue(database.db);
  connectionId = (await aConnection(database.db, venueId)).id;
  await database.admin`insert into record_links (connection_id, resource, record_id, venue_id, state, external_id)
    select ${connectionId}, 'customers', gen_random_uuid(), ${venueId}, 'linked', 'cus_' || n from generate_series(1, ${count}) n`;
}
const analyze = () => database.admin.unsafe('analyze record_links');

const STATES: Readonly<Record<string, () => Promise<unknown>>> = {
  'no statistics': () => Promise.resolve(),
  'statistics of an empty table': analyze,
  'statistics of other connections': async () => {
    for (let others = 0; others < 3; others += 1) await aConnectionWithLinks(LINKS);
    await analyze();
  },
};

const asMarked = (ids: readonly RecordId[]) =>
  ids.map((recordId) => ({ recordId, version: 2, metadataKeys: ['tier'] }));
const STATEMENTS: Readonly<Record<string, (ids: readonly RecordId[]) => SQL>> = {
  'updates that are sent': (ids) => sentUpdates({ connectionId, resource: 'customers' }, asMarked(ids)),
};

describe.each(Object.entries(STATES))('with %s', (_, prepare) => {
  beforeEach(async () => {
    await database.admin`truncate record_links`;
    await prepare();
    await aConnectionWithLinks(LINKS);
  });

  it.each(Object.entries(STATEMENTS))('marking %s reads no more links than it marks', async (_what, statement) => {
    const links = await database.admin<{ id: RecordId }[]>`
      select record_id as id from record_links where connection_id = ${connectionId} order by record_id limit ${MARKED}`;
    const [row] = await withVenue(database.db, venueId, (tx) =>
      tx.execute<QueryPlan>(sql`explain (analyze, format json) ${statement(links.map(({ id }) => id))}`),
    );
    expect(Math.max(...rowsRead(row!['QUERY PLAN'][0].Plan))).toBeLessThanOrEqual(2 * MARKED);
  });
});
