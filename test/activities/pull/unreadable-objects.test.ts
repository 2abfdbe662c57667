import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { SyncId } from '../../../contracts/ids.ts';
import { objectsOf } from '../../support/sandbox/answer-editing-proxy.ts';
import type { ProxiedAnswer } from '../../support/sandbox/answer-editing-proxy.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';

type World = Awaited<ReturnType<typeof createSyncWorld>>;

describe('unreadable provider objects', () => {
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

  const rejections = async (syncId: SyncId) =>
    (await world.logOf(venue, syncId)).filter(({ action }) => action === 'rejected');
  const stored = async (table = 'customers') =>
    world.database.admin<{ name: string; external_id: string; deleted: boolean; state: string }[]>`
      select c.name, l.external_id, c.deleted_at is not null as deleted, l.state from ${world.database.admin(table)} c join record_links l on l.record_id = c.id where c.venue_id = ${venue.venueId} order by c.id`;

  /** Makes `phone` an object for customers with this name in every answer. */
  const withPhoneObject =
    (name: string) =>
    (answer: ProxiedAnswer): void => {
      for (const object of objectsOf(answer)) {
        const customer =
          object['object'] === 'event' ? (object['data'] as { object: Record<string, unknown> }).object : object;
        if (customer['name'] === name) customer['phone'] = { country: '+49', number: '30 1234567' };
      }
    };
  const named = (count: number) => Array.from({ length: count }, (_, index) => ({ name: `Customer ${index}` }));

  it('are rejected by id and invalid path while the other 149 of 150 listed customers are stored', async () => {
    await world.stripe.seed({ resource: 'customers', records: named(150) });
    world.proxy.edit(withPhoneObject('Customer 70'));
    const [odd] = (await world.stripe.customers<{ id: string; name: string }>()).filter(
      ({ name }) => name === 'Customer 70',
    );

    const run = await world.sync(venue, 'pull', 'full');

    expect(run).toMatchObject({
      outcome: 'completed-with-rejections',
      counts: { read: 150, created: 149, rejected: 1 },
    });
    expect(await stored()).toHaveLength(149);
    const [rejection, ...others] = await rejections(run.syncId);
    expect(others).toEqual([]);
    expect(rejection).toMatchObject({ externalId: odd!.id, code: 'unreadable', level: 'error' });
    expect(rejection!.message).toMatch(/\bphone: /);
    expect(rejection!.message).not.toMatch(/1234567/);
  });

  it.each([
    ['the year 10000', 253_402_300_800],
    ['the year 0', -62_167_219_200],
    ['a second that `Date` cannot represent', Number.MAX_SAFE_INTEGER],
  ])('are rejected alone when their time cannot be stored: a charge of %s', async (_, created) => {
    await world.stripe.seed({
      resource: 'charges',
      records: [1, 2, 3].map((amount) => ({ amount: amount * 100, currency: 'eur' })),
    });
    world.proxy.edit((answer) => {
      for (const object of objectsOf(answer)) {
        if (object['amount'] !== 200) continue;
        if ('created' in object) object['created'] = created;
        const movement = object['balance_transaction'];
        if (typeof movement === 'object' && movement !== null) Object.assign(movement, { created });
      }
    });
    const run = await world.sync(venue, 'pull', 'full', { resource: 'transactions' });
    expect(run).toMatchObject({ outcome: 'completed-with-rejections', counts: { created: 2 } });
    // The charge, and the movement of its balance.
    expect((await rejections(run.syncId)).map(({ code, message }) => `${code}: ${message}`)).toEqual([
      expect.stringMatching(/^unreadable: .*created: Too (big|small)/),
      expect.stringMatching(/^unreadable: .*created: Too (big|small)/),
    ]);
  });

  it('are not archived by a full pull or an unreadable look-up, and keep their record', async () => {
    await world.stripe.seed({ resource: 'customers', records: named(10) });
    await world.sync(venue, 'pull', 'full');
    world.proxy.edit(withPhoneObject('Customer 4'));
    expect(await world.sync(venue, 'pull', 'full')).toMatchObject({
      outcome: 'completed-with-rejections',
      counts: { archived: 0, rejected: 1 },
    });
    expect((await stored()).filter(({ deleted }) => deleted)).toEqual([]);

    // The list omits the customer, and its look-up is unreadable.
    world.proxy.edit((answer) => {
      const { body } = answer as { body: { data?: readonly { name: string }[] } };
      if (answer.path === '/v1/customers' && body.data)
        answer.body = { ...body, data: body.data.filter(({ name }) => name !== 'Customer 4') };
      withPhoneObject('Customer 4')(answer);
    });
    const run = await world.sync(venue, 'pull', 'full');
    expect(run).toMatchObject({ outcome: 'completed-with-rejections', counts: { archived: 0, rejected: 1 } });
    expect(await rejections(run.syncId)).toMatchObject([
      { code: 'unreadable', message: expect.stringMatching(/phone/) as string },
    ]);
    expect((await stored()).filter(({ deleted }) => deleted)).toEqual([]);
  });

  it('are rejected in the plan of a dry run, are counted the same, and appear in the following run', async () => {
    await world.stripe.seed({ resource: 'customers', records: named(20) });
    world.proxy.edit(withPhoneObject('Customer 4'));
    const dry = await world.sync(venue, 'pull', 'full', { dryRun: true });
    expect(dry.counts).toMatchObject({ read: 20, created: 19, rejected: 1 });
    const items = await world.database
      .admin`select external_id, detail from sync_plan_items where sync_id = ${dry.syncId} and action = 'reject'`;
    expect(items).toMatchObject([
      { external_id: expect.stringMatching(/^cus_/) as string, detail: expect.stringMatching(/phone/) as string },
    ]);
    const run = await world.sync(venue, 'pull', 'full', { planId: dry.syncId });
    expect(run.counts).toMatchObject({ read: 20, created: 19, rejected: 1 });
    expect((await world.logOf(venue, run.syncId)).filter(({ action }) => action === 'deviation')).toEqual([]);
  });

  it('among events do not block the others', async () => {
    await world.sync(venue, 'pull', 'full');
    for (const name of ['One', 'Two', 'Odd', 'Four']) await world.callStripe('POST', 'customers', { name });
    world.proxy.edit(withPhoneObject('Odd'));
    const run = await world.sync(venue, 'pull', 'incremental');
    expect(run).toMatchObject({ outcome: 'completed-with-rejections', counts: { created: 3, rejected: 1 } });
    expect((await stored()).map(({ name }) => name).sort()).toEqual(['Four', 'One', 'Two']);
    expect(await rejections(run.syncId)).toMatchObject([
      { externalId: expect.stringMatching(/^cus_/) as string, message: expect.stringMatching(/phone/) as string },
    ]);
  });

  it('of a deletion are read as deleted by their id alone, in lists, events and look-ups', async () => {
    await world.stripe.seed({ resource: 'customers', records: named(4) });
    await world.sync(venue, 'pull', 'full');
    const [listed, told] = await world.stripe.customers<{ id: string; name: string }>();
    await world.callStripe('DELETE', `customers/${told!.id}`);
    world.proxy.edit((answer) => {
      for (const object of objectsOf(answer)) {
        const { id, type } = object as { id: string; type?: string };
        if (type === 'customer.deleted')
          object['data'] = { object: { id: told!.id, object: 'customer', deleted: true } };
        if (id !== listed!.id) continue;
        for (const key of Object.keys(object)) Reflect.deleteProperty(object, key);
        Object.assign(object, { id, object: 'customer', deleted: true });
      }
    });
    expect(await world.sync(venue, 'pull', 'full')).toMatchObject({
      outcome: 'completed',
      counts: { archived: 2, rejected: 0 },
    });
    expect(
      (await stored())
        .filter(({ deleted }) => deleted)
        .map(({ external_id: id }) => id)
        .sort(),
    ).toEqual([listed!.id, told!.id].sort());
  });

  describe('in the answers of a push', () => {
    const isPost = ({ method, path, requestBody }: (typeof world.proxy.requests)[number]) =>
      method === 'POST' && path === '/v1/customers' && new URLSearchParams(requestBody).get('name') === 'Customer 7';
    const posts = (from: number) => world.proxy.requests.slice(from).filter(isPost).length;

    it('cause a rejection of their record alone, and the next run finds the write without a second remote record', async () => {
      await world.load(venue, 60);
      const from = world.proxy.requests.length;
      world.proxy.edit(withPhoneObject('Customer 7'));
      for (let turn = 0; turn < 2; turn += 1) {
        const run = await world.sync(venue, 'push', turn === 0 ? 'full' : 'incremental');
        expect(run).toMatchObject({
          outcome: 'completed-with-rejections',
          counts: { created: turn === 0 ? 59 : 0, rejected: 1 },
        });
        expect(await rejections(run.syncId)).toMatchObject([
          { sourceId: 'c-7', code: 'unreadable-answer', message: expect.stringMatching(/phone/) as string },
        ]);
        expect(posts(from)).toBe(1);
        expect(await world.stripe.customers()).toHaveLength(60);
      }
      world.proxy.edit(null);
      expect(await world.sync(venue, 'push', 'incremental')).toMatchObject({
        outcome: 'completed',
        counts: { created: 1 },
      });
      expect(posts(from)).toBe(1);
      expect(await world.stripe.customers()).toHaveLength(60);
      expect(await world.sync(venue, 'push', 'full')).toMatchObject({ providerCalls: 0, counts: { unchanged: 60 } });
    });

    it('cause a rejection of their record’s update alone, and a later run agrees on it', async () => {
      await world.load(venue, 10);
      await world.sync(venue, 'push');
      await world.load(venue, 10);
      await world.customers.upsertMany(
        venue.venueId,
        Array.from({ length: 10 }, (_, index) => ({ sourceId: `c-${index}`, name: `Renamed ${index}` })),
      );
      world.proxy.edit(withPhoneObject('Renamed 7'));
      expect(await world.sync(venue, 'push', 'incremental')).toMatchObject({
        outcome: 'completed-with-rejections',
        counts: { updated: 9, rejected: 1 },
      });
      world.proxy.edit(null);
      expect(await world.sync(venue, 'push', 'incremental')).toMatchObject({
        outcome: 'completed',
        counts: { updated: 1 },
      });
      expect(await world.stripe.customers()).toHaveLength(10);
    });
  });
});
