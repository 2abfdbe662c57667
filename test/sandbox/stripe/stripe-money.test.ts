import type Stripe from 'stripe';
import { describe, expect, it } from 'vitest';
import { aSandbox, stripeError } from '../support.ts';

type World = Awaited<ReturnType<typeof aSandbox>>;

const pay = ({ stripe }: World, params: Partial<Stripe.PaymentIntentCreateParams> = {}) =>
  stripe.paymentIntents.create({
    amount: 10_000,
    currency: 'usd',
    confirm: true,
    payment_method: 'pm_card_visa',
    ...params,
  });
const chargeOf = (intent: Stripe.PaymentIntent) => intent.latest_charge as string;
const lines = async ({ stripe }: World, query: Stripe.BalanceTransactionListParams = {}) =>
  (await stripe.balanceTransactions.list({ limit: 100, ...query })).data.map(
    ({ type, amount, fee, net, currency }) => ({ type, amount, fee, net, currency }),
  );
const types = async ({ stripe }: World) =>
  (await stripe.events.list({ limit: 100 })).data.map(({ type }) => type).reverse();

describe('the stand-in’s payments', () => {
  it('create a charge and its balance transaction, with events, when confirmed', async () => {
    const world = await aSandbox();
    const { id: customer } = await world.stripe.customers.create();
    const intent = await pay(world, { customer, metadata: { order: '1' } });
    expect(intent).toMatchObject({ status: 'succeeded', amount_received: 10_000 });
    const charge = await world.stripe.charges.retrieve(chargeOf(intent), {
      expand: ['balance_transaction', 'payment_intent', 'customer'],
    });
    expect(charge).toMatchObject({
      status: 'succeeded',
      paid: true,
      customer: { id: customer },
      metadata: { order: '1' },
      payment_intent: { id: intent.id },
      balance_transaction: {
        amount: 10_000,
        fee: 320,
        net: 9_680,
        type: 'charge',
        source: charge.id,
        reporting_category: 'charge',
        fee_details: [{ amount: 320, type: 'stripe_fee' }],
      },
    });
    expect(await types(world)).toEqual([
      'customer.created',
      'payment_intent.created',
      'charge.succeeded',
      'payment_intent.succeeded',
    ]);
  });

  it('answer 402 to a declined card and keep the failed charge and the waiting intent', async () => {
    const world = await aSandbox();
    const declined = await stripeError(pay(world, { payment_method: 'pm_card_chargeDeclinedInsufficientFunds' }));
    expect(declined).toMatchObject({
      statusCode: 402,
      type: 'StripeCardError',
      code: 'card_declined',
      decline_code: 'insufficient_funds',
    });
    const [charge] = (await world.stripe.charges.list()).data;
    expect(charge).toMatchObject({
      status: 'failed',
      paid: false,
      failure_code: 'card_declined',
      balance_transaction: null,
    });
    const [intent] = (await world.stripe.paymentIntents.list()).data;
    expect(intent).toMatchObject({
      status: 'requires_payment_method',
      latest_charge: charge?.id,
      last_payment_error: { decline_code: 'insufficient_funds' },
    });
    expect(await lines(world)).toEqual([]);
    expect(await world.stripe.paymentIntents.confirm(intent!.id, { payment_method: 'pm_card_visa' })).toMatchObject({
      status: 'succeeded',
      last_payment_error: null,
    });
  });

  it('show a deleted customer when the customer of a charge is expanded', async () => {
    const world = await aSandbox();
    const { id: customer } = await world.stripe.customers.create();
    const intent = await pay(world, { customer });
    await world.stripe.customers.del(customer);
    expect(await world.stripe.charges.retrieve(chargeOf(intent), { expand: ['customer'] })).toMatchObject({
      customer: { id: customer, deleted: true },
    });
  });

  it('replay a declined payment under its key and charge once', async () => {
    const world = await aSandbox();
    const attempt = () =>
      world.stripe.paymentIntents.create(
        { amount: 500, currency: 'usd', confirm: true, payment_method: 'pm_card_chargeDeclined' },
        { idempotencyKey: 'k1' },
      );
    expect([(await stripeError(attempt())).statusCode, (await stripeError(attempt())).statusCode]).toEqual([402, 402]);
    expect(await world.control.state('charges')).toHaveLength(1);
  });

  it('settle the captured amount after a manual capture, and nothing after a cancellation', async () => {
    const world = await aSandbox();
    const { stripe } = world;
    const held = await pay(world, { capture_method: 'manual' });
    expect(held).toMatchObject({ status: 'requires_capture', amount_capturable: 10_000, amount_received: 0 });
    expect(await lines(world)).toEqual([]);
    expect(await stripe.paymentIntents.capture(held.id, { amount_to_capture: 6_000 })).toMatchObject({
      status: 'succeeded',
      amount_received: 6_000,
    });
    expect(await lines(world)).toMatchObject([{ amount: 6_000 }]);
    const released = await pay(world, { capture_method: 'manual' });
    expect(await stripe.paymentIntents.cancel(released.id)).toMatchObject({ status: 'canceled' });
    expect(await stripe.charges.retrieve(chargeOf(released))).toMatchObject({
      captured: false,
      refunded: true,
      amount_refunded: 10_000,
    });
    expect(await lines(world)).toHaveLength(1);
    expect(await stripeError(stripe.paymentIntents.capture(released.id))).toMatchObject({
      statusCode: 400,
      code: 'payment_intent_unexpected_state',
    });
  });

  it('date the balance transaction of a late capture by the day of the capture', async () => {
    const world = await aSandbox();
    await world.control.call('POST', '/clock', { offsetMs: -3 * 86_400_000 });
    const held = await pay(world, { capture_method: 'manual' });
    await world.control.call('POST', '/clock', { offsetMs: 0 });
    await world.stripe.paymentIntents.capture(held.id);
    const charge = await world.stripe.charges.retrieve(chargeOf(held), { expand: ['balance_transaction'] });
    expect((charge.balance_transaction as Stripe.BalanceTransaction).created - charge.created).toBeGreaterThanOrEqual(
      3 * 86_400,
    );
  });

  it('have a whole fee in a currency without decimals', async () => {
    const world = await aSandbox();
    await pay(world, { amount: 12_300, currency: 'isk' });
    expect(await lines(world)).toMatchObject([{ amount: 12_300, fee: 400, currency: 'isk' }]);
  });

  it('stay pending for days from a bank account, then arrive, or fail and leave the balance again', async () => {
    const world = await aSandbox();
    const intents = [
      await pay(world, { payment_method: 'pm_usBankAccount' }),
      await pay(world, { payment_method: 'pm_usBankAccount' }),
    ];
    expect(intents.map(({ status }) => status)).toEqual(['processing', 'processing']);
    await world.control.call('POST', '/acts', { act: 'payment-arrives', id: chargeOf(intents[0]!) });
    await world.control.call('POST', '/acts', { act: 'payment-fails', id: chargeOf(intents[1]!) });
    expect((await world.stripe.charges.list()).data.map(({ status }) => status)).toEqual(['failed', 'succeeded']);
    expect((await lines(world)).map(({ type, amount }) => [type, amount])).toEqual([
      ['payment_failure_refund', -10_000],
      ['payment', 10_000],
      ['payment', 10_000],
    ]);
    expect(await world.stripe.charges.list({ expand: ['data.failure_balance_transaction'] })).toMatchObject({
      data: [{ failure_balance_transaction: { amount: -10_000 } }, {}],
    });
  });

  it.each([
    ['kwd', 1_005, 'multiples of 10'],
    ['ugx', 150, 'multiples of 100'],
    ['usd', 100_000_000, 'no more than'],
  ])('reject %s %i', async (currency, amount, why) => {
    const world = await aSandbox();
    expect((await stripeError(pay(world, { currency, amount }))).message).toContain(why);
    expect(await world.control.state('payment_intents')).toEqual([]);
  });
});

