import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TransactionFields } from '../../../records/transactions.ts';
import type { ProviderPage, ProviderRecord } from '../../../providers/provider.ts';
import { createStripeAdapter } from '../../../providers/stripe/adapter.ts';
import { transactionPullPlan } from '../../../providers/stripe/transactions/transactions.ts';
import { Secret } from '../../../vault/secret.ts';
import { objectsOf, startAnswerEditingProxy } from '../../support/sandbox/answer-editing-proxy.ts';
import type { AnswerEditingProxy, ProxiedAnswer } from '../../support/sandbox/answer-editing-proxy.ts';
import { allOf, createStripeWorld, mergeReadings, namesOf, readAll } from './stripe-world.ts';
import type { StripeWorld } from './stripe-world.ts';

type Json = Record<string, unknown>;
const TODAY = '2026-10-28.endive';

describe('events of another API version', () => {
  let world: StripeWorld;
  let proxy: AnswerEditingProxy;
  beforeAll(async () => {
    world = await createStripeWorld();
    proxy = await startAnswerEditingProxy(world.sandbox.apiUrl);
  });
  afterAll(() => Promise.all([world.close(), proxy.close()]));
  beforeEach(async () => {
    proxy.edit(null);
    await world.reset();
  });

  const session = (resource: 'customers' | 'products' | 'transactions') =>
    createStripeAdapter({ apiUrl: proxy.url })
      .open({ secretKey: new Secret(world.sandbox.secretKey), call: (request) => request() })
      .resource(resource);
  const speak = (apiVersion: string) =>
    fetch(`${world.sandbox.controlUrl}/api-version`, { method: 'POST', body: JSON.stringify({ apiVersion }) });
  const ask = async (path: string, params: Readonly<Record<string, string>> = {}) =>
    (await world.ask('POST', path, params)) as Readonly<Record<string, string>> & { readonly id: string };
  const pay = (params: Readonly<Record<string, string>> = {}) =>
    ask('payment_intents', {
      amount: '1300',
      currency: 'usd',
      payment_method: 'pm_card_visa',
      confirm: 'true',
      ...params,
    });
  const requestsOf = async (work: () => Promise<unknown>) => {
    const before = proxy.requests.length;
    await work();
    return proxy.requests.slice(before).map(({ path }) => path);
  };
  const eventsPage = (resource: 'customers' | 'products' | 'transactions', stream = 'events') =>
    session(resource).listPage(allOf(stream));
  /** Edits objects of this kind, in events only. */
  const inEvents =
    (kind: string, edit: (object: Json, event: Json) => void) =>
    (answer: ProxiedAnswer): void => {
      if (answer.path !== '/v1/events') return;
      for (const event of objectsOf(answer)) {
        const { object } = event['data'] as { readonly object: Json };
        if (object['object'] === kind) edit(object, event);
      }
    };
  const fieldsIn = ({ records }: ProviderPage, id: string) =>
    records.find(({ externalId }) => externalId === id)?.fields as TransactionFields | undefined;

  async function told(stages: readonly (readonly string[])[]) {
    const records = new Map<string, ProviderRecord>();
    const [deleted, amendments] = [new Set<string>(), [] as unknown[]];
    for (const stream of stages.flat()) {
      for (const page of await readAll(session('transactions'), allOf(stream))) {
        expect(page.rejections ?? []).toEqual([]);
        amendments.push(...(page.amendments ?? []));
        for (const record of page.records) {
          if (record.deleted) deleted.add(record.externalId);
          else records.set(record.externalId, mergeReadings(record, records.get(record.externalId)));
        }
      }
    }
    const simple = [...records.values()]
      .filter(({ externalId }) => !deleted.has(externalId))
      .map(({ externalId, fields, refs }) => ({ externalId, fields, refs }));
    return { records: simple.sort((one, other) => one.externalId.localeCompare(other.externalId)), amendments };
  }

  it.each(['2014-05-19', '2014-12-22', '2022-08-01', '2024-06-20', '2027-01-31.unborn', TODAY])(
    'tell what a full pass tells, whatever version the account has (%s)',
    async (version) => {
      await speak(version);
      const customer = await ask('customers', { name: 'Ada' });
      const sold = await pay({ customer: customer.id });
      await ask('refunds', { payment_intent: sold.id, amount: '200' });
      await pay({ payment_method: 'pm_card_createDispute' });
      await pay({ payment_method: 'pm_card_chargeDeclined' }).catch(() => undefined);
      const held = await pay({ capture_method: 'manual' });
      await ask(`payment_intents/${held.id}/cancel`);
      const product = await ask('products', {
        name: 'Coffee',
        'default_price_data[currency]': 'usd',
        'default_price_data[unit_amount]': '2600',
        'default_price_data[recurring][interval]': 'month',
      });
      await ask('subscriptions', {
        customer: customer.id,
        'items[0][price]': product['default_price'] ?? '',
        default_payment_method: 'pm_card_visa',
      });
      const listed = await told(namesOf(transactionPullPlan.listing));
      expect(listed.records.length).toBeGreaterThan(5);
      expect(listed.amendments).toHaveLength(1);
      expect(await told(namesOf(transactionPullPlan.changes?.streams))).toEqual(listed);
    },
  );

  it.each([['2014-12-22'], [null], ['2026-09-30.endive']])(
    'cost a call for each object of a page, once, and are the objects as they are now (%s)',
    async (version) => {
      const { latest_charge: charge = '' } = await pay();
      await ask('refunds', { charge, amount: '200' });
      await ask(`charges/${charge}`, { 'metadata[order]': '7' });
      proxy.edit(
        inEvents('charge', (object, event) => {
          event['api_version'] = version;
          object['status'] = 'paid';
        }),
      );
      let page: ProviderPage | undefined;
      const requests = await requestsOf(async () => {
        page = await eventsPage('transactions');
      });
      expect(requests).toEqual(['/v1/events', `/v1/charges/${charge}`]);
      expect(fieldsIn(page!, charge)).toMatchObject({ status: 'succeeded', metadata: { order: '7' } });
    },
  );

  it.each<[string, (object: Json) => void]>([
    [
      'a status that nobody knows',
      (object) => {
        object['status'] = 'frozen';
      },
    ],
    [
      'a field of another shape',
      (object) => {
        object['amount_captured'] = { value: 1_300 };
      },
    ],
    [
      'a field missing',
      (object) => {
        delete object['captured'];
      },
    ],
  ])('are no exception: one of today’s with %s is read anew', async (_what, edit) => {
    const { latest_charge: charge = '' } = await pay();
    proxy.edit(inEvents('charge', edit));
    const page = await eventsPage('transactions');
    expect(page.rejections).toEqual([]);
    expect(fieldsIn(page, charge)).toMatchObject({ status: 'succeeded' });
  });

  it('of the present version cost no further call', async () => {
    await pay();
    expect(await requestsOf(() => eventsPage('transactions'))).toEqual(['/v1/events']);
  });

  it('of a page are read again to the end under a rate limit, without starting over', async () => {
    await speak('2014-12-22');
    // Before the second of the reading, because changes within that second are read again.
    await world.stripe.clock(-60_000);
    for (let index = 0; index < 12; index += 1) await ask('customers', { name: `Customer ${index}` });
    await world.stripe.clock(0);
    const customers = session('customers');
    await world.stripe.fault({
      match: { method: 'GET', path: '/v1/customers/cus_' },
      kind: 'status',
      status: 429,
      times: 1,
    });
    let page: ProviderPage | null = null;
    const requests = await requestsOf(async () => {
      for (let attempt = 0; attempt < 3 && page === null; attempt += 1)
        page = await customers.listPage(allOf('events')).catch(() => null);
    });
    expect((page as ProviderPage | null)?.records).toHaveLength(12);
    expect(requests.filter((path) => path !== '/v1/events')).toHaveLength(13);
  });

  describe('of customers', () => {
    it('are read again, whatever they contain', async () => {
      await speak('2014-12-22');
      const { id } = await ask('customers', { name: 'Ada' });
      proxy.edit(
        inEvents('customer', (object) => {
          object['name'] = 'Augusta';
        }),
      );
      expect((await eventsPage('customers')).records).toMatchObject([
        { externalId: id, deleted: false, fields: { name: 'Ada' } },
      ]);
    });

    it('are trusted for a deletion, without a call', async () => {
      await speak('2014-12-22');
      const { id } = await ask('customers', { name: 'Ada' });
      await world.ask('DELETE', `customers/${id}`);
      let page: ProviderPage | undefined;
      expect(
        await requestsOf(async () => {
          page = await eventsPage('customers');
        }),
      ).toEqual(['/v1/events']);
      expect(page?.records).toMatchObject([{ externalId: id, deleted: true, fields: null }]);
    });

    it('count as a deletion when the customer is missing', async () => {
      await speak('2014-12-22');
      await ask('customers', { name: 'Ada' });
      proxy.edit(
        inEvents('customer', (object) => {
          object['id'] = 'cus_gone';
        }),
      );
      expect((await eventsPage('customers')).records).toMatchObject([{ externalId: 'cus_gone', deleted: true }]);
    });
  });

  it('ignore a missing payment, because transactions never vanish', async () => {
    await pay();
    proxy.edit(
      inEvents('charge', (object, event) => {
        event['api_version'] = '2014-12-22';
        object['id'] = 'ch_gone';
      }),
    );
    expect((await eventsPage('transactions')).records.filter(({ externalId }) => externalId === 'ch_gone')).toEqual([]);
  });

  it('of products and prices only tell which product changed', async () => {
    await speak('2014-12-22');
    const { id } = await ask('products', {
      name: 'Mug',
      'default_price_data[currency]': 'usd',
      'default_price_data[unit_amount]': '900',
    });
    expect((await eventsPage('products')).records).toMatchObject([
      { externalId: id, fields: { name: 'Mug', amountMinor: 900 } },
    ]);
  });

  it('of a price with an unknown usage type have no amount', async () => {
    await ask('products', {
      name: 'Coffee',
      'default_price_data[currency]': 'usd',
      'default_price_data[unit_amount]': '900',
      'default_price_data[recurring][interval]': 'month',
    });
    proxy.edit(({ path, body }) => {
      if (path !== '/v1/products') return;
      for (const { default_price: price } of (
        body as { readonly data: { readonly default_price: { readonly recurring: Json } }[] }
      ).data)
        price.recurring['usage_type'] = 'guessed';
    });
    expect((await eventsPage('products')).records).toMatchObject([{ fields: { amountMinor: null, currency: null } }]);
  });

  it('without an object are rejected, and the rest is read', async () => {
    const { latest_charge: charge = '' } = await pay();
    await ask('refunds', { charge, amount: '200' });
    proxy.edit(
      inEvents('refund', (object) => {
        delete object['id'];
      }),
    );
    const page = await eventsPage('transactions');
    expect(page.rejections).toMatchObject([{ externalId: null, code: 'unreadable' }]);
    expect(fieldsIn(page, charge)).toMatchObject({ status: 'succeeded' });
  });

  it('of an invoice payment without its invoice are read by the payment', async () => {
    const customer = await ask('customers', { name: 'Ada' });
    await ask('invoiceitems', { customer: customer.id, amount: '5000', currency: 'usd' });
    const invoice = await ask('invoices', {
      customer: customer.id,
      pending_invoice_items_behavior: 'include',
      default_payment_method: 'pm_card_visa',
    }).catch(() => ask('invoices', { customer: customer.id, pending_invoice_items_behavior: 'include' }));
    await ask(`invoices/${invoice.id}/finalize`);
    await ask(`invoices/${invoice.id}/pay`, { payment_method: 'pm_card_visa' }).catch(() => undefined);
    proxy.edit((answer) => {
      if (answer.path !== '/v1/events') return;
      const body = answer.body as { data: Json[] };
      body.data = body.data.filter((event) => event['type'] === 'invoice_payment.paid');
      for (const event of body.data) delete (event['data'] as { readonly object: Json }).object['invoice'];
    });
    const requests = await requestsOf(async () => {
      expect((await eventsPage('transactions', 'invoice_events')).amendments).toMatchObject([
        { metadata: { stripe_invoice: invoice.id } },
      ]);
    });
    expect(requests.map((path) => path.split('/')[2])).toEqual(['events', 'invoice_payments', 'invoices']);
  });
});

