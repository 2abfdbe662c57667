import { z } from 'zod';
import type { InvoiceLine } from '../../../contracts/records.ts';
import { currency, currencyAnswer, instant, sourceId, timestamp } from '../common.ts';
import { invoiceStatus } from '../words.ts';
import { amountMinor, decimal, isUpTo, MAX_LINES_BYTES, metadata, metadataAnswer, text } from './fields.ts';
import { recordKind } from './record-kind.ts';

const line = z
  .strictObject({
    description: z.string().max(5_000).nullable().optional(),
    quantity: decimal.nullable().optional(),
    unitAmount: decimal.nullable().optional().meta({
      description: 'Of one piece, in the main unit of `currency`, such as "12.5" for 12.50.',
      example: '12.5',
    }),
    amountMinor,
    taxMinor: amountMinor.nullable().optional(),
    productSourceId: sourceId.nullable().optional(),
  })
  .meta({ id: 'InvoiceLineInput' })
  .transform((given): InvoiceLine => ({
    description: given.description ?? null,
    quantity: given.quantity ?? null,
    unitAmount: given.unitAmount ?? null,
    amountMinor: given.amountMinor,
    taxMinor: given.taxMinor ?? null,
    productSourceId: given.productSourceId ?? null,
  }));

export const invoices = recordKind('invoices', {
  words: { one: 'Invoice', many: 'Invoices', a: 'an invoice', several: 'invoices' },
  id: 'invoiceId',
  required: {
    status: invoiceStatus,
    currency,
    totalMinor: amountMinor.meta({
      description: 'Everything that the customer is asked for, in minor units of `currency`.',
      example: 2600,
    }),
  },
  clearable: {
    number: z.string().max(255).meta({ description: 'As the customer reads it.', example: 'INV-0042' }),
    issuedAt: instant,
    dueAt: instant,
    customerSourceId: sourceId,
    subtotalMinor: amountMinor,
    taxMinor: amountMinor,
    amountDueMinor: amountMinor.meta({ description: 'What is still to be paid; 0 once it is paid.', example: 0 }),
    lines: z
      .array(line)
      .max(5_000)
      .refine(isUpTo(MAX_LINES_BYTES), 'Must have at most 750 KB as JSON')
      .meta({ description: 'At most 5,000 lines and 750 KB as JSON. Replaced as a whole.' }),
    metadata,
  },
  answer: {
    number: text,
    status: invoiceStatus,
    issuedAt: timestamp.nullable(),
    dueAt: timestamp.nullable(),
    customerSourceId: text,
    currency: currencyAnswer,
    subtotalMinor: z.int().nullable(),
    taxMinor: z.int().nullable(),
    totalMinor: z.int(),
    amountDueMinor: z.int().nullable(),
    lines: z.array(
      z
        .object({
          description: text,
          quantity: text,
          unitAmount: text,
          amountMinor: z.int(),
          taxMinor: z.int().nullable(),
          productSourceId: text,
        })
        .meta({ id: 'InvoiceLine' }),
    ),
    metadata: metadataAnswer,
  },
  filters: {
    number: z.string().min(1).max(255).optional(),
    status: invoiceStatus.optional(),
    customerSourceId: sourceId.optional(),
    issuedFrom: instant.optional().meta({ description: 'At or after this time.' }),
    issuedTo: instant.optional().meta({ description: 'Before this time.' }),
    dueFrom: instant.optional().meta({ description: 'At or after this time.' }),
    dueTo: instant.optional().meta({ description: 'Before this time.' }),
    currency: currency.optional(),
  },
});
