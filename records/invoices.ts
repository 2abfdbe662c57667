import {
  amount,
  currency,
  decimal,
  instant,
  listOf,
  metadata,
  object,
  required,
  sourceIdOf,
  text,
  word,
} from './field.ts';
import type { WordType } from './field.ts';
import { lineAmount, lineProduct, lineQuantity, LINES_LIMITS, lineText } from './lines.ts';
import { defineRecordKind, equalTo, within } from './record-kind.ts';
import type { FieldsOf } from './record-kind.ts';

export const INVOICE_STATUSES = ['draft', 'open', 'paid', 'void', 'uncollectible'] as const;
export type InvoiceStatus = (typeof INVOICE_STATUSES)[number];
const invoiceStatus = {
  type: 'word',
  name: 'InvoiceStatus',
  words: INVOICE_STATUSES,
} as const satisfies WordType;

export const invoices = defineRecordKind({
  name: 'invoices',
  words: { one: 'Invoice', many: 'Invoices', a: 'an invoice', several: 'invoices' },
  idName: 'invoiceId',
  description: 'What a customer is asked to pay. Amounts are in minor units of `currency`.',
  fields: {
    number: text({ maxLength: 255, description: 'As the customer reads it.', example: 'INV-0042' }),
    status: required(word(invoiceStatus)),
    // Null for a draft.
    issuedAt: instant(),
    dueAt: instant(),
    customerSourceId: sourceIdOf('customers'),
    currency: required(currency()),
    // After discounts and before added tax.
    subtotalMinor: amount(),
    taxMinor: amount(),
    totalMinor: required(
      amount({
        description: 'Everything that the customer is asked for, in minor units of `currency`.',
        example: 2600,
      }),
    ),
    amountDueMinor: amount({ description: 'What is still to be paid; 0 once it is paid.', example: 0 }),
    lines: listOf(
      object({
        name: 'InvoiceLine',
        inputName: 'InvoiceLineInput',
        fields: {
          description: lineText(),
          quantity: lineQuantity(),
          // In the currency's main unit: prices have up to twelve decimals at some providers.
          unitAmount: decimal({
            description: 'Of one piece, in the main unit of `currency`, such as "12.5" for 12.50.',
            example: '12.5',
          }),
          amountMinor: lineAmount(),
          taxMinor: amount(),
          productSourceId: lineProduct(),
        },
      }),
      { ...LINES_LIMITS, description: 'At most 5,000 lines and 750 KB as JSON. Replaced as a whole.' },
    ),
    metadata: metadata(),
  },
  filters: {
    ...equalTo('number', 'status', 'customerSourceId'),
    ...within('issuedAt'),
    ...within('dueAt'),
    ...equalTo('currency'),
  },
  references: { customer: 'customerSourceId' },
  listReferences: { product: { list: 'lines', field: 'productSourceId' } },
  // Lines of one side with the tax or the total of the other are an invoice that nobody has written. What is due is left
  // out, because payments change it.
  mergedAsOne: [['lines', 'subtotalMinor', 'taxMinor', 'totalMinor', 'currency']],
});

export type InvoiceFields = FieldsOf<typeof invoices>;
export type InvoiceLine = InvoiceFields['lines'][number];
