import type { BalanceTransactionFields } from '../payments/balance-transaction.ts';
import { balanceTransactionShape } from '../payments/balance-transaction.ts';
import type { ChargeFields } from '../payments/charge.ts';
import { chargeShape } from '../payments/charge.ts';
import type { CustomerFields } from '../customers/customer.ts';
import { customerShape } from '../customers/customer-shape.ts';
import type { DisputeFields } from '../payments/dispute.ts';
import { disputeShape } from '../payments/dispute.ts';
import type { PaymentIntentFields } from '../payments/payment-intent.ts';
import { paymentIntentShape } from '../payments/payment-intent.ts';
import type { PayoutFields } from '../payments/payout.ts';
import { payoutShape } from '../payments/payout.ts';
import type { PriceFields } from '../catalogue/price.ts';
import { priceShape } from '../catalogue/price.ts';
import type { ProductFields } from '../catalogue/product.ts';
import { productShape } from '../catalogue/product.ts';
import type { RefundFields } from '../payments/refund.ts';
import { refundShape } from '../payments/refund.ts';
import type { InvoiceFields } from '../billing/invoice.ts';
import { invoiceShape } from '../billing/invoice.ts';
import type { InvoiceItemFields } from '../billing/invoice-item.ts';
import { invoiceItemShape } from '../billing/invoice-item.ts';
import type { InvoicePaymentFields } from '../billing/invoice-payment.ts';
import { invoicePaymentShape } from '../billing/invoice-payment.ts';
import type { SubscriptionFields } from '../billing/subscription.ts';
import { subscriptionShape } from '../billing/subscription.ts';
import type { TestClockFields } from '../billing/test-clock.ts';
import { testClockShape } from '../billing/test-clock.ts';
import type { Shape } from './table.ts';

/** Every kind of object by the name in its `object`, with its mutable fields. */
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

/** The path of a kind below `/v1` when it is not its plural. */
const PATHS: Partial<Record<Kind, string>> = { test_clock: 'test_helpers/test_clocks' };

export function urlOf(kind: Kind): string {
  return `/v1/${PATHS[kind] ?? PLURALS[kind]}`;
}
