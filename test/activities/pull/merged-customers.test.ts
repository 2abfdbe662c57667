import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RecordId } from '../../../contracts/ids.ts';
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
  readonly source_id: string;
  readonly name: string;
  readonly email: string | null;
  readonly is_gone: boolean;
  readonly object: string | null;
}
const profiles = () => venue.merchant.objects<Profile>('customers');
const namesAtSquare = async () =>
  (await profiles()).map(({ given_name: given, family_name: family }) => `${String(given)} ${String(family)}`).sort();
/** In the order in which the venue has come to know them. */
const records = () => world.database.admin<Row[]>`
  select c.id, c.source_id, c.name, c.email, c.deleted_at is not null as is_gone, l.external_id as object
  from customers c left join record_links l on l.record_id = c.id and l.connection_id = ${venue.connectionId}
  where c.venue_id = ${venue.venueId} order by c.id`;
const living = async () => (await records()).filter((one) => !one.is_gone);
const calls = async () => (await venue.merchant.calls()).length;
const load = (names: readonly string[]) =>
  world.customers.upsertMany(
    venue.venueId,
    names.map((name, index) => ({ sourceId: `c-${index}`, name, email: `c-${index}@example.com` })),
  );

/** Two profiles of one person, whom the seller merges. */
async function twice(): Promise<readonly [string, string]> {
  const profile = (more: object) => venue.merchant.client.customers.create(more);
  const one = await profile({ givenName: 'Ada', emailAddress: 'ada@example.com' });
  const other = await profile({ givenName: 'A', familyName: 'Lovelace', phoneNumber: '+493012345678' });
  return [one.customer?.id ?? '', other.customer?.id ?? ''];
}

type Told = 'created' | `deleted ${string}`;
/** Posts an event of a merge as Square does. */
async function post(told: Told, { merged, ids }: { readonly merged: string; readonly ids: readonly string[] }) {
  const [type = '', id = merged] = told.split(' ');
  const merge = { from_customer_ids: ids, to_customer_id: merged };
  await inbox.post('square', {
    ...{ type: `customer.${type}`, event_id: `${merged}-${told}-${nth++}`, merchant_id: await inbox.accountOf(venue) },
    data: { type: 'customer', id, object: { customer: { id }, event_context: { merge } } },
  });
  await inbox.drain();
}
let nth = 0;

/** A payment that names a customer by an id, and the record of the customer that its transaction has. */
async function pay(id: string, customerId: string) {
  const at = new Date().toISOString();
  await venue.merchant.put('payments', [
    {
      ...{ id, customer_id: customerId, status: 'COMPLETED', source_type: 'CARD', created_at: at, updated_at: at },
      ...{ location_id: venue.merchant.mainLocationId, total_money: { amount: 100, currency: 'EUR' } },
    },
  ]);
}
const payers = async () => {
  const rows = await world.database.admin<{ object: string; payer: string | null }[]>`
    select l.external_id as object, t.customer_source_id as payer from transactions t join record_links l on l.record_id = t.id
    where t.venue_id = ${venue.venueId} order by l.external_id`;
  return Object.fromEntries(rows.map(({ object, payer }) => [object, payer]));
};

