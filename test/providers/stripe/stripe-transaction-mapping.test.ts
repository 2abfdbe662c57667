import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { TransactionFields } from '../../../records/transactions.ts';
import { unreadableIssuesOf } from '../../../providers/items.ts';
import type { ProviderRecord } from '../../../providers/provider.ts';
import type { StripeMovement } from '../../../providers/stripe/transactions/transaction-responses.ts';
import {
  balanceTransactionSchema,
  chargeSchema,
  disputeSchema,
  invoicePaymentSchema,
  invoiceSchema,
  movementSchema,
  paymentIntentSchema,
  refundSchema,
} from '../../../providers/stripe/transactions/transaction-responses.ts';
import {
  adjustmentRecord,
  chargeRecord,
  disputeRecord,
  paymentIntentRecord,
  progressOf,
  refundRecord,
  sourceRecord,
} from '../../../providers/stripe/transactions/transactions.ts';
import { CHARGE, DISPUTE, INTENT, MOVEMENT, REFUND, S } from './stripe-objects.ts';

const FIXTURES = new URL('../../../../shared/samples/stripe/fixtures3.json', import.meta.url);
const charge = (with_: object = {}) => chargeRecord(chargeSchema.parse({ ...CHARGE, ...with_ }), 1);
const intent = (with_: object = {}) => paymentIntentRecord(paymentIntentSchema.parse({ ...INTENT, ...with_ }), 1);
const refund = (with_: object = {}) => refundRecord(refundSchema.parse({ ...REFUND, ...with_ }), 1);
const dispute = (with_: object = {}) => disputeRecord(disputeSchema.parse({ ...DISPUTE, ...with_ }), 1);
const movement = (with_: object = {}) => movementSchema.parse({ ...MOVEMENT, ...with_ });
/** Everything that an incremental pull takes from a movement. */
const movementRecords = (told: StripeMovement, version: number) =>
  [sourceRecord(told, version), adjustmentRecord(told, version)].filter((record) => record !== null);
const issuesOf = (work: () => unknown): string | null => {
  try {
    work();
    return null;
  } catch (error) {
    return unreadableIssuesOf(error);
  }
};
const fieldsOf = (record: ProviderRecord | null) => record?.fields as TransactionFields;

describe('a payment', () => {
  it.each<[string, object, string, number]>([
    [
      'authorised and not captured: the money may still come',
      { captured: false, amount_captured: 0, balance_transaction: null },
      'pending',
      1_000,
    ],
    [
      'authorised and let go',
      { captured: false, amount_captured: 0, refunded: true, balance_transaction: null },
      'cancelled',
      1_000,
    ],
    ['captured in part: the rest was never the venue’s', { amount_captured: 600 }, 'succeeded', 600],
    ['captured and refunded: the refund tells that', { refunded: true }, 'succeeded', 1_000],
    ['on its way', { status: 'pending' }, 'pending', 1_000],
    [
      'failed',
      { status: 'failed', captured: false, amount_captured: 0, failure_code: 'card_declined' },
      'failed',
      1_000,
    ],
    ['failed, whatever it says of its capture', { status: 'failed', amount_captured: 0 }, 'failed', 1_000],
  ])('that is %s', (_what, state, status, amountMinor) => {
    expect(fieldsOf(charge(state))).toMatchObject({ kind: 'payment', status, amountMinor });
  });

  it('keeps its own metadata beside ours, which takes precedence', () => {
    expect(fieldsOf(charge({ metadata: { order: '7', stripe_payment_intent: 'forged' } })).metadata).toEqual({
      order: '7',
      stripe_payment_intent: 'pi_1',
      stripe_balance_transaction: 'txn_1',
    });
  });

  it('has a fee only when its movement is expanded', () => {
    expect(fieldsOf(charge()).feeMinor).toBeNull();
    expect(fieldsOf(charge({ balance_transaction: MOVEMENT })).feeMinor).toBe(59);
  });

  it.each<[string, object, RegExp]>([
    ['in a currency that ISO 4217 does not know', { currency: 'usdc' }, /^amount: is in no ISO 4217 currency/],
    [
      'in a fraction that ISO 4217 does not know',
      { currency: 'isk', amount_captured: 150 },
      /^amount: is no whole number/,
    ],
    [
      'with a fee in such a fraction',
      { currency: 'isk', amount_captured: 200, balance_transaction: { ...MOVEMENT, currency: 'isk', fee: 7 } },
      /^fee: is no whole number/,
    ],
    [
      'that settles in such a currency',
      { balance_transaction: { ...MOVEMENT, currency: 'usdc' } },
      /^fee: is in no ISO 4217 currency/,
    ],
  ])('%s refuses itself with the reason', (_what, state, issues) => {
    expect(issuesOf(() => charge(state))).toMatch(issues);
  });

  it.each([
    ['mro', 'MRO'],
    ['std', 'STD'],
    ['vef', 'VEF'],
  ])('in %s, which no country uses any more, is in the books', (currency, code) => {
    expect(fieldsOf(charge({ currency }))).toMatchObject({ currency: code, amountMinor: 1_000 });
  });

  it('is posted at its movement’s time, once that is known', () => {
    expect(fieldsOf(charge())).toMatchObject({ posted: false, occurredAt: new Date(S * 1_000).toISOString() });
    expect(fieldsOf(charge({ balance_transaction: { ...MOVEMENT, created: S + 259_200 } }))).toMatchObject({
      posted: true,
      occurredAt: new Date((S + 259_200) * 1_000).toISOString(),
    });
    expect(fieldsOf(charge({ status: 'failed', balance_transaction: MOVEMENT }))).toMatchObject({
      status: 'failed',
      posted: true,
    });
  });
});

