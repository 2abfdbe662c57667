import { z } from 'zod';
import { nullableText } from '../../items.ts';
import { orNull } from '../http/lists.ts';
import { moneySchema } from '../http/money.ts';

// https://developer.squareup.com/reference/square/objects/Payment, …/PaymentRefund, …/Dispute, read 2026-11-28. Only
// the fields that are used here. An unknown status rejects its object, because the state of the money would be a guess.

const instant = z.iso.datetime({ offset: true });
const feesSchema = z
  .array(z.object({ amount_money: moneySchema.nullish() }))
  .nullish()
  .transform((fees) => (fees ?? []).flatMap(({ amount_money: money }) => money ?? []));
export const paymentSchema = z.object({
  id: z.string().min(1),
  created_at: instant,
  updated_at: orNull(instant),
  status: z.enum(['APPROVED', 'PENDING', 'COMPLETED', 'CANCELED', 'FAILED']),
  total_money: moneySchema,
  tip_money: orNull(moneySchema),
  processing_fee: feesSchema,
  source_type: nullableText,
  location_id: nullableText,
  order_id: nullableText,
  customer_id: nullableText,
  receipt_number: nullableText,
  card_details: orNull(z.object({ card_payment_timeline: orNull(z.object({ captured_at: orNull(instant) })) })),
});
export type SquarePayment = z.output<typeof paymentSchema>;

export const refundSchema = z.object({
  id: z.string().min(1),
  created_at: instant,
  updated_at: orNull(instant),
  status: z.enum(['PENDING', 'COMPLETED', 'REJECTED', 'FAILED']),
  amount_money: moneySchema,
  processing_fee: feesSchema,
  payment_id: nullableText,
  location_id: nullableText,
  order_id: nullableText,
});
export type SquareRefund = z.output<typeof refundSchema>;

export const disputeSchema = z.object({
  id: z.string().min(1),
  created_at: instant,
  updated_at: orNull(instant),
  state: z.enum([
    'INQUIRY_EVIDENCE_REQUIRED',
    'INQUIRY_PROCESSING',
    'INQUIRY_CLOSED',
    'EVIDENCE_REQUIRED',
    'PROCESSING',
    'WON',
    'LOST',
    'ACCEPTED',
  ]),
  amount_money: moneySchema,
  reason: nullableText,
  location_id: nullableText,
  disputed_payment: orNull(z.object({ payment_id: nullableText })),
});
export type SquareDispute = z.output<typeof disputeSchema>;
