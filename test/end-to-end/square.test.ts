import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Resource } from '../../contracts/providers.ts';
import type { ConnectionBody } from '../support/service-client.ts';
import { squareSandboxControl } from '../support/sandbox/square-merchant.ts';
import type { SquareMerchant } from '../support/sandbox/square-merchant.ts';
import { startSystem } from '../support/worlds/system.ts';
import type { System } from '../support/worlds/system.ts';

let system: System;
beforeAll(async () => {
  system = await startSystem();
}, 120_000);
afterAll(() => system.stop());

const square = () => squareSandboxControl(system.sandbox.square);

interface ConnectedVenue {
  readonly venueId: string;
  readonly connection: ConnectionBody;
  readonly merchant: SquareMerchant;
}

async function aConnectedVenue(): Promise<ConnectedVenue> {
  const [venueId, merchant] = await Promise.all([system.api.createVenue(), square().addMerchant()]);
  const { status, body } = await system.api.tryPost(`/v1/venues/${venueId}/connections`, {
    ...{ provider: 'square', environment: 'sandbox' },
    credentials: { secretKey: merchant.token },
  });
  expect(status).toBe(201);
  return { venueId, connection: body as ConnectionBody, merchant };
}

const pull = ({ venueId, connection }: ConnectedVenue, resource: Resource, mode: 'full' | 'incremental' = 'full') =>
  system.api.sync(venueId, { connectionId: connection.id, direction: 'pull', resource, mode });

describe('a merchant’s customers', () => {
  it('are pulled in pages and can be read, then what changed alone, then who is gone', async () => {
    const venue = await aConnectedVenue();
    const { venueId, merchant } = venue;
    const ids = await merchant.seed('customers', 250);
    expect(await pull(venue, 'customers')).toMatchObject({
      outcome: 'completed',
      progress: { done: 250, total: 250 },
      counts: { read: 250, created: 250, rejected: 0 },
    });
    const [first] = ids;
    const nameOf = async () =>
      (await system.api.customers(venueId)).find(({ links }) => links[0]?.externalId === first)?.name;
    expect(await system.api.customers(venueId)).toHaveLength(250);
    expect(await nameOf()).toBe('Customer 0 Seeded');

    await merchant.client.customers.update({ customerId: first ?? '', givenName: 'Renamed' });
    const searches = async () => (await merchant.calls()).filter(({ path }) => path === '/v2/customers/search').length;
    const before = await searches();
    expect(await pull(venue, 'customers', 'incremental')).toMatchObject({ counts: { updated: 1, created: 0 } });
    expect((await searches()) - before).toBe(1);
    expect(await nameOf()).toBe('Renamed Seeded');

    await merchant.client.customers.delete({ customerId: first ?? '' });
    expect(await pull(venue, 'customers')).toMatchObject({
      outcome: 'completed',
      counts: { archived: 1, unchanged: 249 },
    });
    expect(await pull(venue, 'customers')).toMatchObject({ counts: { archived: 0, created: 0, updated: 0 } });
  });

  it('are pushed, and pushing or pulling them again writes nothing', async () => {
    const venue = await aConnectedVenue();
    const { venueId, connection, merchant } = venue;
    const push = () =>
      system.api.sync(venueId, { connectionId: connection.id, direction: 'push', resource: 'customers', mode: 'full' });
    const names = Array.from({ length: 30 }, (_, index) => `Customer ${index}`);
    await system.api.load(
      venueId,
      names.map((name, index) => ({ sourceId: `c-${index}`, name })),
    );
    expect(await push()).toMatchObject({ outcome: 'completed', counts: { created: 30, rejected: 0 } });
    expect(await merchant.objects('customers')).toHaveLength(30);
    const written = async () => (await merchant.calls()).filter((call) => call.written).length;
    const before = await written();
    expect(await push()).toMatchObject({ counts: { created: 0, updated: 0, unchanged: 30 } });
    expect(await pull(venue, 'customers')).toMatchObject({ counts: { created: 0, updated: 0 } });
    expect(await push()).toMatchObject({ counts: { created: 0, updated: 0, unchanged: 30 } });
    expect(await written()).toBe(before);
  });

  it('take the directions that the integration names, and transactions no push', async () => {
    const { venueId, connection } = await aConnectedVenue();
    const { body } = await system.api.ask('/v1/integrations/square');
    expect(body).toMatchObject({
      resources: expect.arrayContaining([
        { resource: 'customers', directions: ['push', 'pull', 'both'] },
        { resource: 'transactions', directions: ['pull'] },
      ]) as unknown,
    });
    const order = { connectionId: connection.id, resource: 'transactions', direction: 'push', mode: 'full' };
    expect((await system.api.tryPost(`/v1/venues/${venueId}/syncs`, order)).status).toBe(422);
  });

  it('with one that cannot be read: it is named in the run’s log, and the others come', async () => {
    const venue = await aConnectedVenue();
    await venue.merchant.seed('customers', 3);
    await venue.merchant.put('customers', [{ id: 'BROKEN', created_at: new Date().toISOString(), given_name: 7 }]);
    const run = await pull(venue, 'customers');
    expect(run).toMatchObject({ outcome: 'completed-with-rejections', counts: { created: 3, rejected: 1 } });
    expect(await system.api.log(venue.venueId, run.id, '&action=rejected')).toMatchObject([
      { externalId: 'BROKEN', code: 'unreadable' },
    ]);
  });
});

