import { renderBalanceTransaction } from './balance-transaction.ts';
import type { BalanceTransactionFields } from './balance-transaction.ts';
import type { Shape, Stored } from '../http/table.ts';

export type DisputeStatus = 'needs_response' | 'under_review' | 'won' | 'lost';

/** The mutable fields of a dispute. Amounts are in minor units of `currency`, the charge's. */
export interface DisputeFields {
  readonly amount: number;
  /** The balance transactions as written: the withdrawal, and the reinstatement of a won dispute. */
  readonly balance_transactions: readonly Stored<BalanceTransactionFields>[];
  readonly charge: string;
  readonly currency: string;
  /** Seconds since the epoch. */
  readonly due_by: number;
  readonly evidence: Readonly<Record<string, string | null>>;
  readonly metadata: Readonly<Record<string, string>>;
  readonly payment_intent: string | null;
  readonly reason: string;
  readonly status: DisputeStatus;
  readonly submission_count: number;
}

/** Every piece of evidence that a dispute takes: https://docs.stripe.com/api/disputes/evidence_object (2026-11). */
export const EVIDENCE = [
  'access_activity_log',
  'billing_address',
  'cancellation_policy',
  'cancellation_policy_disclosure',
  'cancellation_rebuttal',
  'customer_communication',
  'customer_email_address',
  'customer_name',
  'customer_purchase_ip',
  'customer_signature',
  'duplicate_charge_documentation',
  'duplicate_charge_explanation',
  'duplicate_charge_id',
  'product_description',
  'receipt',
  'refund_policy',
  'refund_policy_disclosure',
  'refund_refusal_explanation',
  'service_date',
  'service_documentation',
  'shipping_address',
  'shipping_carrier',
  'shipping_date',
  'shipping_documentation',
  'shipping_tracking_number',
  'uncategorized_file',
  'uncategorized_text',
] as const;

const NO_EVIDENCE = Object.fromEntries(EVIDENCE.map((piece) => [piece, null]));

/** The dispute resource of API 2026-10-28.endive: https://docs.stripe.com/api/disputes/object. */
function renderDispute({ id, created, fields }: Stored<DisputeFields>, nowSeconds: number) {
  return {
    id,
    object: 'dispute' as const,
    amount: fields.amount,
    balance_transactions: fields.balance_transactions.map((line) => renderBalanceTransaction(line, nowSeconds)),
    charge: fields.charge,
    created,
    currency: fields.currency,
    enhanced_eligibility_types: [],
    evidence: { ...NO_EVIDENCE, ...fields.evidence, enhanced_evidence: {} },
    evidence_details: {
      due_by: fields.due_by,
      enhanced_eligibility: {},
      has_evidence: Object.values(fields.evidence).some((piece) => piece !== null),
      past_due: fields.due_by < nowSeconds,
      submission_count: fields.submission_count,
      submission_method: fields.submission_count === 0 ? 'not_submitted' : 'manual',
    },
    intended_submission_method: null,
    is_charge_refundable: false,
    livemode: false,
    metadata: fields.metadata,
    payment_intent: fields.payment_intent,
    payment_method_details: {
      card: { brand: 'visa', case_type: 'chargeback', network: 'visa', network_reason_code: '10.4' },
      type: 'card',
    },
    reason: fields.reason,
    status: fields.status,
  };
}

export const disputeShape: Shape<DisputeFields> = {
  render: renderDispute,
  changesWithTime: true,
  keys: { charge: ({ charge }) => charge, payment_intent: ({ payment_intent }) => payment_intent },
};
