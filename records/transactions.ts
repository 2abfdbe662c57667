import {
  amount,
  boolean,
  currency,
  instant,
  listOf,
  metadata,
  object,
  recordIdOf,
  required,
  sourceIdOf,
  word,
} from './field.ts';
import type { WordType } from './field.ts';
import { lineAmount, lineProduct, lineQuantity, LINES_LIMITS, lineText } from './lines.ts';
import { defineRecordKind, equalTo, within } from './record-kind.ts';
import type { FieldsOf } from './record-kind.ts';

export const TRANSACTION_KINDS = ['payment', 'refund', 'adjustment', 'dispute'] as const;
export type TransactionKind = (typeof TRANSACTION_KINDS)[number];
export const transactionKind = {
  type: 'word',
  name: 'TransactionKind',
  words: TRANSACTION_KINDS,
} as const satisfies WordType;

export const TRANSACTION_STATUSES = ['pending', 'succeeded', 'failed', 'cancelled', 'won', 'lost'] as const;
export type TransactionStatus = (typeof TRANSACTION_STATUSES)[number];
export const transactionStatus = {
  type: 'word',
  name: 'TransactionStatus',
  words: TRANSACTION_STATUSES,
  description:
    '`pending`: the money may still come or go; `succeeded`: it has; `failed`, `cancelled`: it never will; `won`, `lost`: how a dispute ended.',
} as const satisfies WordType;

export const transactions = defineRecordKind({
  name: 'transactions',
  words: { one: 'Transaction', many: 'Transactions', a: 'a transaction', several: 'transactions' },
  idName: 'transactionId',
  description:
    'A movement of money, seen from the venue: a payment is positive; a refund, and a dispute that takes money, are negative.',
  // Several objects of a provider tell of one transaction, each a part: what one of them told stays until something else is told. Money that
  // was posted stays posted, at the time at which it was: a balance is never rewritten.
  fields: {
    kind: required(word(transactionKind)),
    // When the money moved; before that, when the transaction began.
    occurredAt: required(instant({ whenPulled: { fixedOnce: 'posted' } })),
    amountMinor: required(
      amount({
        description:
          'Minor units of `currency`, seen from the venue: a payment is positive; a refund, and a dispute that takes money, are negative.',
        example: 1099,
      }),
    ),
    currency: required(currency()),
    feeMinor: amount({
      description: 'What the provider kept, in minor units of `currency`; null while it is not known.',
      example: 47,
      whenPulled: 'keep-known',
    }),
    status: required(word(transactionStatus)),
    posted: boolean({
      description:
        'Whether the money is in the books of the provider’s balance, at `occurredAt`. Sums count what is posted. Null where nothing says so: then what has `succeeded` is counted, and every dispute.',
      whenPulled: 'stay-true',
    }),
    customerSourceId: sourceIdOf('customers'),
    relatedTransactionId: recordIdOf('transactions', {
      description:
        'Id of the transaction that this one belongs to, such as the payment of a refund. It must be one of the venue.',
    }),
    lines: listOf(
      object({
        name: 'TransactionLine',
        inputName: 'TransactionLineInput',
        fields: {
          description: lineText(),
          quantity: lineQuantity(),
          amountMinor: lineAmount(),
          productSourceId: lineProduct(),
        },
      }),
      {
        ...LINES_LIMITS,
        description: 'What was sold: at most 5,000 lines and 750 KB as JSON. Replaced as a whole.',
        whenPulled: 'keep-unless-empty',
      },
    ),
    // Beside what was given to a transaction, a pull keeps facts of the provider's in its metadata.
    metadata: metadata({ maxKeys: 100, whenPulled: 'add' }),
  },
  filters: { ...within('occurredAt'), ...equalTo('kind', 'status', 'currency') },
  references: {
    customer: 'customerSourceId',
    related: 'relatedTransactionId',
    // The whole payment that this is one attempt at.
    payment: { to: 'transactions' },
  },
  indexed: ['occurredAt'],
  // An invoice tells what its payment was for. No refund or dispute of the payment repeats it.
  amendments: { reference: 'payment', where: { kind: 'payment' }, fields: ['lines', 'metadata'] },
});

export type TransactionFields = FieldsOf<typeof transactions>;
/** What was sold, when the provider tells. */
export type TransactionLine = TransactionFields['lines'][number];
