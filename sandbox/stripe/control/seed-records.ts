import { availableOn, stripeFee } from '../payments/balance-transaction.ts';
import { ControlError } from '../../core/control-api.ts';
import { EMPTY_FIELDS } from '../customers/customer.ts';
import type { Draft, Objekt } from '../state/draft.ts';
import { given } from '../../core/given.ts';
import { randomId } from '../../core/ids.ts';
import { addCharge, addDispute, addLine, addRefund, closeDispute, failRefund } from '../payments/money.ts';
import { EMPTY_INVOICE } from '../billing/invoice.ts';
import { EMPTY_PAYMENT_INTENT } from '../payments/payment-intent.ts';
import { EMPTY_PRICE } from '../catalogue/price.ts';
import { EMPTY_PRODUCT } from '../catalogue/product.ts';
import type {
  SeedBody,
  SeededBalanceTransaction,
  SeededCharge,
  SeededCustomer,
  SeededDispute,
  SeededInvoice,
  SeededPayout,
  SeededPrice,
  SeededProduct,
  SeededRefund,
} from './seed-schemas.ts';
import { cardOf } from '../payments/test-cards.ts';

const SEEDERS = {
  customers: (draft: Draft, { id = randomId('cus_', 14), created, ...rest }: SeededCustomer) => {
    return draft.insert('customer', { id, created, fields: { ...EMPTY_FIELDS, ...given(rest) } });
  },

  products: (
    draft: Draft,
    { id = randomId('prod_', 14), created, currency, unit_amount: amount, ...rest }: SeededProduct,
  ) => {
    const price =
      amount === undefined ? null : SEEDERS.prices(draft, { product: id, created, currency, unit_amount: amount });
    const fields = {
      ...EMPTY_PRODUCT,
      ...given(rest),
      default_price: price?.id ?? null,
      updated: created ?? draft.nowSeconds,
    };
    return draft.insert('product', { id, created, fields });
  },

  prices: (draft: Draft, { id = randomId('price_1', 23), created, ...rest }: SeededPrice) => {
    return draft.insert('price', {
      id,
      created,
      fields: { ...EMPTY_PRICE, ...given(rest), unit_amount_decimal: String(rest.unit_amount) },
    });
  },

  charges: seedCharge,

  refunds: (draft: Draft, { charge: chargeId, amount, status, ...rest }: SeededRefund) => {
    const charge = chargeOf(draft, chargeId);
    const left = charge.fields.amount_captured - charge.fields.amount_refunded;
    if ((amount ?? left) > left)
      throw new ControlError(409, 'refunded', { message: `Only ${left} of ${chargeId} can be refunded.` });
    const refund = addRefund(draft, charge, {
      ...given(rest),
      amount: amount ?? left,
      status: status === 'failed' ? 'succeeded' : status,
    });
    return status === 'failed' && refund.fields.status !== 'failed' ? failRefund(draft, refund, 'unknown') : refund;
  },

  disputes: (draft: Draft, { charge, status, ...rest }: SeededDispute) => {
    const dispute = addDispute(draft, chargeOf(draft, charge), given(rest));
    return status === 'needs_response' ? dispute : closeDispute(draft, dispute, status);
  },

  balance_transactions: (draft: Draft, { id = randomId('txn_1', 23), created, ...rest }: SeededBalanceTransaction) => {
    const fields = {
      description: null,
      exchange_rate: null,
      payout: null,
      source: null,
      available_on: availableOn(created ?? draft.nowSeconds),
      ...given(rest),
    };
    return draft.insert('balance_transaction', {
      id,
      created,
      fields: { ...fields, fee_details: stripeFee(rest.fee, rest.currency) },
    });
  },

  payouts: seedPayout,

  invoices: (
    draft: Draft,
    { id = randomId('in_1', 23), created = draft.nowSeconds, lines, ...rest }: SeededInvoice,
  ) => {
    const period = { start: created, end: created };
    const whole = lines.map((line) => ({
      id: randomId('il_1', 23),
      item: null,
      metadata: {},
      period,
      price: null,
      ...line,
    }));
    const finalizedAt = rest.status === 'draft' ? null : created;
    return draft.insert('invoice', {
      id,
      created,
      fields: { ...EMPTY_INVOICE, ...given(rest), finalized_at: finalizedAt, lines: whole, period },
    });
  },
};

