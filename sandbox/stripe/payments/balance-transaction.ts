import { usualFee } from './currency.ts';
import { longSeedId } from '../control/seeds.ts';
import { seededAmount } from './charge.ts';
import type { Shape, Stored } from '../http/table.ts';

export interface FeeDetail {
  readonly amount: number;
  readonly application: string | null;
  readonly currency: string;
  readonly description: string | null;
  readonly type: string;
}

/** One line of the account's balance. Only `payout` ever changes, when the line is paid out. */
export interface BalanceTransactionFields {
  /** Minor units of `currency`, the settlement currency. Negative when money leaves. */
  readonly amount: number;
  /** Seconds since the epoch. The line is pending until then. */
  readonly available_on: number;
  readonly currency: string;
  readonly description: string | null;
  /** From the charge's currency to `currency`; null when they are the same. */
  readonly exchange_rate: number | null;
  readonly fee: number;
  readonly fee_details: readonly FeeDetail[];
  readonly payout: string | null;
  readonly source: string | null;
  readonly type: string;
}

/** The reporting category of each type: https://docs.stripe.com/reports/reporting-categories (2026-11). */
const CATEGORIES: Readonly<Record<string, string>> = {
  charge: 'charge',
  payment: 'charge',
  refund: 'refund',
  payment_refund: 'refund',
  refund_failure: 'refund_failure',
  payment_failure_refund: 'charge_failure',
  stripe_fee: 'fee',
  stripe_fx_fee: 'fee',
  payout: 'payout',
  payout_cancel: 'payout_reversal',
  payout_failure: 'payout_reversal',
};

/** The balance transaction resource: https://docs.stripe.com/api/balance_transactions/object (API 2026-10-28.endive). */
export function renderBalanceTransaction(
  { id, created, fields }: Stored<BalanceTransactionFields>,
  nowSeconds: number,
) {
  return {
    id,
    object: 'balance_transaction' as const,
    amount: fields.amount,
    available_on: fields.available_on,
    balance_type: 'payments',
    created,
    currency: fields.currency,
    description: fields.description,
    exchange_rate: fields.exchange_rate,
    fee: fields.fee,
    fee_details: fields.fee_details,
    net: fields.amount - fields.fee,
    reporting_category: categoryOf(fields),
    source: fields.source,
    status: fields.available_on <= nowSeconds ? 'available' : 'pending',
    type: fields.type,
  };
}

export function stripeFee(amount: number, currency: string): FeeDetail[] {
  return amount === 0
    ? []
    : [{ amount, application: null, currency, description: 'Stripe processing fees', type: 'stripe_fee' }];
}

/** Midnight UTC two days later, as for an account with a two-day schedule. */
export function availableOn(created: number): number {
  const day = 24 * 60 * 60;
  return (Math.floor(created / day) + 2) * day;
}

function categoryOf({ type, amount, source }: BalanceTransactionFields): string {
  if (type !== 'adjustment') return CATEGORIES[type] ?? type;
  if (!/^d[pu]_/.test(source ?? '')) return 'other_adjustment';
  return amount < 0 ? 'dispute' : 'dispute_reversal';
}

export const balanceTransactionShape: Shape<BalanceTransactionFields> = {
  render: renderBalanceTransaction,
  changesWithTime: true,
  keys: {
    source: ({ source }) => source,
    type: ({ type }) => type,
    payout: ({ payout }) => payout,
    currency: ({ currency }) => currency,
  },
  seed: {
    id: (salt, no) => longSeedId('txn_3', salt, no),
    fields({ no, created, salt }) {
      const amount = seededAmount(no);
      const fee = usualFee(amount, 'usd');
      return {
        amount,
        available_on: availableOn(created),
        currency: 'usd',
        description: null,
        exchange_rate: null,
        fee,
        fee_details: stripeFee(fee, 'usd'),
        payout: null,
        source: longSeedId('ch_3', salt, no),
        type: 'charge',
      };
    },
  },
};
