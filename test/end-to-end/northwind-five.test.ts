import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRegistries, PROVIDERS } from '../../providers/registry.ts';
import { RECORD_KINDS } from '../../records/registry.ts';
import { providerEnvironment } from '../../runtime/processes/child-environment.ts';
import { settingsOf, startOAuthSandbox } from '../support/sandbox/sandbox-oauth.ts';
import type { RunningOAuthSandbox } from '../support/sandbox/sandbox-oauth.ts';
import { ServiceClient } from '../support/service-client.ts';
import type { RecordBody } from '../support/service-client.ts';
import { APP_PROVIDERS } from '../support/test-providers.ts';
import type { AppProvider } from '../support/test-providers.ts';
import { connectSides } from '../support/worlds/northwind-sides.ts';
import type { NorthwindSide } from '../support/worlds/northwind-sides.ts';
import { isPhoneOfSquare, NorthwindVenue } from '../support/worlds/northwind-venue.ts';
import { hasNorthwind, northwindCustomers, northwindOrders, northwindProducts } from '../support/worlds/northwind.ts';
import type { NorthwindOrder } from '../support/worlds/northwind.ts';
import { createServiceWorld } from '../support/worlds/service-world.ts';
import type { ServiceWorld } from '../support/worlds/service-world.ts';

const WITH_PRODUCTS = ['stripe', 'square', 'quickbooks', 'xero'] as const;

let world: ServiceWorld;
let sandbox: RunningOAuthSandbox;
let api: ServiceClient;
let venue: NorthwindVenue<AppProvider>;
let sides: Readonly<Record<AppProvider, NorthwindSide>>;

beforeAll(async () => {
  sandbox = await startOAuthSandbox();
  // As fast as the parts allow, because rate limits have their own tests.
  const unpaced = PROVIDERS.map((definition) => ({ ...definition, requestsPerSecond: () => 2_000 }));
  world = await createServiceWorld({
    registries: createRegistries(unpaced, RECORD_KINDS),
    env: providerEnvironment({}, settingsOf(sandbox)) as Readonly<Record<string, string>>,
  });
  api = new ServiceClient(world.apiUrl, world.token);
  const venueId = await api.createVenue('Northwind');
  sides = await connectSides({ api, apiUrl: world.apiUrl, venueId, sandbox });
  venue = new NorthwindVenue(
    api,
    venueId,
    new Map(APP_PROVIDERS.map((provider) => [provider, sides[provider].connectionId])),
  );
}, 120_000);
afterAll(async () => {
  await world.close();
  await sandbox.close();
});

const products = async () =>
  new Map((await api.records(venue.id, 'products')).map((product) => [product.sourceId, product] as const));
const writes = async () => {
  const counts = await Promise.all(APP_PROVIDERS.map((provider) => sides[provider].writes()));
  return Object.fromEntries(APP_PROVIDERS.map((provider, index) => [provider, counts[index]]));
};
const sumOf = (prices: Iterable<number>) => [...prices].reduce((sum, price) => sum + price, 0);
const total = (all: Iterable<Pick<RecordBody<'products'>, 'amountMinor'>>) =>
  sumOf([...all].map(({ amountMinor }) => amountMinor ?? 0));

/** Every side's prices add up to this, and the venue's too. */
async function expectTotals(amountMinor: number): Promise<void> {
  expect(total((await products()).values())).toBe(amountMinor);
  for (const provider of WITH_PRODUCTS)
    expect(sumOf((await sides[provider].prices?.())?.values() ?? []), provider).toBe(amountMinor);
}

/** The same order 28 years later, when the calendar is the same: Square has no payment from before its first year. */
function inOurTime(order: NorthwindOrder): NorthwindOrder {
  const day = `${Number(order.day.slice(0, 4)) + 28}${order.day.slice(4)}`;
  return { ...order, day, orderedEpochS: Date.parse(`${day}T12:00:00Z`) / 1_000 };
}

/** Sums by customer. */
function sumsBy(paid: readonly (readonly [string | null, number | null])[]): ReadonlyMap<string | null, number> {
  const sums = new Map<string | null, number>();
  for (const [customer, amountMinor] of paid) sums.set(customer, (sums.get(customer) ?? 0) + (amountMinor ?? 0));
  return sums;
}

const raisePrice = (product: RecordBody<'products'> | undefined, provider: AppProvider, byMinor: number) =>
  sides[provider].setPrice(venue.externalIdOf(product, provider), (product?.amountMinor ?? 0) + byMinor);
const asDearerBy = (byMinor: number) => (product: { readonly amountMinor: number } | undefined) => ({
  ...product,
  amountMinor: (product?.amountMinor ?? 0) + byMinor,
});

const round = async () => {
  await venue.round('products', WITH_PRODUCTS);
  await venue.round('customers');
};

