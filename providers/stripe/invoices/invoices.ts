import type { Stripe } from 'stripe';
import type { z } from 'zod';
import type { TransactionLine } from '../../../records/transactions.ts';
import { tellable } from '../transactions/amounts.ts';
import { startingAfter, wholePage } from '../http/lists.ts';
import { PAGE_SIZE } from '../customers/names.ts';
import type { Ask } from '../http/requests.ts';
import { listSchema } from '../http/responses.ts';
import { invoiceSchema, knownInvoicePayment } from '../transactions/transaction-responses.ts';
import type { StripeInvoice, StripeInvoiceLine, StripeInvoicePayment } from '../transactions/transaction-responses.ts';

/** Payments are found by the payment intent. Their existing lines are kept, and metadata is added. */
export type PaymentAmendment = Readonly<{
  payment: string;
  lines: readonly TransactionLine[];
  metadata: Readonly<Record<string, string>>;
}>;

const WITH_PAYMENTS = { expand: ['payments'] };

/**
 * What an invoice says about the payments that paid it, all of which must be given. Its lines go to the first payment
 * only, so that they count once. An invoice paid outside Stripe or from a credit balance moved no money here: it amends
 * nothing and is no transaction.
 */
export function amendmentsOf(
  invoice: StripeInvoice,
  payments: readonly StripeInvoicePayment[],
): readonly PaymentAmendment[] {
  const subscription = invoice.parent?.subscription_details?.subscription ?? null;
  const metadata = { stripe_invoice: invoice.id, ...(subscription !== null && { stripe_subscription: subscription }) };
  // Stripe's lists are newest first, also within a second. Ids do not tell the order.
  const oldestFirst = payments.toReversed().toSorted((a, b) => a.created - b.created);
  const paying = new Set(
    oldestFirst.flatMap(({ status, payment }) =>
      status === 'paid' && payment.payment_intent !== null ? [payment.payment_intent] : [],
    ),
  );
  return [...paying].map((payment, index) => ({
    payment,
    lines: index === 0 ? invoice.lines.data.map(toLine) : [],
    metadata,
  }));
}

/** Whether these are all payments that have paid the invoice so far. An invoice's event does not name them. */
export function arePaymentsComplete(
  { amount_paid: total }: StripeInvoice,
  payments: readonly StripeInvoicePayment[],
): boolean {
  const paid = new Map(
    payments.filter(({ status }) => status === 'paid').map((payment) => [payment.id, payment.amount_paid]),
  );
  return [...paid.values()].reduce<number>((sum, amount) => sum + (amount ?? 0), 0) === total;
}

/** Throws for an amount that cannot be represented, because the lines would not add up without it. */
function toLine({ description, quantity, amount, currency }: StripeInvoiceLine): TransactionLine {
  const { amountMinor } = tellable('lines.data.amount', { amount, currency });
  return { description, quantity: quantity === null ? null : String(quantity), amountMinor, productSourceId: null };
}

export async function retrieveInvoice(stripe: Stripe, ask: Ask, id: string): Promise<StripeInvoice> {
  return ask(invoiceSchema, () => stripe.invoices.retrieve(id, WITH_PAYMENTS));
}

/** All lines of an invoice. It includes its first ten; the others take one call per hundred. */
export async function linesOf<Schema extends z.ZodType<{ readonly id: string }>>(
  { stripe, ask }: { readonly stripe: Stripe; readonly ask: Ask },
  invoice: { readonly id: string; readonly lines: PartOfList<z.output<Schema>> },
  line: Schema,
): Promise<z.output<Schema>[]> {
  return withTheRest(invoice.lines, async (range) =>
    wholePage(await ask(listSchema(line), () => stripe.invoices.listLineItems(invoice.id, range))),
  );
}

const invoicePaymentPage = listSchema(knownInvoicePayment);

export async function allPaymentsOf(
  stripe: Stripe,
  ask: Ask,
  { id, payments }: StripeInvoice,
): Promise<readonly StripeInvoicePayment[]> {
  if (!payments) return [];
  return withTheRest(payments, async (range) =>
    wholePage(await ask(invoicePaymentPage, () => stripe.invoicePayments.list({ invoice: id, ...range }))),
  );
}

interface PartOfList<Item> {
  readonly data: readonly Item[];
  readonly has_more: boolean;
}

/** The rest of a list inside an object, one call per page. */
async function withTheRest<Item extends { readonly id: string }>(
  first: PartOfList<Item>,
  read: (range: { readonly limit: number; readonly starting_after?: string }) => Promise<PartOfList<Item>>,
): Promise<Item[]> {
  const items = [...first.data];
  let more = first.has_more;
  while (more) {
    const page = await read({ limit: PAGE_SIZE, ...startingAfter(items.at(-1)?.id ?? null) });
    items.push(...page.data);
    more = page.has_more && page.data.length > 0;
  }
  return items;
}
