import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { TransactionFields } from '../../contracts/records.ts';
import { unreadableIssuesOf } from '../../providers/items.ts';
import type { ProviderRecord } from '../../providers/provider.ts';
import type { StripeMovement } from '../../providers/stripe/transaction-responses.ts';
import { balanceTransactionSchema, chargeSchema, disputeSchema, invoicePaymentSchema, invoiceSchema, movementSchema, paymentIntentSchema, refundSchema } from '../../providers/stripe/transaction-responses.ts';
import { adjustmentRecord, chargeRecord, disputeRecord, paymentIntentRecord, progressOf, refundRecord, sourceRecord } from '../../providers/stripe/transactions.ts';

const FIXTURES = new URL('../../../shared/samples/stripe/fixtures3.json', import.meta.url);
const S = 1_700_000_000;

// Objects as the API tells them, cut down to what is read of them.
const CHARGE = { id: 'ch_1', object: 'charge', created: S, amount: 1_000, amount_captured: 1_000, balance_transaction: 'txn_1', captured: true, currency: 'eur', customer: 'cus_1', failure_code: null, metadata: {}, payment_intent: 'pi_1', refunded: false, status: 'succeeded' };
const INTENT = { id: 'pi_1', object: 'payment_intent', created: S, amount: 1_000, currency: 'eur', customer: { id: 'cus_1', object: 'customer' }, latest_charge: null, metadata: {}, status: 'requires_payment_method' };
const MOVEMENT = { id: 'txn_1', object: 'balance_transaction', created: S, amount: 1_000, currency: 'eur', fee: 59, type: 'charge', reporting_category: 'charge', source: 'ch_1' };
const REFUND = { id: 're_1', object: 'refund', created: S, amount: 400, balance_transaction: 'txn_2', charge: 'ch_1', currency: 'eur', customer: null, metadata: null, payment_intent: 'pi_1', reason: null, status: 'succeeded' };
const DISPUTE = { id: 'dp_1', object: 'dispute', created: S, amount: 1_000, balance_transactions: [] as object[], charge: 'ch_1', currency: 'eur', metadata: {}, payment_intent: 'pi_1', reason: 'general', status: 'warning_needs_response' };