describe('a customer that the seller merges at Square', () => {
  it.each(['one', 'both'])(
    'goes on as the record it was, by a full pull that knew %s of the profiles',
    async (known) => {
      const ids = await twice();
      if (known === 'one') await venue.merchant.client.customers.delete({ customerId: ids[1] });
      await world.sync(venue, 'pull');
      const [first, second] = await records();
      if (known === 'one') await venue.merchant.put('customers', [{ id: ids[1], given_name: 'A', version: 0 }]);
      const merged = await venue.merchant.merge(...ids);
      const before = await calls();
      const { syncId } = await world.sync(venue, 'pull');
      expect((await calls()) - before).toBeLessThan(10);
      const name = known === 'one' ? 'Ada' : 'Ada Lovelace';
      expect(await living()).toMatchObject([{ id: first!.id, source_id: first!.source_id, name, object: merged }]);
      if (known === 'both')
        expect(await world.logOf(venue, syncId)).toContainEqual(
          expect.objectContaining({
            ...{ sourceId: second!.source_id, action: 'archived', code: 'merged-at-provider' },
            message: expect.stringContaining(first!.id) as string,
          }),
        );
      const again = await world.sync(venue, 'pull');
      expect(again.counts).toMatchObject({ created: 0, updated: 0, archived: 0 });
    },
  );

  it('takes its place again from a record that an incremental pull has made of the new profile', async () => {
    const ids = await twice();
    await world.sync(venue, 'pull');
    const [first] = await records();
    const merged = await venue.merchant.merge(...ids);
    await world.sync(venue, 'pull', 'incremental');
    expect(await living()).toHaveLength(3);
    await world.sync(venue, 'pull', 'full');
    expect(await living()).toMatchObject([{ id: first!.id, name: 'Ada Lovelace', object: merged }]);
    const [one, other] = (await records()).slice(1);
    expect(new Set([one!.object, other!.object])).toEqual(new Set(ids));
  });

  it.each<readonly ['created' | 'first' | 'second', ...('created' | 'first' | 'second')[]]>([
    ['created'],
    ['first'],
    ['second'],
    ['created', 'first', 'second'],
    ['second', 'created', 'first', 'created'],
  ])('goes on by the events of the merge (%s …)', async (...order) => {
    const ids = await twice();
    await world.sync(venue, 'pull');
    const [first] = await records();
    const merged = await venue.merchant.merge(...ids);
    for (const which of order)
      await post(which === 'created' ? 'created' : `deleted ${ids[which === 'first' ? 0 : 1]}`, { merged, ids });
    expect(await living()).toMatchObject([{ id: first!.id, name: 'Ada Lovelace', object: merged }]);
    expect(await records()).toHaveLength(2);
    const { counts } = await world.sync(venue, 'pull', 'full');
    expect(counts).toMatchObject({ created: 0, updated: 0, archived: 0 });
  });

  it('goes on by a pull that comes before the events, which then change nothing', async () => {
    const ids = await twice();
    await world.sync(venue, 'pull');
    const merged = await venue.merchant.merge(...ids);
    await world.sync(venue, 'pull', 'full');
    const before = await records();
    for (const told of ['created', `deleted ${ids[0]}`, `deleted ${ids[1]}`] as const)
      await post(told, { merged, ids });
    expect(await records()).toEqual(before);
    const events = await inbox.events(venue);
    expect(new Set(events.flatMap(({ effects }) => effects.map(({ kind }) => kind)))).toEqual(new Set(['unchanged']));
  });

  it('goes on when the new profile is merged again', async () => {
    const ids = await twice();
    const { customer: third } = await venue.merchant.client.customers.create({ givenName: 'Countess' });
    await world.sync(venue, 'pull');
    const [first] = await records();
    const merged = await venue.merchant.merge(...ids);
    await post('created', { merged, ids });
    const last = await venue.merchant.merge(third!.id!, merged);
    await post('created', { merged: last, ids: [third!.id!, merged] });
    expect(await living()).toMatchObject([{ id: first!.id, object: last }]);
  });

  it('stays the payer of what names it by an earlier id, before and after the merge', async () => {
    const ids = await twice();
    await pay('p-1', ids[0]);
    await pay('p-2', ids[1]);
    await world.sync(venue, 'pull');
    await world.sync(venue, 'pull', 'full', { resource: 'transactions' });
    const [first, second] = await records();
    expect(await payers()).toEqual({ 'p-1': first!.source_id, 'p-2': second!.source_id });
    const merged = await venue.merchant.merge(...ids);
    await post('created', { merged, ids });
    await pay('p-3', ids[0]);
    await pay('p-4', ids[1]);
    await pay('p-5', merged);
    await world.sync(venue, 'pull', 'full', { resource: 'transactions' });
    const payer = first!.source_id;
    expect(await payers()).toEqual({ 'p-1': payer, 'p-2': payer, 'p-3': payer, 'p-4': payer, 'p-5': payer });
  });

  it('is one that the venue still has, where it has deleted the other', async () => {
    const ids = await twice();
    await world.sync(venue, 'pull');
    const [first, second] = await records();
    await world.customers.remove(venue.venueId, first!.id as RecordId);
    const merged = await venue.merchant.merge(...ids);
    await world.sync(venue, 'pull', 'full');
    expect(await living()).toMatchObject([{ id: second!.id, object: merged }]);
  });

  it('leaves a record that the venue has deleted as it is, and the new profile at Square', async () => {
    const ids = await twice();
    await venue.merchant.client.customers.delete({ customerId: ids[1] });
    await world.sync(venue, 'pull');
    const [first] = await records();
    await venue.merchant.put('customers', [{ id: ids[1], given_name: 'A', version: 0 }]);
    await world.customers.remove(venue.venueId, first!.id as RecordId);
    const merged = await venue.merchant.merge(...ids);
    await post('created', { merged, ids });
    expect(await records()).toMatchObject([
      { id: first!.id, is_gone: true, object: ids[0] },
      { name: 'Ada', is_gone: false, object: merged },
    ]);
    const { counts } = await world.sync(venue, 'push', 'incremental');
    expect(counts).toMatchObject({ archived: 0, rejected: 0 });
    expect((await profiles()).map(({ id }) => id)).toEqual([merged]);
  });

  it('is planned by a dry run as the run carries it out', async () => {
    const ids = await twice();
    await world.sync(venue, 'pull');
    const before = await records();
    await venue.merchant.merge(...ids);
    const planned = await world.sync(venue, 'pull', 'full', { dryRun: true });
    expect(planned.counts).toMatchObject({ archived: 1 });
    expect(await records()).toEqual(before);
  });
});

