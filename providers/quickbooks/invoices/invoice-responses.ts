import { z } from 'zod';
import { nullableText } from '../../items.ts';
import { decimalText } from '../http/decimals.ts';
import { orNull } from '../http/objects.ts';
import { bookedFields } from '../transactions/booked-responses.ts';

/** A line as QuickBooks tells it, numbers as text. */
export type RawLine = Readonly<Record<string, unknown>>;

const withRawLines = (raw: unknown): unknown =>
  typeof raw === 'object' && raw !== null && 'Line' in raw ? { ...raw, rawLines: raw.Line } : raw;

/**
 * https://developer.intuit.com/app/developer/qbo/docs/api/accounting/all-entities/invoice, read 2026-11-28: as far as it
 * is read here. `rawLines` are the lines with everything that they have: an update sends all of them back.
 */
export const invoiceSchema = z.preprocess(
  withRawLines,
  z.object({
    ...bookedFields,
    DueDate: orNull(z.iso.date()),
    Balance: orNull(decimalText),
    TxnTaxDetail: orNull(z.object({ TotalTax: orNull(decimalText) })),
    EmailStatus: nullableText,
    // Not in US companies: whether amounts of lines hold their tax.
    GlobalTaxCalculation: nullableText,
    rawLines: z
      .array(z.record(z.string(), z.unknown()))
      .nullish()
      .transform((lines): readonly RawLine[] => lines ?? []),
  }),
);
export type QuickBooksInvoice = z.output<typeof invoiceSchema>;
