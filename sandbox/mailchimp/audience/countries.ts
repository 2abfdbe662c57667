const NAMES = new Intl.DisplayNames(['en'], { type: 'region', fallback: 'none' });
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'.split('');

const CODES: ReadonlyMap<string, string> = new Map(
  LETTERS.flatMap((first) => LETTERS.map((second) => first + second)).flatMap((code) => {
    const name = NAMES.of(code);
    // Old codes and aliases, such as UK, have the name of their successor.
    const isCurrent = new Intl.Locale(`und-${code}`).region === code;
    return name === undefined || !isCurrent ? [] : [[name.toLowerCase(), code] as const];
  }),
);

/** A country's name as its code; anything else as it was given. */
export const countryCodeOf = (country: string): string => CODES.get(country.toLowerCase()) ?? country;