describe.skipIf(!hasNorthwind())('Northwind in step with all five providers', () => {
  // An audience knows a member by its address, and the sample has none.
  const records = hasNorthwind()
    ? northwindCustomers().map((record) => ({
        ...record,
        email: `${record.sourceId?.toLowerCase()}@northwind.example.com`,
        phone: isPhoneOfSquare(record.phone) ? record.phone : null,
      }))
    : [];
  const goods = hasNorthwind() ? northwindProducts().map((product) => ({ ...product, currency: 'GBP' })) : [];
  const sum = goods.reduce((all, { amountMinor }) => all + amountMinor, 0);
  const customerAt = (index: number) => records[index]?.sourceId ?? '';
  const productAt = (index: number) => goods[index]?.sourceId ?? '';

  it('is written to each, every record once, and the prices add up to the same everywhere', async () => {
    await api.load(venue.id, records);
    await api.load(venue.id, goods, 'products');
    for (const provider of WITH_PRODUCTS)
      expect(await venue.both(provider, 'products', 'full'), provider).toMatchObject({
        outcome: 'completed',
        counts: { created: 77, rejected: 0, conflicts: 0 },
      });
    for (const provider of APP_PROVIDERS) {
      expect(await venue.both(provider, 'customers', 'full'), provider).toMatchObject({
        outcome: 'completed',
        counts: { created: 91, rejected: 0, conflicts: 0 },
      });
      expect((await sides[provider].emails()).size, provider).toBe(91);
    }
    await expectTotals(sum);
  });

  it('writes nothing in idle runs', async () => {
    // What a provider alone tells of a customer travels to those that hold metadata.
    await round();
    const before = await writes();
    await round();
    expect(await writes()).toEqual(before);
  });

  it('carries an edit on any side to all others', async () => {
    const known = await venue.customers();
    const goodsKnown = await products();
    const emails = new Map<string, string>();
    for (const [index, provider] of APP_PROVIDERS.entries()) {
      const id = customerAt(index);
      const email = `${id.toLowerCase()}.at.${provider}@example.com`;
      emails.set(id, email);
      await sides[provider].setEmail(venue.externalIdOf(known.get(id), provider), email);
    }
    let change = 0;
    for (const [index, provider] of WITH_PRODUCTS.entries()) {
      change += 101 + index;
      await raisePrice(goodsKnown.get(productAt(index)), provider, 101 + index);
    }
    await api.load(venue.id, [goods[10]].map(asDearerBy(7)), 'products');
    await round();
    const now = await venue.customers();
    for (const [id, email] of emails) {
      expect(now.get(id)?.email).toBe(email);
      for (const provider of APP_PROVIDERS)
        expect((await sides[provider].emails()).get(venue.externalIdOf(now.get(id), provider)), provider).toBe(email);
    }
    await expectTotals(sum + change + 7);
    expect(await venue.openConflicts()).toEqual([]);
  });

  it('tells a price and an address that two providers have changed, and settles each as a person decides', async () => {
    const before = total((await products()).values());
    const product = (await products()).get(productAt(20));
    const customer = (await venue.customers()).get(customerAt(20));
    const [price, currency] = [product?.amountMinor ?? 0, product?.currency];
    await raisePrice(product, 'stripe', 300);
    await raisePrice(product, 'xero', 500);
    await sides.square.setEmail(venue.externalIdOf(customer, 'square'), 'till@example.com');
    await sides.mailchimp.setEmail(venue.externalIdOf(customer, 'mailchimp'), 'letter@example.com');
    await round();
    const conflicts = await venue.openConflicts();
    expect(conflicts.map(({ sourceId, fields }) => ({ sourceId, fields }))).toEqual(
      expect.arrayContaining([
        {
          sourceId: productAt(20),
          // An amount and its currency are one value.
          fields: [
            expect.objectContaining({ field: 'amountMinor', venue: price + 300, provider: price + 500 }),
            expect.objectContaining({ field: 'currency', venue: currency, provider: currency }),
          ],
        },
        {
          sourceId: customerAt(20),
          fields: [
            expect.objectContaining({ field: 'email', venue: 'till@example.com', provider: 'letter@example.com' }),
          ],
        },
      ]),
    );
    expect(conflicts).toHaveLength(2);
    for (const conflict of conflicts)
      await venue.resolve(conflict, conflict.sourceId === productAt(20) ? 'provider' : 'venue');
    await round();
    expect(await venue.openConflicts()).toEqual([]);
    await expectTotals(before + 500);
    for (const provider of APP_PROVIDERS)
      expect((await sides[provider].emails()).get(venue.externalIdOf(customer, provider)), provider).toBe(
        'till@example.com',
      );
    const idle = await writes();
    await round();
    expect(await writes()).toEqual(idle);
  });

  it('adds the payments of its 830 orders, taken at three providers, up to the cent, each with its customer', async () => {
    const orders = northwindOrders().map(inOurTime);
    const known = await venue.customers();
    for (const [provider, year] of [
      ['stripe', '2024'],
      ['square', '2025'],
      ['quickbooks', '2026'],
    ] as const) {
      const taken = orders.filter(({ day }) => day.startsWith(year));
      await sides[provider].takePayments?.(
        taken.map((order) => ({
          ...order,
          customer: venue.externalIdOf(known.get(order.customerId), provider),
        })),
      );
      const { connectionId } = sides[provider];
      const run = await api.sync(venue.id, { connectionId, direction: 'pull', resource: 'transactions' });
      expect(run, provider).toMatchObject({ outcome: 'completed', counts: { created: taken.length } });
    }
    const payments = await api.records(venue.id, 'transactions');
    expect(payments).toHaveLength(830);
    expect(sumsBy(payments.map(({ customerSourceId, amountMinor }) => [customerSourceId, amountMinor]))).toEqual(
      sumsBy(orders.map(({ customerId, amountMinor }) => [customerId, amountMinor])),
    );
  });
});
