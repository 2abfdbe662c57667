import type Stripe from 'stripe';
import { describe, expect, it } from 'vitest';
import { aSandbox, stripeError } from '../support.ts';

type World = Awaited<ReturnType<typeof aSandbox>>;

const DAY = 24 * 60 * 60;
const types = async ({ stripe }: World) =>
  (await stripe.events.list({ limit: 100 })).data.map(({ type }) => type).reverse();

async function aCustomer(world: World, params: Stripe.CustomerCreateParams = {}) {
  return (await world.stripe.customers.create({ name: 'Ana', email: 'ana@example.com', ...params })).id;
}

async function aMonthlyPrice({ stripe }: World) {
  return (
    await stripe.prices.create({
      currency: 'usd',
      unit_amount: 2_000,
      recurring: { interval: 'month' },
      product_data: { name: 'Gold' },
    })
  ).id;
}

describe('invoices', () => {
  it('collect their items, are finalized, and are paid by a new charge', async () => {
    const world = await aSandbox();
    const { stripe } = world;
    const customer = await aCustomer(world);
    await stripe.invoiceItems.create({ customer, amount: 1_500, currency: 'usd', description: 'Waiting' });
    const invoice = await stripe.invoices.create({ customer, pending_invoice_items_behavior: 'include' });
    await stripe.invoiceItems.create({
      customer,
      invoice: invoice.id,
      amount: -500,
      currency: 'usd',
      description: 'Discount',
    });
    expect(await stripe.invoices.finalizeInvoice(invoice.id)).toMatchObject({
      status: 'open',
      total: 1_000,
      amount_due: 1_000,
      amount_remaining: 1_000,
      customer_email: 'ana@example.com',
    });
    const paid = await stripe.invoices.pay(invoice.id, {
      payment_method: 'pm_card_visa',
      expand: ['payments.data.payment.payment_intent'],
    });
    expect(paid).toMatchObject({ status: 'paid', amount_paid: 1_000, amount_remaining: 0 });
    const intent = paid.payments?.data[0]?.payment.payment_intent as Stripe.PaymentIntent;
    expect(await stripe.charges.retrieve(intent.latest_charge as string)).toMatchObject({
      amount: 1_000,
      customer,
      status: 'succeeded',
    });
    expect(
      (await stripe.invoicePayments.list({ payment: { type: 'payment_intent', payment_intent: intent.id } })).data,
    ).toMatchObject([{ invoice: invoice.id, status: 'paid', amount_paid: 1_000 }]);
    expect((await types(world)).filter((type) => type.startsWith('invoice'))).toEqual([
      'invoiceitem.created',
      'invoice.created',
      'invoiceitem.created',
      'invoice.updated',
      'invoice.finalized',
      'invoice_payment.paid',
      'invoice.paid',
      'invoice.payment_succeeded',
    ]);
  });

  it('embed ten of their lines everywhere, and list the others separately', async () => {
    const world = await aSandbox();
    const { stripe } = world;
    const customer = await aCustomer(world);
    for (let amount = 101; amount <= 125; amount += 1)
      await stripe.invoiceItems.create({ customer, amount, currency: 'usd' });
    const { id } = await stripe.invoices.create({ customer, pending_invoice_items_behavior: 'include' });
    const whole = (await stripe.invoices.listLineItems(id, { limit: 100 })).data;
    expect(whole.map(({ amount }) => amount).sort()).toEqual(Array.from({ length: 25 }, (_, index) => 101 + index));
    const told = (await stripe.events.list({ type: 'invoice.created' })).data[0]?.data.object as Stripe.Invoice;
    for (const { lines } of [await stripe.invoices.retrieve(id), (await stripe.invoices.list()).data[0]!, told]) {
      expect([lines.has_more, lines.data.map((line) => line.id)]).toEqual([
        true,
        whole.slice(0, 10).map((line) => line.id),
      ]);
    }
    const pages: string[] = [];
    for await (const line of stripe.invoices.listLineItems(id, { limit: 10 })) pages.push(line.id);
    expect(pages).toEqual(whole.map((line) => line.id));
    expect(await stripeError(stripe.invoices.listLineItems(id, { starting_after: 'il_none' }))).toMatchObject({
      statusCode: 400,
      param: 'starting_after',
    });
    expect(await stripeError(stripe.invoices.listLineItems('in_none'))).toMatchObject({ statusCode: 404 });
  });

  it('are paid once several payments reach the amount due', async () => {
    const world = await aSandbox();
    const { stripe } = world;
    const customer = await aCustomer(world);
    await stripe.invoiceItems.create({ customer, amount: 2_500, currency: 'usd' });
    const { id } = await stripe.invoices.create({ customer, pending_invoice_items_behavior: 'include' });
    await stripe.invoices.finalizeInvoice(id);
    const paid = async (amount: number, options: Partial<Stripe.PaymentIntentCreateParams> = {}) =>
      (
        await stripe.paymentIntents.create({
          amount,
          currency: 'usd',
          confirm: true,
          payment_method: 'pm_card_visa',
          ...options,
        })
      ).id;
    expect(await stripe.invoices.attachPayment(id, { payment_intent: await paid(1_500) })).toMatchObject({
      status: 'open',
      amount_paid: 1_500,
      amount_remaining: 1_000,
    });
    expect(
      await stripe.invoices.attachPayment(id, { payment_intent: await paid(1_000), expand: ['payments'] }),
    ).toMatchObject({
      status: 'paid',
      amount_paid: 2_500,
      payments: { data: [{ amount_paid: 1_000 }, { amount_paid: 1_500 }, { status: 'canceled' }] },
    });
    const late = await paid(100);
    expect(await stripeError(stripe.invoices.attachPayment(id, { payment_intent: late }))).toMatchObject({
      statusCode: 400,
    });
  });

  it('stay open when the card is declined, and are voided with their payment canceled', async () => {
    const world = await aSandbox();
    const { stripe } = world;
    const customer = await aCustomer(world);
    const { id } = await stripe.invoices.create({ customer, currency: 'usd' });
    await stripe.invoiceItems.create({ customer, invoice: id, amount: 900, currency: 'usd' });
    expect(await stripeError(stripe.invoices.pay(id, { payment_method: 'pm_card_chargeDeclined' }))).toMatchObject({
      statusCode: 402,
      code: 'card_declined',
    });
    expect(await stripe.invoices.retrieve(id)).toMatchObject({ status: 'open', attempt_count: 1, attempted: true });
    expect(await stripe.invoices.voidInvoice(id)).toMatchObject({ status: 'void' });
    expect((await stripe.paymentIntents.list()).data).toMatchObject([{ status: 'canceled' }]);
    expect(await stripeError(stripe.invoices.pay(id, { payment_method: 'pm_card_visa' }))).toMatchObject({
      statusCode: 400,
    });
  });

  it('are listed by customer, status and subscription, and can be deleted as drafts', async () => {
    const world = await aSandbox();
    const { stripe } = world;
    const [ana, ben] = [await aCustomer(world), await aCustomer(world)];
    const draft = await stripe.invoices.create({ customer: ana });
    const paid = await stripe.invoices.create({ customer: ben });
    await stripe.invoices.pay(paid.id, { paid_out_of_band: true });
    const ids = async (query: Stripe.InvoiceListParams) => (await stripe.invoices.list(query)).data.map(({ id }) => id);
    expect([
      await ids({ customer: ana }),
      await ids({ status: 'paid' }),
      await ids({ customer: ana, status: 'paid' }),
      await ids({ subscription: 'sub_none' }),
    ]).toEqual([[draft.id], [paid.id], [], []]);
    expect(await stripe.invoices.del(draft.id)).toMatchObject({ deleted: true });
    expect(await stripeError(stripe.invoices.del(paid.id))).toMatchObject({ statusCode: 400 });
  });
});

