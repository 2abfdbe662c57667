import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { objectsOf } from '../../support/sandbox/answer-editing-proxy.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';
import { aCustomer, createSyncWorld } from '../../support/worlds/sync-world.ts';

type World = Awaited<ReturnType<typeof createSyncWorld>>;

/** Contains what Postgres cannot store in text: U+0000 and lone surrogates. */
const FOREIGN = 'x\u0000y\ud800z\udc00';
const CLEAN = 'xy\ufffdz\ufffd';

describe('text from a provider that Postgres cannot store', () => {
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

  const rows = async (table: string) =>
    world.database.admin<{ row: Record<string, unknown>; external_id: string; external_state: unknown }[]>`
      select to_jsonb(c) as row, l.external_id, l.external_state from ${world.database.admin(table)} c join record_links l on l.record_id = c.id where c.venue_id = ${venue.venueId} order by c.id`;
  const names = async () => (await rows('customers')).map(({ row }) => row['name']).sort();
  /** Adds the foreign text to every string of these kinds of objects, except to those that identify the object. */
  const foreign = (value: unknown, key = ''): unknown => {
    if (typeof value === 'string') return FIXED.has(key) ? value : `${value}${FOREIGN}`;
    if (Array.isArray(value)) return value.map((item) => foreign(item, key));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, part]) => [
        key === 'metadata' ? `${name}${FOREIGN}` : name,
        foreign(part, name),
      ]),
    );
  };
  const FIXED = new Set([
    'id',
    'object',
    'currency',
    'type',
    'status',
    'charge',
    'payment_intent',
    'balance_transaction',
    'source',
    'invoice',
    'default_price',
    'billing_scheme',
    'product',
    'customer',
  ]);
  const everyText = () => {
    world.proxy.edit((answer) => {
      for (const object of objectsOf(answer)) {
        const subject =
          object['object'] === 'event' ? (object['data'] as { object: Record<string, unknown> }).object : object;
        Object.assign(subject, { ...(foreign(subject) as object) });
      }
    });
  };

  it('does not stop a full pull of the customers `Nul\\u0000la` and Berta, and both are stored', async () => {
    await world.stripe.seed({ resource: 'customers', records: [{ name: 'Nul\u0000la' }, { name: 'Berta' }] });
    expect(await world.sync(venue, 'pull', 'full')).toMatchObject({ outcome: 'completed', counts: { created: 2 } });
    expect(await names()).toEqual(['Berta', 'Nulla']);
  });

  it.each(['customers', 'products', 'transactions'] as const)(
    'is stored clean anywhere in %s, and the cleaning does not count as a change in a pull or push',
    async (resource) => {
      await world.stripe.seed({ resource: 'customers', count: 2 });
      await world.stripe.seed({
        resource: 'products',
        records: [{ name: 'Mug', description: 'A mug', unit_amount: 900, currency: 'eur', metadata: { size: 'L' } }],
      });
      await world.stripe.seed({
        resource: 'charges',
        records: [{ amount: 500, currency: 'eur', metadata: { order: '1' } }],
      });
      everyText();

      const run = await world.sync(venue, 'pull', 'full', { resource });
      expect(run).toMatchObject({ outcome: 'completed' });
      expect(run.counts.created).toBeGreaterThan(0);
      const before = await rows(resource);
      expect(JSON.stringify(before)).toContain(CLEAN);

      for (const mode of ['full', 'incremental'] as const)
        expect((await world.sync(venue, 'pull', mode, { resource })).counts).toMatchObject({ created: 0, updated: 0 });
      expect(await rows(resource)).toEqual(before);
      if (resource !== 'transactions')
        expect(await world.sync(venue, 'push', 'full', { resource })).toMatchObject({
          providerCalls: 0,
          counts: { updated: 0 },
        });
    },
  );

  it('is stored clean from a change feed', async () => {
    await world.sync(venue, 'pull', 'full');
    await world.callStripe('POST', 'customers', { name: 'Later' });
    everyText();
    expect((await world.sync(venue, 'pull', 'incremental')).counts).toMatchObject({ created: 1 });
    expect(await names()).toEqual([`Later${CLEAN}`]);
  });

  it('does not break a push whose answers contain it', async () => {
    await world.load(venue, 3);
    everyText();
    expect(await world.sync(venue, 'push')).toMatchObject({ outcome: 'completed', counts: { created: 3 } });
    await world.customers.upsertMany(venue.venueId, [aCustomer(0, 'Renamed')]);
    expect(await world.sync(venue, 'push')).toMatchObject({
      outcome: 'completed',
      counts: { updated: 1, unchanged: 2 },
    });
  });

  it('in an object’s id causes a rejection, because an altered id would identify nothing', async () => {
    await world.stripe.seed({ resource: 'customers', count: 3 });
    world.proxy.edit((answer) => {
      const [first] = objectsOf(answer);
      if (first?.['object'] === 'customer') first['id'] = `cus_${FOREIGN}`;
    });
    const run = await world.sync(venue, 'pull', 'full');
    expect(run).toMatchObject({ outcome: 'completed-with-rejections', counts: { created: 2, rejected: 1 } });
    expect((await world.logOf(venue, run.syncId)).filter(({ action }) => action === 'rejected')).toMatchObject([
      { externalId: `cus_${CLEAN}`, code: 'unreadable', message: expect.stringContaining('id: ') as string },
    ]);
  });
});
