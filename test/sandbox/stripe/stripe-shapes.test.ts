import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { aSandbox, stripeError } from '../support.ts';
import { interfacesIn } from './typings.ts';

type Json = Readonly<Record<string, unknown>>;

// Stripe's published fixtures, https://github.com/stripe/openapi. They are stored outside the repository.
const FIXTURES = new URL('../../../../shared/samples/stripe/fixtures3.json', import.meta.url);
const present = existsSync(FIXTURES);
if (!present)
  process.stderr.write(
    `SKIPPED: the official Stripe fixtures are not at ${FIXTURES.pathname}, so the sandbox is not held to them.\n`,
  );
const official = present
  ? (JSON.parse(readFileSync(FIXTURES, 'utf8')) as { resources: Record<string, Json> }).resources
  : {};

describe.skipIf(!present)('the stand-in Stripe answers in Stripe’s own shapes', () => {
  const filled = {
    name: 'Ana Trujillo',
    email: 'ana@example.com',
    phone: '+525555554729',
    description: 'Regular',
    address: { line1: 'Avda. 1', line2: '2', city: 'México', state: 'DF', postal_code: '05021', country: 'MX' },
    shipping: { name: 'Ana', phone: '1', address: { line1: 'Avda. 1' } },
    metadata: { sourceId: 'ANATR' },
  };

  it.each([
    ['with only the required fields', {}],
    ['with everything set', filled],
  ])('for a customer %s', async (_case, params) => {
    const { stripe } = await aSandbox();
    holdTo('customer', 'Customers', await stripe.customers.create(params));
  });

  it('for a seeded customer', async () => {
    const { stripe, control } = await aSandbox();
    await control.seed({ count: 8 });
    for (const customer of (await stripe.customers.list()).data) holdTo('customer', 'Customers', customer);
  });

  it('for an account', async () => {
    const { stripe } = await aSandbox();
    holdTo('account', 'Accounts', await stripe.accounts.retrieveCurrent());
  });

  it('for a deleted customer', async () => {
    const { stripe } = await aSandbox();
    const { id } = await stripe.customers.create();
    const deleted = await stripe.customers.del(id);
    expect(deleted).toEqual({ ...official['deleted_customer'], id });
    expect(await stripe.customers.retrieve(id)).toEqual(deleted);
  });

  it('for the events of a create, an update and a delete', async () => {
    const { stripe } = await aSandbox();
    const { id } = await stripe.customers.create({ name: 'A' });
    await stripe.customers.update(id, { name: 'B' });
    await stripe.customers.del(id);
    const { data } = await stripe.events.list();
    expect(data.map((event) => event.type)).toEqual(['customer.deleted', 'customer.updated', 'customer.created']);
    for (const event of data) {
      // The fixture's own object is a plan. Here `data.object` is a customer and is compared with the customer fixture.
      expect(Object.keys(event).sort()).toEqual(Object.keys(official['event'] ?? {}).sort());
      expect(Object.keys(event.data)).toEqual(
        event.type === 'customer.updated' ? ['object', 'previous_attributes'] : ['object'],
      );
      holdTo('customer', 'Customers', event.data.object);
    }
  });

  it('for products and prices, bare and full, created and seeded', async () => {
    const { stripe, control } = await aSandbox();
    await stripe.products.create({ name: 'Bare' });
    await stripe.products.create({
      name: 'Full',
      description: 'D',
      images: ['https://example.com/1.png'],
      marketing_features: [{ name: 'Fine' }],
      package_dimensions: { height: 1, length: 2, weight: 3, width: 4 },
      shippable: true,
      unit_label: 'box',
      url: 'https://example.com',
      default_price_data: { currency: 'usd', unit_amount: 1, recurring: { interval: 'month' } },
    });
    await control.seed({ resource: 'products', count: 2 });
    for (const product of (await stripe.products.list()).data) holdTo('product', 'Products', product);
    for (const price of (await stripe.prices.list()).data) holdTo('price', 'Prices', wire(price));
  });

  it('for payments, approved and declined, refunded, disputed, pending and paid out, with their balance transactions', async () => {
    const { stripe, control } = await aSandbox();
    const pay = (method: string) =>
      stripe.paymentIntents.create({ amount: 5_000, currency: 'usd', confirm: true, payment_method: method });
    const intents = [
      await pay('pm_card_visa'),
      await pay('pm_card_refundFail'),
      await pay('pm_card_createDispute'),
      await pay('pm_usBankAccount'),
      await pay('pm_card_authenticationRequired'),
    ];
    await stripeError(pay('pm_card_chargeDeclined'));
    for (const intent of intents.slice(0, 2)) await stripe.refunds.create({ payment_intent: intent.id });
    await control.call('POST', '/acts', { act: 'payment-fails', id: intents[3]?.latest_charge });
    await control.seed({ resource: 'payouts', records: [{}] });
    await control.seed({ resource: 'charges', count: 2 });
    for (const intent of (await stripe.paymentIntents.list()).data) holdTo('payment_intent', 'PaymentIntents', intent);
    for (const charge of (await stripe.charges.list()).data) holdTo('charge', 'Charges', charge);
    for (const line of (await stripe.balanceTransactions.list({ limit: 100 })).data)
      holdTo('balance_transaction', 'BalanceTransactions', line);
    for (const refund of (await stripe.refunds.list()).data) holdTo('refund', 'Refunds', refund);
    for (const dispute of (await stripe.disputes.list()).data) holdTo('dispute', 'Disputes', dispute);
    for (const payout of (await stripe.payouts.list()).data) holdTo('payout', 'Payouts', payout);
  });

  it('for subscriptions, invoices, their items, lines and payments, and test clocks', async () => {
    const { stripe } = await aSandbox();
    const clock = await stripe.testHelpers.testClocks.create({ frozen_time: 1_800_000_000 });
    const { id: customer } = await stripe.customers.create({ test_clock: clock.id });
    const price = await stripe.prices.create({
      currency: 'usd',
      unit_amount: 900,
      recurring: { interval: 'week' },
      product_data: { name: 'Gold' },
    });
    const subscription = await stripe.subscriptions.create({
      customer,
      items: [{ price: price.id }],
      default_payment_method: 'pm_card_visa',
    });
    holdTo('subscription', 'Subscriptions', subscription);
    holdTo('subscription_item', 'SubscriptionItems', subscription.items.data[0] ?? {});
    holdTo('plan', 'Plans', wire(subscription.items.data[0]?.plan ?? {}));
    const item = await stripe.invoiceItems.create({ customer, amount: 5, currency: 'usd' });
    holdTo('invoiceitem', 'InvoiceItems', wire(item), 'InvoiceItem');
    await stripe.invoices.create({ customer, pending_invoice_items_behavior: 'include' });
    for (const invoice of (await stripe.invoices.list()).data) {
      holdTo('invoice', 'Invoices', invoice);
      for (const line of invoice.lines.data) holdTo('line_item', 'InvoiceLineItems', wire(line), 'InvoiceLineItem');
    }
    for (const payment of (await stripe.invoicePayments.list()).data)
      holdTo('invoice_payment', 'InvoicePayments', payment);
    holdTo(
      'test_helpers.test_clock',
      'TestHelpers/TestClocks',
      await stripe.testHelpers.testClocks.advance(clock.id, { frozen_time: 1_801_000_000 }),
      'TestClock',
    );
  });

  it('for a list', async () => {
    const { stripe } = await aSandbox();
    const page = await stripe.customers.list();
    const fixture = (official['account'] as { external_accounts: Json }).external_accounts;
    expect(Object.keys(page).sort()).toEqual(Object.keys(fixture).sort());
    expect(page).toEqual({ object: 'list', data: [], has_more: false, url: '/v1/customers' });
  });
});

