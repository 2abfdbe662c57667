import { isLongerThan } from '../../../domain/reference/characters.ts';
import { accountDay } from '../../../domain/schedule/account-day.ts';
import { minorDigitsOf } from '../../../domain/reference/currencies.ts';
import type { InvoiceFields, InvoiceLine, InvoiceStatus } from '../../../records/invoices.ts';
import type { MappedRecord, ResourceMapping } from '../../provider.ts';
import { XERO_IDEMPOTENCY } from '../http/ask.ts';
import { XERO_METADATA } from '../http/objects.ts';
import { pricingOf } from './line-amounts.ts';
import type { Pricing } from './line-amounts.ts';

/** What an invoice is told to be. Whether it is paid is Xero’s to say, so that a paid one is told to be approved. */
export type WrittenStatus = 'draft' | 'open' | 'void' | 'uncollectible';

export interface LinePayload {
  readonly description: string | null;
  /** Null for a line of words alone. */
  readonly pricing: Pricing | null;
  readonly amountMinor: number;
  /** Null where Xero works it out. */
  readonly taxMinor: number | null;
  /** Xero’s id of the item. */
  readonly product: string | null;
}

/** Whether amounts of lines hold their tax. `either`: there is none. */
export type TaxTreatment = 'Exclusive' | 'Inclusive' | 'either';

/** What Xero can hold of an invoice. Totals are worked out from the lines. */
export interface InvoicePayload {
  readonly number: string | null;
  readonly status: WrittenStatus;
  readonly issuedOn: string | null;
  readonly dueOn: string | null;
  /** Xero’s id of the contact. */
  readonly customer: string | null;
  readonly currency: string;
  readonly lines: readonly LinePayload[];
  /** Null where the lines and their tax do not add up to the total. */
  readonly taxTreatment: TaxTreatment | null;
  readonly told: Told;
}

/** What Xero tells and is never sent: it is here so that a payment counts as a change. */
type Told = {
  readonly [Name in 'status' | 'subtotalMinor' | 'taxMinor' | 'totalMinor' | 'amountDueMinor']?:
    InvoiceFields[Name] | undefined;
};

export const invoiceMapping: ResourceMapping = {
  toPayload({ fields, refs = {}, listRefs = {}, timeZone }) {
    const invoice = fields as InvoiceFields;
    const named = { customer: refs['customer'] ?? null, products: listRefs['product'] ?? [] };
    const payload = contentOf(invoice, { ...named, timeZone });
    return { payload: { ...payload }, problems: problemsOf(invoice, payload) };
  },
  idempotency: XERO_IDEMPOTENCY,
  leavesAbsent: true,
  concurrency: 'versions',
  holdings: { metadata: XERO_METADATA },
  // An update reads the invoice first, because its lines go back whole.
  callsToWrite: (_, remote) => (remote === null ? 1 : 2),
};

/** A connection may leave out what is optional. */
type GivenFields = Partial<InvoiceFields> & Pick<InvoiceFields, 'status' | 'currency' | 'totalMinor'>;

interface Named {
  readonly customer: string | null;
  readonly products: readonly (string | null)[];
  readonly timeZone?: string | undefined;
}

/** An invoice’s fields in the form in which two readings of one invoice are equal. */
export function contentOf(
  { number, status, issuedAt, dueAt, currency, lines = [], ...sums }: GivenFields,
  { customer, products, timeZone }: Named,
): InvoicePayload {
  const { subtotalMinor, taxMinor, totalMinor, amountDueMinor } = sums;
  // An invoice without tax has no line with any.
  const untold = taxMinor === 0 ? 0 : null;
  const written = lines.map((line, index) =>
    lineOf({ ...line, taxMinor: line.taxMinor ?? untold }, products[index] ?? null, currency),
  );
  return {
    number: number?.trim() || null,
    status: WRITTEN[status],
    issuedOn: accountDay(issuedAt, timeZone),
    dueOn: accountDay(dueAt, timeZone),
    customer,
    currency,
    lines: written,
    taxTreatment: treatmentOf(written, totalMinor),
    told: { status, subtotalMinor, taxMinor, totalMinor, amountDueMinor },
  };
}

