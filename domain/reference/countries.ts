const DISPLAY = new Intl.DisplayNames(['en'], { type: 'region', fallback: 'none' });

/** Names that shops use and that the standard does not contain. */
const ALIASES: Readonly<Record<string, string>> = {
  'great britain': 'GB',
  england: 'GB',
  usa: 'US',
  'united states of america': 'US',
  holland: 'NL',
};

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'.split('');

/**
 * The current code for every two-letter region name. Computed once, because `Intl` takes a millisecond for about
 * twenty.
 */
const CURRENT: ReadonlyMap<string, string> = new Map(
  LETTERS.flatMap((first) => LETTERS.map((second) => first + second))
    .filter((code) => DISPLAY.of(code) !== undefined)
    .flatMap((code): readonly (readonly [string, string])[] => {
      const { region } = new Intl.Locale(`und-${code}`);
      return region === undefined ? [] : [[code, region]];
    }),
);

const CODES: ReadonlyMap<string, string> = new Map([
  // `Intl` names old codes, such as DD, after their successors; keep only codes that are their own successor.
  ...[...CURRENT]
    .filter(([code, current]) => code === current)
    .map(([code]) => [(DISPLAY.of(code) ?? code).toLowerCase(), code] as const),
  ...Object.entries(ALIASES),
]);

/** ISO 3166-1 alpha-2 code of a country given as a code or an English name; null when it is neither. */
export function countryCodeOf(country: string): string | null {
  const text = country.trim();
  if (/^[A-Za-z]{2}$/.test(text)) {
    const current = CURRENT.get(text.toUpperCase());
    if (current !== undefined) return current;
  }
  return CODES.get(text.toLowerCase()) ?? null;
}
