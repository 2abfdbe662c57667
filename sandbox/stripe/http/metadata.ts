import { invalidRequest } from './failure.ts';
import { charactersIn, clearable } from './params.ts';
import type { Reader } from './params.ts';

/** Stripe's limits on metadata, https://docs.stripe.com/api/metadata (2026-11). */
const MAX_METADATA_KEYS = 50;
const MAX_METADATA_KEY_CHARS = 40;
const MAX_METADATA_VALUE_CHARS = 500;

/** Keys to set; a null value removes the key. */
const keys: Reader<Map<string, string | null>> = (value, param) => {
  if (typeof value === 'string') throw invalidRequest('Invalid object', { param });
  return new Map(
    [...value].map(([key, inner]) => {
      const name = `${param}[${key}]`;
      if (typeof inner !== 'string')
        throw invalidRequest(`Metadata values must be strings: ${name} is not.`, { param: name });
      if (charactersIn(key) > MAX_METADATA_KEY_CHARS) {
        throw invalidRequest(`Metadata keys can have up to ${MAX_METADATA_KEY_CHARS} characters: ${name} is longer.`, {
          param: name,
        });
      }
      const length = charactersIn(inner);
      if (length > MAX_METADATA_VALUE_CHARS) {
        throw invalidRequest(
          `Metadata values can have up to ${MAX_METADATA_VALUE_CHARS} characters, but this one has ${length}.`,
          { param: name },
        );
      }
      return [key, inner === '' ? null : inner];
    }),
  );
};

/** The parameter `metadata`: keys to set or remove, or null to remove them all. */
export const metadata = clearable(keys);

/** A patch of an object's fields; empty when the request has no metadata. */
export function metadataPatch(
  before: Readonly<Record<string, string>>,
  changes: ReadonlyMap<string, string | null> | null | undefined,
): { metadata?: Record<string, string> } {
  return changes === undefined ? {} : { metadata: mergeMetadata(before, changes) };
}

/** The metadata after a create (`before` empty) or an update. Throws a `Failure` when there are too many keys. */
export function mergeMetadata(
  before: Readonly<Record<string, string>>,
  changes: ReadonlyMap<string, string | null> | null,
): Record<string, string> {
  if (changes === null) return {};
  const merged = new Map(Object.entries(before));
  for (const [key, value] of changes) {
    if (value === null) merged.delete(key);
    else merged.set(key, value);
  }
  if (merged.size > MAX_METADATA_KEYS) {
    throw invalidRequest(`You can have up to ${MAX_METADATA_KEYS} metadata keys, and this would make ${merged.size}.`, {
      param: 'metadata',
    });
  }
  return Object.fromEntries(merged);
}
