import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { VenueId } from '../../contracts/ids.ts';
import { closeVenueWorkflowId } from '../../contracts/venues.ts';
import { rowsOf } from '../db/closing/full-venue.ts';
import { until } from '../support/eventually.ts';
import { startSystem } from '../support/worlds/system.ts';
import type { System } from '../support/worlds/system.ts';

const RECORDS = 80_000;

describe('the closing of a venue', () => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({ ownServers: true });
  }, 180_000);
  afterAll(() => system.stop());

  it.each([['worker'], ['postgres'], ['temporal'], ['api']] as const)(
    'ends although %s is killed in the middle of the erasure',
    async (service) => {
      const { database } = system;
      const venueId = await system.api.createVenue();
      const { secretKey } = await system.stripe.addAccount();
      await system.api.connect(venueId, secretKey);
      await database`
        insert into customers (id, venue_id, source_id, name)
        select gen_random_uuid(), ${venueId}, 's' || n, 'A' from generate_series(1, ${RECORDS}::int) n`;
      const left = async () =>
        (await database`select count(*)::int as count from customers where venue_id = ${venueId}`)[0]?.[
          'count'
        ] as number;
      await system.api.tryDelete(`/v1/venues/${venueId}`);
      await until(async () => (await left()) < RECORDS, { limitMs: 60_000, what: 'some are erased', everyMs: 5 });
      const killed = system.kill(service);
      await killed;
      const { closed } = await until(
        async () => {
          const rows = await rowsOf(database, venueId).catch(() => null);
          const [venue] = await database`select 1 from venues where id = ${venueId}`.catch(() => [true]);
          return venue || rows === null ? null : { closed: rows };
        },
        { limitMs: 90_000, what: 'the venue is gone', everyMs: 200 },
      );
      expect(
        Object.entries(closed)
          .filter(([, count]) => count > 0)
          .map(([table]) => table),
      ).toEqual(['audit_log']);
      const ended = await database`select 1 from audit_log where venue_id = ${venueId} and action = 'venue.closed'`;
      expect(ended).toHaveLength(1);
      await until(
        async () =>
          (await system.temporal.workflow.getHandle(closeVenueWorkflowId(venueId as VenueId)).describe()).status
            .name === 'COMPLETED',
        { limitMs: 60_000, what: 'the workflow has ended' },
      );
    },
    180_000,
  );
});
