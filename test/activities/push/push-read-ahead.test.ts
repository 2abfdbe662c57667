import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';

describe('a push to a slow account', () => {
  let world: Awaited<ReturnType<typeof createSyncWorld>>;
  beforeAll(async () => {
    world = await createSyncWorld({ requestsPerSecond: 10, chunkMs: 1_500 });
  });
  afterAll(() => world.close());

  it('holds a small part of the records at a time', async () => {
    const venue = await world.aVenue();
    await world.load(venue, 1_200);
    const input = await world.open(venue, 'push', 'full');
    await world.begin(input);
    expect((await world.chunk(input)).status).toBe('more');
    // Records are marked when they are read, and linked once they are written.
    const links = await world.database.admin<{ state: string; count: number }[]>`
      select state, count(*)::int as count from record_links where venue_id = ${venue.venueId} group by state`;
    const countOf = (state: string) => links.find((link) => link.state === state)?.count ?? 0;
    expect(countOf('linked')).toBeGreaterThan(0);
    expect(countOf('pending')).toBeGreaterThan(0);
    expect(countOf('pending')).toBeLessThan(450);
  });
});