/**
 * Asserts that every official key is present with a compatible type, and that no key is unknown to both the fixture and
 * the SDK's typings.
 */
function holdTo(resource: string, typings: string, ours: object, root = pascal(resource)): void {
  const fixture = official[resource];
  if (!fixture) throw new Error(`the fixtures have no ${resource}`);
  compare({ ours: ours as Json, fixture, name: root, interfaces: interfacesIn(typings) });
}

interface Comparison {
  readonly ours: Json;
  readonly fixture: Json;
  readonly name: string;
  readonly interfaces: ReadonlyMap<string, ReadonlyMap<string, string>>;
}

function compare({ ours, fixture, name, interfaces }: Comparison): void {
  const typed = interfaces.get(name) ?? new Map<string, string>();
  holdKeysTo({ ours, fixture, name, typed });
  for (const [key, value] of Object.entries(ours)) {
    const where = `${name}.${key}`;
    const expected = fixture[key] ?? null;
    expect(key in fixture || typed.has(key), `${where} is known to Stripe`).toBe(true);
    if (expected === null) continue;
    const allowed = [kindOf(expected), ...(/\bnull\b/.exec(typed.get(key) ?? '') ?? [])];
    expect(allowed, `${where} is of an official type`).toContain(kindOf(value));
    if (hasKeys(value) && isPart(expected))
      compare({ ours: value, fixture: expected, name: `${name}.${pascal(key)}`, interfaces });
  }
}

function holdKeysTo({
  ours,
  fixture,
  name,
  typed,
}: Pick<Comparison, 'ours' | 'fixture' | 'name'> & { readonly typed: ReadonlyMap<string, string> }): void {
  // Keys that the typings call optional may be absent, such as a list shown only when expanded. The fixtures are older
  // than the typings: a key unknown to the typings, such as an invoice's `subscription`, has left the API.
  const wanted = Object.keys(fixture).filter(
    (key) => typed.size === 0 || !/\bundefined\b/.test(typed.get(key) ?? 'undefined'),
  );
  expect(Object.keys(ours), `${name} has every official key`).toEqual(expect.arrayContaining(wanted));
  const required = [...typed].filter(([, type]) => !/\b(?:undefined|void)\b/.test(type)).map(([key]) => key);
  expect(Object.keys(ours), `${name} has every key the typings require`).toEqual(expect.arrayContaining(required));
}

/** The JSON form, because the SDK turns decimals into objects. */
const wire = (object: object): object => JSON.parse(JSON.stringify(object)) as object;
const kindOf = (value: unknown) => (Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value);
const hasKeys = (value: unknown): value is Json =>
  kindOf(value) === 'object' && Object.keys(value as object).length > 0;
/** True for a hash that is part of its resource. A nested resource has its own typings and is checked separately. */
const isPart = (value: unknown): value is Json => hasKeys(value) && !('id' in value);
const pascal = (key: string) => key.replace(/(?:^|_)([a-z])/g, (_match, letter: string) => letter.toUpperCase());
