import { z } from 'zod';
import { ENVIRONMENTS } from '../../contracts/providers.ts';

const text = z.string().min(1).max(255);

/** One line of the file that `migrate` reads: docs/operations/migrate-secrets.md describes it. */
export const sourceLine = z.strictObject({
  /** Our id of the venue, or the venue's `sourceId`. */
  venue: text,
  provider: z.string(),
  environment: z.enum(ENVIRONMENTS),
  externalAccountId: text,
  accountName: text.nullable().default(null),
  scopes: z.array(text).max(100).default([]),
  /** CryptoJS's string, as the predecessor stored it. */
  ciphertext: z.string().min(1).max(10_000),
});
export type SourceLine = z.output<typeof sourceLine>;

/** Shape of an API key. Text of any other shape was decrypted with a wrong passphrase or is no key. */
export const API_KEY = /^[\x21-\x7e]{1,500}$/;

/** Parses a line, or returns which of its fields are invalid. Never quotes the line. */
export function parseLine(
  line: string,
): { readonly ok: true; readonly line: SourceLine } | { readonly ok: false; readonly reason: string } {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return { ok: false, reason: 'is not JSON' };
  }
  const parsed = sourceLine.safeParse(json);
  if (parsed.success) return { ok: true, line: parsed.data };
  // Reports an unknown field as unknown, because its name may hold anything.
  const fields = new Set(
    parsed.error.issues.map(({ path, code }) =>
      code === 'unrecognized_keys' ? 'unknown fields' : path.join('.') || 'the line',
    ),
  );
  return { ok: false, reason: `has wrong or missing fields: ${[...fields].join(', ')}` };
}
