import { z } from 'zod';
import { minorDigitsOf } from '../../../domain/reference/currencies.ts';

/**
 * An amount is an integer in the currency's smallest unit
 * (https://developer.squareup.com/docs/build-basics/working-with-monetary-amounts, read 2026-11-28). `z.int()` rejects
 * integers that JavaScript rounds, so no amount passes through a rounded number.
 */
export const moneySchema = z.object({
  amount: z.int(),
  currency: z.string().refine((currency) => minorDigitsOf(currency) !== null, 'expected a currency of ISO 4217'),
});
export type SquareMoney = z.output<typeof moneySchema>;
