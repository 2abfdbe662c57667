import type { Shape, Stored } from '../http/table.ts';

/** The mutable fields of a refund. Amounts are in minor units of `currency`, the charge's. */
export interface RefundFields {
  readonly amount: number;
  readonly balance_transaction: string | null;
  readonly card: boolean;
  readonly charge: string | null;
  readonly currency: string;
  readonly failure_balance_transaction: string | null;
  readonly failure_reason: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly payment_intent: string | null;
  readonly reason: 'duplicate' | 'fraudulent' | 'requested_by_customer' | null;
  readonly status: 'pending' | 'succeeded' | 'failed' | 'canceled';
}

/** The refund resource of API 2026-10-28.endive: https://docs.stripe.com/api/refunds/object. */
function renderRefund({ id, created, fields }: Stored<RefundFields>) {
  return {
    id,
    object: 'refund' as const,
    amount: fields.amount,
    balance_transaction: fields.balance_transaction,
    charge: fields.charge,
    created,
    currency: fields.currency,
    customer: null,
    customer_account: null,
    destination_details: fields.card
      ? {
          card: {
            reference: null,
            reference_status: 'pending',
            reference_type: 'acquirer_reference_number',
            type: 'refund',
          },
          type: 'card',
        }
      : { type: 'us_bank_transfer', us_bank_transfer: { reference: null, reference_status: null } },
    ...(fields.failure_balance_transaction !== null && {
      failure_balance_transaction: fields.failure_balance_transaction,
    }),
    ...(fields.failure_reason !== null && { failure_reason: fields.failure_reason }),
    metadata: fields.metadata,
    payment_intent: fields.payment_intent,
    payment_method: null,
    reason: fields.reason,
    receipt_number: null,
    source_transfer_reversal: null,
    status: fields.status,
    transfer_reversal: null,
  };
}

export const refundShape: Shape<RefundFields> = {
  render: renderRefund,
  keys: { charge: ({ charge }) => charge, payment_intent: ({ payment_intent }) => payment_intent },
};
