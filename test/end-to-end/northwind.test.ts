import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Resource } from '../../contracts/providers.ts';
import { hasNorthwind, northwindCustomers, northwindOrders, northwindProducts } from '../support/worlds/northwind.ts';
import type { ConnectionBody, SyncBody } from '../support/service-client.ts';
import type { StripeAccount } from '../support/sandbox/stripe-account.ts';
import { startSystem } from '../support/worlds/system.ts';
import type { System } from '../support/worlds/system.ts';

let system: System;
beforeAll(async () => {
  // As fast as the parts allow, because rate limits have their own tests.
  system = await startSystem({ env: { STRIPE_REQUESTS_PER_SECOND: '2000' } });
  await system.stripe.limits({ requestsPerSecond: 0 });
}, 120_000);
afterAll(() => system.stop());

interface ConnectedVenue {
  readonly venueId: string;
  readonly connection: ConnectionBody;
  readonly account: StripeAccount;
}

async function aConnectedVenue(): Promise<ConnectedVenue> {
  const account = await system.stripe.addAccount();
  const venueId = await system.api.createVenue();
  return { venueId, connection: await system.api.connect(venueId, account.secretKey), account };
}

const sync = (
  { venueId, connection }: ConnectedVenue,
  direction: 'push' | 'pull',
  mode: 'full' | 'incremental' = 'full',
  resource: Resource = 'customers',
): Promise<SyncBody> => system.api.sync(venueId, { connectionId: connection.id, direction, mode, resource });

const sourceIdsAt = async (account: StripeAccount) =>
  (await account.customers()).map(({ metadata }) => metadata['interlock_source_id']).sort();

interface DaySum {
  readonly day: string;
  readonly count: number;
  readonly amountMinor: number;
}

const summaryOf = async ({ venueId }: ConnectedVenue, year: string) =>
  (
    await system.api.get<{ readonly data: readonly DaySum[] }>(
      `/v1/venues/${venueId}/transactions/summary?from=${year}-01-01&to=${year}-12-31`,
    )
  ).data;

