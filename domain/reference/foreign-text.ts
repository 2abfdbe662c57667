/**
 * A provider's text in a form that Postgres can store: without U+0000, which neither `text` nor `jsonb` accepts, and
 * with U+FFFD for every lone surrogate, which has no UTF-8 form.
 * https://www.postgresql.org/docs/18/datatype-character.html, https://www.postgresql.org/docs/18/datatype-json.html
 * (2025-09-25)
 */
export function cleanText(text: string): string {
  // Replace surrogates first: removing U+0000 between two halves would otherwise join them into a character that was
  // never sent.
  return text.toWellFormed().replaceAll('\u0000', '');
}

/**
 * Applies `cleanText` to every string of a JSON value, including keys. When two keys become equal the last one wins, as
 * in JSON. Returns the same value when nothing changes. Leaves anything that is not JSON, such as a `Date`, as it is.
 */
export function cleanDeep<T>(value: T): T {
  // Nearly everything is clean, and finding that out makes no garbage.
  return isClean(value) ? value : (cleanValue(value) as T);
}

function isClean(value: unknown): boolean {
  if (typeof value === 'string') return isCleanText(value);
  if (Array.isArray(value)) return value.every(isClean);
  if (!isPlainObject(value)) return true;
  for (const key in value)
    if (!isCleanText(key) || !isClean((value as Readonly<Record<string, unknown>>)[key])) return false;
  return true;
}

const isCleanText = (text: string): boolean => text.isWellFormed() && !text.includes('\u0000');

function cleanValue(value: unknown): unknown {
  if (typeof value === 'string') return cleanText(value);
  if (Array.isArray(value)) return cleanArray(value);
  return isPlainObject(value) ? cleanObject(value) : value;
}

function cleanArray(items: readonly unknown[]): readonly unknown[] {
  const cleaned = items.map(cleanValue);
  return cleaned.every((item, index) => Object.is(item, items[index])) ? items : cleaned;
}

function cleanObject(object: object): object {
  const entries: readonly (readonly [string, unknown])[] = Object.entries(object);
  const cleaned = entries.map(([key, value]) => [cleanText(key), cleanValue(value)] as const);
  const same = cleaned.every(
    ([key, value], index) => key === entries[index]?.[0] && Object.is(value, entries[index][1]),
  );
  // Use `fromEntries` rather than assignment, so that a key named `__proto__` stays a key.
  return same ? object : Object.fromEntries(cleaned);
}

function isPlainObject(value: unknown): value is object {
  if (value === null || typeof value !== 'object') return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
