import { EMPTY_ADDRESS } from '../customers/customer.ts';
import type { Address, Shipping } from '../customers/customer.ts';
import { derivedId } from '../../core/ids.ts';
import { longSeedId, mix, seedCode } from '../control/seeds.ts';
import type { Shape, Stored } from '../http/table.ts';
import { cardOf } from './test-cards.ts';

/** The mutable fields of a charge. Amounts are in minor units of `currency`. */
export interface ChargeFields {
  readonly amount: number;
  readonly amount_captured: number;
  readonly amount_refunded: number;
  readonly balance_transaction: string | null;
  readonly billing: {
    readonly address: Address | null;
    readonly email: string | null;
    readonly name: string | null;
    readonly phone: string | null;
  } | null;
  readonly captured: boolean;
  /** The name of Stripe's test card, such as `visa`; `bank` for a payment without a card. */
  readonly card: string;
  readonly currency: string;
  readonly customer: string | null;
  readonly description: string | null;
  readonly disputed: boolean;
  readonly failure_balance_transaction: string | null;
  readonly failure: { readonly code: string; readonly decline_code: string; readonly message: string } | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly payment_intent: string | null;
  readonly receipt_email: string | null;
  readonly shipping: Shipping | null;
  readonly statement_descriptor: string | null;
  readonly status: 'succeeded' | 'pending' | 'failed';
}

export const EMPTY_CHARGE: ChargeFields = {
  amount: 0,
  amount_captured: 0,
  amount_refunded: 0,
  balance_transaction: null,
  billing: null,
  captured: true,
  card: 'visa',
  currency: 'usd',
  customer: null,
  description: null,
  disputed: false,
  failure_balance_transaction: null,
  failure: null,
  metadata: {},
  payment_intent: null,
  receipt_email: null,
  shipping: null,
  statement_descriptor: null,
  status: 'succeeded',
};

/** The charge resource of API 2026-10-28.endive: https://docs.stripe.com/api/charges/object. */
function renderCharge({ id, created, fields }: Stored<ChargeFields>) {
  const { amount_captured: captured, amount_refunded: refunded, failure } = fields;
  return {
    id,
    object: 'charge' as const,
    amount: fields.amount,
    amount_captured: captured,
    amount_refunded: refunded,
    application: null,
    application_fee: null,
    application_fee_amount: null,
    balance_transaction: fields.balance_transaction,
    billing_details: billingOf(fields),
    calculated_statement_descriptor:
      fields.status === 'failed' ? null : (fields.statement_descriptor ?? 'INTERLOCK DEMO'),
    captured: fields.captured,
    created,
    currency: fields.currency,
    customer: fields.customer,
    description: fields.description,
    disputed: fields.disputed,
    failure_balance_transaction: fields.failure_balance_transaction,
    failure_code: failure?.code ?? null,
    failure_message: failure?.message ?? null,
    fraud_details: {},
    livemode: false,
    metadata: fields.metadata,
    on_behalf_of: null,
    outcome: outcomeOf(fields),
    paid: fields.status === 'succeeded',
    payment_intent: fields.payment_intent,
    payment_method: derivedId('pm_1', 23, `${id} ${fields.card}`),
    payment_method_details: methodDetails(fields),
    receipt_email: fields.receipt_email,
    receipt_number: null,
    receipt_url: fields.status === 'succeeded' ? `https://pay.stripe.com/receipts/payment/${id}` : null,
    refunded: refunded > 0 && refunded >= (fields.captured ? captured : fields.amount),
    review: null,
    shipping: fields.shipping,
    source: null,
    source_transfer: null,
    statement_descriptor: fields.statement_descriptor,
    statement_descriptor_suffix: null,
    status: fields.status,
    transfer_data: null,
    transfer_group: null,
  };
}

function billingOf({ billing }: ChargeFields) {
  return {
    address: billing?.address ?? EMPTY_ADDRESS,
    email: billing?.email ?? null,
    name: billing?.name ?? null,
    phone: billing?.phone ?? null,
    tax_id: null,
  };
}

function outcomeOf({ failure, status }: ChargeFields) {
  return {
    advice_code: null,
    network_advice_code: null,
    network_decline_code: null,
    network_status: failure ? 'declined_by_network' : 'approved_by_network',
    reason: failure?.decline_code ?? null,
    risk_level: 'normal',
    risk_score: 20,
    seller_message: failure ? 'The bank did not return any further details with this decline.' : 'Payment complete.',
    type: status === 'failed' ? 'issuer_declined' : 'authorized',
  };
}

function methodDetails({ amount, card }: ChargeFields) {
  const { brand, country, last4 } = cardOf(card);
  if (card === 'bank') {
    return {
      type: 'us_bank_account',
      us_bank_account: {
        account_holder_type: 'individual',
        account_type: 'checking',
        bank_name: 'STRIPE TEST BANK',
        fingerprint: 'FFDMA0xfhBjWSZLu',
        last4,
        mandate: null,
        payment_reference: null,
        routing_number: '110000000',
      },
    };
  }
  return {
    card: {
      amount_authorized: amount,
      authorization_code: null,
      brand,
      checks: { address_line1_check: null, address_postal_code_check: null, cvc_check: 'pass' },
      country,
      electronic_commerce_indicator: null,
      exp_month: 8,
      exp_year: 2030,
      extended_authorization: { status: 'disabled' },
      fingerprint: derivedId('', 16, last4),
      funding: 'credit',
      incremental_authorization: { status: 'unavailable' },
      installments: null,
      last4,
      mandate: null,
      multicapture: { status: 'unavailable' },
      network: brand,
      network_token: { used: false },
      network_transaction_id: null,
      overcapture: { maximum_amount_capturable: amount, status: 'unavailable' },
      regulated_status: 'unregulated',
      three_d_secure: null,
      transaction_link_id: null,
      wallet: null,
    },
    type: 'card',
  };
}

/** Between 5.00 and 254.99 in a two-decimal currency. */
export function seededAmount(no: number): number {
  return 500 + (mix(no) % 25_000);
}

/** Assigns every seeded charge to one of the seeded customers, if there are any. */
export function seededCustomerOf(no: number, customers: number, salt: number): string | null {
  return customers === 0 ? null : `cus_${seedCode(salt, 1 + (no % customers))}`;
}

export const chargeShape: Shape<ChargeFields> = {
  render: renderCharge,
  keys: { customer: ({ customer }) => customer, payment_intent: ({ payment_intent }) => payment_intent },
  seed: {
    id: (salt, no) => longSeedId('ch_3', salt, no),
    fields({ no, salt, batch }) {
      const amount = seededAmount(no);
      return {
        ...EMPTY_CHARGE,
        amount,
        amount_captured: amount,
        balance_transaction: longSeedId('txn_3', salt, no),
        customer: seededCustomerOf(no, batch.customers, salt),
        payment_intent: longSeedId('pi_3', salt, no),
        metadata: { seed: String(no) },
      };
    },
  },
};
