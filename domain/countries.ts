const DISPLAY = new Intl.DisplayNames(['en'], { type: 'region', fallback: 'none' });

/** Names that shops use and that are not the standard's own. */
const ALIASES: Readonly<Record<string, string>> = {
  'great britain': 'GB',
  england: 'GB',
  usa: 'US',
  'united states of america': 'US',
  holland: 'NL',
};

const CODES: ReadonlyMap<string, string> = new Map([...regionNames(), ...Object.entries(ALIASES)]);

function* regionNames(): Generator<[string, string]> {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'.split('');
  for (const first of letters) {
    for (const second of letters) {
      const code = first + second;
      const name = DISPLAY.of(code);
      // Old codes, such as DD, are named after their successors: only a code that is its own successor counts.
      if (name !== undefined && currentCode(code) === code) yield [name.toLowerCase(), code];
    }
  }
}

function currentCode(code: string): string | null {
  return new Intl.Locale(`und-${code}`).region ?? null;
}

/** ISO 3166-1 alpha-2 code of a country that was written as a code or as an English name; null when it is neither. */
export function countryCodeOf(country: string): string | null {
  const text = country.trim();
  if (/^[A-Za-z]{2}$/.test(text) && DISPLAY.of(text.toUpperCase()) !== undefined) return currentCode(text);
  return CODES.get(text.toLowerCase()) ?? null;
}
