import { refusal } from '../http/ask.ts';
import type { BaseCurrency } from '../http/base-currency.ts';
import { currencyOf } from '../transactions/booked-responses.ts';
import { productsOf, STATUS, toFields } from './invoice-fields.ts';
import type { XeroInvoice } from './invoice-fields.ts';
import { areSameLines, linesBody } from './invoice-lines.ts';
import type { LineWriting, PresentLine } from './invoice-lines.ts';
import { contentOf } from './invoice-mapping.ts';
import type { InvoicePayload, TaxTreatment } from './invoice-mapping.ts';

type Body = Readonly<Record<string, unknown>>;
/** Without the fields that the connection leaves out. */
type Sent = Partial<InvoicePayload>;

export interface InvoiceWriting extends Omit<LineWriting, 'currency'> {
  readonly base: BaseCurrency;
}

export const isDraft = ({ Status: status }: Pick<XeroInvoice, 'Status'>): boolean =>
  status === 'DRAFT' || status === 'SUBMITTED';

/** The body of a new invoice, as a draft or approved at once. */
export async function newInvoice(wanted: Sent, writing: InvoiceWriting): Promise<Body> {
  const { status, number, issuedOn, dueOn, customer, currency, lines = [] } = wanted;
  if (status === 'void') throw refusal('new-and-void', 'status');
  // Without it an invoice whose answer is lost would not be found again.
  if (!number) throw refusal('number-missing', 'number');
  const known = await currencyOf(currency ?? null, writing.base);
  return {
    Type: 'ACCREC',
    // More than the id would change the contact.
    Contact: { ContactID: customer },
    InvoiceNumber: number,
    Status: status === 'draft' ? 'DRAFT' : 'AUTHORISED',
    CurrencyCode: known,
    ...(issuedOn && { Date: issuedOn }),
    ...(dueOn && { DueDate: dueOn }),
    LineAmountTypes: wanted.taxTreatment === 'Inclusive' ? 'Inclusive' : 'Exclusive',
    LineItems: await linesBody(lines, [], { ...writing, currency: known }),
  };
}

/** Only the properties that differ. Lines go back whole, and not at all while they are as they are wanted. */
export async function changesTo(invoice: XeroInvoice, wanted: Sent, writing: InvoiceWriting): Promise<Body> {
  const currency = await currencyOf(invoice.CurrencyCode, writing.base);
  const products = await productsOf(invoice, writing.items);
  const { ContactID: customer } = invoice.Contact;
  const fields = toFields(invoice, STATUS[livingStatusOf(invoice)], currency);
  const present = contentOf(fields, { customer, products });
  const status = statusBody(invoice, wanted.status);
  // Nothing else of an invoice that is voided can be changed.
  if (status['Status'] === 'VOIDED') return status;
  return {
    ...status,
    ...propertiesBody(wanted, present),
    ...(await linesChange(invoice, { wanted, present }, { ...writing, currency: wanted.currency ?? currency })),
  };
}

const livingStatusOf = ({ Status: status }: XeroInvoice) => (status === 'DELETED' ? 'VOIDED' : status);

function statusBody(invoice: XeroInvoice, wanted: Sent['status']): Body {
  const isVoid = invoice.Status === 'VOIDED';
  if (wanted === undefined) return {};
  if (wanted === 'void') {
    if (isDraft(invoice)) throw refusal('status-not-changeable', 'status');
    return isVoid ? {} : { Status: 'VOIDED' };
  }
  if (isVoid || (wanted === 'draft' && !isDraft(invoice))) throw refusal('status-not-changeable', 'status');
  return wanted === 'open' && isDraft(invoice) ? { Status: 'AUTHORISED' } : {};
}

/** A day that the venue does not say is Xero’s. */
function propertiesBody(wanted: Sent, present: InvoicePayload): Body {
  const changed = <Name extends keyof InvoicePayload>(name: Name): InvoicePayload[Name] | undefined =>
    wanted[name] === present[name] ? undefined : (wanted[name] ?? undefined);
  const [number, issuedOn, dueOn] = [changed('number'), changed('issuedOn'), changed('dueOn')];
  const [customer, currency] = [changed('customer'), changed('currency')];
  return {
    ...(number !== undefined && { InvoiceNumber: number }),
    ...(issuedOn !== undefined && { Date: issuedOn }),
    ...(dueOn !== undefined && { DueDate: dueOn }),
    ...(customer !== undefined && { Contact: { ContactID: customer } }),
    ...(currency !== undefined && { CurrencyCode: currency }),
  };
}

async function linesChange(
  invoice: XeroInvoice,
  { wanted, present }: { readonly wanted: Sent; readonly present: InvoicePayload },
  writing: LineWriting,
): Promise<Body> {
  const { lines, taxTreatment } = wanted;
  if (lines === undefined) return {};
  const there = invoice.LineItems.flatMap((line, index): PresentLine[] => {
    const content = present.lines[index];
    return content ? [{ line, content }] : [];
  });
  const isTaxedOtherwise = areOpposite(taxTreatment ?? null, present.taxTreatment);
  if (areSameLines(lines, there) && !isTaxedOtherwise) return {};
  // Under `NoTax` Xero drops the tax of lines without a word, so an invoice that gets some cannot stay so.
  const isTaxed = lines.some(({ taxMinor }) => taxMinor !== null && taxMinor !== 0);
  const keepsTreatment = taxTreatment === 'either' || (invoice.LineAmountTypes === 'NoTax' && !isTaxed);
  return {
    ...(!keepsTreatment && taxTreatment && { LineAmountTypes: taxTreatment }),
    LineItems: await linesBody(lines, there, writing),
  };
}

const areOpposite = (one: TaxTreatment | null, other: TaxTreatment | null): boolean =>
  one !== null && other !== null && one !== other && one !== 'either' && other !== 'either';