describe('a push of a customer that was merged at Square', () => {
  const push = async () => {
    await load(['Ada Lovelace', 'Grace Hopper', 'Mary Somerville']);
    await world.sync(venue, 'push');
    const [one, other] = await profiles();
    return venue.merchant.merge(one!.id, other!.id);
  };

  it('writes to the profile that it was merged into, and creates none', async () => {
    const merged = await push();
    await load(['Ada Byron', 'Grace Hopper', 'Mary Fairfax']);
    const { syncId, counts } = await world.sync(venue, 'push', 'full');
    expect(await world.logOf(venue, syncId)).toMatchObject([
      { sourceId: 'c-0', action: 'updated' },
      { sourceId: 'c-2', action: 'updated' },
    ]);
    expect(counts).toMatchObject({ created: 0, updated: 2, rejected: 0 });
    expect(await namesAtSquare()).toEqual(['Ada Byron', 'Mary Fairfax']);
    expect((await records())[0]).toMatchObject({ object: merged, name: 'Ada Byron' });
  });

  it('rejects the other of the merged ones, until a pull in full has deleted it', async () => {
    await push();
    await load(['Ada Byron', 'Grace Murray', 'Mary Somerville']);
    const { syncId, counts } = await world.sync(venue, 'push', 'full');
    expect(counts).toMatchObject({ created: 0, rejected: 1 });
    expect(await world.logOf(venue, syncId)).toContainEqual(
      expect.objectContaining({ sourceId: 'c-1', action: 'rejected', code: 'merged-at-provider' }),
    );
    expect(await namesAtSquare()).toEqual(['Ada Byron', 'Mary Somerville']);
    await world.sync(venue, 'pull', 'full');
    expect((await living()).map(({ name }) => name)).toEqual(['Ada Byron', 'Mary Somerville']);
    const again = await world.sync(venue, 'push', 'full');
    expect(again.counts).toMatchObject({ created: 0, rejected: 0 });
    expect(await namesAtSquare()).toEqual(['Ada Byron', 'Mary Somerville']);
  });

  it('leaves the new profile to the other record, where the venue has deleted one of them', async () => {
    const merged = await push();
    const [first] = await records();
    await world.customers.remove(venue.venueId, first!.id as RecordId);
    const { counts } = await world.sync(venue, 'push', 'incremental');
    expect(counts).toMatchObject({ archived: 1, rejected: 0 });
    expect(await namesAtSquare()).toEqual(['Ada Lovelace', 'Mary Somerville']);
    await world.sync(venue, 'pull', 'full');
    expect(await living()).toMatchObject([{ source_id: 'c-1', object: merged }, { source_id: 'c-2' }]);
  });

  it('merges both sides first in a two-way run, and gives up the record made of the new profile', async () => {
    await load(['Ada Lovelace', 'Grace Hopper', 'Mary Somerville']);
    await world.sync(venue, 'both');
    const [one, other] = await profiles();
    const merged = await venue.merchant.merge(one!.id, other!.id);
    await venue.merchant.client.customers.update({ customerId: merged, phoneNumber: '+493012345678' });
    await load(['Ada Byron', 'Grace Hopper', 'Mary Somerville']);
    const { counts } = await world.sync(venue, 'both', 'incremental');
    expect(counts).toMatchObject({ rejected: 0 });
    expect(await namesAtSquare()).toEqual(['Ada Byron', 'Mary Somerville']);
    expect(await living()).toMatchObject([
      { source_id: 'c-0', name: 'Ada Byron', object: merged },
      { source_id: 'c-1' },
      { source_id: 'c-2' },
    ]);
    const full = await world.sync(venue, 'both', 'full');
    expect(full.counts).toMatchObject({ created: 0, archived: 1, rejected: 0 });
    expect((await living()).map(({ source_id: id }) => id)).toEqual(['c-0', 'c-2']);
    expect((await profiles()).map(({ phone_number: phone }) => phone ?? null).sort()).toEqual(['+493012345678', null]);
    const last = await world.sync(venue, 'both', 'full');
    expect(last.counts).toMatchObject({ created: 0, updated: 0, archived: 0, rejected: 0 });
  });
});