describe('a merchant’s catalogue', () => {
  it('is pulled as products, then what changed and what was deleted alone, without a full pass', async () => {
    const venue = await aConnectedVenue();
    const { venueId, merchant } = venue;
    const [first, second] = await merchant.seed('catalogue', 260);
    expect(await pull(venue, 'products')).toMatchObject({
      outcome: 'completed',
      counts: { created: 260, rejected: 0 },
    });
    const products = () => system.api.records(venueId, 'products');
    expect(await products()).toHaveLength(260);
    const { client } = merchant;
    await client.catalog.object.delete({ objectId: first ?? '' });
    const { object } = await client.catalog.object.get({ objectId: second ?? '' });
    const variation = object as unknown as { readonly itemVariationData: object };
    await client.catalog.object.upsert({
      idempotencyKey: 'k',
      object: {
        ...variation,
        itemVariationData: { ...variation.itemVariationData, priceMoney: { amount: 999n, currency: 'GBP' } },
      } as never,
    });
    expect(await pull(venue, 'products', 'incremental')).toMatchObject({
      outcome: 'completed',
      counts: { updated: 1, archived: 1, created: 0 },
    });
    const changed = (await products()).find(({ links }) => links[0]?.externalId === second);
    expect(changed).toMatchObject({ amountMinor: 999, currency: 'GBP' });
  });
});

describe('a merchant’s inventory', () => {
  it('is pulled before its products and names them, what was never counted is left out, and a sale updates it', async () => {
    const venue = await aConnectedVenue();
    const { venueId, merchant } = venue;
    const [first = ''] = await merchant.seed('counts', 3);
    const [object = '', location = ''] = first.split(':');
    const never = { catalog_object_type: 'ITEM_VARIATION', state: 'IN_STOCK', location_id: 'ELSEWHERE', quantity: '0' };
    await merchant.put('counts', [
      { id: 'never', ...never, catalog_object_id: object, calculated_at: new Date().toISOString() },
    ]);
    expect(await pull(venue, 'inventory')).toMatchObject({ outcome: 'completed', counts: { created: 3, rejected: 0 } });
    await pull(venue, 'products');
    const products = new Set((await system.api.records(venueId, 'products')).map(({ sourceId }) => sourceId));
    const levels = () => system.api.records(venueId, 'inventory');
    expect((await levels()).every(({ productSourceId }) => products.has(productSourceId))).toBe(true);

    const physicalCount = { catalogObjectId: object, locationId: location, state: 'IN_STOCK', quantity: '7' } as const;
    await merchant.client.inventory.batchCreateChanges({
      idempotencyKey: 'k',
      changes: [{ type: 'PHYSICAL_COUNT', physicalCount: { ...physicalCount, occurredAt: new Date().toISOString() } }],
    });
    expect(await pull(venue, 'inventory', 'incremental')).toMatchObject({ counts: { updated: 1, created: 0 } });
    expect((await levels()).find(({ links }) => links[0]?.externalId === first)).toMatchObject({
      location,
      quantity: '7',
    });
  });
});

