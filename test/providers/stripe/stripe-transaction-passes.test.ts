import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TransactionFields } from '../../../records/transactions.ts';
import type { ProviderAmendment, ProviderRecord } from '../../../providers/provider.ts';
import { transactionPullPlan } from '../../../providers/stripe/transactions/transactions.ts';
import { allOf, createStripeWorld, mergeReadings, namesOf, readAll } from './stripe-world.ts';
import type { StripeWorld } from './stripe-world.ts';

interface Pass {
  /** The result of a reader that keeps the newest version of each record, and nothing after a deletion. */
  readonly records: ReadonlyMap<string, ProviderRecord>;
  readonly deleted: ReadonlySet<string>;
  readonly amendments: readonly ProviderAmendment[];
}

const fieldsOf = (record: ProviderRecord | undefined) => record?.fields as TransactionFields;

describe('a full pass and the change feed', () => {
  let world: StripeWorld;
  beforeAll(async () => {
    world = await createStripeWorld();
  });
  afterAll(() => world.close());
  beforeEach(() => world.reset());

  const ask = async (path: string, params: Readonly<Record<string, string>> = {}) =>
    (await world.ask('POST', path, params)) as Readonly<Record<string, string>> & { readonly id: string };
  const pay = (params: Readonly<Record<string, string>> = {}) =>
    ask('payment_intents', {
      amount: '10000',
      currency: 'usd',
      payment_method: 'pm_card_visa',
      confirm: 'true',
      ...params,
    });
  const balance = async () =>
    (await world.state<{ readonly net: number; readonly type: string }>('balance_transactions'))
      .filter(({ type }) => type !== 'payout')
      .reduce((sum, { net }) => sum + net, 0);

  async function read(stages: readonly (readonly string[])[]): Promise<Pass> {
    const [records, deleted, amendments] = [
      new Map<string, ProviderRecord>(),
      new Set<string>(),
      [] as ProviderAmendment[],
    ];
    for (const stream of stages.flat()) {
      for (const page of await readAll(world.resource('transactions'), allOf(stream))) {
        amendments.push(...(page.amendments ?? []));
        for (const record of page.records) {
          if (record.deleted) deleted.add(record.externalId);
          else records.set(record.externalId, mergeReadings(record, records.get(record.externalId)));
        }
      }
    }
    for (const id of deleted) records.delete(id);
    return { records, deleted, amendments };
  }
  const full = () => read(namesOf(transactionPullPlan.listing));
  const changed = () => read(namesOf(transactionPullPlan.changes?.streams));

  /** Everything that happens in an account within a day. */
  async function aDay() {
    const customer = await ask('customers', { name: 'Ada' });
    const sold = await pay({ customer: customer.id, 'metadata[order]': '1' });
    await ask('refunds', { payment_intent: sold.id, amount: '2500' });
    await pay({ payment_method: 'pm_card_createDispute' });
    const won = await pay({ payment_method: 'pm_card_createDispute' });
    const disputes = await world.state<{ readonly id: string; readonly payment_intent: string }>('disputes');
    const toWin = disputes.find(({ payment_intent: intent }) => intent === won.id)?.id ?? '';
    await ask(`disputes/${toWin}`, { 'evidence[uncategorized_text]': 'winning_evidence', submit: 'true' });
    const lost = disputes.find(({ payment_intent: intent }) => intent !== won.id)?.id ?? '';
    await ask(`disputes/${lost}/close`);
    await pay({ payment_method: 'pm_card_chargeDeclined' }).catch(() => undefined);
    const failing = await pay({ payment_method: 'pm_card_refundFail' });
    await ask('refunds', { payment_intent: failing.id, amount: '700' });
    const open = await ask('payment_intents', { amount: '300', currency: 'usd' });
    const abandoned = await ask('payment_intents', { amount: '400', currency: 'usd' });
    await ask(`payment_intents/${abandoned.id}/cancel`);
    const held = await pay({ capture_method: 'manual' });
    const captured = await pay({ capture_method: 'manual' });
    await ask(`payment_intents/${captured.id}/capture`, { amount_to_capture: '6000' });
    const released = await pay({ capture_method: 'manual' });
    await ask(`payment_intents/${released.id}/cancel`);
    return { customer, sold, open, abandoned, held, captured, released, won: toWin, lost };
  }

  it('produce the same records', async () => {
    await aDay();
    const [listed, told] = [await full(), await changed()];
    const simple = ({ records }: Pass) =>
      [...records.values()]
        .map(({ externalId, fields, refs }) => ({ externalId, fields, refs }))
        .sort((a, b) => a.externalId.localeCompare(b.externalId));
    expect(simple(told)).toEqual(simple(listed));
    expect(listed.records.size).toBeGreaterThan(12);
  });

  it('have sums, less fees, equal to the balance’s movement', async () => {
    await aDay();
    for (const { records } of [await full(), await changed()]) {
      const moved = [...records.values()].map(fieldsOf).filter(({ posted }) => posted);
      expect(moved.reduce((sum, { amountMinor, feeMinor }) => sum + amountMinor - (feeMinor ?? 0), 0)).toBe(
        await balance(),
      );
    }
  });

  it('have a payment intent until its charge replaces it', async () => {
    const { open, abandoned, sold, held, captured, released } = await aDay();
    for (const { records, deleted } of [await full(), await changed()]) {
      expect(fieldsOf(records.get(open.id))).toMatchObject({ kind: 'payment', status: 'pending', amountMinor: 300 });
      expect(fieldsOf(records.get(abandoned.id))).toMatchObject({
        kind: 'payment',
        status: 'cancelled',
        amountMinor: 400,
      });
      for (const intent of [sold, held, captured, released]) {
        expect([deleted.has(intent.id), records.has(intent.id)]).toEqual([true, false]);
        expect(
          [...records.values()].filter(
            ({ refs, fields }) => refs?.['payment'] === intent.id && (fields as TransactionFields).kind === 'payment',
          ),
        ).toHaveLength(1);
      }
      const statusOf = (intent: string) =>
        [...records.values()]
          .map((record) => ({ ...fieldsOf(record), payment: record.refs?.['payment'] }))
          .find(({ kind, payment }) => kind === 'payment' && payment === intent);
      expect(statusOf(held.id)).toMatchObject({ status: 'pending', amountMinor: 10_000 });
      expect(statusOf(captured.id)).toMatchObject({ status: 'succeeded', amountMinor: 6_000 });
      expect(statusOf(released.id)).toMatchObject({ status: 'cancelled', amountMinor: 10_000 });
    }
  });

  it('replace a pending payment by its charge when it is paid between two pulls', async () => {
    const open = await ask('payment_intents', { amount: '300', currency: 'usd' });
    expect((await full()).records.has(open.id)).toBe(true);
    await ask(`payment_intents/${open.id}/confirm`, { payment_method: 'pm_card_visa' });
    expect((await changed()).deleted).toContain(open.id);
    expect((await full()).deleted).toContain(open.id);
    expect(await world.resource('transactions').retrieve(open.id)).toBeNull();
  });

  it('have every attempt at a payment, each naming its payment intent', async () => {
    const intent = await ask('payment_intents', { amount: '300', currency: 'usd' });
    await ask(`payment_intents/${intent.id}/confirm`, { payment_method: 'pm_card_chargeDeclined' }).catch(
      () => undefined,
    );
    await ask(`payment_intents/${intent.id}/confirm`, { payment_method: 'pm_card_visa' });
    for (const { records } of [await full(), await changed()]) {
      expect([...records.values()].map((record) => [fieldsOf(record).status, record.refs?.['payment']]).sort()).toEqual(
        [
          ['failed', intent.id],
          ['succeeded', intent.id],
        ],
      );
    }
  });

  it('have a won dispute, its returned money, and a lost dispute', async () => {
    const { won, lost } = await aDay();
    for (const { records } of [await full(), await changed()]) {
      expect(fieldsOf(records.get(won))).toMatchObject({ kind: 'dispute', status: 'won', amountMinor: -10_000 });
      expect(fieldsOf(records.get(lost))).toMatchObject({ kind: 'dispute', status: 'lost', amountMinor: -10_000 });
      const adjustments = [...records.values()].filter((record) => fieldsOf(record).metadata['stripe_source'] === won);
      expect(adjustments.map((record) => [record.refs?.['related'], fieldsOf(record).amountMinor])).toEqual([
        [records.get(won)?.refs?.['related'], 10_000],
      ]);
    }
  });

  describe('of invoices', () => {
    async function aSubscription() {
      const customer = await ask('customers', { name: 'Ada' });
      const product = await ask('products', {
        name: 'Coffee of the month',
        'default_price_data[currency]': 'usd',
        'default_price_data[unit_amount]': '1500',
        'default_price_data[recurring][interval]': 'month',
      });
      return ask('subscriptions', {
        customer: customer.id,
        'items[0][price]': product['default_price'] ?? '',
        'items[0][quantity]': '2',
        default_payment_method: 'pm_card_visa',
      });
    }

    it('put a subscription’s lines on its payment, in both passes', async () => {
      const subscription = await aSubscription();
      const [listed, told] = [await full(), await changed()];
      expect(told.amendments).toEqual(listed.amendments);
      expect(listed.amendments).toMatchObject([
        {
          lines: [{ quantity: '2', amountMinor: 3_000, productSourceId: null }],
          metadata: { stripe_invoice: expect.stringMatching(/^in_/) as string, stripe_subscription: subscription.id },
        },
      ]);
      const [amendment] = listed.amendments;
      const paid = [...listed.records.values()].filter(({ refs }) => refs?.['payment'] === amendment?.['payment']);
      expect(
        paid.map((record) => [fieldsOf(record).kind, fieldsOf(record).status, fieldsOf(record).amountMinor]),
      ).toEqual([['payment', 'succeeded', 3_000]]);
    });

    it('take one call per page of events with both halves', async () => {
      for (let index = 0; index < 20; index += 1) await aSubscription();
      const before = world.counted();
      const pages = await readAll(world.resource('transactions'), allOf('invoice_events'));
      expect(pages.flatMap(({ amendments = [] }) => amendments)).toHaveLength(20);
      expect(world.counted() - before).toBe(1);
    });

    it('record no money that moved outside Stripe', async () => {
      const customer = await ask('customers', { name: 'Ada' });
      await ask('invoiceitems', { customer: customer.id, amount: '5000', currency: 'usd' });
      const invoice = await ask('invoices', {
        customer: customer.id,
        pending_invoice_items_behavior: 'include',
        collection_method: 'send_invoice',
        days_until_due: '30',
      });
      await ask(`invoices/${invoice.id}/finalize`);
      await ask(`invoices/${invoice.id}/pay`, { paid_out_of_band: 'true' });
      for (const { amendments, records } of [await full(), await changed()]) {
        expect(amendments).toEqual([]);
        expect([...records.values()].filter((record) => fieldsOf(record).status === 'succeeded')).toEqual([]);
      }
      expect(await balance()).toBe(0);
    });
  });
});
