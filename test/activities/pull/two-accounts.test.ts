import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RECORD_KINDS } from '../../../records/registry.ts';
import type { Resource, SyncMode } from '../../../contracts/providers.ts';
import { createDisconnectionStore } from '../../../db/connections/disconnection-store.ts';
import { createRecordStore } from '../../../db/records/record-store.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';
import { products as productKind } from '../../../records/products.ts';

type World = Awaited<ReturnType<typeof createSyncWorld>>;
interface Account {
  readonly id: string;
  readonly secretKey: string;
}
/** One venue's connection to an account of its own. */
interface Connected extends TestVenue {
  readonly account: Account;
}
interface Held {
  readonly [field: string]: unknown;
  readonly id: string;
  readonly sourceId: string;
  readonly externalId: string | null;
  readonly state: string | null;
  readonly deleted: boolean;
}

const PULLED = ['products', 'customers', 'transactions', 'invoices'] as const satisfies readonly Resource[];

describe('two accounts of one venue that hold objects with equal ids', () => {
  let world: World;
  let a: Connected;
  let b: Connected;

  beforeAll(async () => {
    world = await createSyncWorld();
  });
  afterAll(() => world.close());
  beforeEach(async () => {
    await world.stripe.reset();
    const [first, second] = [await world.stripe.addAccount(), await world.stripe.addAccount()];
    const { venueId } = await world.aVenue();
    a = { ...(await world.connect(venueId, first)), account: first };
    b = { ...(await world.connect(venueId, second)), account: second };
  });

  const seed = (of: Connected, resource: string, ...records: readonly object[]) =>
    world.stripe.seed({ resource, account: of.account.id, records });
  const pull = (of: TestVenue, resource: Resource, mode: SyncMode = 'full') =>
    world.sync(of, 'pull', mode, { resource });
  const push = (of: TestVenue, resource: Resource) => world.sync(of, 'push', 'full', { resource });
  const call = async <T>(
    of: Connected,
    method: string,
    path: string,
    form: Readonly<Record<string, string>> = {},
  ): Promise<T> => {
    const body = method === 'POST' ? { body: new URLSearchParams(form) } : {};
    const response = await fetch(`${world.sandbox.apiUrl}/v1/${path}`, {
      method,
      headers: { authorization: `Bearer ${of.account.secretKey}` },
      ...body,
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  };
  const productOf = (of: Connected) =>
    call<{ name: string; description: string | null; default_price: { unit_amount: number; currency: string } }>(
      of,
      'GET',
      'products/house-red?expand[]=default_price',
    );
  /** Records linked to the connection. */
  const tied = async (of: TestVenue, resource: Resource) => {
    const { admin } = world.database;
    return [
      ...(await admin<Held[]>`
      select c.*, c.source_id as "sourceId", c.deleted_at is not null as deleted, l.external_id as "externalId", l.state
      from record_links l join ${admin(RECORD_KINDS.get(resource).table)} c on c.id = l.record_id
      where l.connection_id = ${of.connectionId} and l.resource = ${resource} order by l.external_id`),
    ];
  };
  const byId = async (of: TestVenue, externalId: string) =>
    (await tied(of, 'transactions')).find((one) => one.externalId === externalId);

  const OBJECTS = {
    products: (who: string) => ({
      id: 'same',
      name: who,
      unit_amount: who === 'A' ? 900 : 4_200,
      currency: who === 'A' ? 'usd' : 'eur',
    }),
    customers: (who: string) => ({ id: 'same', name: who }),
    transactions: (who: string) => ({ id: 'same', amount: who === 'A' ? 900 : 4_200, metadata: { who } }),
    invoices: (who: string) => ({ id: 'same', lines: [{ amount: who === 'A' ? 900 : 4_200 }], metadata: { who } }),
  };
  const seeded = (resource: (typeof PULLED)[number]) => (resource === 'transactions' ? 'charges' : resource);
  const bothHold = async (resource: (typeof PULLED)[number]) => {
    await seed(a, seeded(resource), OBJECTS[resource]('A'));
    await seed(b, seeded(resource), OBJECTS[resource]('B'));
  };

  it('have two products, and a push to the first leaves the second’s name and price alone', async () => {
    await seed(a, 'products', { id: 'house-red', name: 'Red', unit_amount: 900, currency: 'usd' });
    await seed(b, 'products', { id: 'house-red', name: 'Rouge', unit_amount: 4_200, currency: 'eur' });
    for (const one of [a, b]) await pull(one, 'products');
    const [red] = await tied(a, 'products');
    const [rouge] = await tied(b, 'products');
    expect(red).toMatchObject({ name: 'Red', amount_minor: '900', currency: 'USD', externalId: 'house-red' });
    expect(rouge).toMatchObject({ name: 'Rouge', amount_minor: '4200', currency: 'EUR', externalId: 'house-red' });

    const products = createRecordStore(world.database.db, productKind);
    await products.update({ venueId: a.venueId, id: red!.id as never }, { description: 'From the house' });
    expect((await push(a, 'products')).counts).toMatchObject({ rejected: 0, updated: 1 });

    expect(await productOf(a)).toMatchObject({
      name: 'Red',
      description: 'From the house',
      default_price: { unit_amount: 900, currency: 'usd' },
    });
    expect(await productOf(b)).toMatchObject({
      name: 'Rouge',
      description: null,
      default_price: { unit_amount: 4_200, currency: 'eur' },
    });
  });

  describe.each(PULLED)('%s', (resource) => {
    it('become two records, however often and in whatever order both are pulled', async () => {
      await bothHold(resource);
      for (const one of [b, a, b]) await pull(one, resource);
      const [[ofA], [ofB]] = [await tied(a, resource), await tied(b, resource)];
      expect(ofA?.id).not.toBe(ofB?.id);
      const whose = (one: Held | undefined) =>
        one?.['name'] ?? (one?.['metadata'] as { readonly who: string } | undefined)?.who;
      expect([whose(ofA), whose(ofB)]).toEqual(['A', 'B']);
      for (const one of [a, b])
        expect((await pull(one, resource)).counts).toMatchObject({ created: 0, updated: 0, conflicts: 0 });
    });

    it('have distinct sourceIds that contain the account, even for an id of 255 characters', async () => {
      const id = 'x'.repeat(255);
      for (const one of [a, b]) await seed(one, seeded(resource), { ...OBJECTS[resource]('A'), id });
      await bothHold(resource);
      for (const one of [a, b]) await pull(one, resource);
      const all = [...(await tied(a, resource)), ...(await tied(b, resource))].map(({ sourceId }) => sourceId);
      expect(all).toHaveLength(4);
      expect(new Set(all).size).toBe(4);
      expect(all.every((sourceId) => sourceId.length <= 255 && sourceId.startsWith('stripe:'))).toBe(true);
      expect((await tied(a, resource)).every(({ sourceId }) => sourceId.includes(a.account.id))).toBe(true);
    });

    it('are separate for test mode and live mode of one account', async () => {
      const live = {
        ...(await world.connect(a.venueId, { ...b.account, id: a.account.id, environment: 'production' })),
        account: b.account,
      };
      await bothHold(resource);
      for (const one of [a, live]) await pull(one, resource);
      expect((await tied(a, resource))[0]?.id).not.toBe((await tied(live, resource))[0]?.id);
    });

    it('are deleted only with their own connection', async () => {
      await bothHold(resource);
      for (const one of [a, b]) await pull(one, resource);
      const kept = await tied(b, resource);
      const store = createDisconnectionStore(world.database.db, world.audit, RECORD_KINDS);
      for (
        let cursor: Awaited<ReturnType<typeof store.deleteSome>> | typeof store.firstDeletion = store.firstDeletion;
        cursor !== null;
      )
        cursor = await store.deleteSome(a, cursor, 100);
      expect(await tied(a, resource)).toEqual([]);
      expect(await tied(b, resource)).toEqual(kept);
    });

    it('are found again by their own account only, after the links were dropped', async () => {
      await bothHold(resource);
      for (const one of [a, b]) await pull(one, resource);
      const [before] = await tied(a, resource);
      const kept = await tied(b, resource);
      await world.database.admin`delete from record_links where connection_id = ${a.connectionId}`;
      await pull(a, resource);
      expect((await tied(a, resource)).map(({ id, sourceId }) => ({ id, sourceId }))).toEqual([
        { id: before?.id, sourceId: before?.sourceId },
      ]);
      expect((await tied(b, resource)).map(({ id }) => id)).toEqual(kept.map(({ id }) => id));
    });
  });

  describe('transactions', () => {
    const ledgers = async () => {
      for (const [one, amount] of [
        [a, 900],
        [b, 4_200],
      ] as const) {
        await seed(one, 'customers', { id: 'cus_same', name: one === a ? 'Ada' : 'Bob' });
        await seed(one, 'charges', { id: 'ch_same', amount, customer: 'cus_same' });
        await seed(one, 'refunds', { id: 're_same', charge: 'ch_same', amount: 100 });
      }
    };

    it.each([
      [
        'customers of both first',
        [
          [a1, 'customers'],
          [b1, 'customers'],
          [a1, 'transactions'],
          [b1, 'transactions'],
        ],
      ],
      [
        'transactions of both first',
        [
          [a1, 'transactions'],
          [b1, 'transactions'],
          [b1, 'customers'],
          [a1, 'customers'],
        ],
      ],
      [
        'one account after the other',
        [
          [b1, 'customers'],
          [b1, 'transactions'],
          [a1, 'transactions'],
          [a1, 'customers'],
        ],
      ],
      [
        'only the other’s customers',
        [
          [a1, 'transactions'],
          [b1, 'customers'],
          [b1, 'transactions'],
          [a1, 'customers'],
        ],
      ],
    ] as const)('refer to customers and payments of their own account (%s)', async (_order, pulls) => {
      await ledgers();
      for (const [of, resource] of pulls) {
        await pull(of(), resource);
        await neverCross();
      }
      for (const one of [a, b]) {
        const [customer] = await tied(one, 'customers');
        expect(await byId(one, 'ch_same')).toMatchObject({ customer_source_id: customer?.sourceId });
        expect(await byId(one, 're_same')).toMatchObject({ related_transaction_id: (await byId(one, 'ch_same'))?.id });
      }
    });

    it('refer to a customer created by a push only in the account where it was created', async () => {
      await world.customers.upsertMany(a.venueId, [{ sourceId: 'mine', name: 'Mine' }]);
      await push(a, 'customers');
      const [mine] = await tied(a, 'customers');
      const customer = mine!.externalId!;
      await seed(b, 'customers', { id: customer, name: 'Theirs' });
      for (const one of [a, b]) await seed(one, 'charges', { id: 'ch_same', amount: 500, customer });
      for (const one of [b, a]) await pull(one, 'transactions');
      expect(await byId(a, 'ch_same')).toMatchObject({ customer_source_id: 'mine' });
      expect(await byId(b, 'ch_same')).toMatchObject({ customer_source_id: null });
    });

    it('wait for a customer that a push creates, and ignore another account’s', async () => {
      await world.customers.upsertMany(a.venueId, [{ sourceId: 'mine', name: 'Mine' }]);
      // The creation's answer is lost, so transactions arrive before anybody knows their customer.
      await world.stripe.fault({
        match: { method: 'POST', path: '/v1/customers$', account: a.account.id },
        times: 1,
        kind: 'commit-then-fail',
      });
      const input = await world.open(a, 'push', 'full');
      await world.begin(input);
      await expect(world.chunk(input)).rejects.toThrow();
      const customer = (await call<{ data: { id: string }[] }>(a, 'GET', 'customers')).data[0]!.id;
      await seed(b, 'customers', { id: customer, name: 'Theirs' });
      for (const one of [a, b]) {
        await seed(one, 'charges', { id: 'ch_same', amount: 500, customer });
        await pull(one, 'transactions');
      }
      while ((await world.chunk(input)).status !== 'done');
      await world.finish(input);
      expect(await byId(a, 'ch_same')).toMatchObject({ customer_source_id: 'mine' });
      expect(await byId(b, 'ch_same')).toMatchObject({ customer_source_id: null });
    });

    it.each(['full', 'incremental'] as const)(
      'take the lines of an invoice of their own account only (%s)',
      async (mode) => {
        if (mode === 'incremental') for (const one of [a, b]) await pull(one, 'transactions');
        const { id: customer } = await call<{ id: string }>(a, 'POST', 'customers', { name: 'Ada' });
        const { id: invoice } = await call<{ id: string }>(a, 'POST', 'invoices', {
          customer,
          collection_method: 'charge_automatically',
          auto_advance: 'false',
        });
        await call(a, 'POST', 'invoiceitems', {
          customer,
          invoice,
          amount: '2600',
          currency: 'usd',
          description: 'Wine',
        });
        await call(a, 'POST', `invoices/${invoice}/finalize`);
        await call(a, 'POST', `invoices/${invoice}/pay`, { payment_method: 'pm_card_visa' });
        const [charge] = (await call<{ data: { id: string; payment_intent: string }[] }>(a, 'GET', 'charges')).data;
        await seed(b, 'charges', { id: charge!.id, amount: 2_600, payment_intent: charge!.payment_intent });
        // Seeds create no events, so a full pull reads the other account's payment.
        await pull(b, 'transactions');
        await pull(a, 'transactions', mode);
        expect(await byId(a, charge!.id)).toMatchObject({ lines: [{ description: 'Wine', amountMinor: 2_600 }] });
        expect(await byId(b, charge!.id)).toMatchObject({ lines: [] });
        expect((await byId(b, charge!.id))?.['metadata']).not.toHaveProperty('stripe_invoice');
      },
    );

    /** Asserts that nothing refers to an object of the other account. */
    async function neverCross() {
      for (const [one, other] of [
        [a, b],
        [b, a],
      ] as const) {
        const [foreign, payment] = [await tied(other, 'customers'), await byId(other, 'ch_same')];
        for (const mine of await tied(one, 'transactions')) {
          expect(foreign.map(({ sourceId }) => sourceId)).not.toContain(mine['customer_source_id']);
          if (payment) expect(mine['related_transaction_id']).not.toBe(payment.id);
        }
      }
    }
  });

  describe('our own id, copied with an object to another account', () => {
    it('links no record that is linked to the first account’s remote record', async () => {
      await world.customers.upsertMany(a.venueId, [{ sourceId: 'mine', name: 'Mine' }]);
      await push(a, 'customers');
      const [mine] = await tied(a, 'customers');
      await seed(b, 'customers', {
        id: mine!.externalId!,
        name: 'Copied and renamed',
        metadata: { interlock_record_id: mine!.id },
      });
      await pull(b, 'customers');
      expect((await tied(b, 'customers'))[0]).toMatchObject({ name: 'Copied and renamed' });
      expect((await tied(b, 'customers'))[0]?.id).not.toBe(mine?.id);
      expect((await tied(a, 'customers'))[0]).toMatchObject({ id: mine?.id, name: 'Mine' });
    });

    it('still links the remote record of an unanswered push to the account', async () => {
      await world.customers.upsertMany(a.venueId, [{ sourceId: 'mine', name: 'Mine' }]);
      await push(a, 'customers');
      await world.stripe.fault({
        match: { method: 'POST', path: '/v1/customers$', account: b.account.id },
        times: 1,
        kind: 'commit-then-fail',
      });
      const input = await world.open(b, 'push', 'full');
      await world.begin(input);
      await expect(world.chunk(input)).rejects.toThrow();
      await world.finish(input, 'cancelled');
      expect((await pull(b, 'customers')).counts).toMatchObject({ created: 0, updated: 1 });
      expect((await tied(b, 'customers'))[0]?.id).toBe((await tied(a, 'customers'))[0]?.id);
    });
  });

  function a1(): Connected {
    return a;
  }
  function b1(): Connected {
    return b;
  }
});
