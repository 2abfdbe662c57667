import type { Stripe } from 'stripe';
import type { TransactionLine } from '../../contracts/records.ts';
import type { ProviderAmendment } from '../provider.ts';
import { toMoney } from './amounts.ts';
import { wholePage } from './lists.ts';
import { PAGE_SIZE } from './names.ts';
import type { Ask } from './requests.ts';
import { listSchema } from './responses.ts';
import { invoiceLineSchema, invoiceSchema } from './transaction-responses.ts';
import type { StripeInvoice, StripeInvoiceLine, StripeInvoicePayment } from './transaction-responses.ts';

const WITH_PAYMENTS = { expand: ['payments'] };

/**
 * What an invoice tells of the payments that paid it. One that was paid outside Stripe or from a credit balance moved no money here: it
 * amends nothing and is no transaction of its own.
 */
export function amendmentsOf(invoice: StripeInvoice, payments: readonly StripeInvoicePayment[]): readonly ProviderAmendment[] {
  const subscription = invoice.parent?.subscription_details?.subscription ?? null;
  const metadata = { stripe_invoice: invoice.id, ...(subscription !== null && { stripe_subscription: subscription }) };
  const paying = new Set(payments.flatMap(({ status, payment }) => (status === 'paid' && payment.payment_intent !== null ? [payment.payment_intent] : [])));
  return [...paying].map((payment) => ({ payment, lines: invoice.lines.data.flatMap(toLine), metadata }));
}

function toLine({ description, quantity, amount, currency }: StripeInvoiceLine): readonly TransactionLine[] {
  const money = toMoney(amount, currency);
  return money ? [{ description, quantity: quantity === null ? null : String(quantity), amountMinor: money.amountMinor, productSourceId: null }] : [];
}

export async function retrieveInvoice(stripe: Stripe, ask: Ask, id: string): Promise<StripeInvoice> {
  return ask(invoiceSchema, () => stripe.invoices.retrieve(id, WITH_PAYMENTS));
}

/** An invoice carries its first ten lines; the others take a call per hundred. */
export async function withAllLines(stripe: Stripe, ask: Ask, invoice: StripeInvoice): Promise<StripeInvoice> {
  const data = [...invoice.lines.data];
  let more = invoice.lines.has_more;
  while (more) {
    const startingAfter = data.at(-1)?.id;
    const page = wholePage(await ask(listSchema(invoiceLineSchema), () =>
      stripe.invoices.listLineItems(invoice.id, { limit: PAGE_SIZE, ...(startingAfter !== undefined && { starting_after: startingAfter }) }),
    ));
    data.push(...page.data);
    more = page.has_more && page.data.length > 0;
  }
  return { ...invoice, lines: { data, has_more: false } };
}
