import { z } from 'zod';
import type { ConnectionId } from '../../contracts/ids.ts';
import { checkDayOrder, whereRight } from './combined-fields.ts';
import { currency, currencyAnswer, day, uuid } from './common.ts';
import { transactionKind as kindType, transactionStatus as statusType } from '../../records/transactions.ts';
import { wordSchema } from './records/values.ts';

const [transactionKind, transactionStatus] = [wordSchema(kindType), wordSchema(statusType)];

export const summaryQuery = z
  .strictObject({
    from: day.optional().meta({
      description: 'First day, in the venue’s time zone. 29 days before `to` when it is left out.',
      example: '2026-11-01',
    }),
    to: day.optional().meta({ description: 'Last day. Today when it is left out.', example: '2026-11-30' }),
    kind: transactionKind.optional(),
    status: transactionStatus.optional().meta({ description: 'Count those with this status alone.' }),
    currency: currency.optional(),
    connectionId: uuid.transform((id) => id as ConnectionId).optional(),
  })
  .superRefine(checkDayOrder, whereRight('from', 'to'));

export const summaryAnswer = z
  .object({
    from: z.iso.date(),
    to: z.iso.date(),
    timeZone: z.string().meta({ description: 'The venue’s, in which its days begin and end.' }),
    data: z.array(
      z.object({
        day: z.iso.date(),
        kind: transactionKind,
        currency: currencyAnswer,
        connectionId: z.uuid().nullable().meta({ description: 'Null for transactions that the venue wrote itself.' }),
        count: z.int(),
        amountMinor: z.int().meta({ description: 'Sum in minor units of `currency`.' }),
        feeMinor: z.int().meta({ description: 'Sum of the fees that are known, in minor units of `currency`.' }),
      }),
    ),
  })
  .meta({ id: 'TransactionSummary' });
