import type postgres from 'postgres';
import type { StripeAccount, StripeCustomerState } from '../support/sandbox/stripe-account.ts';
import type { PlannedRound } from './plan.ts';
import { persistently } from './rounds.ts';
import { expectSame } from './venue-side.ts';

export interface PulledVenue {
  readonly venueId: string;
  readonly connectionId: string;
  readonly account: StripeAccount;
}

/** An object that a listing must return. */
export interface Listed {
  readonly id: string;
  readonly created: number;
  /** The list that returns it. */
  readonly stream: string;
}

/** The provider's data of a venue that pulls, and what the venue must hold of it. */
export interface ProviderSide {
  seed(account: StripeAccount, options: { readonly records: number; readonly nowEpochS: number }): Promise<void>;
  /** Changes data as the venue's staff does at the provider. */
  change(account: StripeAccount, round: PlannedRound, nowEpochS: number): Promise<void>;
  listed(account: StripeAccount): Promise<readonly Listed[]>;
  /**
   * Throws unless the venue holds each of the provider's objects exactly once, as it is there, and nothing else. Postgres
   * may be down meanwhile.
   */
  expectHeldOnce(database: postgres.Sql, venue: PulledVenue): Promise<void>;
}

const YEAR_S = 31_536_000;

/** Creation times spread over a year, the newest an hour ago, two objects in each second. */
const createdAt = (index: number, { records, nowEpochS }: { readonly records: number; readonly nowEpochS: number }) =>
  nowEpochS - 3_600 - Math.floor(index / 2) * Math.floor((2 * YEAR_S) / records);

const indices = (count: number) => Array.from({ length: count }, (_, index) => index);
const toListed =
  (stream: string) =>
  ({ id, created }: { readonly id: string; readonly created: number }): Listed => ({ id, created, stream });

async function one<T>(items: readonly T[], work: (item: T, index: number) => Promise<unknown>): Promise<void> {
  for (const [index, item] of items.entries()) await work(item, index);
}

const customers: ProviderSide = {
  seed: (account, options) =>
    account.put(
      'customers',
      indices(options.records).map((index) => ({
        name: `Seeded ${index}`,
        email: `seeded-${index}@example.com`,
        created: createdAt(index, options),
      })),
    ),

  async change(account, { changed, added, removed }) {
    const held = [...(await account.customers())];
    await one(held.splice(0, removed), ({ id }) => account.call('DELETE', `customers/${id}`));
    await one(held.splice(0, changed), ({ id, name }) => account.call('POST', `customers/${id}`, { name: `${name}!` }));
    await one(indices(added), (index) =>
      account.call('POST', 'customers', { name: `Added ${index}`, email: `added-${index}@example.com` }),
    );
  },

  listed: async (account) =>
    (await account.state<StripeCustomerState & { readonly created: number }>('customers')).map(toListed('customers')),

  async expectHeldOnce(database, { venueId, connectionId, account }) {
    const held = await persistently(
      'the records are read',
      () => database<{ id: string; name: string; email: string }[]>`
      select l.external_id as id, c.name, c.email from customers c
      left join record_links l on l.record_id = c.id and l.connection_id = ${connectionId} where c.venue_id = ${venueId} and c.deleted_at is null`,
    );
    expectSame(
      held.map(({ id, name, email }) => ({ id, name, email })),
      (await account.customers()).map(({ id, name, email }) => ({ id, name, email })),
    );
  },
};

interface ProductState {
  readonly id: string;
  readonly created: number;
  readonly name: string;
  readonly active: boolean;
  readonly default_price: string | null;
}

