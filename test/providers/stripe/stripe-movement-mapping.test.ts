import { describe, expect, it } from 'vitest';
import type { TransactionFields } from '../../../records/transactions.ts';
import type { ProviderRecord } from '../../../providers/provider.ts';
import { movementSchema } from '../../../providers/stripe/transactions/transaction-responses.ts';
import type { StripeMovement } from '../../../providers/stripe/transactions/transaction-responses.ts';
import { adjustmentRecord, sourceRecord } from '../../../providers/stripe/transactions/transactions.ts';
import { CHARGE, DISPUTE, MOVEMENT, REFUND, S } from './stripe-objects.ts';

const movement = (with_: object = {}) => movementSchema.parse({ ...MOVEMENT, ...with_ });
/** Everything that an incremental pull takes from a movement. */
const movementRecords = (told: StripeMovement, version: number) =>
  [sourceRecord(told, version), adjustmentRecord(told, version)].filter((record) => record !== null);
const fieldsOf = (record: ProviderRecord | null) => record?.fields as TransactionFields;

describe('a balance movement', () => {
  it.each([
    'payout',
    'payout_cancel',
    'payout_failure',
    'payout_minimum_balance_hold',
    'topup',
    'topup_reversal',
    'reserve_transaction',
    'reserve_hold',
    'reserved_funds',
    'payment_network_reserve_hold',
  ])('of the venue with itself is no transaction: %s', (type) => {
    expect(movementRecords(movement({ type, source: null, fee: 0 }), 1)).toEqual([]);
  });

  it.each(['payout', 'topup'])('between the venue and itself is recorded by its fee alone: %s', (type) => {
    expect(movementRecords(movement({ type, source: null, amount: -9_000, fee: 135 }), 1)).toMatchObject([
      {
        externalId: 'txn_1',
        fields: {
          kind: 'adjustment',
          status: 'succeeded',
          posted: true,
          amountMinor: 0,
          feeMinor: 135,
          metadata: { stripe_type: type },
        },
      },
    ]);
  });

  it.each<[string, object]>([
    [
      'a bank takes a payment back',
      {
        type: 'payment_failure_refund',
        amount: -1_000,
        source: { ...CHARGE, status: 'failed', balance_transaction: 'txn_0' },
      },
    ],
    [
      'a bank sends a refund back',
      { type: 'refund_failure', amount: 400, source: { ...REFUND, status: 'failed', balance_transaction: 'txn_0' } },
    ],
    [
      'a dispute takes money once more',
      {
        type: 'adjustment',
        amount: -1_000,
        source: {
          ...DISPUTE,
          balance_transactions: [
            { ...MOVEMENT, id: 'txn_0', created: S - 60, amount: -1_000 },
            { ...MOVEMENT, amount: -1_000 },
          ],
        },
      },
    ],
    ['nothing says what caused it', { type: 'charge', source: null }],
  ])('is an adjustment of its own day when %s', (_what, state) => {
    const told = movement({ fee: 0, ...state });
    expect(adjustmentRecord(told, 1)).toMatchObject({
      externalId: 'txn_1',
      fields: { kind: 'adjustment', amountMinor: told.amount, posted: true },
    });
  });

  it('is no adjustment while its charge does not name it yet, but posts the charge', () => {
    expect(movementRecords(movement({ source: { ...CHARGE, balance_transaction: null } }), 1)).toMatchObject([
      { externalId: 'ch_1', fields: { posted: true, feeMinor: 59 } },
    ]);
  });

  it('that releases an uncaptured amount records its fee, if any', () => {
    const source = { ...REFUND, balance_transaction: 'txn_1' };
    const released = { type: 'refund', reporting_category: 'partial_capture_reversal', amount: -400, source };
    expect(adjustmentRecord(movement({ ...released, fee: 0 }), 1)).toBeNull();
    expect(adjustmentRecord(movement({ ...released, fee: -12 }), 1)).toMatchObject({
      fields: { amountMinor: 0, feeMinor: -12 },
    });
  });

  it.each([
    'stripe_fee',
    'stripe_fx_fee',
    'tax_fee',
    'application_fee',
    'application_fee_refund',
    'contribution',
    'transfer',
    'issuing_transaction',
    'adjustment',
    'a_type_of_tomorrow',
  ])('with somebody else is an adjustment: %s', (type) => {
    expect(
      adjustmentRecord(movement({ type, source: { object: 'something', id: 'x_1', charge: 'ch_9' } }), 1),
    ).toMatchObject({
      externalId: 'txn_1',
      refs: { related: 'ch_9' },
      fields: {
        kind: 'adjustment',
        status: 'succeeded',
        amountMinor: 1_000,
        feeMinor: 59,
        metadata: { stripe_type: type, stripe_source: 'x_1' },
      },
    });
  });

  it('that corrects a charge belongs to it, and updates it', () => {
    const records = movementRecords(movement({ id: 'txn_9', type: 'adjustment', amount: -30, source: CHARGE }), 1);
    expect(records.map(({ externalId, refs }) => [externalId, refs?.['related']])).toEqual([
      ['ch_1', null],
      ['txn_9', 'ch_1'],
    ]);
    // A correction's fee is not the charge's, and its absence must not hide the reading that has it.
    expect(fieldsOf(records[0] ?? null).feeMinor).toBeNull();
    const [own] = movementRecords(movement({ source: CHARGE }), 1);
    expect(fieldsOf(own ?? null).feeMinor).toBe(59);
    expect(own?.version).toBeGreaterThan(records[0]?.version ?? Infinity);
  });

  it('with a source of unknown shape is rejected', () => {
    expect(movementSchema.safeParse({ ...MOVEMENT, source: { ...CHARGE, amount: '1000' } }).success).toBe(false);
    expect(movementSchema.safeParse({ ...MOVEMENT, source: { object: 'payout', id: 'po_1' } }).success).toBe(true);
  });
});
