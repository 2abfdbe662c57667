import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Resource } from '../../contracts/providers.ts';
import { until } from '../support/eventually.ts';
import { hasNorthwind, northwindCustomers, northwindOrders, northwindProducts } from '../support/worlds/northwind.ts';
import { isPhoneOfSquare, NorthwindVenue } from '../support/worlds/northwind-venue.ts';
import { squareSandboxControl } from '../support/sandbox/square-merchant.ts';
import type { SquareMerchant } from '../support/sandbox/square-merchant.ts';
import type { StripeAccount } from '../support/sandbox/stripe-account.ts';
import type { ConnectionBody, CustomerBody } from '../support/service-client.ts';
import { startSystem } from '../support/worlds/system.ts';
import type { System } from '../support/worlds/system.ts';

let system: System;
let venueId: string;
let account: StripeAccount;
let merchant: SquareMerchant;
let venue: NorthwindVenue<Provider>;
let connections: { readonly stripe: ConnectionBody; readonly square: ConnectionBody };

type Provider = keyof typeof connections;
const PROVIDERS = ['stripe', 'square'] as const;

beforeAll(async () => {
  // As fast as the parts allow, because rate limits have their own tests.
  system = await startSystem({ env: { STRIPE_REQUESTS_PER_SECOND: '2000' } });
  await system.stripe.limits({ requestsPerSecond: 0 });
  [account, merchant] = [
    await system.stripe.addAccount(),
    await squareSandboxControl(system.sandbox.square).addMerchant(),
  ];
  venueId = await system.api.createVenue('Northwind');
  connections = { stripe: await connect('stripe', account.secretKey), square: await connect('square', merchant.token) };
  venue = new NorthwindVenue(
    system.api,
    venueId,
    new Map(PROVIDERS.map((provider) => [provider, connections[provider].id])),
  );
}, 120_000);
afterAll(() => system.stop());

async function connect(provider: Provider, secretKey: string): Promise<ConnectionBody> {
  const body = { provider, environment: 'sandbox', credentials: { secretKey } };
  const answer = await system.api.tryPost(`/v1/venues/${venueId}/connections`, body);
  expect(answer.status).toBe(201);
  return answer.body as ConnectionBody;
}

const both: NorthwindVenue<Provider>['both'] = (...order) => venue.both(...order);
const round = (resource: Resource) => venue.round(resource);
const customers = () => venue.customers();
const externalIdOf = (customer: CustomerBody | undefined, provider: Provider) => venue.externalIdOf(customer, provider);
const openConflicts = () => venue.openConflicts();
const writes = async () =>
  (await account.writes()).length + (await merchant.calls()).filter(({ written }) => written).length;