describe('a payment intent', () => {
  it.each([
    ['requires_payment_method', 'pending'],
    ['requires_action', 'pending'],
    ['processing', 'pending'],
    ['canceled', 'cancelled'],
  ])('that is %s and was never attempted is a payment that is %s', (status, expected) => {
    expect(intent({ status })).toMatchObject({
      externalId: 'pi_1',
      deleted: false,
      refs: { customer: 'cus_1', payment: 'pi_1' },
      fields: { kind: 'payment', status: expected, feeMinor: null },
    });
  });

  it('is replaced by its charge', () => {
    expect(intent({ latest_charge: 'ch_1', status: 'succeeded' })).toEqual({
      externalId: 'pi_1',
      version: 1,
      deleted: true,
      superseded: true,
      recordId: null,
      fields: null,
    });
    expect(intent({ latest_charge: { ...CHARGE }, status: 'requires_payment_method' })).toMatchObject({
      deleted: true,
    });
  });
});

describe('a refund', () => {
  it.each([
    ['pending', 'pending'],
    ['requires_action', 'pending'],
    ['succeeded', 'succeeded'],
    ['failed', 'failed'],
    ['canceled', 'cancelled'],
    [null, 'pending'],
  ])('that is %s', (status, expected) => {
    expect(fieldsOf(refund({ status }))).toMatchObject({ kind: 'refund', status: expected, amountMinor: -400 });
  });

  it('is ignored when it only releases an uncaptured amount', () => {
    expect(refund({ balance_transaction: null })).toBeNull();
    expect(
      refund({ balance_transaction: { ...MOVEMENT, type: 'refund', reporting_category: 'partial_capture_reversal' } }),
    ).toMatchObject({ deleted: true });
  });

  it('returns part of the fee when Stripe does', () => {
    expect(
      fieldsOf(
        refund({
          balance_transaction: {
            ...MOVEMENT,
            id: 'txn_2',
            amount: -400,
            fee: -12,
            type: 'refund',
            reporting_category: 'refund',
          },
        }),
      ).feeMinor,
    ).toBe(-12);
  });
});