const charge = (with_: object = {}) => chargeRecord(chargeSchema.parse({ ...CHARGE, ...with_ }), 1);
const intent = (with_: object = {}) => paymentIntentRecord(paymentIntentSchema.parse({ ...INTENT, ...with_ }), 1);
const refund = (with_: object = {}) => refundRecord(refundSchema.parse({ ...REFUND, ...with_ }), 1);
const dispute = (with_: object = {}) => disputeRecord(disputeSchema.parse({ ...DISPUTE, ...with_ }), 1);
const movement = (with_: object = {}) => movementSchema.parse({ ...MOVEMENT, ...with_ });
/** Everything that an incremental pull takes from a movement. */
const movementRecords = (told: StripeMovement, version: number) => [sourceRecord(told, version), adjustmentRecord(told, version)].filter((record) => record !== null);
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
    ['authorised and not captured: the money may still come', { captured: false, amount_captured: 0, balance_transaction: null }, 'pending', 1_000],
    ['authorised and let go', { captured: false, amount_captured: 0, refunded: true, balance_transaction: null }, 'cancelled', 1_000],
    ['captured in part: the rest was never the venue’s', { amount_captured: 600 }, 'succeeded', 600],
    ['captured and refunded: the refund tells that', { refunded: true }, 'succeeded', 1_000],
    ['on its way', { status: 'pending' }, 'pending', 1_000],
    ['failed', { status: 'failed', captured: false, amount_captured: 0, failure_code: 'card_declined' }, 'failed', 1_000],
    ['failed, whatever it says of its capture', { status: 'failed', amount_captured: 0 }, 'failed', 1_000],
  ])('that is %s', (_what, state, status, amountMinor) => {
    expect(fieldsOf(charge(state))).toMatchObject({ kind: 'payment', status, amountMinor });
  });

  it('keeps its own metadata beside what we say of it, and ours wins', () => {
    expect(fieldsOf(charge({ metadata: { order: '7', stripe_payment_intent: 'forged' } })).metadata).toEqual({ order: '7', stripe_payment_intent: 'pi_1', stripe_balance_transaction: 'txn_1' });
  });

  it('has no fee where its movement is only named, and the fee where it came along', () => {
    expect(fieldsOf(charge()).feeMinor).toBeNull();
    expect(fieldsOf(charge({ balance_transaction: MOVEMENT })).feeMinor).toBe(59);
  });

  it.each<[string, object, RegExp]>([
    ['in a currency that ISO 4217 does not know', { currency: 'usdc' }, /^amount: is in no ISO 4217 currency/],
    ['in a fraction that ISO 4217 does not know', { currency: 'isk', amount_captured: 150 }, /^amount: is no whole number/],
    ['with a fee in such a fraction', { currency: 'isk', amount_captured: 200, balance_transaction: { ...MOVEMENT, currency: 'isk', fee: 7 } }, /^fee: is no whole number/],
    ['that settles in such a currency', { balance_transaction: { ...MOVEMENT, currency: 'usdc' } }, /^fee: is in no ISO 4217 currency/],
  ])('%s refuses itself with the reason', (_what, state, issues) => {
    expect(issuesOf(() => charge(state))).toMatch(issues);
  });

  it.each([['mro', 'MRO'], ['std', 'STD'], ['vef', 'VEF']])('in %s, which no country uses any more, is in the books', (currency, code) => {
    expect(fieldsOf(charge({ currency }))).toMatchObject({ currency: code, amountMinor: 1_000 });
  });

  it('is posted at the time of its movement, and not before that is known', () => {
    expect(fieldsOf(charge())).toMatchObject({ posted: false, occurredAt: new Date(S * 1_000).toISOString() });
    expect(fieldsOf(charge({ balance_transaction: { ...MOVEMENT, created: S + 259_200 } }))).toMatchObject({ posted: true, occurredAt: new Date((S + 259_200) * 1_000).toISOString() });
    expect(fieldsOf(charge({ status: 'failed', balance_transaction: MOVEMENT }))).toMatchObject({ status: 'failed', posted: true });
  });
});

