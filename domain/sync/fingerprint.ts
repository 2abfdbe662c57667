import { hash } from 'node:crypto';

/** JSON with sorted object keys, so that equal values have equal text. */
export function canonicalJson(value: unknown): string {
  if (typeof value === 'string') return quoted(value);
  if (value === null || typeof value !== 'object') return JSON.stringify(value ?? null);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  // Without lists of entries: this runs for every record that is read or written.
  let text = '';
  for (const key of sorted(Object.keys(value))) {
    const entry = (value as Readonly<Record<string, unknown>>)[key];
    if (entry !== undefined) text += `${text === '' ? '' : ','}${quoted(key)}:${canonicalJson(entry)}`;
  }
  return `{${text}}`;
}

/** All that JSON escapes, and more. Most texts have none of it, and are not worth a call of `JSON.stringify`. */
const MAY_BE_ESCAPED = /["\\]|[^\u0020-\ud7ff\ue000-\uffff]/;
const quoted = (text: string): string => (MAY_BE_ESCAPED.test(text) ? JSON.stringify(text) : `"${text}"`);

const FEW = 20;

/** Sorts keys in place. The engine's `sort` copies them first, which costs more than sorting the few that most objects have. */
function sorted(keys: string[]): readonly string[] {
  if (keys.length > FEW) return keys.sort();
  for (let next = 1; next < keys.length; next += 1) {
    const key = keys[next] as string;
    let at = next;
    for (; at > 0 && (keys[at - 1] as string) > key; at -= 1) keys[at] = keys[at - 1] as string;
    keys[at] = key;
  }
  return keys;
}

/** SHA-256, in hex, of a value's canonical JSON. */
export function fingerprintOf(value: unknown): string {
  return hash('sha256', canonicalJson(value));
}

type Payload = Readonly<Record<string, unknown>>;

/** What `held` has under the names of `payload`. */
export const withNamesOf = (payload: Payload, held: Payload): Payload =>
  Object.fromEntries(Object.entries(held).filter(([name]) => name in payload));
