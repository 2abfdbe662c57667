// Limits on text count Unicode code points, as JSON Schema, zod and the providers do. `length` counts UTF-16 units, of
// which an emoji has two.

/** Whether the text has more than `max` code points. */
export function isLongerThan(text: string, max: number): boolean {
  // A code point has at most two units, so most texts need no counting.
  if (text.length <= max) return false;
  if (text.length > 2 * max) return true;
  return Array.from(text).length > max;
}

/**
 * The first `max` code points. Never splits a surrogate pair, because neither JSON text nor a database column may hold
 * half of one.
 */
export function firstCharacters(text: string, max: number): string {
  return isLongerThan(text, max)
    ? Array.from(text.slice(0, 2 * max))
        .slice(0, max)
        .join('')
    : text;
}

/** Like `firstCharacters`, with `…` after a truncated text. */
export function shortened(text: string, max: number): string {
  const first = firstCharacters(text, max);
  return first === text ? text : `${first}…`;
}
