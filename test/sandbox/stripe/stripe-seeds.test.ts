import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type Stripe from 'stripe';
import { describe, expect, it } from 'vitest';
import { clientOf, aSandbox, controlOf } from '../support.ts';
import { later } from '../../support/later.ts';
import { startStripeSandbox } from '../../../sandbox/stripe/stripe-sandbox.ts';

describe('a seed', () => {
  it('creates everything that belongs to a payment, without events', async () => {
    const { stripe, control } = await aSandbox();
    const records = Array.from({ length: 830 }, (_, index) => ({
      amount: 1_000 + index,
      created: 1_700_000_000 + index,
      description: `Order ${index}`,
      metadata: { order: String(index) },
      payment_intent: true,
      status: index % 10 === 9 ? 'failed' : 'succeeded',
      refunded_amount: index % 10 === 0 ? 500 : 0,
      disputed: index % 100 === 5,
    }));
    expect(await control.seed({ resource: 'charges', records })).toMatchObject({ created: 830, total: 830 });
    const lines = await control.state<Stripe.BalanceTransaction>('balance_transactions');
    const sum = (type: string) =>
      lines.filter((line) => line.type === type).reduce((total, { amount }) => total + amount, 0);
    const succeeded = records.filter(({ status }) => status === 'succeeded');
    expect(sum('charge')).toBe(succeeded.reduce((total, { amount }) => total + amount, 0));
    expect(sum('refund')).toBe(-83 * 500);
    expect(await control.state('disputes')).toHaveLength(9);
    expect(await control.state('payment_intents')).toHaveLength(830);
    for (const { net, amount, fee } of lines) expect(net).toBe(amount - fee);
    expect((await stripe.events.list()).data).toEqual([]);
  });

  it('of charges by number creates each with its intent, balance transaction and customer, and keeps them after a write', async () => {
    const { stripe, control } = await aSandbox();
    await control.seed({ count: 7 });
    await control.seed({ resource: 'charges', count: 20 });
    const { data } = await stripe.charges.list({
      limit: 100,
      expand: ['data.balance_transaction', 'data.payment_intent', 'data.customer'],
    });
    for (const charge of data) {
      expect(charge.balance_transaction).toMatchObject({ source: charge.id, amount: charge.amount });
      expect(charge.payment_intent).toMatchObject({ latest_charge: charge.id, amount_received: charge.amount });
      expect(charge.customer).toMatchObject({ object: 'customer' });
    }
    const [charge] = data;
    await stripe.refunds.create({ charge: charge!.id, amount: 100 });
    expect(await stripe.charges.retrieve(charge!.id)).toMatchObject({
      amount: charge?.amount,
      amount_refunded: 100,
      customer: (charge?.customer as Stripe.Customer).id,
    });
  });

  it('of products by number creates their default prices', async () => {
    const { stripe, control } = await aSandbox();
    await control.seed({ resource: 'products', count: 20 });
    await control.seed({ resource: 'products', count: 5 });
    const { data } = await stripe.products.list({ limit: 100, expand: ['data.default_price'] });
    expect(data).toHaveLength(25);
    for (const product of data) expect(product.default_price).toMatchObject({ product: product.id, active: true });
  });

  it('of charges with named payment intents creates the same in two accounts', async () => {
    const { stripe, control } = await aSandbox();
    const { id: account } = await control.call<{ readonly id: string }>('POST', '/accounts', {});
    for (const owner of [{}, { account }])
      await control.seed({
        resource: 'charges',
        ...owner,
        records: [
          { id: 'ch_same', amount: 10, payment_intent: 'pi_same' },
          { amount: 20, payment_intent: false },
        ],
      });
    expect(await stripe.paymentIntents.retrieve('pi_same')).toMatchObject({
      latest_charge: 'ch_same',
      amount_received: 10,
    });
    expect((await stripe.charges.list()).data.map(({ payment_intent: intent }) => intent)).toEqual([null, 'pi_same']);
  });

  it('creates single refunds, disputes and balance transactions', async () => {
    const { stripe, control } = await aSandbox();
    const {
      ids: [charge = ''],
    } = await control.seed({ resource: 'charges', records: [{ amount: 10_000, fee: 0 }] });
    await control.seed({
      resource: 'refunds',
      records: [
        { charge, amount: 100, created: 5 },
        { charge, amount: 200, status: 'failed' },
      ],
    });
    await control.seed({ resource: 'disputes', records: [{ charge, amount: 300, status: 'won' }] });
    await control.seed({
      resource: 'balance_transactions',
      records: [
        { amount: -42, type: 'adjustment', created: 7 },
        { amount: -99, type: 'stripe_fee' },
      ],
    });
    expect(await stripe.charges.retrieve(charge)).toMatchObject({ amount_refunded: 100, disputed: true });
    const amounts = (await stripe.balanceTransactions.list({ limit: 100 })).data.map(
      ({ type, amount, reporting_category: category }) => [type, amount, category],
    );
    expect(amounts.sort()).toEqual(
      [
        ['adjustment', -300, 'dispute'],
        ['adjustment', -42, 'other_adjustment'],
        ['adjustment', 300, 'dispute_reversal'],
        ['charge', 10_000, 'charge'],
        ['refund', -100, 'refund'],
        ['refund', -200, 'refund'],
        ['refund_failure', 200, 'refund_failure'],
        ['stripe_fee', -99, 'fee'],
      ].sort(),
    );
  });

  it.each([
    [{ resource: 'prices', count: 3 }, 400],
    [{ resource: 'charges' }, 400],
    [{ resource: 'charges', records: [{ amount: 10.5 }] }, 400],
    [{ resource: 'charges', records: [{ amount: 10, refunded_amount: 11 }] }, 409],
    [
      {
        resource: 'charges',
        records: [
          { id: 'ch_1', amount: 1 },
          { id: 'ch_1', amount: 1 },
        ],
      },
      409,
    ],
    [{ resource: 'refunds', records: [{ charge: 'ch_none' }] }, 404],
  ])('rejects %j and leaves nothing behind', async (body, status) => {
    const { controlUrl, control } = await aSandbox();
    const response = await fetch(`${controlUrl}/seed`, { method: 'POST', body: JSON.stringify(body) });
    expect(response.status).toBe(status);
    expect([await control.state('charges'), await control.state('balance_transactions')]).toEqual([[], []]);
  });

  it('survives a restart with all later writes', async () => {
    const home = mkdtempSync(join(tmpdir(), 'stripe-seeds-'));
    later(() => {
      rmSync(home, { recursive: true, force: true });
    });
    const first = await startStripeSandbox({ home, limits: { requestsPerSecond: 0 } });
    const control = controlOf(first.controlUrl);
    await control.seed({ resource: 'charges', count: 50 });
    await control.seed({ resource: 'products', count: 5 });
    const stripe = clientOf(first);
    const [charge] = (await stripe.charges.list()).data;
    await stripe.refunds.create({ charge: charge!.id, amount: 10 });
    await stripe.paymentIntents.create({
      amount: 500,
      currency: 'usd',
      confirm: true,
      payment_method: 'pm_card_createDispute',
    });
    const resources = [
      'charges',
      'payment_intents',
      'balance_transactions',
      'refunds',
      'disputes',
      'products',
      'prices',
      'events',
    ];
    const seen = async ({ state }: ReturnType<typeof controlOf>) =>
      Promise.all(resources.map((resource) => state(resource)));
    const before = await seen(control);
    await first.close();
    // Restarts once from the journal as written and once from the compacted one.
    for (let restart = 0; restart < 2; restart++) {
      const again = await startStripeSandbox({ home });
      expect(await seen(controlOf(again.controlUrl))).toEqual(before);
      await again.close();
    }
  });
});
