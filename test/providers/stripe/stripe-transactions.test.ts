import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TransactionFields } from '../../../records/transactions.ts';
import type { ProviderRecord } from '../../../providers/provider.ts';
import { transactionPullPlan } from '../../../providers/stripe/transactions/transactions.ts';
import { aStrangeServer, allOf, createStripeWorld, namesOf, readAll, refusalOf } from './stripe-world.ts';
import type { StripeWorld } from './stripe-world.ts';

interface Movement {
  readonly id: string;
  readonly amount: number;
  readonly fee: number;
  readonly net: number;
  readonly currency: string;
  readonly type: string;
  readonly source: string | null;
}

const fieldsOf = (record: ProviderRecord | undefined) => record?.fields as TransactionFields;

describe('the transactions of a Stripe account', () => {
  let world: StripeWorld;
  beforeAll(async () => {
    world = await createStripeWorld();
  });
  afterAll(() => world.close());
  beforeEach(() => world.reset());

  const transactions = () => world.resource('transactions');
  const read = async (...streams: readonly string[]) => {
    const records: ProviderRecord[] = [];
    for (const stream of streams)
      records.push(...(await readAll(transactions(), allOf(stream))).flatMap((page) => page.records));
    return records;
  };
  const one = (records: readonly ProviderRecord[], externalId: string | undefined) =>
    records.filter((record) => record.externalId === externalId);
  const movements = () => world.state<Movement>('balance_transactions');
  const seedOne = async (resource: string, record: object) =>
    (await world.seed(resource, { records: [record] }))[0] ?? '';

  it('are read-only, never vanish, and are not counted', async () => {
    expect(transactions().writer).toBeNull();
    expect(transactionPullPlan.mayVanish).toBe(false);
    expect(
      await world.callsOf(async () => {
        expect(await transactions().count()).toBeNull();
      }),
    ).toBe(0);
    expect(() => transactions().listPage(allOf('payouts'))).toThrow('no list payouts');
  });

  it('contain a payment with its fee, customer and payment intent', async () => {
    const customer = await seedOne('customers', { name: 'Ada' });
    const charge = await seedOne('charges', {
      amount: 10_000,
      currency: 'usd',
      customer,
      payment_intent: true,
      metadata: { order: '7' },
    });
    for (const stream of ['charges', 'balance_transactions']) {
      const [record] = await read(stream);
      const [movement] = await movements();
      expect(record).toMatchObject({
        externalId: charge,
        deleted: false,
        recordId: null,
        refs: { customer, related: null, payment: expect.stringMatching(/^pi_/) as string },
      });
      expect(fieldsOf(record)).toMatchObject({
        kind: 'payment',
        status: 'succeeded',
        amountMinor: 10_000,
        currency: 'USD',
        feeMinor: movement?.fee,
        occurredAt: expect.stringMatching(/Z$/) as string,
        lines: [],
        metadata: {
          order: '7',
          stripe_balance_transaction: movement?.id,
          stripe_payment_intent: record?.refs?.['payment'],
        },
      });
      expect(movement?.fee).toBeGreaterThan(0);
    }
  });

  it('contain every attempt: a failed one is a failed payment', async () => {
    const failed = await seedOne('charges', {
      amount: 500,
      status: 'failed',
      card: 'chargeDeclinedInsufficientFunds',
      payment_intent: true,
    });
    const pending = await seedOne('charges', { amount: 700, status: 'pending', card: 'bank' });
    const records = await read('charges');
    expect(fieldsOf(one(records, failed)[0])).toMatchObject({
      status: 'failed',
      amountMinor: 500,
      feeMinor: null,
      metadata: { stripe_failure_code: 'card_declined' },
    });
    expect(fieldsOf(one(records, pending)[0])).toMatchObject({ status: 'pending', amountMinor: 700 });
  });

  it('keep a fee in another currency in metadata, unconverted', async () => {
    await seedOne('charges', {
      amount: 10_000,
      currency: 'eur',
      settlement_currency: 'usd',
      exchange_rate: 1.1,
      fee: 320,
    });
    for (const stream of ['charges', 'balance_transactions']) {
      const [record] = await read(stream);
      expect(fieldsOf(record)).toMatchObject({
        amountMinor: 10_000,
        currency: 'EUR',
        feeMinor: null,
        metadata: { stripe_settled_currency: 'USD', stripe_settled_minor: '11000', stripe_settled_fee_minor: '320' },
      });
    }
  });

  it.each([
    ['jpy', 500, 500],
    ['kwd', 5_120, 5_120],
    ['isk', 500, 5],
    ['mga', 5, 500],
    ['huf', 104_500, 104_500],
  ])('say an amount in %s in ISO 4217 minor units', async (currency, amount, amountMinor) => {
    const charge = await seedOne('charges', { amount, currency, fee: 0 });
    await seedOne('refunds', { charge, amount });
    const records = await read('balance_transactions');
    expect(
      records.map((record) => [
        fieldsOf(record).kind,
        fieldsOf(record).amountMinor,
        fieldsOf(record).currency,
        fieldsOf(record).feeMinor,
      ]),
    ).toEqual(
      expect.arrayContaining([
        ['payment', amountMinor, currency.toUpperCase(), 0],
        ['refund', -amountMinor, currency.toUpperCase(), 0],
      ]),
    );
  });

  it('contain a refund as a negative amount that names its payment', async () => {
    const charge = await seedOne('charges', { amount: 10_000, payment_intent: true });
    const refund = await seedOne('refunds', {
      charge,
      amount: 2_500,
      reason: 'duplicate',
      metadata: { note: 'twice' },
    });
    const record = one(await read('balance_transactions'), refund)[0];
    expect(record?.refs).toEqual({ customer: null, related: charge, payment: expect.stringMatching(/^pi_/) as string });
    expect(fieldsOf(record)).toMatchObject({
      kind: 'refund',
      status: 'succeeded',
      amountMinor: -2_500,
      feeMinor: 0,
      metadata: { note: 'twice', stripe_charge: charge, stripe_refund_reason: 'duplicate' },
    });
  });

  it('contain a failed refund on its own day, and the returned money as an adjustment', async () => {
    const charge = await seedOne('charges', { amount: 10_000 });
    const refund = await seedOne('refunds', { charge, amount: 2_500, status: 'failed' });
    const records = await read('balance_transactions');
    expect(fieldsOf(one(records, refund)[0])).toMatchObject({ status: 'failed', posted: true, amountMinor: -2_500 });
    const adjustments = records.filter((record) => fieldsOf(record).kind === 'adjustment');
    expect(adjustments.map((record) => [fieldsOf(record).amountMinor, record.refs?.['related']])).toEqual([
      [2_500, charge],
    ]);
  });

  it.each([
    ['needs_response', 'pending'],
    ['lost', 'lost'],
    ['won', 'won'],
  ])(
    'hold a dispute that is %s with what was withdrawn, and what was given back as an adjustment of its own',
    async (status, expected) => {
      const charge = await seedOne('charges', { amount: 10_000, payment_intent: true });
      const dispute = await seedOne('disputes', { charge, amount: 4_000, reason: 'fraudulent', status });
      const records = await read('balance_transactions');
      expect(one(records, dispute)).toHaveLength(1);
      const record = one(records, dispute)[0];
      expect(record?.refs).toMatchObject({
        customer: null,
        related: charge,
        payment: expect.stringMatching(/^pi_/) as string,
      });
      expect(fieldsOf(record)).toMatchObject({
        kind: 'dispute',
        status: expected,
        amountMinor: -4_000,
        feeMinor: 1_500,
        metadata: {
          stripe_charge: charge,
          stripe_disputed_minor: '4000',
          stripe_dispute_reason: 'fraudulent',
          stripe_dispute_status: status,
        },
      });
      const adjustments = records.filter((each) => fieldsOf(each).kind === 'adjustment');
      expect(adjustments.map(({ refs }) => refs)).toEqual(
        status === 'won' ? [{ customer: null, related: charge, payment: null }] : [],
      );
      expect(adjustments.map((each) => [fieldsOf(each).amountMinor, fieldsOf(each).feeMinor])).toEqual(
        status === 'won' ? [[4_000, -1_500]] : [],
      );
    },
  );

  it('contain fees and corrections as signed adjustments, and no transfers between the venue and itself', async () => {
    await world.seed('balance_transactions', {
      records: [
        { id: 'txn_fee', amount: -250, type: 'stripe_fee' },
        { id: 'txn_gift', amount: 900, type: 'adjustment' },
        { id: 'txn_top', amount: 5_000, type: 'topup' },
        { id: 'txn_hold', amount: -100, type: 'reserve_hold' },
        { id: 'txn_kept', amount: -100, type: 'payout_minimum_balance_hold' },
        { id: 'txn_pay', amount: -700, type: 'payout' },
      ],
    });
    for (const stream of ['adjustments', 'balance_transactions']) {
      const records = await read(stream);
      expect(
        records
          .map((record) => [
            record.externalId,
            fieldsOf(record).kind,
            fieldsOf(record).amountMinor,
            fieldsOf(record).status,
            fieldsOf(record).metadata['stripe_type'],
          ])
          .sort(),
      ).toEqual([
        ['txn_fee', 'adjustment', -250, 'succeeded', 'stripe_fee'],
        ['txn_gift', 'adjustment', 900, 'succeeded', 'adjustment'],
      ]);
    }
  });

  it('omit payments, refunds and withdrawals from a full pass over adjustments, because their own lists have them', async () => {
    const charge = await seedOne('charges', { amount: 10_000 });
    await seedOne('refunds', { charge, amount: 1_000 });
    await seedOne('disputes', { charge, amount: 2_000, status: 'won' });
    expect((await read('adjustments')).map((record) => fieldsOf(record).amountMinor)).toEqual([2_000]);
  });

  it('have sums, less fees, equal to the balance’s movement without payouts, whatever happened', async () => {
    const anyCharge = fc.record({
      amount: fc.integer({ min: 1_000, max: 500_000 }),
      status: fc.constantFrom('succeeded', 'succeeded', 'succeeded', 'failed'),
      refunds: fc.array(
        fc.record({ part: fc.integer({ min: 1, max: 300 }), status: fc.constantFrom('succeeded', 'failed') }),
        { maxLength: 2 },
      ),
      dispute: fc.option(fc.constantFrom('needs_response', 'won', 'lost')),
    });
    const anyAdjustment = fc.record({
      amount: fc.integer({ min: -5_000, max: 5_000 }),
      type: fc.constantFrom('stripe_fee', 'adjustment', 'payout', 'topup'),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyCharge, { minLength: 1, maxLength: 6 }),
        fc.array(anyAdjustment, { maxLength: 4 }),
        async (charges, adjustments) => {
          await world.reset();
          for (const { amount, status, refunds, dispute } of charges) {
            const charge = await seedOne('charges', { amount, status });
            if (status === 'failed') continue;
            for (const refund of refunds)
              await seedOne('refunds', { charge, amount: refund.part, status: refund.status });
            if (dispute !== null) await seedOne('disputes', { charge, amount: 300, status: dispute });
          }
          if (adjustments.length > 0) await world.seed('balance_transactions', { records: adjustments });
          const balance = (await movements())
            .filter(({ type }) => type !== 'payout' && type !== 'topup')
            .reduce((sum, { net }) => sum + net, 0);

          const records = await read('balance_transactions');
          const moved = records.filter((record) => fieldsOf(record).posted);

          expect(new Set(records.map(({ externalId }) => externalId)).size).toBe(records.length);
          expect(
            moved.reduce((sum, record) => sum + fieldsOf(record).amountMinor - (fieldsOf(record).feeMinor ?? 0), 0),
          ).toBe(balance);
        },
      ),
      { numRuns: 25 },
    );
  }, 60_000);

  describe('read from the change feed', () => {
    it('contain a late change of an old payment, without its fee', async () => {
      const charge = await seedOne('charges', { amount: 900, created: 1_600_000_000 });
      await world.ask('POST', `charges/${charge}`, { 'metadata[table]': '12' });
      const records = await read('events');
      expect(records).toHaveLength(1);
      expect(fieldsOf(records[0])).toMatchObject({
        kind: 'payment',
        status: 'succeeded',
        amountMinor: 900,
        feeMinor: null,
        metadata: { table: '12', stripe_balance_transaction: expect.stringMatching(/^txn_/) as string },
      });
    });

    it('take one call per page, with each record once', async () => {
      const charge = await seedOne('charges', { amount: 900, created: 1_600_000_000 });
      for (let index = 0; index < 120; index += 1)
        await world.ask('POST', `charges/${charge}`, { description: `Version ${index}` });
      expect(
        await world.callsOf(async () => {
          expect(one(await read('events'), charge)).toHaveLength(2);
        }),
      ).toBe(2);
    });
  });

  it('contain a hundred movements with fees and expanded objects in one call', async () => {
    const ids = await world.seed('charges', { count: 100 });
    expect(
      await world.callsOf(async () => {
        const records = await read('balance_transactions');
        expect(records.map(({ externalId }) => externalId).sort()).toEqual([...ids].sort());
        expect(records.every((record) => Number.isSafeInteger(fieldsOf(record).feeMinor))).toBe(true);
      }),
    ).toBe(1);
  });

  it('give every object of a list a position, including those without a record', async () => {
    await world.seed('balance_transactions', {
      records: Array.from({ length: 130 }, (_, index) => ({
        amount: -1,
        type: 'payout',
        created: 1_700_000_000 + index,
      })),
    });
    const pages = await readAll(transactions(), allOf('balance_transactions'));
    expect(pages.map(({ records, positions }) => [records.length, positions.length])).toEqual([
      [0, 100],
      [0, 30],
    ]);
    const created = pages.flatMap(({ positions }) => positions.map(({ atEpochS }) => atEpochS ?? NaN));
    expect(created).toEqual([...created].sort((a, b) => b - a));
  });

  it('can be retrieved one by one; a missing one is null', async () => {
    const charge = await seedOne('charges', { amount: 900 });
    await world.seed('balance_transactions', { records: [{ id: 'txn_own', amount: 900 }] });
    expect(fieldsOf((await transactions().retrieve(charge)) ?? undefined)).toMatchObject({
      amountMinor: 900,
      feeMinor: expect.any(Number) as number,
    });
    expect(fieldsOf((await transactions().retrieve('txn_own')) ?? undefined)).toMatchObject({ kind: 'adjustment' });
    for (const nothing of ['ch_nobody', 'txn_nobody', 'po_whatever'])
      expect(await transactions().retrieve(nothing)).toBeNull();
  });

  it.each(namesOf([...transactionPullPlan.listing, ...(transactionPullPlan.changes?.streams ?? [])]).flat())(
    'fail as every call does: %s',
    async (stream) => {
      const server = await aStrangeServer((_req, res) =>
        res.writeHead(500, { 'content-type': 'application/json' }).end('{}'),
      );
      expect((await refusalOf(server.open().resource('transactions').listPage(allOf(stream)))).details).toMatchObject({
        kind: 'unavailable',
        httpStatus: 500,
      });
      expect(server.requests()).toBe(1);
      await server.close();
    },
  );
});
