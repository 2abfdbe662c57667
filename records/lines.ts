import { amount, decimal, required, sourceIdOf, text } from './field.ts';

/** What lines of several kinds of record have in common. */
export const lineText = () => text({ maxLength: 5_000 });
export const lineQuantity = () => decimal();
export const lineAmount = () => required(amount());
export const lineProduct = () => sourceIdOf('products');

/** With the largest of its other fields a record stays below a megabyte, whatever its changes add up to. */
export const LINES_LIMITS = { maxItems: 5_000, maxBytes: 750 * 1_024 };