describe('an unknown status in a list of the present version', () => {
  let world: StripeWorld;
  let proxy: AnswerEditingProxy;
  beforeAll(async () => {
    world = await createStripeWorld();
    proxy = await startAnswerEditingProxy(world.sandbox.apiUrl);
    const ask = (path: string, params: Readonly<Record<string, string>>) => world.ask('POST', path, params);
    const sold = await ask('payment_intents', {
      amount: '1300',
      currency: 'usd',
      payment_method: 'pm_card_visa',
      confirm: 'true',
    });
    await ask('payment_intents', {
      amount: '1300',
      currency: 'usd',
      payment_method: 'pm_card_createDispute',
      confirm: 'true',
    });
    await ask('payment_intents', { amount: '300', currency: 'usd' });
    await ask('refunds', { payment_intent: sold['id'] as string, amount: '200' });
    const customer = await ask('customers', { name: 'Ada' });
    const product = await ask('products', {
      name: 'Coffee',
      'default_price_data[currency]': 'usd',
      'default_price_data[unit_amount]': '2600',
      'default_price_data[recurring][interval]': 'month',
    });
    await ask('subscriptions', {
      customer: customer['id'] as string,
      'items[0][price]': product['default_price'] as string,
      default_payment_method: 'pm_card_visa',
    });
  });
  afterAll(() => Promise.all([world.close(), proxy.close()]));

  /** Sets every `status` of objects of this kind, at any depth. */
  const freeze =
    (kind: string) =>
    (answer: ProxiedAnswer): void => {
      const visit = (value: unknown): void => {
        if (typeof value !== 'object' || value === null) return;
        if ((value as Json)['object'] === kind) (value as Json)['status'] = 'frozen';
        Object.values(value).forEach(visit);
      };
      visit(answer.body);
    };

  it.each([
    ['charges', 'charge', 'status'],
    ['payment_intents', 'payment_intent', 'status'],
    ['refunds', 'refund', 'status'],
    ['disputes', 'dispute', 'status'],
    ['balance_transactions', 'charge', 'source.status'],
    ['balance_transactions', 'dispute', 'source.status'],
    ['events', 'charge', 'status'],
    ['events', 'refund', 'status'],
    ['events', 'dispute', 'status'],
    ['invoices', 'invoice_payment', 'payments.data.0.status'],
    ['invoice_events', 'invoice_payment', 'payments.data.0.status'],
  ])('rejects the object and says why (%s, %s)', async (stream, kind, path) => {
    proxy.edit(freeze(kind));
    const transactions = createStripeAdapter({ apiUrl: proxy.url })
      .open({ secretKey: new Secret(world.sandbox.secretKey), call: (request) => request() })
      .resource('transactions');
    const { rejections, records } = await transactions.listPage(allOf(stream));
    expect(rejections?.length).toBeGreaterThan(0);
    for (const { code, message } of rejections ?? []) {
      expect(code).toBe('unreadable');
      expect(message).toContain(`${path}: `);
      expect(message).not.toContain('frozen');
    }
    const rejected = new Set(rejections?.map(({ externalId }) => externalId));
    expect(records.filter(({ externalId }) => rejected.has(externalId))).toEqual([]);
  });
});
