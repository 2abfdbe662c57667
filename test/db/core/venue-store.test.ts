import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { v7 as uuidv7 } from 'uuid';
import type { VenueId } from '../../../contracts/ids.ts';
import { createVenueStore } from '../../../db/core/venue-store.ts';
import type { Venue } from '../../../db/core/venue-store.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';
import { aVenue } from '../builders.ts';

describe('venues', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());

  it('are created once per sourceId, even by ten concurrent callers', async () => {
    const store = createVenueStore(database.db);
    const venue = { sourceId: 'shop-1', name: 'Shop', timeZone: 'Europe/Paris', currency: 'EUR' };
    const results = await Promise.all(Array.from({ length: 10 }, () => store.create(venue)));
    expect(results.filter((result) => result === 'source-id-taken')).toHaveLength(9);
  });

  it.each([[null], ['shop-of-a-request']])(
    'are created once per request key with sourceId %s, even when the request is sent many times at once',
    async (sourceId) => {
      const store = createVenueStore(database.db);
      const venue = { sourceId, name: 'Shop', timeZone: 'Europe/Paris', currency: 'EUR' };
      const requestKey = uuidv7();
      const results = await Promise.all(Array.from({ length: 10 }, () => store.create(venue, requestKey)));
      const [first] = results;
      for (const result of results) expect(result).toEqual(first);
      const other = await store.create(venue, uuidv7());
      if (sourceId === null) expect(other).not.toMatchObject({ id: (first as Venue).id });
      else expect(other).toBe('source-id-taken');
    },
  );

  it('are found by their request key for 7 days; after that the same key is a new request', async () => {
    const store = createVenueStore(database.db);
    const venue = { sourceId: null, name: 'Shop', timeZone: 'Europe/Paris', currency: 'EUR' };
    const requestKey = uuidv7();
    const first = (await store.create(venue, requestKey)) as Venue;
    await database.admin`update venues set created_at = now() - interval '7 days' - interval '1 second' where id = ${first.id}`;
    const second = (await store.create(venue, requestKey)) as Venue;
    expect(second.id).not.toBe(first.id);
    await expect(store.create(venue, requestKey)).resolves.toEqual(second);
    await expect(store.find('*', first.id)).resolves.toMatchObject({ id: first.id });
  });

  it('without a sourceId never conflict', async () => {
    const [one, two] = [await aVenue(database.db), await aVenue(database.db)];
    expect(one).not.toBe(two);
  });

  it('are paged without loss or repetition while new ones arrive', async () => {
    const store = createVenueStore(database.db);
    const expected = (await store.list('*', { limit: 200, after: null })).data.length + 5;
    for (let count = 0; count < 5; count += 1) await aVenue(database.db);
    const seen: Venue[] = [];
    let after: string | null = null;
    let pages = 0;
    do {
      const page = await store.list('*', { limit: 2, after });
      seen.push(...page.data);
      if (pages === 0) await aVenue(database.db);
      after = page.next;
      pages += 1;
    } while (after !== null && pages < 50);
    expect(seen).toHaveLength(expected + 1);
    expect(new Set(seen.map(({ id }) => id)).size).toBe(seen.length);
  });

  it('change only in the fields that were sent', async () => {
    const store = createVenueStore(database.db);
    const id = await aVenue(database.db, { name: 'Old', currency: 'GBP' });
    await expect(store.update(id, { name: 'New' })).resolves.toMatchObject({
      name: 'New',
      currency: 'GBP',
      timeZone: 'Europe/London',
    });
    await expect(store.update(id, {})).resolves.toMatchObject({ name: 'New' });
    await expect(store.update(uuidv7() as VenueId, { name: 'New' })).resolves.toBeNull();
  });
});