const products: ProviderSide = {
  seed: (account, options) =>
    account.put(
      'products',
      indices(options.records).map((index) => ({
        name: `Seeded ${index}`,
        unit_amount: 100 + index,
        currency: 'eur',
        created: createdAt(index, options),
      })),
    ),

  async change(account, { changed, added }) {
    const held = await account.state<ProductState>('products');
    await one(held.slice(0, changed), async ({ id, name }, index) => {
      if (index % 2 === 0) return account.call('POST', `products/${id}`, { name: `${name}!` });
      const price = await account.call('POST', 'prices', {
        product: id,
        currency: 'eur',
        unit_amount: String(5_000 + index),
      });
      return account.call('POST', `products/${id}`, { default_price: price.id });
    });
    await one(indices(added), (index) =>
      account.call('POST', 'products', {
        name: `Added ${index}`,
        'default_price_data[currency]': 'eur',
        'default_price_data[unit_amount]': '700',
      }),
    );
  },

  listed: async (account) => (await account.state<ProductState>('products')).map(toListed('products')),

  async expectHeldOnce(database, { venueId, connectionId, account }) {
    const held = await persistently(
      'the records are read',
      () => database<{ id: string; name: string; active: boolean; amount: number }[]>`
      select l.external_id as id, c.name, c.active, c.amount_minor::int as amount from products c
      left join record_links l on l.record_id = c.id and l.connection_id = ${connectionId} where c.venue_id = ${venueId} and c.deleted_at is null`,
    );
    const [wanted, prices] = await Promise.all([
      account.state<ProductState>('products'),
      account.state<{ readonly id: string; readonly unit_amount: number }>('prices'),
    ]);
    const amounts = new Map(prices.map(({ id, unit_amount: amount }) => [id, amount]));
    expectSame(
      held.map(({ id, name, active, amount }) => ({ id, name, active, amount })),
      wanted.map(({ id, name, active, default_price: price }) => ({
        id,
        name,
        active,
        amount: price === null ? null : amounts.get(price),
      })),
    );
  },
};

interface MoneyState {
  readonly id: string;
  readonly created: number;
  readonly amount: number;
  readonly amount_refunded?: number;
}

const MONEY = { charges: ['payment', 1], refunds: ['refund', -1], disputes: ['dispute', -1] } as const;
const MONEY_STREAMS = Object.keys(MONEY) as (keyof typeof MONEY)[];

const transactions: ProviderSide = {
  seed: (account, options) =>
    account.put(
      'charges',
      indices(options.records).map((index) => ({
        ...{ amount: 1_000 + index, created: createdAt(index, options), payment_intent: index % 2 === 0 },
        ...(index % 7 === 3 && { refunded_amount: 100 }),
        ...(index % 50 === 20 && { disputed: true }),
      })),
    ),

  async change(account, { changed, added }, nowEpochS) {
    const whole = (await account.state<MoneyState & { readonly disputed: boolean }>('charges')).filter(
      (charge) => charge.amount_refunded === 0 && !charge.disputed,
    );
    await one(whole.slice(0, changed), ({ id }) => account.call('POST', 'refunds', { charge: id, amount: '50' }));
    await account.put(
      'charges',
      indices(added).map((index) => ({ amount: 90_000 + index, created: nowEpochS })),
    );
  },

  listed: async (account) =>
    (
      await Promise.all(
        MONEY_STREAMS.map(async (stream) => (await account.state<MoneyState>(stream)).map(toListed(stream))),
      )
    ).flat(),

  async expectHeldOnce(database, { venueId, connectionId, account }) {
    const held = await persistently(
      'the records are read',
      () => database<{ id: string; kind: string; amount: number }[]>`
      select l.external_id as id, c.kind, c.amount_minor::int as amount from transactions c
      left join record_links l on l.record_id = c.id and l.connection_id = ${connectionId} where c.venue_id = ${venueId} and c.deleted_at is null`,
    );
    const wanted = await Promise.all(
      MONEY_STREAMS.map(async (stream) => {
        const [kind, sign] = MONEY[stream];
        return (await account.state<MoneyState>(stream)).map(({ id, amount }) => ({ id, kind, amount: sign * amount }));
      }),
    );
    expectSame(
      held.map(({ id, kind, amount }) => ({ id, kind, amount })),
      wanted.flat(),
    );
  },
};

export const PROVIDER_SIDES: Readonly<Record<'customers' | 'products' | 'transactions', ProviderSide>> = {
  customers,
  products,
  transactions,
};