describe('the stand-in’s balance', () => {
  it.each([
    ['usd', 10_000, 320],
    ['jpy', 10_000, 320],
    ['kwd', 10_000, 590],
    ['usd', 1, 30],
  ])('receives %s %i with a fee of %i', async (currency, amount, fee) => {
    const world = await aSandbox();
    await pay(world, { currency, amount });
    expect(await lines(world)).toEqual([{ type: 'charge', amount, fee, net: amount - fee, currency }]);
  });

  it.each([
    ['usd', 'gbp', 10_000, 8_000, 0.8],
    ['usd', 'jpy', 10_000, 15_000, 150],
    ['jpy', 'usd', 15_000, 10_000, 0.006667],
    ['usd', 'kwd', 10_000, 30_000, 0.3],
  ])(
    'converts %s to %s when the account settles in the latter',
    async (currency, settlementCurrency, amount, settled, rate) => {
      const { control, apiUrl } = await aSandbox();
      const { id: account } = await control.call<{ id: string }>('POST', '/accounts', { settlementCurrency });
      await control.call('POST', '/seed', { resource: 'charges', account, records: [{ amount, currency }] });
      const [line] = await control.state<Stripe.BalanceTransaction>('balance_transactions', `?account=${account}`);
      expect(line).toMatchObject({ currency: settlementCurrency, exchange_rate: rate });
      // The rate has six places, as Stripe's does, so the amount agrees with it within rounding.
      expect(Math.abs((line?.amount ?? 0) - settled)).toBeLessThanOrEqual(1);
      expect(line?.net).toBe((line?.amount ?? 0) - (line?.fee ?? 0));
      expect(apiUrl).toMatch(/^http/);
    },
  );

  it('is pending for two days and then available, without an event', async () => {
    const world = await aSandbox();
    await pay(world);
    const status = async () => (await world.stripe.balanceTransactions.list()).data[0]?.status;
    expect(await status()).toBe('pending');
    const before = await types(world);
    await world.control.clock({ offsetMs: 3 * 24 * 60 * 60 * 1_000 });
    expect(await status()).toBe('available');
    expect(await types(world)).toEqual(before);
  });

  it('lists by type, source, payout and currency, with the source expanded on request', async () => {
    const world = await aSandbox();
    const intent = await pay(world);
    await pay(world, { currency: 'eur' });
    const refund = await world.stripe.refunds.create({ payment_intent: intent.id, amount: 100 });
    expect(await lines(world, { type: 'refund' })).toMatchObject([{ amount: -100 }]);
    expect(await lines(world, { source: chargeOf(intent) })).toMatchObject([{ amount: 10_000 }]);
    expect(await lines(world, { currency: 'eur' })).toHaveLength(1);
    const { data } = await world.stripe.balanceTransactions.list({ type: 'refund', expand: ['data.source'] });
    expect(data).toMatchObject([{ source: { id: refund.id, object: 'refund' } }]);
    await world.control.clock({ offsetMs: 3 * 24 * 60 * 60 * 1_000 });
    const { ids } = await world.control.seed({ resource: 'payouts', records: [{ currency: 'usd' }] });
    expect(await lines(world, { payout: ids[0]! })).toMatchObject([
      { type: 'payout', amount: -(9_680 - 100) },
      { type: 'refund' },
      { type: 'charge' },
    ]);
    expect(await world.stripe.payouts.retrieve(ids[0]!)).toMatchObject({ amount: 9_580, status: 'paid' });
  });
});