describe('a subscription with a test clock', () => {
  it('bills at once, and again for every month the test clock passes, at that month’s time', async () => {
    const world = await aSandbox();
    const { stripe } = world;
    const frozen_time = Date.UTC(2026, 0, 31, 12) / 1_000;
    const clock = await stripe.testHelpers.testClocks.create({ frozen_time });
    const customer = await aCustomer(world, { test_clock: clock.id });
    const subscription = await stripe.subscriptions.create({
      customer,
      items: [{ price: await aMonthlyPrice(world), quantity: 2 }],
      default_payment_method: 'pm_card_visa',
      expand: ['latest_invoice'],
    });
    expect(subscription).toMatchObject({
      status: 'active',
      test_clock: clock.id,
      latest_invoice: { billing_reason: 'subscription_create', status: 'paid', total: 4_000 },
    });
    expect(
      await stripe.testHelpers.testClocks.advance(clock.id, { frozen_time: Date.UTC(2026, 3, 1) / 1_000 }),
    ).toMatchObject({ status: 'advancing' });
    expect(await stripe.testHelpers.testClocks.retrieve(clock.id)).toMatchObject({
      status: 'ready',
      frozen_time: Date.UTC(2026, 3, 1) / 1_000,
    });
    const invoices = (await stripe.invoices.list({ subscription: subscription.id })).data;
    const at = (month: number, day: number) => Date.UTC(2026, month, day, 12) / 1_000;
    expect(invoices.map(({ created, status, billing_reason }) => [created, status, billing_reason])).toEqual([
      [at(2, 31), 'paid', 'subscription_cycle'],
      [at(1, 28), 'paid', 'subscription_cycle'],
      [frozen_time, 'paid', 'subscription_create'],
    ]);
    expect((await stripe.charges.list({ customer })).data.map(({ created, amount }) => [created, amount])).toEqual([
      [at(2, 31), 4_000],
      [at(1, 28), 4_000],
      [frozen_time, 4_000],
    ]);
    expect(
      (await types(world)).filter(
        (type) => type.startsWith('customer.subscription') || type.startsWith('test_helpers'),
      ),
    ).toEqual([
      'test_helpers.test_clock.created',
      'customer.subscription.created',
      'test_helpers.test_clock.advancing',
      'customer.subscription.updated',
      'customer.subscription.updated',
      'test_helpers.test_clock.ready',
    ]);
  });

  it('ends at the end of its period on request, and at once when canceled', async () => {
    const world = await aSandbox();
    const { stripe } = world;
    const clock = await stripe.testHelpers.testClocks.create({ frozen_time: 1_800_000_000 });
    const customer = await aCustomer(world, { test_clock: clock.id });
    const price = await aMonthlyPrice(world);
    const create = () =>
      stripe.subscriptions.create({ customer, items: [{ price }], default_payment_method: 'pm_card_visa' });
    const [ending, cancelled] = [await create(), await create()];
    expect(await stripe.subscriptions.update(ending.id, { cancel_at_period_end: true })).toMatchObject({
      status: 'active',
      cancel_at: ending.items.data[0]?.current_period_end,
    });
    expect(await stripe.subscriptions.cancel(cancelled.id)).toMatchObject({ status: 'canceled' });
    await stripe.testHelpers.testClocks.advance(clock.id, { frozen_time: 1_800_000_000 + 40 * DAY });
    expect((await stripe.subscriptions.list()).data).toEqual([]);
    expect((await stripe.subscriptions.list({ status: 'all' })).data.map(({ status }) => status)).toEqual([
      'canceled',
      'canceled',
    ]);
    expect((await stripe.invoices.list()).data).toHaveLength(2);
  });

  it('stays incomplete when its first payment is declined', async () => {
    const world = await aSandbox();
    const subscription = await world.stripe.subscriptions.create({
      customer: await aCustomer(world),
      items: [{ price: await aMonthlyPrice(world) }],
      default_payment_method: 'pm_card_chargeDeclined',
      expand: ['latest_invoice'],
    });
    expect(subscription).toMatchObject({ status: 'incomplete', latest_invoice: { status: 'open', attempt_count: 1 } });
    expect(await types(world)).toEqual(
      expect.arrayContaining(['charge.failed', 'payment_intent.payment_failed', 'invoice.payment_failed']),
    );
  });

  it('rejects a one-time price, an archived one, and a customer who cannot pay', async () => {
    const world = await aSandbox();
    const { stripe } = world;
    const customer = await aCustomer(world);
    const once = await stripe.prices.create({ currency: 'usd', unit_amount: 1, product_data: { name: 'Once' } });
    const archived = await aMonthlyPrice(world);
    await stripe.prices.update(archived, { active: false });
    for (const price of [once.id, archived]) {
      expect(
        await stripeError(
          stripe.subscriptions.create({ customer, items: [{ price }], default_payment_method: 'pm_card_visa' }),
        ),
      ).toMatchObject({ statusCode: 400, param: 'items[0][price]' });
    }
    expect(
      await stripeError(stripe.subscriptions.create({ customer, items: [{ price: await aMonthlyPrice(world) }] })),
    ).toMatchObject({ statusCode: 400, code: 'resource_missing' });
    expect(await world.control.state('invoices')).toEqual([]);
  });

  it('deletes its customers together with the clock', async () => {
    const world = await aSandbox();
    const clock = await world.stripe.testHelpers.testClocks.create({ frozen_time: 1_800_000_000 });
    const customer = await aCustomer(world, { test_clock: clock.id });
    await aCustomer(world);
    expect((await world.stripe.customers.list({ test_clock: clock.id })).data).toMatchObject([
      { id: customer, test_clock: clock.id },
    ]);
    await world.stripe.testHelpers.testClocks.del(clock.id);
    expect(await world.stripe.customers.retrieve(customer)).toMatchObject({ deleted: true });
    expect(await world.control.customers()).toHaveLength(1);
    expect(
      await stripeError(world.stripe.testHelpers.testClocks.advance(clock.id, { frozen_time: 1_900_000_000 })),
    ).toMatchObject({ statusCode: 404 });
  });
});
