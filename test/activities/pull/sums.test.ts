import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createRecordStore } from '../../../db/records/record-store.ts';
import { createTransactionSummaryStore } from '../../../db/records/transaction-summary-store.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';
import { transactions } from '../../../records/transactions.ts';
import { listRecords } from '../../support/list-records.ts';

const TRANSACTIONS = { resource: 'transactions' } as const;
const DAY_MS = 86_400_000;
const HOUR_S = 3_600;
/** Money between the venue and itself: only Stripe's fees for it count. */
const INTERNAL = ['payout', 'topup'];

interface Line {
  readonly id: string;
  readonly created: number;
  readonly net: number;
  readonly fee: number;
  readonly currency: string;
  readonly type: string;
}

type Sums = Readonly<Record<string, number>>;

describe('the sums of a venue’s transactions', () => {
  let world: Awaited<ReturnType<typeof createSyncWorld>>;
  let venue: TestVenue;

  beforeAll(async () => {
    world = await createSyncWorld();
  });
  afterAll(() => world.close());
  beforeEach(begin);

  async function begin(): Promise<void> {
    await world.stripe.reset();
    await world.stripe.clock(0);
    venue = await world.aVenue();
  }

  const nowS = () => Math.floor(Date.now() / 1_000);
  const pull = (mode: 'full' | 'incremental') => world.sync(venue, 'pull', mode, TRANSACTIONS);
  const held = async () =>
    (
      await listRecords(createRecordStore(world.database.db, transactions), venue.venueId, {
        filter: { includeDeleted: false },
        page: { limit: 200, after: null },
      })
    ).data;
  const byId = async (id: string) => (await held()).find(({ links }) => links[0]?.externalId === id);
  const seed = async (resource: string, ...records: readonly object[]) =>
    ((await world.stripe.seed({ resource, records })) as { readonly ids: readonly string[] }).ids;
  const state = async <T>(resource: string) =>
    ((await (await fetch(`${world.sandbox.controlUrl}/state/${resource}`)).json()) as { readonly data: readonly T[] })
      .data;
  const act = async (name: string, id: string) => {
    const response = await fetch(`${world.sandbox.controlUrl}/acts`, {
      method: 'POST',
      body: JSON.stringify({ act: name, id }),
    });
    if (!response.ok) throw new Error(`${name}: ${response.status} ${await response.text()}`);
  };
  const ask = (path: string, form: Readonly<Record<string, string>> = {}) =>
    world.callStripe<{ readonly id: string; readonly latest_charge: string | null; readonly default_price: string }>(
      'POST',
      path,
      form,
    );
  const pay = (form: Readonly<Record<string, string>>) =>
    ask('payment_intents', { currency: 'usd', payment_method: 'pm_card_visa', confirm: 'true', ...form });

  const added = (sums: Readonly<Record<string, number>>, key: string, amount: number): Sums =>
    amount === 0 && sums[key] === undefined ? sums : { ...sums, [key]: (sums[key] ?? 0) + amount };
  const withoutZeros = (sums: Sums): Sums => Object.fromEntries(Object.entries(sums).filter(([, sum]) => sum !== 0));

  /** The API's summary minus fees, by day and currency. */
  async function told(): Promise<Sums> {
    const rows = await createTransactionSummaryStore(world.database.db).summarise(venue.venueId, {
      from: '2020-01-01',
      to: '2040-01-01',
      timeZone: 'UTC',
      status: null,
    });
    return withoutZeros(
      rows.reduce<Sums>(
        (sums, { day, currency, amountMinor, feeMinor }) =>
          added(sums, `${day} ${currency}`, Number(amountMinor - feeMinor)),
        {},
      ),
    );
  }

  /** The movements of Stripe's balance, by day and currency. */
  async function moved(): Promise<Sums> {
    const lines = await state<Line>('balance_transactions');
    const dayOf = ({ created }: Line) => new Date(created * 1_000).toISOString().slice(0, 10);
    return withoutZeros(
      lines.reduce<Sums>(
        (sums, line) =>
          added(
            sums,
            `${dayOf(line)} ${line.currency.toUpperCase()}`,
            INTERNAL.includes(line.type) ? -line.fee : line.net,
          ),
        {},
      ),
    );
  }

  const dayOf = (offsetMs: number) => new Date(Date.now() + offsetMs).toISOString().slice(0, 10);
  const net = async () => Object.values(await told()).reduce((sum, amount) => sum + amount, 0);

  describe('equal the movements of Stripe’s balance', () => {
    it.each(['full', 'incremental'] as const)('when a bank takes a payment back (%s)', async (mode) => {
      await pull('full');
      const intent = await pay({ amount: '1700', payment_method: 'pm_usBankAccount' });
      await pull(mode);
      expect(await told()).toEqual(await moved());
      const before = await net();
      await act('payment-fails', intent.latest_charge ?? '');
      await pull(mode);
      expect(await told()).toEqual(await moved());
      expect(await net()).toBe(before - 1_700);
      expect(await byId(intent.latest_charge ?? '')).toMatchObject({
        status: 'failed',
        posted: true,
        amountMinor: 1_700,
      });
    });

    it.each(['full', 'incremental'] as const)(
      'on the day of the capture when money is captured days after its authorisation (%s)',
      async (mode) => {
        await world.stripe.clock(-3 * DAY_MS);
        const { id, latest_charge: charge } = await pay({ amount: '1450', capture_method: 'manual' });
        await world.stripe.clock(0);
        await pull('full');
        expect(await told()).toEqual({});
        await ask(`payment_intents/${id}/capture`);
        await pull(mode);
        expect(await told()).toEqual(await moved());
        expect(Object.keys(await told())).toEqual([`${dayOf(0)} USD`]);
        expect((await byId(charge ?? ''))?.occurredAt.slice(0, 10)).toBe(dayOf(0));
      },
    );

    it('with the next pull even for a balance transaction that appears hours after its date', async () => {
      await pull('full');
      await pull('incremental');
      await seed('balance_transactions', { amount: -900, type: 'stripe_fee', created: nowS() - 6 * HOUR_S });
      await pull('incremental');
      expect(await told()).toEqual(await moved());
      expect(await net()).toBe(-900);
    });

    it.each(['full', 'incremental'] as const)(
      'with the fees of instant payouts and top-ups and without their amounts (%s)',
      async (mode) => {
        await pull('full');
        await seed(
          'balance_transactions',
          { amount: -10_000, fee: 150, type: 'payout' },
          { amount: 5_000, fee: 25, type: 'topup' },
          { amount: -700, type: 'payout' },
        );
        await pull(mode);
        expect(await told()).toEqual(await moved());
        expect((await held()).map(({ kind, amountMinor, feeMinor }) => [kind, amountMinor, feeMinor]).sort()).toEqual([
          ['adjustment', 0, 150],
          ['adjustment', 0, 25],
        ]);
      },
    );

    it('in obsolete currencies, with refunds and disputes, and in full króna only', async () => {
      const charges = await seed(
        'charges',
        ...['mro', 'std', 'vef', 'usd', 'isk', 'ugx'].map((currency) => ({ amount: 6_100, currency, fee: 0 })),
      );
      await seed('refunds', ...charges.slice(0, 3).map((charge) => ({ charge, amount: 100 })));
      await seed('disputes', ...charges.slice(0, 3).map((charge) => ({ charge, amount: 500 })));
      const run = await pull('full');
      expect(run.counts).toMatchObject({ rejected: 0, created: 12 });
      expect((await held()).map(({ currency, kind }) => `${currency} ${kind}`).sort()).toEqual(
        [
          'ISK payment',
          'UGX payment',
          'USD payment',
          ...['MRO', 'STD', 'VEF'].flatMap((currency) =>
            ['dispute', 'payment', 'refund'].map((kind) => `${currency} ${kind}`),
          ),
        ].sort(),
      );
    });

    it.each(['full', 'incremental'] as const)(
      'except for unrepresentable money, which is rejected with the reason (%s)',
      async (mode) => {
        await pull('full');
        const [fraction, token] = await seed(
          'charges',
          { amount: 12_345, currency: 'isk', fee: 0 },
          { amount: 640, currency: 'xyz', fee: 0 },
          { amount: 640, currency: 'usd' },
        );
        const [refund] = await seed('refunds', { charge: fraction, amount: 55 });
        const [dispute] = await seed('disputes', { charge: fraction, amount: 1_250 });
        const run = await pull(mode);
        const rejections = (await world.logOf(venue, run.syncId)).filter(({ action }) => action === 'rejected');
        expect(rejections.map(({ externalId, code }) => `${externalId} ${code}`).sort()).toEqual(
          [fraction, token, refund, dispute].map((id) => `${id} unreadable`).sort(),
        );
        expect(rejections.find(({ externalId }) => externalId === token)?.message).toContain(
          'is in no ISO 4217 currency',
        );
        expect(rejections.find(({ externalId }) => externalId === fraction)?.message).toContain(
          'amount: is no whole number of minor units',
        );
        expect((await held()).map(({ amountMinor }) => amountMinor)).toEqual([640]);
      },
    );

    /** Acts on the newest object or the n-th newest. What Stripe refuses does not happen. */
    const ACTS: Readonly<Record<string, (nth: number) => Promise<unknown>>> = {
      pay: (nth) => pay({ amount: String(1_000 + nth), currency: nth % 2 ? 'usd' : 'eur' }),
      decline: () => pay({ amount: '900', payment_method: 'pm_card_chargeDeclined' }),
      authorise: (nth) => pay({ amount: String(2_000 + nth), capture_method: 'manual' }),
      'pay from a bank': (nth) => pay({ amount: String(3_000 + nth), payment_method: 'pm_usBankAccount' }),
      'pay what will be disputed': () => pay({ amount: '4000', payment_method: 'pm_card_createDispute' }),
      capture: async (nth) =>
        ask(
          `payment_intents/${await idOf('payment_intents', nth, ({ status }) => status === 'requires_capture')}/capture`,
          nth % 2 ? { amount_to_capture: '700' } : {},
        ),
      'let go': async (nth) =>
        ask(
          `payment_intents/${await idOf('payment_intents', nth, ({ status }) => status === 'requires_capture')}/cancel`,
        ),
      'arrive from a bank': async (nth) =>
        act('payment-arrives', await idOf('charges', nth, ({ status }) => status === 'pending')),
      'be taken back by a bank': async (nth) =>
        act('payment-fails', await idOf('charges', nth, ({ status }) => status === 'pending')),
      refund: async (nth) =>
        ask('refunds', {
          charge: await idOf('charges', nth, ({ status }) => status === 'succeeded'),
          amount: String(50 + nth),
        }),
      'send a refund back': async (nth) => act('fail-refund', await idOf('refunds', nth)),
      dispute: async (nth) =>
        act('open-dispute', await idOf('charges', nth, ({ status, disputed }) => status === 'succeeded' && !disputed)),
      'win a dispute': async (nth) => act('win-dispute', await idOf('disputes', nth)),
      'lose a dispute': async (nth) => act('lose-dispute', await idOf('disputes', nth)),
      'pay out at once': () => seed('balance_transactions', { amount: -500, fee: 8, type: 'payout' }),
      'be billed': () => seed('balance_transactions', { amount: -31, type: 'stripe_fee' }),
    };

    interface Thing {
      readonly id: string;
      readonly status: string;
      readonly disputed?: boolean;
    }
    async function idOf(resource: string, nth: number, fits: (thing: Thing) => boolean = () => true): Promise<string> {
      const things = (await state<Thing>(resource)).filter(fits);
      return things[nth % Math.max(1, things.length)]?.id ?? 'none';
    }

    const anyAct = fc.tuple(fc.constantFrom(...Object.keys(ACTS)), fc.nat({ max: 3 }));
    const scenario = fc.record({
      // On the third, second and first day before today.
      earlier: fc.tuple(...[3, 2, 1].map(() => fc.array(anyAct, { maxLength: 4 }))),
      today: fc.array(fc.tuple(anyAct, fc.option(fc.constantFrom('full' as const, 'incremental' as const))), {
        minLength: 1,
        maxLength: 6,
      }),
      last: fc.constantFrom('full' as const, 'incremental' as const),
    });

    it('day by day after any acts, with full pulls, incremental ones and both, and past days never change', async () => {
      await fc.assert(
        fc.asyncProperty(scenario, async ({ earlier, today: acts, last }) => {
          await begin();
          const perform = ([name, nth]: readonly [string, number]) => ACTS[name]?.(nth).catch(() => undefined);
          for (const [index, those] of earlier.entries()) {
            await world.stripe.clock(-(3 - index) * DAY_MS);
            for (const each of those) await perform(each);
          }
          await world.stripe.clock(0);
          // What comes after a midnight meanwhile is on no past day either.
          const today = dayOf(0);
          await pull('full');
          const before = await told();
          expect(before).toEqual(await moved());

          for (const [each, mode] of acts) {
            await perform(each);
            if (mode === null) continue;
            await pull(mode);
            expect(await told()).toEqual(await moved());
          }
          await pull(last);
          const after = await told();
          expect(after).toEqual(await moved());
          const isOver = ([key]: readonly [string, number]) => key < today;
          expect(Object.entries(after).filter(isOver).sort()).toEqual(Object.entries(before).filter(isOver).sort());
        }),
        { numRuns: 12, endOnFailure: true },
      );
    }, 180_000);
  });

  describe('and an invoice’s lines', () => {
    const linesOf = async () =>
      (await held())
        .map(({ kind, lines }) => [kind, lines.reduce((sum, { amountMinor }) => sum + amountMinor, 0)])
        .sort();

    it('list the lines on the payment only, not on its refund and its dispute', async () => {
      const customer = await ask('customers', { name: 'Ada' });
      const product = await ask('products', {
        name: 'Coffee',
        'default_price_data[currency]': 'usd',
        'default_price_data[unit_amount]': '2600',
        'default_price_data[recurring][interval]': 'month',
      });
      await ask('subscriptions', {
        customer: customer.id,
        'items[0][price]': product.default_price,
        default_payment_method: 'pm_card_visa',
      });
      const [charge] = await state<{ readonly id: string }>('charges');
      await ask('refunds', { charge: charge!.id, amount: '350' });
      await seed('disputes', { charge: charge!.id, amount: 400 });
      for (const mode of ['full', 'incremental', 'full'] as const) {
        await pull(mode);
        expect(await linesOf()).toEqual([
          ['dispute', 0],
          ['payment', 2_600],
          ['refund', 0],
        ]);
      }
    });

    it.each(['full', 'incremental'] as const)(
      'count the lines once when two payments paid the invoice, and include all 25 lines of an invoice (%s)',
      async (mode) => {
        await pull('full');
        const customer = await ask('customers', { name: 'Ada' });
        for (let index = 0; index < 25; index += 1)
          await ask('invoiceitems', { customer: customer.id, amount: '100', currency: 'usd' });
        const invoice = await ask('invoices', { customer: customer.id, pending_invoice_items_behavior: 'include' });
        await ask(`invoices/${invoice.id}/finalize`);
        for (const amount of ['1500', '1000']) {
          const paid = await pay({ amount, customer: customer.id });
          await ask(`invoices/${invoice.id}/attach_payment`, { payment_intent: paid.id });
          await pull(mode);
        }
        const payments = (await held()).filter(({ kind, status }) => kind === 'payment' && status === 'succeeded');
        expect(payments.map(({ lines }) => lines.length).sort((a, b) => a - b)).toEqual([0, 25]);
        expect(payments.map(({ metadata }) => metadata['stripe_invoice'])).toEqual([invoice.id, invoice.id]);
      },
    );
  });
});
