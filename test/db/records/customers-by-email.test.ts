import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { withVenue } from '../../../db/core/venue-scope.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';

describe('customers_by_email', () => {
  let world: Awaited<ReturnType<typeof createSyncWorld>>;
  let venue: TestVenue;
  beforeAll(async () => {
    world = await createSyncWorld();
  });
  afterAll(() => world.close());
  beforeEach(async () => {
    venue = await world.aVenue();
  });

  const load = (emails: readonly (string | null)[], { venueId }: TestVenue = venue) =>
    world.customers.upsertMany(
      venueId,
      emails.map((email, index) => ({ sourceId: `c-${index}`, email })),
    );
  const found = ({ venueId }: TestVenue, keys: readonly string[]) =>
    withVenue(world.database.db, venueId, async (tx) => {
      const rows = await tx.execute<{ email: string }>(sql`
        select c.email from customers_by_email(array(select jsonb_array_elements_text(${JSON.stringify(keys)}::jsonb))) found
        join customers c on c.id = found.id order by c.email collate "C"`);
      return rows.map(({ email }) => email);
    });

  it('finds customers by their addresses in whatever case, and none without one', async () => {
    await load(['Ada@Example.com', 'ada@example.com', 'grace@example.com', null]);
    expect(await found(venue, ['ada@example.com', 'nobody@example.com'])).toEqual([
      'Ada@Example.com',
      'ada@example.com',
    ]);
    expect(await found(venue, [])).toEqual([]);
  });

  it('finds no other venue’s customers, and none that is deleted', async () => {
    const other = await world.aVenue();
    await load(['ada@example.com'], other);
    await load(['grace@example.com']);
    await world.database.admin`update customers set deleted_at = now() where venue_id = ${venue.venueId}`;
    expect(await found(venue, ['ada@example.com', 'grace@example.com'])).toEqual([]);
    expect(await found(other, ['ada@example.com'])).toEqual(['ada@example.com']);
  });

  it('finds none by an address that a hundred have', async () => {
    await load([...Array.from({ length: 100 }, () => 'desk@example.com'), 'ada@example.com']);
    expect(await found(venue, ['desk@example.com', 'ada@example.com'])).toEqual(['ada@example.com']);
  });
});
