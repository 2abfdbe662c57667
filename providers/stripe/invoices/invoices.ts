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

/** Found by the payment intent; lines replace none that are there, metadata is added. */
export type PaymentAmendment = Readonly<{
  payment: string;
  lines: readonly TransactionLine[];
  metadata: Readonly<Record<string, string>>;
}>;

const WITH_PAYMENTS = { expand: ['payments'] };

/**
 * What an invoice tells of the payments that paid it, all of which have to be given. Its lines lie on the first of them alone, so that they are
 * counted once. An invoice that was paid outside Stripe or from a credit balance moved no money here: it amends nothing and is no transaction of
 * its own.
 */
export function amendmentsOf(
  invoice: StripeInvoice,
  payments: readonly StripeInvoicePayment[],
): readonly PaymentAmendment[] {
  const subscription = invoice.parent?.subscription_details?.subscription ?? null;
  const metadata = { stripe_invoice: invoice.id, ...(subscription !== null && { stripe_subscription: subscription }) };
  // Stripe's lists begin with the newest, also within a second. Ids say nothing of the order: by them a later payment could come first.
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

/** Whether these are all of the payments that paid the invoice by now. An invoice's event does not name them. */
export function arePaymentsComplete(
  { amount_paid: total }: StripeInvoice,
  payments: readonly StripeInvoicePayment[],
): boolean {
  const paid = new Map(
    payments.filter(({ status }) => status === 'paid').map((payment) => [payment.id, payment.amount_paid]),
  );
  return [...paid.values()].reduce<number>((sum, amount) => sum + (amount ?? 0), 0) === total;
}

/** Throws for an amount that cannot be told: without it the lines would not add up. */
function toLine({ description, quantity, amount, currency }: StripeInvoiceLine): TransactionLine {
  const { amountMinor } = tellable('lines.data.amount', { amount, currency });
  return { description, quantity: quantity === null ? null : String(quantity), amountMinor, productSourceId: null };
}

export async function retrieveInvoice(stripe: Stripe, ask: Ask, id: string): Promise<StripeInvoice> {
  return ask(invoiceSchema, () => stripe.invoices.retrieve(id, WITH_PAYMENTS));
}

/** All lines of an invoice, which carries its first ten; the others take a call per hundred. */
export async function linesOf<Schema extends z.ZodType<{ readonly id: string }>>(
  { stripe, ask }: { readonly stripe: Stripe; readonly ask: Ask },
  invoice: { readonly id: string; readonly lines: PartOfList<z.output<Schema>> },
  line: Schema,
): Promise<z.output<Schema>[]> {
  return withTheRest(invoice.lines, async (range) =>
    wholePage(await ask(listSchema(line), () => stripe.invoices.listLineItems(invoice.id, range))),
  );
}

export async function allPaymentsOf(
  stripe: Stripe,
  ask: Ask,
  { id, payments }: StripeInvoice,
): Promise<readonly StripeInvoicePayment[]> {
  if (!payments) return [];
  return withTheRest(payments, async (range) =>
    wholePage(await ask(listSchema(knownInvoicePayment), () => stripe.invoicePayments.list({ invoice: id, ...range }))),
  );
}

interface PartOfList<Item> {
  readonly data: readonly Item[];
  readonly has_more: boolean;
}

/** What a list inside an object leaves out, a page a call. */
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