describe.skipIf(!hasNorthwind())('Northwind as a venue', () => {
  let northwind: ConnectedVenue;
  beforeAll(async () => {
    northwind = await aConnectedVenue();
  });

  it('loads its 91 customers, and pushes each of them to Stripe once', async () => {
    const records = northwindCustomers();
    expect(await system.api.load(northwind.venueId, records)).toMatchObject({
      received: 91,
      created: 91,
      rejected: 0,
      rejections: [],
    });
    expect(await sync(northwind, 'push')).toMatchObject({
      outcome: 'completed',
      progress: { done: 91, total: 91 },
      counts: { read: 91, created: 91, rejected: 0 },
      error: null,
    });
    expect(await sourceIdsAt(northwind.account)).toEqual(records.map(({ sourceId }) => sourceId).sort());
    expect(await northwind.account.writes()).toHaveLength(91);
    const linked = (await system.api.customers(northwind.venueId)).filter(({ links }) =>
      links.some(({ state, externalId }) => state === 'linked' && externalId !== null),
    );
    expect(linked).toHaveLength(91);
  });

  it.each(['full', 'incremental'] as const)(
    'makes zero writes at Stripe when it pushes the unchanged set again, %s',
    async (mode) => {
      const before = (await northwind.account.calls()).length;
      expect(await sync(northwind, 'push', mode)).toMatchObject({
        outcome: 'completed',
        counts: { created: 0, updated: 0, unchanged: mode === 'full' ? 91 : 0 },
      });
      expect((await northwind.account.calls()).slice(before).filter(({ method }) => method !== 'GET')).toEqual([]);
    },
  );

  it('makes exactly one write when one customer has changed, even when the same load is repeated', async () => {
    const changed = northwindCustomers().map((record) =>
      record.sourceId === 'ALFKI' ? { ...record, phone: '030-0074322' } : record,
    );
    expect(await system.api.load(northwind.venueId, changed)).toMatchObject({ updated: 1, unchanged: 90 });
    expect(await system.api.load(northwind.venueId, changed)).toMatchObject({ updated: 0, unchanged: 91 });
    expect(await sync(northwind, 'push', 'incremental')).toMatchObject({
      outcome: 'completed',
      counts: { read: 1, updated: 1 },
    });
    expect(await northwind.account.writes()).toHaveLength(92);
    expect(
      (await northwind.account.customers()).find(({ metadata }) => metadata['interlock_source_id'] === 'ALFKI')?.phone,
    ).toBe('030-0074322');
  });

  it('changes none of its records when it pulls back, and then has nothing to push', async () => {
    const before = await system.api.customers(northwind.venueId);
    expect(await sync(northwind, 'pull')).toMatchObject({
      outcome: 'completed',
      counts: { read: 91, created: 0, updated: 0, unchanged: 91 },
    });
    const after = await system.api.customers(northwind.venueId);
    expect(after.map(({ sourceId, version, name, address }) => ({ sourceId, version, name, address }))).toEqual(
      before.map(({ sourceId, version, name, address }) => ({ sourceId, version, name, address })),
    );
    await sync(northwind, 'push');
    expect(await northwind.account.writes()).toHaveLength(92);
  });

  it('loads its 77 products, pushes each once with its price, and makes zero writes when it pushes them again', async () => {
    const products = northwindProducts();
    expect(await system.api.load(northwind.venueId, products, 'products')).toMatchObject({
      received: 77,
      created: 77,
      rejected: 0,
    });
    const before = (await northwind.account.writes()).length;
    expect(await sync(northwind, 'push', 'full', 'products')).toMatchObject({
      outcome: 'completed',
      counts: { read: 77, created: 77, rejected: 0 },
    });
    expect((await northwind.account.writes()).length - before).toBe(77);
    const prices = await northwind.account.state<{ readonly unit_amount: number; readonly active: boolean }>('prices');
    expect(prices.map(({ unit_amount }) => unit_amount).sort((a, b) => a - b)).toEqual(
      products.map(({ amountMinor }) => amountMinor).sort((a, b) => a - b),
    );

    for (const mode of ['full', 'incremental'] as const) {
      expect(await sync(northwind, 'push', mode, 'products')).toMatchObject({
        outcome: 'completed',
        counts: { created: 0, updated: 0 },
      });
    }
    expect((await northwind.account.writes()).length - before).toBe(77);
  });

  it('changes a price in three writes, and pulls back nothing but what it pushed', async () => {
    const products = northwindProducts().map((product) =>
      product.sourceId === 'product-1' ? { ...product, amountMinor: product.amountMinor + 50 } : product,
    );
    expect(await system.api.load(northwind.venueId, products, 'products')).toMatchObject({ updated: 1, unchanged: 76 });
    const before = (await northwind.account.writes()).length;
    expect(await sync(northwind, 'push', 'incremental', 'products')).toMatchObject({ counts: { read: 1, updated: 1 } });
    expect((await northwind.account.writes()).length - before).toBe(3);
    expect(await sync(northwind, 'pull', 'full', 'products')).toMatchObject({
      counts: { created: 0, updated: 0, archived: 0 },
    });
    expect(await sync(northwind, 'push', 'full', 'products')).toMatchObject({
      counts: { created: 0, updated: 0, unchanged: 77 },
    });
  });

  it('pulls the payments of its 830 orders: each with its customer, and with exact totals by year and by day', async () => {
    const orders = northwindOrders();
    const externalIds = new Map(
      (await system.api.customers(northwind.venueId)).map(({ sourceId, links }) => [sourceId, links[0]?.externalId]),
    );
    await northwind.account.put(
      'charges',
      orders.map((order) => ({
        ...{
          amount: order.amountMinor,
          currency: 'usd',
          created: order.orderedEpochS,
          customer: externalIds.get(order.customerId),
          metadata: { order: order.orderId },
        },
      })),
    );
    expect(await sync(northwind, 'pull', 'full', 'transactions')).toMatchObject({
      outcome: 'completed',
      counts: { read: 830, created: 830, rejected: 0 },
    });

    const payments = await system.api.records(northwind.venueId, 'transactions');
    const paid = new Map(payments.map((payment) => [payment.metadata['order'], payment]));
    expect(paid.size).toBe(830);
    for (const { orderId, customerId, amountMinor } of orders) {
      expect(paid.get(orderId)).toMatchObject({
        kind: 'payment',
        status: 'succeeded',
        currency: 'USD',
        amountMinor,
        customerSourceId: customerId,
        feeMinor: expect.any(Number) as number,
      });
    }

    const total = orders.reduce((sum, { amountMinor }) => sum + amountMinor, 0);
    expect(payments.reduce((sum, { amountMinor }) => sum + amountMinor, 0)).toBe(total);
    const byDay = (await Promise.all(['1996', '1997', '1998'].map((year) => summaryOf(northwind, year)))).flat();
    expect(byDay.reduce((sum, { amountMinor }) => sum + amountMinor, 0)).toBe(total);
    expect(byDay.reduce((sum, { count }) => sum + count, 0)).toBe(830);
    const wanted = Map.groupBy(orders, ({ day }) => day);
    expect(byDay).toHaveLength(wanted.size);
    for (const { day, amountMinor } of byDay)
      expect(amountMinor).toBe((wanted.get(day) ?? []).reduce((sum, order) => sum + order.amountMinor, 0));
    process.stdout.write(`Northwind: 830 payments, ${total} cents in ${byDay.length} days\n`);
  });

  it('pulls the payments again and finds nothing new', async () => {
    expect(await sync(northwind, 'pull', 'full', 'transactions')).toMatchObject({
      counts: { created: 0, updated: 0, archived: 0, unchanged: 830 },
    });
    expect(await sync(northwind, 'pull', 'incremental', 'transactions')).toMatchObject({
      counts: { created: 0, updated: 0 },
    });
  });
});
