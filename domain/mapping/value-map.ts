import type { ValueType } from '../../records/field.ts';
import type { MappedValue } from './mapping.ts';
import { mismatchOf } from './value-type.ts';

type Values = Readonly<Record<string, MappedValue>>;

/** A value as the key that a value map has for it. */
export const valueKey = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** The venue's value that a key of a value map stands for; undefined where the key is none of its field's values. */
export function valueOfKey(key: string, type: ValueType): MappedValue | undefined {
  const value = type.type === 'boolean' || type.type === 'amount' ? parsed(key) : key;
  return value !== undefined && mismatchOf(value, type) === null ? value : undefined;
}

function parsed(key: string): MappedValue | undefined {
  if (key === 'true' || key === 'false') return key === 'true';
  // One spelling per number: "1.0" and "01" would be further keys of the same value.
  return String(Number(key)) === key ? Number(key) : undefined;
}

/** The venue's value for each of the provider's. `clashesIn` tells beforehand whether there is exactly one. */
export function invert(values: Values, type: ValueType): ReadonlyMap<string, MappedValue> {
  return new Map(
    Object.entries(values).flatMap(([key, value]) => {
      const own = valueOfKey(key, type);
      return own === undefined ? [] : [[valueKey(value), own] as const];
    }),
  );
}

/** Keys whose value an earlier key has too, each with that key. A map without any has an inverse. */
export function clashesIn(values: Values): readonly { readonly key: string; readonly earlier: string }[] {
  const firstKeys = new Map<string, string>();
  return Object.entries(values).flatMap(([key, value]) => {
    const earlier = firstKeys.get(valueKey(value));
    if (earlier === undefined) firstKeys.set(valueKey(value), key);
    return earlier === undefined ? [] : [{ key, earlier }];
  });
}