interface Reconciliation {
  readonly finishedAt: string | null;
  readonly totals: readonly Readonly<Record<'here' | 'there', { readonly amountMinor: number }>>[];
}
describe.skipIf(!hasNorthwind())('Northwind in step with Stripe and Square', () => {
  // Square takes phone numbers of 9 to 16 digits, and a third of the sample's are shorter.
  const records = hasNorthwind()
    ? northwindCustomers().map((record) => ({ ...record, phone: isPhoneOfSquare(record.phone) ? record.phone : null }))
    : [];
  const products = hasNorthwind() ? northwindProducts().map((product) => ({ ...product, currency: 'GBP' })) : [];
  const idsAt = (from: number) => records.slice(from, from + 5).map(({ sourceId }) => sourceId ?? '');

  it('is written to both providers, each record once', async () => {
    await system.api.load(venueId, records);
    await system.api.load(venueId, products, 'products');
    for (const provider of PROVIDERS) {
      expect(await both(provider, 'customers', 'full')).toMatchObject({
        outcome: 'completed',
        counts: { created: 91, rejected: 0, conflicts: 0 },
      });
      expect(await both(provider, 'products', 'full')).toMatchObject({
        outcome: 'completed',
        counts: { created: 77, rejected: 0, conflicts: 0 },
      });
    }
    expect(await account.customers()).toHaveLength(91);
    expect(await merchant.objects('customers')).toHaveLength(91);
    const total = products.reduce((sum, { amountMinor }) => sum + amountMinor, 0);
    const prices = await account.state<{ readonly unit_amount: number }>('prices');
    expect(prices.reduce((sum, { unit_amount }) => sum + unit_amount, 0)).toBe(total);
    const catalogue = await merchant.objects<{
      readonly type: string;
      readonly item_variation_data?: { readonly price_money?: { readonly amount: number } };
    }>('catalogue');
    const variations = catalogue.filter(({ type }) => type === 'ITEM_VARIATION');
    expect(variations.reduce((sum, one) => sum + (one.item_variation_data?.price_money?.amount ?? 0), 0)).toBe(total);
  });

  it('writes nothing in idle runs', async () => {
    const before = await writes();
    const versions = [...(await customers()).values()].map(({ version }) => version);
    for (const resource of ['customers', 'products'] as const) {
      await round(resource);
      for (const provider of PROVIDERS)
        expect(await both(provider, resource, 'full')).toMatchObject({
          counts: { created: 0, updated: 0, archived: 0 },
        });
    }
    expect(await writes()).toBe(before);
    expect([...(await customers()).values()].map(({ version }) => version)).toEqual(versions);
  });

  it('carries what is edited on any side to the other two', async () => {
    const [atVenue, atStripe, atSquare] = [idsAt(0), idsAt(5), idsAt(10)];
    const known = await customers();
    await system.api.load(
      venueId,
      records
        .filter(({ sourceId }) => atVenue.includes(sourceId ?? ''))
        .map((record) => ({ ...record, name: `${record.name} (venue)` })),
    );
    await system.stripe.clock(2_000);
    for (const id of atStripe)
      await account.call('POST', `customers/${externalIdOf(known.get(id), 'stripe')}`, { name: `${id} (Stripe)` });
    for (const id of atSquare)
      await merchant.client.customers.update({
        customerId: externalIdOf(known.get(id), 'square'),
        emailAddress: `${id.toLowerCase()}@example.com`,
      });
    await round('customers');
    const now = await customers();
    const stripe = new Map((await account.customers()).map((one) => [one.metadata['interlock_source_id'], one]));
    for (const id of atVenue) expect(stripe.get(id)?.name).toMatch(/\(venue\)$/);
    for (const id of atStripe) expect(now.get(id)?.name).toBe(`${id} (Stripe)`);
    for (const id of atSquare) {
      expect(now.get(id)?.email).toBe(`${id.toLowerCase()}@example.com`);
      expect(stripe.get(id)?.email).toBe(`${id.toLowerCase()}@example.com`);
    }
    const before = await writes();
    await round('customers');
    expect(await writes()).toBe(before);
  });

  it('tells a field that two sides have changed under review, and settles it as a person decides', async () => {
    const [id = ''] = idsAt(15);
    const path = `/v1/venues/${venueId}/connections/${connections.stripe.id}/mappings/customers`;
    const saved = await fetch(`${system.apiUrl}${path}`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${system.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ fields: [{ target: 'phone', source: 'phone', direction: 'both', policy: 'review' }] }),
    });
    expect(saved.status, await saved.text()).toBe(200);
    // The runs that the new mapping causes would take up the changes below.
    await until(async () => (await system.api.get<{ readonly reprojectedAt: string | null }>(path)).reprojectedAt, {
      limitMs: 30_000,
      what: 'the new mapping is carried out',
    });
    const record = records.find(({ sourceId }) => sourceId === id);
    await system.api.load(venueId, [{ ...record, phone: '+44 1632 960001' }]);
    await system.stripe.clock(4_000);
    const externalId = externalIdOf((await customers()).get(id), 'stripe');
    await account.call('POST', `customers/${externalId}`, { phone: '+44 1632 960002' });
    expect(await both('stripe', 'customers')).toMatchObject({ counts: { conflicts: 1 } });
    const [conflict] = await openConflicts();
    expect(conflict).toMatchObject({
      sourceId: id,
      fields: [{ field: 'phone', venue: '+44 1632 960001', provider: '+44 1632 960002' }],
    });
    await venue.resolve({ id: conflict?.id ?? '' }, 'provider');
    await round('customers');
    expect((await customers()).get(id)?.phone).toBe('+44 1632 960002');
    expect(await openConflicts()).toEqual([]);
    const before = await writes();
    await round('customers');
    expect(await writes()).toBe(before);
  });

  it('agrees to the cent with Stripe about the payments of its 830 orders, also day by day', async () => {
    const orders = northwindOrders();
    const known = await customers();
    await account.put(
      'charges',
      orders.map((order) => ({
        ...{ amount: order.amountMinor, currency: 'gbp', created: order.orderedEpochS },
        customer: externalIdOf(known.get(order.customerId), 'stripe'),
      })),
    );
    const order = { connectionId: connections.stripe.id, direction: 'pull', resource: 'transactions' } as const;
    expect(await system.api.sync(venueId, order)).toMatchObject({ outcome: 'completed', counts: { created: 830 } });
    const total = orders.reduce((sum, { amountMinor }) => sum + amountMinor, 0);
    const payments = await system.api.records(venueId, 'transactions');
    expect(payments.reduce((sum, { amountMinor }) => sum + amountMinor, 0)).toBe(total);

    const days = { from: '1998-04-01', to: '1998-04-30' };
    const started = await system.api.tryPost(`/v1/venues/${venueId}/reconciliations`, {
      connectionId: connections.stripe.id,
      ...days,
    });
    expect(started.status).toBe(202);
    const { id } = started.body as { readonly id: string };
    const reconciled = await until(
      async () => {
        const found = await system.api.get<Reconciliation>(`/v1/venues/${venueId}/reconciliations/${id}`);
        return found.finishedAt === null ? null : found;
      },
      { limitMs: 30_000, what: 'the reconciliation is over' },
    );
    const wanted = orders
      .filter(({ day }) => day >= days.from && day <= days.to)
      .reduce((sum, { amountMinor }) => sum + amountMinor, 0);
    const sumOf = (side: 'here' | 'there') =>
      reconciled.totals.reduce((sum, total) => sum + total[side].amountMinor, 0);
    expect(reconciled).toMatchObject({ outcome: 'completed', discrepancies: [] });
    expect([sumOf('here'), sumOf('there')]).toEqual([wanted, wanted]);
  });
});
