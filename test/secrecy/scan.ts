import type { Overheard } from './wiretap.ts';

/** A readable part of the running service, with all its text. */
export interface Source {
  readonly name: string;
  readonly text: string;
}

/** The ends of a piece of base64 depend on the neighbouring bytes, so this many characters of each end are ignored. */
const BASE64_EDGE = 4;

/** The spellings of a value: plain, escaped, in hex, and in base64 at any offset. */
export function spellingsOf(value: string): readonly string[] {
  const bytes = Buffer.from(value, 'utf8');
  const base64 = [0, 1, 2].flatMap((offset) => {
    const encoded = Buffer.concat([Buffer.alloc(offset), bytes])
      .toString('base64')
      .replace(/=+$/, '')
      .slice(BASE64_EDGE, -BASE64_EDGE);
    return encoded.length >= 8 ? [encoded, encoded.replaceAll('+', '-').replaceAll('/', '_')] : [];
  });
  // A binary key is overheard in base64.
  const raw = /^[A-Za-z0-9+/]{43}=$/.test(value) ? [Buffer.from(value, 'base64').toString('hex')] : [];
  return [
    ...new Set([
      value,
      encodeURIComponent(value),
      JSON.stringify(value).slice(1, -1),
      bytes.toString('hex'),
      ...raw,
      ...base64,
    ]),
  ];
}

/** The places at which a secret was found: kind and place, never the secret. */
export function find(secrets: readonly Overheard[], sources: readonly Source[]): readonly string[] {
  return secrets.flatMap(({ kind, value }) => {
    const spellings = spellingsOf(value);
    return sources
      .filter(({ text }) => spellings.some((spelling) => text.includes(spelling)))
      .map(({ name }) => `${kind} in ${name}`);
  });
}
