/**
 * `previous_attributes` of an update event: the changed keys with their old values. A hash lists only its changed keys,
 * an added key as null; an array is listed whole. Null when nothing changed.
 */
export function previousAttributes(before: object, after: object): Record<string, unknown> | null {
  const old = before as Readonly<Record<string, unknown>>;
  const now = after as Readonly<Record<string, unknown>>;
  const changed = [...new Set([...Object.keys(old), ...Object.keys(now)])]
    .filter((key) => JSON.stringify(old[key]) !== JSON.stringify(now[key]))
    .map(
      (key) =>
        [
          key,
          isHash(old[key]) && isHash(now[key]) ? previousAttributes(old[key], now[key]) : (old[key] ?? null),
        ] as const,
    );
  return changed.length === 0 ? null : Object.fromEntries(changed);
}

function isHash(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
