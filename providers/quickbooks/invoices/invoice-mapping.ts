import { isLongerThan } from '../../../domain/reference/characters.ts';
import { accountDay } from '../../../domain/schedule/account-day.ts';
import { minorDigitsOf } from '../../../domain/reference/currencies.ts';
import type { InvoiceFields, InvoiceLine } from '../../../records/invoices.ts';
import { plainDecimal, timesMinor } from '../../decimals.ts';
import type { MappableRecord, MappedRecord, ResourceMapping } from '../../provider.ts';
import { QUICKBOOKS_IDEMPOTENCY } from '../http/ask.ts';
import { QUICKBOOKS_METADATA } from '../http/objects.ts';

/** A line as QuickBooks can hold it. Null: left to QuickBooks, or as it is. */
export interface LinePayload {
  readonly description: string | null;
  readonly quantity: string | null;
  readonly unitAmount: string | null;
  readonly amountMinor: number;
  /** Null where nobody says it. QuickBooks works the tax itself out. */
  readonly taxed: boolean | null;
  /** QuickBooks' id of the item. */
  readonly product: string | null;
}

/**
 * What QuickBooks can hold of an invoice. A number, a day and a due day that are null are left to the company. The status
 * and the sums are QuickBooks' own: they are here so that a payment counts as a change, and are not written, but for a
 * status of `void`.
 */
export interface InvoicePayload extends Pick<
  InvoiceFields,
  'number' | 'currency' | 'status' | 'subtotalMinor' | 'taxMinor' | 'totalMinor' | 'amountDueMinor'
> {
  readonly issuedOn: string | null;
  readonly dueOn: string | null;
  /** QuickBooks' id of the customer. */
  readonly customer: string | null;
  readonly lines: readonly LinePayload[];
}

/** QuickBooks tells the tax of the whole invoice. The venue's own split of it stays while it and the amounts do. */
const LINE_TAX_UNTOLD = { untold: ['taxMinor'], follow: { fields: ['taxMinor'], parts: ['amountMinor'] } } as const;

export const invoiceMapping: ResourceMapping = {
  toPayload(record) {
    const payload = contentOf(record);
    return { payload: { ...payload }, problems: problemsOf(record, payload) };
  },
  idempotency: QUICKBOOKS_IDEMPOTENCY,
  leavesAbsent: true,
  concurrency: 'versions',
  holdings: { metadata: QUICKBOOKS_METADATA, lines: LINE_TAX_UNTOLD },
  // An update reads the invoice first, because only changed properties are written and the SyncToken is carried.
  callsToWrite: (_, remote) => (remote === null ? 1 : 2),
};

/** An invoice in the form in which two readings of one invoice are equal. */
export function contentOf({
  fields,
  refs = {},
  listRefs = {},
  timeZone,
}: Pick<MappableRecord, 'fields' | 'refs' | 'listRefs' | 'timeZone'>): InvoicePayload {
  const { number, issuedAt, dueAt, currency, lines, status, ...sums } = fields as InvoiceFields;
  const { subtotalMinor, taxMinor, totalMinor, amountDueMinor } = sums;
  return {
    number: number || null,
    issuedOn: accountDay(issuedAt, timeZone),
    dueOn: accountDay(dueAt, timeZone),
    customer: refs['customer'] ?? null,
    currency,
    lines: lines.map((line, index) => lineContent(line, listRefs['product']?.[index] ?? null)),
    ...{ status, subtotalMinor, taxMinor, totalMinor, amountDueMinor },
  };
}

const lineContent = (line: InvoiceLine, product: string | null): LinePayload => ({
  description: line.description || null,
  quantity: line.quantity && (plainDecimal(line.quantity) ?? line.quantity),
  unitAmount: line.unitAmount && (plainDecimal(line.unitAmount) ?? line.unitAmount),
  amountMinor: line.amountMinor,
  taxed: line.taxMinor === null ? null : line.taxMinor !== 0,
  product,
});

/** A number: https://www.chargebee.com/docs/billing/2.0/kb/accounting/qbo-error-code2050, read 2026-11-29. A description: as for items. */
const LIMITS = { number: 21, description: 4_000 } as const;

type Problems = MappedRecord['problems'];

function problemsOf(record: MappableRecord, payload: InvoicePayload): Problems {
  const { customerSourceId, lines } = record.fields as InvoiceFields;
  const { number, currency, status, customer } = payload;
  const problems = [
    isLongerThan(number ?? '', LIMITS.number) && {
      ...{ path: 'number', message: `QuickBooks allows at most ${LIMITS.number} characters.` },
    },
    status === 'draft' && {
      ...{ path: 'status', message: 'QuickBooks books every invoice at once and has no drafts.' },
    },
    minorDigitsOf(currency) === null && { path: 'currency', message: 'No currency of ISO 4217.' },
    customer === null && {
      path: 'customerSourceId',
      message:
        customerSourceId === null
          ? 'QuickBooks needs a customer.'
          : 'QuickBooks does not have this customer yet: push customers first.',
    },
  ].filter((one) => one !== false);
  return [...problems, ...lines.flatMap((line, index) => lineProblems(line, payload, index))];
}

function lineProblems({ productSourceId }: InvoiceLine, { lines, currency }: InvoicePayload, index: number): Problems {
  const line = lines[index];
  if (line === undefined) return [];
  const at = (field: keyof InvoiceLine, message: string) => [{ path: `lines.${index}.${field}`, message }];
  const isPlain = (decimal: string | null) => decimal === null || plainDecimal(decimal) !== null;
  return [
    ...(isLongerThan(line.description ?? '', LIMITS.description)
      ? at('description', `QuickBooks allows at most ${LIMITS.description} characters.`)
      : []),
    ...(productSourceId !== null && line.product === null
      ? at('productSourceId', 'QuickBooks does not have this product yet: push products first.')
      : []),
    ...(isPlain(line.quantity) ? [] : at('quantity', 'QuickBooks takes plain decimal numbers.')),
    ...(isPlain(line.unitAmount) ? [] : at('unitAmount', 'QuickBooks takes plain decimal numbers.')),
    ...(isCalculated(line, currency) ? [] : at('amountMinor', 'QuickBooks wants the quantity times the unit amount.')),
  ];
}

/** QuickBooks compares them itself. The last unit is left to it: how it rounds is not documented. */
function isCalculated({ quantity, unitAmount, amountMinor }: LinePayload, currency: string): boolean {
  if (quantity === null || unitAmount === null) return true;
  const product = timesMinor(quantity, unitAmount, currency);
  return product === null || Math.abs(product - amountMinor) <= 1;
}
