import type { Stripe } from 'stripe';
import { z } from 'zod';
import { idIn, rejectionOf } from '../../items.ts';
import type { ListQuery, ProviderPage, ProviderRejection } from '../../provider.ts';
import { asToday, listEvents } from '../events.ts';
import type { ChangedObject, Rereading } from '../events.ts';
import { PAGE_SIZE } from '../customers/names.ts';
import { createdWithin, startingAfter, toPage } from '../http/lists.ts';
import { nullWhenMissing } from '../http/requests.ts';
import type { Ask } from '../http/requests.ts';
import { idOf, listSchema } from '../http/responses.ts';
import { allPaymentsOf, amendmentsOf, arePaymentsComplete, linesOf, retrieveInvoice } from '../invoices/invoices.ts';
import type { PaymentAmendment } from '../invoices/invoices.ts';
import { invoiceEventSubject, invoiceLineSchema, invoiceSchema } from './transaction-responses.ts';
import type { StripeInvoice, StripeInvoicePayment } from './transaction-responses.ts';

export const PAID_INVOICE_EVENTS = ['invoice.paid', 'invoice_payment.paid'];

export interface Calls {
  readonly stripe: Stripe;
  readonly ask: Ask;
}

/** Reads the invoices that payments belong to. */
export interface PaymentInvoices extends Calls {
  /** Reads an invoice that events only said has changed. Null: gone. */
  readonly invoices: Rereading<StripeInvoice | null>;
}

export const rangeOf = (query: ListQuery) => ({
  limit: PAGE_SIZE,
  created: createdWithin(query),
  ...startingAfter(query.after),
});

export const rejecting = (rejections: readonly ProviderRejection[], page: ProviderPage): ProviderPage => ({
  ...page,
  rejections: [...(page.rejections ?? []), ...rejections],
});

const invoicePage = listSchema(invoiceSchema);

/** Amendments from a page of invoices; an invoice with over ten lines takes one more call. */
export async function listedInvoices(reader: PaymentInvoices, query: ListQuery): Promise<ProviderPage> {
  const { stripe, ask } = reader;
  const page = await ask(invoicePage, () => stripe.invoices.list({ ...rangeOf(query), expand: ['data.payments'] }));
  const told = new ToldInvoices();
  for (const invoice of page.data)
    await told.add(invoice.id, async () => amend(reader, invoice, await allPaymentsOf(stripe, ask, invoice)));
  return told.onto(toPage(page, []));
}

/**
 * An invoice's event does not name its payments, nor a payment's event its invoice; usually they arrive together. An
 * invoice whose payments are not all on the page, or are not trusted, takes one call.
 */
export async function paidInvoices(reader: PaymentInvoices, query: ListQuery): Promise<ProviderPage> {
  const page = await listEvents(reader, query, { types: PAID_INVOICE_EVENTS, read: asToday(invoiceEventSubject) });
  const changed = new Map(page.changed.map((each) => [invoiceIdOf(each), each]));
  const told = new ToldInvoices();
  for (const [id, { invoice, payments, changedAtS }] of byInvoice(page.told)) {
    if (invoice && arePaymentsComplete(invoice, payments) && !changed.has(id))
      await told.add(id, () => amend(reader, invoice, payments));
    else if (!changed.has(id)) changed.set(id, { id, type: 'invoice.paid', object: null, changedAtS });
  }
  const { found, rejections } = await reader.invoices.readEach([...changed].map(([id, each]) => ({ ...each, id })));
  for (const invoice of found)
    if (invoice)
      await told.add(invoice.id, async () =>
        amend(reader, invoice, await allPaymentsOf(reader.stripe, reader.ask, invoice)),
      );
  return rejecting(rejections, told.onto(toPage(page, [])));
}

const invoiceOfPayment = z.object({ invoice: idOf });

const isOfPayment = ({ type }: Pick<ChangedObject, 'type'>) => type.startsWith('invoice_payment.');
/** The invoice's own id or the one that its payment names; the payment's id when it names none. */
const invoiceIdOf = ({ id, object, ...changed }: ChangedObject): string =>
  isOfPayment(changed) ? (invoiceOfPayment.safeParse(object).data?.invoice ?? id) : id;

export async function rereadInvoice({ stripe, ask }: Calls, changed: ChangedObject): Promise<StripeInvoice | null> {
  const { id, object } = changed;
  const isPayment = isOfPayment(changed) && id === idIn(object);
  return nullWhenMissing(
    isPayment
      ? ask(invoiceOfPayment, () => stripe.invoicePayments.retrieve(id)).then(({ invoice }) =>
          retrieveInvoice(stripe, ask, invoice),
        )
      : retrieveInvoice(stripe, ask, id),
  );
}

/**
 * Amendments from the invoices of a page. An invoice that is unreadable, or has an unreadable line, becomes a
 * rejection.
 */
class ToldInvoices {
  readonly #amendments: PaymentAmendment[] = [];
  readonly #rejections: ProviderRejection[] = [];

  async add(externalId: string, tell: () => Promise<readonly PaymentAmendment[]>): Promise<void> {
    try {
      this.#amendments.push(...(await tell()));
    } catch (error) {
      this.#rejections.push(rejectionOf(externalId, error));
    }
  }

  onto(page: ProviderPage): ProviderPage {
    return { ...page, amendments: this.#amendments, rejections: [...(page.rejections ?? []), ...this.#rejections] };
  }
}

interface InvoiceParts {
  readonly invoice: StripeInvoice | null;
  readonly payments: readonly StripeInvoicePayment[];
  readonly changedAtS: number;
}

/** The feed is newest first, so the first event of an invoice shows its present state. */
function byInvoice(
  events: readonly { readonly created: number; readonly object: StripeInvoice | StripeInvoicePayment }[],
): ReadonlyMap<string, InvoiceParts> {
  const parts = new Map<string, InvoiceParts>();
  for (const { created, object: subject } of events) {
    const id = subject.object === 'invoice' ? subject.id : subject.invoice;
    const { invoice, payments, changedAtS } = parts.get(id) ?? { invoice: null, payments: [], changedAtS: created };
    parts.set(
      id,
      subject.object === 'invoice'
        ? { invoice: invoice ?? subject, payments, changedAtS }
        : { invoice, payments: [...payments, subject], changedAtS },
    );
  }
  return parts;
}

async function amend(
  { stripe, ask }: Calls,
  invoice: StripeInvoice,
  payments: readonly StripeInvoicePayment[],
): Promise<readonly PaymentAmendment[]> {
  if (amendmentsOf(invoice, payments).length === 0) return [];
  const data = await linesOf({ stripe, ask }, invoice, invoiceLineSchema);
  return amendmentsOf({ ...invoice, lines: { data, has_more: false } }, payments);
}