describe('the stand-in’s refunds', () => {
  it('return a part and then the rest, and never more', async () => {
    const world = await aSandbox();
    const { stripe } = world;
    const charge = chargeOf(await pay(world));
    expect(await stripe.refunds.create({ charge, amount: 2_500, reason: 'duplicate' })).toMatchObject({
      status: 'succeeded',
      reason: 'duplicate',
      amount: 2_500,
    });
    expect(await stripe.charges.retrieve(charge)).toMatchObject({ amount_refunded: 2_500, refunded: false });
    expect(await stripeError(stripe.refunds.create({ charge, amount: 7_501 }))).toMatchObject({
      statusCode: 400,
      param: 'amount',
    });
    await stripe.refunds.create({ charge });
    expect(await stripe.charges.retrieve(charge, { expand: ['refunds'] })).toMatchObject({
      amount_refunded: 10_000,
      refunded: true,
      refunds: { data: [{ amount: 7_500 }, { amount: 2_500 }] },
    });
    expect(await stripeError(stripe.refunds.create({ charge }))).toMatchObject({ code: 'charge_already_refunded' });
    expect((await lines(world)).map(({ amount, fee }) => [amount, fee])).toEqual([
      [-7_500, 0],
      [-2_500, 0],
      [10_000, 320],
    ]);
    expect((await stripe.refunds.list({ charge })).data).toHaveLength(2);
    expect((await types(world)).filter((type) => type.includes('refund'))).toEqual([
      'refund.created',
      'charge.refunded',
      'refund.created',
      'charge.refunded',
    ]);
  });

  it('return the money to the balance and the charge when they fail', async () => {
    const world = await aSandbox();
    const charge = chargeOf(await pay(world, { payment_method: 'pm_card_refundFail' }));
    const refund = await world.stripe.refunds.create({ charge });
    expect(refund).toMatchObject({ status: 'failed', failure_reason: 'expired_or_canceled_card' });
    expect(await world.stripe.charges.retrieve(charge)).toMatchObject({ amount_refunded: 0, refunded: false });
    expect((await lines(world)).map(({ type, amount }) => [type, amount])).toEqual([
      ['refund_failure', 10_000],
      ['refund', -10_000],
      ['charge', 10_000],
    ]);
    expect(await types(world)).toEqual(expect.arrayContaining(['refund.failed', 'charge.refund.updated']));
  });

  it('settle at the rate of their charge', async () => {
    const world = await aSandbox();
    const { ids } = await world.control.seed({
      resource: 'charges',
      records: [{ amount: 1_000, currency: 'usd', settlement_currency: 'gbp', exchange_rate: 0.75 }],
    });
    await world.stripe.refunds.create({ charge: ids[0]! });
    expect((await lines(world)).map(({ amount, currency }) => [amount, currency])).toEqual([
      [-750, 'gbp'],
      [750, 'gbp'],
    ]);
  });
});

