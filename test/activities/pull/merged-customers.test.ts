import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createEventWorld } from '../../support/worlds/event-world.ts';
import type { EventWorld } from '../../support/worlds/event-world.ts';
import { createSquareSyncWorld } from '../push/square-world.ts';
import type { SquareSyncWorld, SquareVenue } from '../push/square-world.ts';

let world: SquareSyncWorld;
let inbox: EventWorld;
let venue: SquareVenue;
beforeAll(async () => {
  world = await createSquareSyncWorld();
  inbox = await createEventWorld(world);
});
afterAll(async () => {
  await inbox.close();
  await world.close();
});
beforeEach(async () => {
  venue = await world.aSquareVenue();
});

type Profile = Readonly<Record<string, unknown>> & { readonly id: string };
interface Row {
  readonly id: string;
  readonly name: string;
  readonly email: string | null;
  readonly is_gone: boolean;
}
const profiles = () => venue.merchant.objects<Profile>('customers');
const records = () => world.database.admin<Row[]>`
  select id, name, email, deleted_at is not null as is_gone from customers where venue_id = ${venue.venueId}
  order by created_at, name`;
const living = async () => (await records()).filter((one) => !one.is_gone).map(({ name }) => name);
const calls = async () => (await venue.merchant.calls()).length;

/** Two profiles of one person, whom the seller merges. */
async function twice(): Promise<readonly [string, string]> {
  const profile = (more: object) => venue.merchant.client.customers.create(more);
  const one = await profile({ givenName: 'Ada', emailAddress: 'ada@example.com' });
  const other = await profile({ givenName: 'A', familyName: 'Lovelace', phoneNumber: '+493012345678' });
  return [one.customer?.id ?? '', other.customer?.id ?? ''];
}

describe('Square customers that the seller merges', () => {
  it.each(['one', 'both'])(
    'become one record by a full pull, which ends, when it knew %s of them',
    async (known) => {
      const ids = await twice();
      if (known === 'one') await venue.merchant.client.customers.delete({ customerId: ids[1] });
      await world.sync(venue, 'pull');
      if (known === 'one') await venue.merchant.put('customers', [{ id: ids[1], given_name: 'A', version: 0 }]);
      await venue.merchant.merge(...ids);
      const before = await calls();
      await world.sync(venue, 'pull');
      expect((await calls()) - before).toBeLessThan(10);
      const [merged] = await profiles();
      expect(merged).toMatchObject({ given_name: 'Ada', email_address: 'ada@example.com' });
      expect(await living()).toEqual([known === 'one' ? 'Ada' : 'Ada Lovelace']);
    },
    60_000,
  );

  it('become one record by their events, in any order', async () => {
    const ids = await twice();
    await world.sync(venue, 'pull');
    const merged = await venue.merchant.merge(...ids);
    for (const order of [
      [merged, ...ids],
      [...ids, merged],
    ]) {
      for (const id of order) {
        const type = id === merged ? 'customer.created' : 'customer.deleted';
        const data = { type: 'customer', id, object: { customer: { id } } };
        await inbox.post('square', {
          ...{ type, data, event_id: `${order.join()}-${id}`, merchant_id: await inbox.accountOf(venue) },
        });
        await inbox.drain();
      }
      expect(await living()).toEqual(['Ada Lovelace']);
    }
  });

  it('are written as a deleted customer is: what the venue has changed since is created anew', async () => {
    const load = (names: readonly string[]) =>
      world.customers.upsertMany(
        venue.venueId,
        names.map((name, index) => ({ sourceId: `c-${index}`, name, email: `c-${index}@example.com` })),
      );
    await load(['Ada Lovelace', 'Grace Hopper', 'Mary Somerville']);
    await world.sync(venue, 'push');
    const [one, other] = await profiles();
    await venue.merchant.merge(one!.id, other!.id);
    await load(['Ada Byron', 'Grace Hopper', 'Mary Fairfax']);
    const { syncId, counts } = await world.sync(venue, 'push', 'full');
    expect(await world.logOf(venue, syncId)).toMatchObject([
      { sourceId: 'c-0', action: 'created', code: 'created-anew' },
      { sourceId: 'c-2', action: 'updated' },
    ]);
    expect(counts).toMatchObject({ created: 1, rejected: 0 });
    expect(
      (await profiles())
        .map(({ given_name: given, family_name: family }) => `${String(given)} ${String(family)}`)
        .sort(),
    ).toEqual(['Ada Byron', 'Ada Lovelace', 'Mary Fairfax']);
  });
});
