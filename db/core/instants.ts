/**
 * Reads a timestamptz as Postgres writes it: `2026-11-21 10:15:00.5+00`. In the form of ECMAScript the engine reads it
 * several times as fast as in that one, and a page of records holds hundreds.
 */
export function readInstant(text: string): Date {
  const sign = text.at(-3);
  const isUsual = text[10] === ' ' && (sign === '+' || sign === '-');
  return new Date(isUsual ? `${text.slice(0, 10)}T${text.slice(11)}:00` : text);
}