describe('the stand-in’s disputes', () => {
  it('withdraw the money and a fee, and return both when won', async () => {
    const world = await aSandbox();
    const charge = chargeOf(await pay(world, { payment_method: 'pm_card_createDispute' }));
    const [dispute] = (await world.stripe.disputes.list({ charge })).data;
    expect(dispute).toMatchObject({
      status: 'needs_response',
      reason: 'fraudulent',
      amount: 10_000,
      balance_transactions: [
        { amount: -10_000, fee: 1_500, net: -11_500, type: 'adjustment', reporting_category: 'dispute' },
      ],
    });
    expect(await world.stripe.charges.retrieve(charge)).toMatchObject({ disputed: true });
    expect(await stripeError(world.stripe.refunds.create({ charge }))).toMatchObject({ code: 'charge_disputed' });
    const won = await world.stripe.disputes.update(dispute!.id, {
      evidence: { uncategorized_text: 'winning_evidence' },
      submit: true,
    });
    expect(won).toMatchObject({
      status: 'won',
      balance_transactions: [{}, { amount: 10_000, fee: -1_500, net: 11_500, reporting_category: 'dispute_reversal' }],
    });
    expect((await types(world)).filter((type) => type.startsWith('charge.dispute'))).toEqual([
      'charge.dispute.created',
      'charge.dispute.funds_withdrawn',
      'charge.dispute.updated',
      'charge.dispute.closed',
      'charge.dispute.funds_reinstated',
    ]);
  });

  it('are lost when accepted, once', async () => {
    const world = await aSandbox();
    const charge = chargeOf(await pay(world));
    const { id } = await world.control.call<{ id: string }>('POST', '/acts', {
      act: 'open-dispute',
      id: charge,
      reason: 'product_not_received',
    });
    expect(await world.stripe.disputes.close(id)).toMatchObject({ status: 'lost', reason: 'product_not_received' });
    expect(await stripeError(world.stripe.disputes.close(id))).toMatchObject({ statusCode: 400 });
    expect(await lines(world, { type: 'adjustment' })).toHaveLength(1);
  });
});
