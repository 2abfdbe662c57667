import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { SyncId } from '../../contracts/ids.ts';
import { objectsOf } from '../support/answer-editing-proxy.ts';
import type { ProxiedAnswer } from '../support/answer-editing-proxy.ts';
import type { TestVenue } from '../support/sync-world.ts';
import { createSyncWorld } from '../support/sync-world.ts';

type World = Awaited<ReturnType<typeof createSyncWorld>>;

describe('objects that cannot be read', () => {
  let world: World;
  let venue: TestVenue;

  beforeAll(async () => {
    world = await createSyncWorld({ withProxy: true });
  });
  afterAll(() => world.close());
  beforeEach(async () => {
    world.proxy.edit(null);
    await world.stripe.reset();
    await world.stripe.limits({ requestsPerSecond: 0 });
    venue = await world.aVenue();
  });

  const rejections = async (syncId: SyncId) => (await world.logOf(venue, syncId)).filter(({ action }) => action === 'rejected');
  const stored = async (table = 'customers') =>
    world.database.admin<{ name: string; external_id: string; deleted: boolean; state: string }[]>`
      select c.name, l.external_id, c.deleted_at is not null as deleted, l.state from ${world.database.admin(table)} c join record_links l on l.record_id = c.id where c.venue_id = ${venue.venueId} order by c.id`;

  /** Customers of this name have an object as `phone`, wherever they come. */
  const withPhoneObject = (name: string) => (answer: ProxiedAnswer): void => {
    for (const object of objectsOf(answer)) {
      const customer = (object['object'] === 'event' ? (object['data'] as { object: Record<string, unknown> }).object : object);
      if (customer['name'] === name) customer['phone'] = { country: '+49', number: '30 1234567' };
    }
  };
  const named = (count: number) => Array.from({ length: count }, (_, index) => ({ name: `Customer ${index}` }));

  it('stores 149 of 150 listed customers and rejects the one by its id and the path that is wrong', async () => {
    await world.stripe.seed({ resource: 'customers', records: named(150) });
    world.proxy.edit(withPhoneObject('Customer 70'));
    const [odd] = (await world.stripe.customers<{ id: string; name: string }>()).filter(({ name }) => name === 'Customer 70');

    const run = await world.sync(venue, 'pull', 'full');

    expect(run).toMatchObject({ outcome: 'completed-with-rejections', counts: { read: 150, created: 149, rejected: 1 } });
    expect(await stored()).toHaveLength(149);
    const [rejection, ...others] = await rejections(run.syncId);
    expect(others).toEqual([]);
    expect(rejection).toMatchObject({ externalId: odd!.id, code: 'unreadable', level: 'error' });
    expect(rejection!.message).toMatch(/\bphone: /);
    expect(rejection!.message).not.toMatch(/1234567/);
  });
});
