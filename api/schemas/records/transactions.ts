import { z } from 'zod';
import type { TransactionLine } from '../../../contracts/records.ts';
import { currency, currencyAnswer, instant, sourceId, timestamp, uuid } from '../common.ts';
import { amountMinor, decimal, isUpTo, MAX_LINES_BYTES, metadataAnswer, text, transactionMetadata } from './fields.ts';
import { recordKind } from './record-kind.ts';
import { transactionKind, transactionStatus } from '../words.ts';

const line = z
  .strictObject({
    description: z.string().max(5_000).nullable().optional(),
    quantity: decimal.nullable().optional(),
    amountMinor,
    productSourceId: sourceId.nullable().optional(),
  })
  .meta({ id: 'TransactionLineInput' })
  .transform((given): TransactionLine => ({
    description: given.description ?? null,
    quantity: given.quantity ?? null,
    amountMinor: given.amountMinor,
    productSourceId: given.productSourceId ?? null,
  }));

export const transactions = recordKind('transactions', {
  words: { one: 'Transaction', many: 'Transactions', a: 'a transaction', several: 'transactions' },
  id: 'transactionId',
  required: {
    kind: transactionKind,
    occurredAt: instant,
    amountMinor: amountMinor.meta({
      description:
        'Minor units of `currency`, seen from the venue: a payment is positive; a refund, and a dispute that takes money, are negative.',
      example: 1099,
    }),
    currency,
    status: transactionStatus,
  },
  clearable: {
    feeMinor: amountMinor.meta({
      description: 'What the provider kept, in minor units of `currency`; null while it is not known.',
      example: 47,
    }),
    posted: z.boolean().meta({
      description:
        'Whether the money is in the books of the provider’s balance, at `occurredAt`. Sums count what is posted. Null where nothing says so: then what has `succeeded` is counted, and every dispute.',
    }),
    customerSourceId: sourceId,
    relatedTransactionId: uuid.meta({
      description:
        'Id of the transaction that this one belongs to, such as the payment of a refund. It must be one of the venue.',
    }),
    lines: z
      .array(line)
      .max(5_000)
      .refine(isUpTo(MAX_LINES_BYTES), 'Must have at most 750 KB as JSON')
      .meta({ description: 'What was sold: at most 5,000 lines and 750 KB as JSON. Replaced as a whole.' }),
    metadata: transactionMetadata,
  },
  answer: {
    kind: transactionKind,
    occurredAt: timestamp,
    amountMinor: z.int(),
    currency: currencyAnswer,
    feeMinor: z.int().nullable(),
    status: transactionStatus,
    posted: z.boolean().nullable(),
    customerSourceId: text,
    relatedTransactionId: z.uuid().nullable(),
    lines: z.array(
      z
        .object({ description: text, quantity: text, amountMinor: z.int(), productSourceId: text })
        .meta({ id: 'TransactionLine' }),
    ),
    metadata: metadataAnswer,
  },
  filters: {
    occurredFrom: instant.optional().meta({ description: 'At or after this time.' }),
    occurredTo: instant.optional().meta({ description: 'Before this time.' }),
    kind: transactionKind.optional(),
    status: transactionStatus.optional(),
    currency: currency.optional(),
  },
});