/**
 * Seeds one record with everything that belongs to it and returns its id. Throws a `ControlError` for a missing
 * reference.
 */
export function seedRecord(draft: Draft, resource: SeedBody['resource'], record: object): string {
  const seeder = SEEDERS[resource] as (draft: Draft, record: object) => { readonly id: string };
  return seeder(draft, record).id;
}

function seedCharge(draft: Draft, record: SeededCharge): Objekt<'charge'> {
  const {
    id,
    created,
    disputed,
    refunded_amount: refunded,
    payment_intent: wanted,
    fee,
    settlement_currency: currency,
    exchange_rate: exchangeRate,
    ...rest
  } = record;
  const intent = wanted === true ? randomId('pi_3', 23) : wanted || null;
  const fields = {
    ...given(rest),
    payment_intent: intent,
    failure: rest.status === 'failed' ? failureOf(rest.card) : null,
  };
  const charge = addCharge(draft, { id, created, fields, settlement: { fee, currency, exchangeRate } });
  if (intent !== null) addIntent(draft, charge, intent);
  if (refunded > rest.amount)
    throw new ControlError(409, 'refunded', { message: `Only ${rest.amount} can be refunded.` });
  if (refunded > 0) addRefund(draft, charge, { amount: refunded, created });
  if (disputed !== false)
    addDispute(draft, chargeOf(draft, charge.id), { created, reason: disputed === true ? 'fraudulent' : disputed });
  return charge;
}

function failureOf(card: string | undefined) {
  return cardOf(card ?? 'visa').declined ?? cardOf('chargeDeclined').declined ?? null;
}

function addIntent(draft: Draft, { id: latest_charge, created, fields }: Objekt<'charge'>, id: string): void {
  const { amount, card, currency, customer, description, failure, metadata, receipt_email, status } = fields;
  const statuses = { succeeded: 'succeeded', failed: 'requires_payment_method', pending: 'processing' } as const;
  draft.insert('payment_intent', {
    id,
    created,
    fields: {
      ...EMPTY_PAYMENT_INTENT,
      amount,
      amount_received: status === 'succeeded' ? amount : 0,
      card,
      currency,
      customer,
      description,
      failure,
      latest_charge,
      metadata,
      receipt_email,
      status: statuses[status],
    },
  });
}

function seedPayout(
  draft: Draft,
  { id = randomId('po_1', 23), created, currency, metadata = {}, balance_transactions: wanted }: SeededPayout,
): Objekt<'payout'> {
  const lines =
    wanted?.map((each) => lineOf(draft, each)) ??
    draft
      .where('balance_transaction', 'currency', currency)
      .filter(({ fields }) => fields.payout === null && fields.available_on <= draft.nowSeconds);
  const amount = lines.reduce((sum, { fields }) => sum + fields.amount - fields.fee, 0);
  for (const line of lines) draft.update('balance_transaction', line, { payout: id });
  const line = addLine(draft, {
    type: 'payout',
    amount: -amount,
    currency,
    source: id,
    description: 'STRIPE PAYOUT',
    created,
    settlement: { currency },
  });
  const paidOut = draft.update('balance_transaction', line, { payout: id });
  const arrival = created ?? draft.nowSeconds;
  return draft.insert('payout', {
    id,
    created,
    fields: {
      amount,
      arrival_date: arrival,
      balance_transaction: paidOut.id,
      currency,
      description: 'STRIPE PAYOUT',
      metadata,
      status: 'paid',
    },
  });
}

function chargeOf(draft: Draft, id: string): Objekt<'charge'> {
  const charge = draft.find('charge', id);
  if (!charge) throw new ControlError(404, 'charge-not-found', { message: `There is no charge ${id}.` });
  return charge;
}

function lineOf(draft: Draft, id: string): Objekt<'balance_transaction'> {
  const line = draft.find('balance_transaction', id);
  if (!line)
    throw new ControlError(404, 'balance-transaction-not-found', { message: `There is no balance transaction ${id}.` });
  return line;
}
