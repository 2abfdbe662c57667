// Limits on text are counted in Unicode code points, as JSON Schema, zod and the providers do; `length` counts UTF-16 units, of which an emoji has two.

/** Whether the text has more code points than `max`. */
export function isLongerThan(text: string, max: number): boolean {
  // A code point has at most two units: most texts are decided without counting.
  if (text.length <= max) return false;
  if (text.length > 2 * max) return true;
  return Array.from(text).length > max;
}

/** The first `max` code points: never half of a surrogate pair, which no JSON text and no database column may hold. */
export function firstCharacters(text: string, max: number): string {
  return isLongerThan(text, max)
    ? Array.from(text.slice(0, 2 * max))
        .slice(0, max)
        .join('')
    : text;
}

/** As `firstCharacters`, with `…` behind a text that is cut. */
export function shortened(text: string, max: number): string {
  const first = firstCharacters(text, max);
  return first === text ? text : `${first}…`;
}
