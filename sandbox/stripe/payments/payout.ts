import { derivedId } from '../../core/ids.ts';
import type { Shape, Stored } from '../http/table.ts';

/** A transfer of the balance to the bank. The amount is in minor units of `currency`. */
export interface PayoutFields {
  readonly amount: number;
  readonly arrival_date: number;
  readonly balance_transaction: string | null;
  readonly currency: string;
  readonly description: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly status: 'paid' | 'pending' | 'in_transit' | 'canceled' | 'failed';
}

/** The payout resource of API 2026-10-28.endive: https://docs.stripe.com/api/payouts/object. */
function renderPayout({ id, created, fields }: Stored<PayoutFields>) {
  return {
    id,
    object: 'payout' as const,
    amount: fields.amount,
    application_fee: null,
    application_fee_amount: null,
    arrival_date: fields.arrival_date,
    automatic: true,
    balance_transaction: fields.balance_transaction,
    created,
    currency: fields.currency,
    description: fields.description,
    destination: derivedId('ba_1', 23, 'bank account'),
    failure_balance_transaction: null,
    failure_code: null,
    failure_message: null,
    livemode: false,
    metadata: fields.metadata,
    method: 'standard',
    original_payout: null,
    payout_method: null,
    reconciliation_status: 'completed',
    reversed_by: null,
    source_type: 'card',
    statement_descriptor: null,
    status: fields.status,
    trace_id: null,
    type: 'bank_account',
  };
}

export const payoutShape: Shape<PayoutFields> = { render: renderPayout, keys: {} };