describe('a merchant’s transactions', () => {
  it('are pulled of every location, name their customer and payment, and follow what changes later', async () => {
    const venue = await aConnectedVenue();
    const { venueId, merchant } = venue;
    const [customer = ''] = await merchant.seed('customers', 1);
    await merchant.seed('payments', 105);
    const at = new Date(Date.now() - 86_400_000).toISOString();
    const money = (amount: number) => ({ amount, currency: 'GBP' });
    const payment = (more: object) => ({
      id: 'PAY',
      ...{ created_at: at, updated_at: at, total_money: money(900), location_id: 'SECOND', customer_id: customer },
      ...more,
    });
    await merchant.openLocations('SECOND');
    await merchant.put('payments', [payment({ status: 'APPROVED' })]);
    await pull(venue, 'customers');
    expect(await pull(venue, 'transactions')).toMatchObject({ outcome: 'completed', counts: { created: 106 } });
    const now = new Date().toISOString();
    await merchant.put('payments', [payment({ status: 'COMPLETED', updated_at: now })]);
    await merchant.put('refunds', [
      { id: 'REF', created_at: now, updated_at: now, status: 'PENDING', amount_money: money(300), payment_id: 'PAY' },
    ]);
    expect(await pull(venue, 'transactions', 'incremental')).toMatchObject({
      outcome: 'completed',
      counts: { created: 1, updated: 1, rejected: 0 },
    });
    const transactions = await system.api.records(venueId, 'transactions');
    const told = (id: string) => transactions.find(({ links }) => links[0]?.externalId === id);
    const [owner] = await system.api.customers(venueId);
    expect(told('PAY')).toMatchObject({ status: 'succeeded', amountMinor: 900, customerSourceId: owner?.sourceId });
    expect(told('REF')).toMatchObject({ status: 'pending', amountMinor: -300, relatedTransactionId: told('PAY')?.id });
  });
});

describe('a merchant’s invoices', () => {
  it('are pulled whole each time, and one that was deleted is archived', async () => {
    const venue = await aConnectedVenue();
    const [first = ''] = await venue.merchant.seed('invoices', 3);
    expect(await pull(venue, 'invoices')).toMatchObject({ outcome: 'completed', counts: { created: 3, rejected: 0 } });
    const invoice = (await venue.merchant.objects<{ readonly id: string }>('invoices')).find(({ id }) => id === first);
    await venue.merchant.put('invoices', [{ ...invoice!, status: 'CANCELED', version: 2 }]);
    expect(await pull(venue, 'invoices', 'incremental')).toMatchObject({ counts: { updated: 1, unchanged: 2 } });
    expect(await system.api.records(venue.venueId, 'invoices')).toContainEqual(
      expect.objectContaining({ status: 'void', amountDueMinor: 0 }),
    );
  });
});

describe('a pull of customers', () => {
  // The first request counts, or brings the first page, which no cursor leads to.
  it.each<[string, object]>([
    ['brings a page again', { kind: 'page-repeat' }],
    ['shortens a page', { kind: 'page-shrink' }],
    ['no longer knows a cursor', { kind: 'status', status: 400, code: 'INVALID_CURSOR', match: { nth: 3 } }],
    ['throttles', { kind: 'status', status: 429, match: { nth: 2 } }],
    ['answers a page of a proxy', { kind: 'html', match: { nth: 2 } }],
    ['fails without a word', { kind: 'status', status: 503, body: 'empty', match: { nth: 2 } }],
  ])('brings each of them once where Square %s', async (_, fault) => {
    const venue = await aConnectedVenue();
    await venue.merchant.seed('customers', 250);
    const { match = {} } = fault as { readonly match?: object };
    await square().fault({
      ...fault,
      times: 1,
      match: { ...match, account: venue.merchant.id, path: '/v2/customers/search' },
    });
    expect(await pull(venue, 'customers')).toMatchObject({
      outcome: 'completed',
      counts: { created: 250, rejected: 0 },
    });
    expect(await system.api.customers(venue.venueId)).toHaveLength(250);
  });
});