const WRITTEN: Readonly<Record<InvoiceStatus, WrittenStatus>> = {
  draft: 'draft',
  open: 'open',
  paid: 'open',
  void: 'void',
  uncollectible: 'uncollectible',
};

const lineOf = (
  { description, quantity, unitAmount, amountMinor, taxMinor }: InvoiceLine,
  product: string | null,
  currency: string,
): LinePayload => ({
  description: description?.trim() || null,
  // A line that sells something is no line of words alone.
  pricing: pricingOf({ quantity: quantity ?? (product && '1'), unitAmount }, amountMinor, currency),
  amountMinor,
  taxMinor,
  product,
});

/**
 * The total of an invoice is never another one at Xero. Where the venue says what the tax of each line is, it is added or
 * held; where it does not, Xero works it out of amounts that hold it.
 */
function treatmentOf(lines: readonly LinePayload[], totalMinor: number): TaxTreatment | null {
  const amount = lines.reduce((sum, line) => sum + line.amountMinor, 0);
  const priced = lines.filter(({ pricing }) => pricing !== null);
  if (priced.some(({ taxMinor }) => taxMinor === null)) return amount === totalMinor ? 'Inclusive' : null;
  const tax = priced.reduce((sum, line) => sum + (line.taxMinor ?? 0), 0);
  if (amount + tax === totalMinor) return tax === 0 ? 'either' : 'Exclusive';
  return amount === totalMinor ? 'Inclusive' : null;
}

/** https://developer.xero.com/documentation/api/accounting/invoices, read 2026-11-29. */
const LIMITS = { number: 255, description: 4_000 } as const;
/** "All monetary and currency amounts are to 2 decimal places". */
const MOST_DIGITS = 2;

type Problems = MappedRecord['problems'];

function problemsOf({ lines = [] }: GivenFields, payload: InvoicePayload): Problems {
  const problem = (path: string, message: string, isOne: boolean): Problems => (isOne ? [{ path, message }] : []);
  const isApproved = payload.status === 'open';
  return [
    ...problem('number', 'Xero needs a number here, by which the invoice is found again.', payload.number === null),
    ...problem(
      'number',
      `Xero allows at most ${LIMITS.number} characters.`,
      isLongerThan(payload.number ?? '', LIMITS.number),
    ),
    ...problem(
      'status',
      'Xero has no invoices that cannot be collected: void it, or write it off at Xero.',
      payload.status === 'uncollectible',
    ),
    ...problem(
      'dueAt',
      'Xero approves no invoice without a day on which it is due.',
      isApproved && payload.dueOn === null,
    ),
    ...problem(
      'customerSourceId',
      'Xero needs the invoice’s customer, and does not have it yet: push customers first.',
      payload.customer === null,
    ),
    ...problem(
      'currency',
      `Xero keeps ${MOST_DIGITS} decimals of an amount.`,
      (minorDigitsOf(payload.currency) ?? 0) > MOST_DIGITS,
    ),
    ...problem('lines', 'Xero approves no invoice without a line.', isApproved && payload.lines.length === 0),
    ...problem(
      // Where a connection leaves lines out, the total says nothing of those at Xero.
      payload.lines.length === 0 ? 'lines' : 'totalMinor',
      'Xero works the total out: the lines, with the tax of each or without any, do not add up to it.',
      payload.taxTreatment === null,
    ),
    ...payload.lines.flatMap((line, index) => problemsOfLine(line, lines[index], index)),
  ];
}

function problemsOfLine({ description, product }: LinePayload, line: InvoiceLine | undefined, index: number): Problems {
  const at = `lines.${index}`;
  if (line?.productSourceId != null && product === null)
    return [{ path: `${at}.productSourceId`, message: 'Xero does not have this product yet: push products first.' }];
  if (description === null && product === null)
    return [{ path: `${at}.description`, message: 'Xero needs a description of a line without a product.' }];
  return isLongerThan(description ?? '', LIMITS.description)
    ? [{ path: `${at}.description`, message: `Xero allows at most ${LIMITS.description} characters.` }]
    : [];
}
