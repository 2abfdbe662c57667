import type { BalanceTransactionFields } from './balance-transaction.ts';
import { balanceTransactionShape } from './balance-transaction.ts';
import type { ChargeFields } from './charge.ts';
import { chargeShape } from './charge.ts';
import type { CustomerFields } from './customer.ts';
import { customerShape } from './customer-shape.ts';
import type { DisputeFields } from './dispute.ts';
import { disputeShape } from './dispute.ts';
import type { PaymentIntentFields } from './payment-intent.ts';
import { paymentIntentShape } from './payment-intent.ts';
import type { PayoutFields } from './payout.ts';
import { payoutShape } from './payout.ts';
import type { PriceFields } from './price.ts';
import { priceShape } from './price.ts';
import type { ProductFields } from './product.ts';
import { productShape } from './product.ts';
import type { RefundFields } from './refund.ts';
import { refundShape } from './refund.ts';
import type { InvoiceFields } from './invoice.ts';
import { invoiceShape } from './invoice.ts';
import type { InvoiceItemFields } from './invoice-item.ts';
import { invoiceItemShape } from './invoice-item.ts';
import type { InvoicePaymentFields } from './invoice-payment.ts';
import { invoicePaymentShape } from './invoice-payment.ts';
import type { SubscriptionFields } from './subscription.ts';
import { subscriptionShape } from './subscription.ts';
import type { TestClockFields } from './test-clock.ts';
import { testClockShape } from './test-clock.ts';
import type { Shape } from './table.ts';

/** Every kind of object by the name in its `object`, with what can change about it. */
export interface FieldsOf {
  customer: CustomerFields;
  product: ProductFields;
  price: PriceFields;
  payment_intent: PaymentIntentFields;
  charge: ChargeFields;
  balance_transaction: BalanceTransactionFields;
  refund: RefundFields;
  dispute: DisputeFields;
  payout: PayoutFields;
  test_clock: TestClockFields;
  subscription: SubscriptionFields;
  invoice_payment: InvoicePaymentFields;
  invoiceitem: InvoiceItemFields;
  invoice: InvoiceFields;
}

export type Kind = keyof FieldsOf;

export const SHAPES: { readonly [K in Kind]: Shape<FieldsOf[K]> } = {
  customer: customerShape,
  product: productShape,
  price: priceShape,
  payment_intent: paymentIntentShape,
  charge: chargeShape,
  balance_transaction: balanceTransactionShape,
  refund: refundShape,
  dispute: disputeShape,
  payout: payoutShape,
  test_clock: testClockShape,
  subscription: subscriptionShape,
  invoice_payment: invoicePaymentShape,
  invoiceitem: invoiceItemShape,
  invoice: invoiceShape,
};

export const KINDS = Object.keys(SHAPES) as Kind[];

/** The last part of each kind's URL, which is also its name in the control API. */
export const PLURALS: Readonly<Record<Kind, string>> = {
  customer: 'customers',
  product: 'products',
  price: 'prices',
  payment_intent: 'payment_intents',
  charge: 'charges',
  balance_transaction: 'balance_transactions',
  refund: 'refunds',
  dispute: 'disputes',
  payout: 'payouts',
  test_clock: 'test_clocks',
  subscription: 'subscriptions',
  invoice_payment: 'invoice_payments',
  invoiceitem: 'invoiceitems',
  invoice: 'invoices',
};

/** Where each kind lives below `/v1`, where that is not its plural. */
const PATHS: Partial<Record<Kind, string>> = { test_clock: 'test_helpers/test_clocks' };

export function urlOf(kind: Kind): string {
  return `/v1/${PATHS[kind] ?? PLURALS[kind]}`;
}
