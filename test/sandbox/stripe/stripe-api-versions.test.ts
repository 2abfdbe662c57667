import { describe, expect, it } from 'vitest';
import { aHome, aSandbox, clientOf } from '../support.ts';
import type { SandboxAccount } from '../support.ts';

interface Json {
  readonly [field: string]: unknown;
  readonly status?: string;
  readonly lines?: { readonly data: readonly object[] };
}
type TestSandbox = Awaited<ReturnType<typeof aSandbox>>;

/** An account of an older API version, with its events as sent over HTTP. */
async function anAccountOf(apiVersion: string, sandbox: TestSandbox) {
  const account = await sandbox.control.call<SandboxAccount>('POST', '/accounts', { apiVersion });
  const stripe = clientOf({ apiUrl: sandbox.apiUrl, secretKey: account.secretKey });
  const events = async (type: string) => {
    const { data } = await stripe.events.list({ type });
    return data.map((event) => ({
      apiVersion: event.api_version,
      object: event.data.object as unknown as Json,
      previous: event.data.previous_attributes as Json | undefined,
    }));
  };
  return { ...account, stripe, events };
}

const PAID = {
  amount: 1_300,
  currency: 'usd',
  payment_method: 'pm_card_visa',
  confirm: true,
  automatic_payment_methods: { enabled: true, allow_redirects: 'never' },
} as const;

describe('an account of an older API version', () => {
  it('receives events in that version’s shape and everything else in the current one', async () => {
    const { stripe, events } = await anAccountOf('2014-12-22', await aSandbox());
    const customer = await stripe.customers.create({ name: 'Ada' });
    const intent = await stripe.paymentIntents.create({ ...PAID, customer: customer.id });
    const charge = intent.latest_charge as string;
    await stripe.refunds.create({ charge, amount: 200 });
    expect(await events('customer.created')).toMatchObject([
      {
        apiVersion: '2014-12-22',
        object: { id: customer.id, sources: { object: 'list' }, cards: { object: 'list' }, default_card: null },
      },
    ]);
    expect(await events('charge.succeeded')).toMatchObject([
      {
        apiVersion: '2014-12-22',
        object: { id: charge, status: 'paid', refunds: { object: 'list', data: [] }, invoice: null },
      },
    ]);
    expect(await events('charge.refunded')).toMatchObject([
      { object: { id: charge, status: 'paid', refunds: { data: [{ amount: 200 }] } } },
    ]);
    const [succeeded] = await events('payment_intent.succeeded');
    expect(succeeded?.object).toMatchObject({ id: intent.id, charges: { data: [{ id: charge }] } });
    expect(succeeded?.object).not.toHaveProperty('latest_charge');
    expect(await stripe.charges.retrieve(charge)).toMatchObject({ status: 'succeeded' });
    expect(await stripe.customers.retrieve(customer.id)).not.toHaveProperty('cards');
  });

  it.each([
    ['2014-05-19', { status: 'paid', refunds: [] }],
    ['2015-02-16', { status: 'paid', refunds: { object: 'list' } }],
    ['2015-02-18', { status: 'succeeded', refunds: { object: 'list' } }],
    ['2022-08-01', { status: 'succeeded', refunds: { object: 'list' } }],
  ])('receives a charge in the shape of %s', async (version, shape) => {
    const { stripe, events } = await anAccountOf(version, await aSandbox());
    await stripe.paymentIntents.create(PAID);
    expect(await events('charge.succeeded')).toMatchObject([{ apiVersion: version, object: shape }]);
  });

  it.each(['2022-11-15', '2025-03-31.basil', '2026-10-28.endive'])(
    'receives a charge without refunds since 2022-11-15 (%s)',
    async (version) => {
      const { stripe, events } = await anAccountOf(version, await aSandbox());
      await stripe.paymentIntents.create(PAID);
      const [told] = await events('charge.succeeded');
      expect(told?.object).not.toHaveProperty('refunds');
      expect('invoice' in (told?.object ?? {})).toBe(version < '2025-03-31');
    },
  );

  it('receives an invoice with its payment, and no invoice payment events, before 2025-03-31', async () => {
    const { stripe, events } = await anAccountOf('2024-06-20', await aSandbox());
    const customer = await stripe.customers.create({ name: 'Ada' });
    const product = await stripe.products.create({
      name: 'Coffee',
      default_price_data: { currency: 'usd', unit_amount: 2_600, recurring: { interval: 'month' } },
    });
    const subscription = await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: product.default_price as string }],
      default_payment_method: 'pm_card_visa',
    });
    const [told] = await events('invoice.paid');
    expect(told?.object).toMatchObject({
      paid: true,
      paid_out_of_band: false,
      subscription: subscription.id,
      charge: expect.stringMatching(/^ch_/) as string,
      payment_intent: expect.stringMatching(/^pi_/) as string,
    });
    expect(told?.object).not.toHaveProperty('parent');
    expect(told?.object.lines?.data[0]).not.toHaveProperty('pricing');
    expect(await events('invoice_payment.paid')).toEqual([]);
  });

  it('keeps the shape of earlier events after an upgrade and a restart', async () => {
    const home = aHome();
    const sandbox = await aSandbox({ home });
    const { id, stripe, events } = await anAccountOf('2014-12-22', sandbox);
    await stripe.paymentIntents.create(PAID);
    expect(
      await sandbox.control.call('POST', '/api-version', { account: id, apiVersion: '2026-10-28.endive' }),
    ).toMatchObject({ id, apiVersion: '2026-10-28.endive' });
    await stripe.paymentIntents.create(PAID);
    const told = await events('charge.succeeded');
    expect(told.map(({ apiVersion, object }) => [apiVersion, object.status])).toEqual([
      ['2026-10-28.endive', 'succeeded'],
      ['2014-12-22', 'paid'],
    ]);
    await sandbox.close();
    const again = await aSandbox({ home });
    const accounts = await again.control.accounts();
    expect(accounts.find((account) => account.id === id)).toMatchObject({ apiVersion: '2026-10-28.endive' });
    const later = await clientOf({
      apiUrl: again.apiUrl,
      secretKey: accounts.find((account) => account.id === id)?.secretKey ?? '',
    }).events.list({ type: 'charge.succeeded' });
    expect(later.data.map(({ api_version: version }) => version)).toEqual(['2026-10-28.endive', '2014-12-22']);
  });

  it('returns to the current version on a reset', async () => {
    const { stripe, control } = await aSandbox();
    await control.call('POST', '/api-version', { apiVersion: '2014-12-22' });
    await control.call('POST', '/reset', {});
    await stripe.customers.create();
    expect((await stripe.events.list()).data[0]).toMatchObject({ api_version: '2026-10-28.endive' });
  });

  it('rejects a version that is not in Stripe’s format', async () => {
    const { control } = await aSandbox();
    await expect(control.call('POST', '/api-version', { apiVersion: 'yesterday' })).rejects.toThrow('apiVersion');
  });
});