describe('a dispute', () => {
  const withdrawal = {
    ...MOVEMENT,
    id: 'txn_w',
    created: S + 60,
    amount: -1_000,
    fee: 1_500,
    type: 'adjustment',
    reporting_category: 'dispute',
    source: 'dp_1',
  };
  const reversal = {
    ...withdrawal,
    id: 'txn_r',
    created: S + 9_000,
    amount: 1_000,
    fee: -1_500,
    reporting_category: 'dispute_reversal',
  };

  it('has taken nothing while it is only an inquiry', () => {
    expect(fieldsOf(dispute())).toMatchObject({
      status: 'pending',
      amountMinor: 0,
      feeMinor: null,
      metadata: { stripe_disputed_minor: '1000' },
    });
    expect(fieldsOf(dispute({ status: 'warning_closed' }))).toMatchObject({ status: 'cancelled', amountMinor: 0 });
  });

  it('is dated by the withdrawal, and keeps its amount when the money returns', () => {
    for (const balance_transactions of [[withdrawal], [withdrawal, reversal]]) {
      expect(fieldsOf(dispute({ status: 'won', balance_transactions }))).toMatchObject({
        status: 'won',
        amountMinor: -1_000,
        feeMinor: 1_500,
        occurredAt: new Date((S + 60) * 1_000).toISOString(),
      });
    }
  });

  it('has its own currency when Stripe settles in another, with the exact settled figures in metadata', () => {
    const settled = { ...withdrawal, currency: 'usd', amount: -1_100 };
    expect(fieldsOf(dispute({ status: 'lost', balance_transactions: [settled] }))).toMatchObject({
      amountMinor: -1_000,
      currency: 'EUR',
      feeMinor: null,
      metadata: { stripe_settled_currency: 'USD', stripe_settled_minor: '-1100', stripe_settled_fee_minor: '1500' },
    });
  });

  it('is an adjustment when the money returns, in that currency and at that time', () => {
    const source = { ...DISPUTE, status: 'won', balance_transactions: [withdrawal, reversal] };
    expect(
      movementRecords(movement({ ...reversal, source }), 1).map((record) => [
        record.externalId,
        fieldsOf(record).kind,
        fieldsOf(record).amountMinor,
      ]),
    ).toEqual([
      ['dp_1', 'dispute', -1_000],
      ['txn_r', 'adjustment', 1_000],
    ]);
    expect(movementRecords(movement({ ...withdrawal, source }), 1).map(({ externalId }) => externalId)).toEqual([
      'dp_1',
    ]);
  });
});

describe('two events of one second', () => {
  it('are ordered by the object’s progress', () => {
    const ranks = (subjects: readonly Parameters<typeof progressOf>[0][]) => subjects.map(progressOf);
    const sorted = (numbers: readonly number[]) => [...new Set(numbers)].sort((a, b) => a - b);
    const charges = ranks([
      chargeSchema.parse({ ...CHARGE, status: 'pending' }),
      chargeSchema.parse({ ...CHARGE, captured: false }),
      chargeSchema.parse(CHARGE),
      chargeSchema.parse({ ...CHARGE, status: 'failed' }),
    ]);
    const refunds = ranks([
      refundSchema.parse({ ...REFUND, status: 'pending' }),
      refundSchema.parse(REFUND),
      refundSchema.parse({ ...REFUND, status: 'failed' }),
    ]);
    const disputes = ranks([
      disputeSchema.parse(DISPUTE),
      disputeSchema.parse({ ...DISPUTE, balance_transactions: [MOVEMENT] }),
      disputeSchema.parse({ ...DISPUTE, status: 'lost' }),
      disputeSchema.parse({ ...DISPUTE, status: 'won', balance_transactions: [MOVEMENT] }),
    ]);
    const intents = ranks([
      paymentIntentSchema.parse(INTENT),
      paymentIntentSchema.parse({ ...INTENT, status: 'canceled' }),
      paymentIntentSchema.parse({ ...INTENT, latest_charge: 'ch_1' }),
    ]);
    for (const rank of [charges, refunds, disputes, intents]) {
      expect(rank).toEqual(sorted(rank));
      expect(Math.max(...rank)).toBeLessThan(10);
    }
  });
});

describe.skipIf(!existsSync(FIXTURES))(
  'Stripe’s own samples (skipped loudly: they are not part of this repository)',
  () => {
    const sample = (name: string): unknown =>
      (JSON.parse(readFileSync(FIXTURES, 'utf8')) as { readonly resources: Readonly<Record<string, unknown>> })
        .resources[name];

    it.each([
      ['balance_transaction', balanceTransactionSchema],
      ['balance_transaction', movementSchema],
      ['charge', chargeSchema],
      ['payment_intent', paymentIntentSchema],
      ['refund', refundSchema],
      ['dispute', disputeSchema],
      ['invoice', invoiceSchema],
      ['invoice_payment', invoicePaymentSchema],
    ] as const)('have the shape that is read: %s', (name, schema) => {
      expect(schema.parse(sample(name))).toMatchObject({ object: name });
    });
  },
);

if (!existsSync(FIXTURES))
  process.stderr.write(
    'SKIPPED: Stripe’s published fixtures are not next to this repository; the samples of its transactions were not parsed.\n',
  );