describe('a payment intent', () => {
  it.each([
    ['requires_payment_method', 'pending'],
    ['requires_action', 'pending'],
    ['processing', 'pending'],
    ['canceled', 'cancelled'],
  ])('that is %s and was never attempted is a payment that is %s', (status, expected) => {
    expect(intent({ status })).toMatchObject({ externalId: 'pi_1', deleted: false, refs: { customer: 'cus_1', payment: 'pi_1' }, fields: { kind: 'payment', status: expected, feeMinor: null } });
  });

  it('gives its place to its charge', () => {
    expect(intent({ latest_charge: 'ch_1', status: 'succeeded' })).toEqual({ externalId: 'pi_1', version: 1, deleted: true, superseded: true, recordId: null, fields: null });
    expect(intent({ latest_charge: { ...CHARGE }, status: 'requires_payment_method' })).toMatchObject({ deleted: true });
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

  it('is none when it only lets go of what was never captured', () => {
    expect(refund({ balance_transaction: null })).toMatchObject({ externalId: 're_1', deleted: true });
    expect(refund({ balance_transaction: { ...MOVEMENT, type: 'refund', reporting_category: 'partial_capture_reversal' } })).toMatchObject({ deleted: true });
  });

  it('gives back a part of the fee where Stripe does', () => {
    expect(fieldsOf(refund({ balance_transaction: { ...MOVEMENT, id: 'txn_2', amount: -400, fee: -12, type: 'refund', reporting_category: 'refund' } })).feeMinor).toBe(-12);
  });
});

describe('a dispute', () => {
  const withdrawal = { ...MOVEMENT, id: 'txn_w', created: S + 60, amount: -1_000, fee: 1_500, type: 'adjustment', reporting_category: 'dispute', source: 'dp_1' };
  const reversal = { ...withdrawal, id: 'txn_r', created: S + 9_000, amount: 1_000, fee: -1_500, reporting_category: 'dispute_reversal' };

  it('that is only an inquiry has taken nothing', () => {
    expect(fieldsOf(dispute())).toMatchObject({ status: 'pending', amountMinor: 0, feeMinor: null, metadata: { stripe_disputed_minor: '1000' } });
    expect(fieldsOf(dispute({ status: 'warning_closed' }))).toMatchObject({ status: 'cancelled', amountMinor: 0 });
  });

  it('happens when the money is taken, and stays what was taken when it comes back', () => {
    for (const balance_transactions of [[withdrawal], [withdrawal, reversal]]) {
      expect(fieldsOf(dispute({ status: 'won', balance_transactions }))).toMatchObject({ status: 'won', amountMinor: -1_000, feeMinor: 1_500, occurredAt: new Date((S + 60) * 1_000).toISOString() });
    }
  });

  it('says its own currency where Stripe settles in another, with the exact figures beside it', () => {
    const settled = { ...withdrawal, currency: 'usd', amount: -1_100 };
    expect(fieldsOf(dispute({ status: 'lost', balance_transactions: [settled] }))).toMatchObject({
      amountMinor: -1_000,
      currency: 'EUR',
      feeMinor: null,
      metadata: { stripe_settled_currency: 'USD', stripe_settled_minor: '-1100', stripe_settled_fee_minor: '1500' },
    });
  });

  it('is an adjustment when the money comes back, in the currency and at the time in which it does', () => {
    const source = { ...DISPUTE, status: 'won', balance_transactions: [withdrawal, reversal] };
    expect(movementRecords(movement({ ...reversal, source }), 1).map((record) => [record.externalId, fieldsOf(record).kind, fieldsOf(record).amountMinor])).toEqual([
      ['dp_1', 'dispute', -1_000],
      ['txn_r', 'adjustment', 1_000],
    ]);
    expect(movementRecords(movement({ ...withdrawal, source }), 1).map(({ externalId }) => externalId)).toEqual(['dp_1']);
  });
});

describe('a movement of the balance', () => {
  it.each(['payout', 'payout_cancel', 'payout_failure', 'payout_minimum_balance_hold', 'topup', 'topup_reversal', 'reserve_transaction', 'reserve_hold', 'reserved_funds', 'payment_network_reserve_hold'])(
    'of the venue with itself is no transaction: %s',
    (type) => {
      expect(movementRecords(movement({ type, source: null, fee: 0 }), 1)).toEqual([]);
    },
  );

  it.each(['payout', 'topup'])('of the venue with itself is told by its fee alone: %s', (type) => {
    expect(movementRecords(movement({ type, source: null, amount: -9_000, fee: 135 }), 1)).toMatchObject([
      { externalId: 'txn_1', fields: { kind: 'adjustment', status: 'succeeded', posted: true, amountMinor: 0, feeMinor: 135, metadata: { stripe_type: type } } },
    ]);
  });

  it.each<[string, object]>([
    ['a bank takes a payment back', { type: 'payment_failure_refund', amount: -1_000, source: { ...CHARGE, status: 'failed', balance_transaction: 'txn_0' } }],
    ['a bank sends a refund back', { type: 'refund_failure', amount: 400, source: { ...REFUND, status: 'failed', balance_transaction: 'txn_0' } }],
    ['a dispute takes money once more', { type: 'adjustment', amount: -1_000, source: { ...DISPUTE, balance_transactions: [{ ...MOVEMENT, id: 'txn_0', created: S - 60, amount: -1_000 }, { ...MOVEMENT, amount: -1_000 }] } }],
    ['nothing says what caused it', { type: 'charge', source: null }],
  ])('is an adjustment of its own day when %s', (_what, state) => {
    const told = movement({ fee: 0, ...state });
    expect(adjustmentRecord(told, 1)).toMatchObject({ externalId: 'txn_1', fields: { kind: 'adjustment', amountMinor: told.amount, posted: true } });
  });

  it('is no adjustment while its charge does not name it yet: it posts the charge', () => {
    expect(movementRecords(movement({ source: { ...CHARGE, balance_transaction: null } }), 1)).toMatchObject([{ externalId: 'ch_1', fields: { posted: true, feeMinor: 59 } }]);
  });

  it('that releases what was not captured tells its fee, where there is one', () => {
    const source = { ...REFUND, balance_transaction: 'txn_1' };
    const released = { type: 'refund', reporting_category: 'partial_capture_reversal', amount: -400, source };
    expect(adjustmentRecord(movement({ ...released, fee: 0 }), 1)).toBeNull();
    expect(adjustmentRecord(movement({ ...released, fee: -12 }), 1)).toMatchObject({ fields: { amountMinor: 0, feeMinor: -12 } });
  });

  it.each(['stripe_fee', 'stripe_fx_fee', 'tax_fee', 'application_fee', 'application_fee_refund', 'contribution', 'transfer', 'issuing_transaction', 'adjustment', 'a_type_of_tomorrow'])(
    'with somebody else is an adjustment: %s',
    (type) => {
      expect(adjustmentRecord(movement({ type, source: { object: 'something', id: 'x_1', charge: 'ch_9' } }), 1)).toMatchObject({
        externalId: 'txn_1',
        refs: { related: 'ch_9' },
        fields: { kind: 'adjustment', status: 'succeeded', amountMinor: 1_000, feeMinor: 59, metadata: { stripe_type: type, stripe_source: 'x_1' } },
      });
    },
  );

  it('that corrects a charge belongs to it, and tells it as well', () => {
    const records = movementRecords(movement({ id: 'txn_9', type: 'adjustment', amount: -30, source: CHARGE }), 1);
    expect(records.map(({ externalId, refs }) => [externalId, refs?.related])).toEqual([['ch_1', null], ['txn_9', 'ch_1']]);
    // The fee of a correction is not the fee of the charge, and that it is missing must not hide the reading that brings it.
    expect(fieldsOf(records[0] ?? null).feeMinor).toBeNull();
    const [own] = movementRecords(movement({ source: CHARGE }), 1);
    expect(fieldsOf(own ?? null).feeMinor).toBe(59);
    expect(own?.version).toBeGreaterThan(records[0]?.version ?? Infinity);
  });

  it('whose source has not the shape that we know is refused, not taken for something else', () => {
    expect(movementSchema.safeParse({ ...MOVEMENT, source: { ...CHARGE, amount: '1000' } }).success).toBe(false);
    expect(movementSchema.safeParse({ ...MOVEMENT, source: { object: 'payout', id: 'po_1' } }).success).toBe(true);
  });
});

describe('two events of one second', () => {
  it('are in the order of how far the object has come', () => {
    const ranks = (subjects: readonly (Parameters<typeof progressOf>[0])[]) => subjects.map(progressOf);
    const sorted = (numbers: readonly number[]) => [...new Set(numbers)].sort((a, b) => a - b);
    const charges = ranks([chargeSchema.parse({ ...CHARGE, status: 'pending' }), chargeSchema.parse({ ...CHARGE, captured: false }), chargeSchema.parse(CHARGE), chargeSchema.parse({ ...CHARGE, status: 'failed' })]);
    const refunds = ranks([refundSchema.parse({ ...REFUND, status: 'pending' }), refundSchema.parse(REFUND), refundSchema.parse({ ...REFUND, status: 'failed' })]);
    const disputes = ranks([disputeSchema.parse(DISPUTE), disputeSchema.parse({ ...DISPUTE, balance_transactions: [MOVEMENT] }), disputeSchema.parse({ ...DISPUTE, status: 'lost' }), disputeSchema.parse({ ...DISPUTE, status: 'won', balance_transactions: [MOVEMENT] })]);
    const intents = ranks([paymentIntentSchema.parse(INTENT), paymentIntentSchema.parse({ ...INTENT, status: 'canceled' }), paymentIntentSchema.parse({ ...INTENT, latest_charge: 'ch_1' })]);
    for (const rank of [charges, refunds, disputes, intents]) {
      expect(rank).toEqual(sorted(rank));
      expect(Math.max(...rank)).toBeLessThan(10);
    }
  });
});

describe.skipIf(!existsSync(FIXTURES))('Stripe’s own samples (skipped loudly: they are not part of this repository)', () => {
  const sample = (name: string): unknown => (JSON.parse(readFileSync(FIXTURES, 'utf8')) as { readonly resources: Readonly<Record<string, unknown>> }).resources[name];

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
});

if (!existsSync(FIXTURES)) process.stderr.write('SKIPPED: Stripe’s published fixtures are not next to this repository; the samples of its transactions were not parsed.\n');
