import { z } from 'zod';
import { TRANSACTION_KINDS, TRANSACTION_STATUSES } from '../../../contracts/records.ts';
import type { TransactionLine } from '../../../contracts/records.ts';
import { currency, instant, sourceId, timestamp, uuid } from '../common.ts';
import { amountMinor, decimal, metadataAnswer, text, transactionMetadata } from './fields.ts';
import { recordKind } from './record-kind.ts';

const line = z
  .strictObject({
    description: z.string().max(5_000).nullable().optional(),
    quantity: decimal.nullable().optional(),
    amountMinor,
    productSourceId: sourceId.nullable().optional(),
  })
  .transform((given): TransactionLine => ({
    description: given.description ?? null,
    quantity: given.quantity ?? null,
    amountMinor: given.amountMinor,
    productSourceId: given.productSourceId ?? null,
  }));

const kind = z.enum(TRANSACTION_KINDS);
const status = z.enum(TRANSACTION_STATUSES).meta({
  description: '`pending`: the money may still come or go; `succeeded`: it has; `failed`, `cancelled`: it never will; `won`, `lost`: how a dispute ended.',
});

export const transactions = recordKind('transactions', {
  words: { one: 'Transaction', many: 'Transactions', a: 'a transaction', several: 'transactions' },
  id: 'transactionId',
  required: {
    kind,
    occurredAt: instant,
    amountMinor: amountMinor.meta({ description: 'Minor units of `currency`, seen from the venue: a payment is positive; a refund, and a dispute that takes money, are negative.', example: 1099 }),
    currency,
    status,
  },
  clearable: {
    feeMinor: amountMinor.meta({ description: 'What the provider kept, in minor units of `currency`; null while it is not known.', example: 47 }),
    customerSourceId: sourceId,
    relatedTransactionId: uuid.meta({ description: 'Id of the transaction that this one belongs to, such as the payment of a refund. It must be one of the venue.' }),
    lines: z.array(line).max(5_000).meta({ description: 'What was sold. Replaced as a whole.' }),
    metadata: transactionMetadata,
  },
  answer: {
    kind,
    occurredAt: timestamp,
    amountMinor: z.int(),
    currency: z.string(),
    feeMinor: z.int().nullable(),
    status,
    customerSourceId: text,
    relatedTransactionId: z.uuid().nullable(),
    lines: z.array(z.object({ description: text, quantity: text, amountMinor: z.int(), productSourceId: text })),
    metadata: metadataAnswer,
  },
  filters: {
    occurredFrom: instant.optional().meta({ description: 'At or after this time.' }),
    occurredTo: instant.optional().meta({ description: 'Before this time.' }),
    kind: kind.optional(),
    status: status.optional(),
    currency: currency.optional(),
  },
});
