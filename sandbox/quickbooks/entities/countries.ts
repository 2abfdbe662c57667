/**
 * Countries come back as codes of three letters, whatever was written
 * (https://github.com/sahat/hackathon-starter/pull/1510, Intuit's announcement of 2025-08, read 2026-11). The stand-in
 * knows those that its tests use and leaves others as they are.
 */
const ALPHA_3: Readonly<Record<string, string>> = {
  ...named('ARG', 'AR', 'argentina'),
  ...named('AUT', 'AT', 'austria'),
  ...named('BEL', 'BE', 'belgium'),
  ...named('BRA', 'BR', 'brazil'),
  ...named('CAN', 'CA', 'canada'),
  ...named('CHE', 'CH', 'switzerland'),
  ...named('DEU', 'DE', 'germany'),
  ...named('DNK', 'DK', 'denmark'),
  ...named('ESP', 'ES', 'spain'),
  ...named('FIN', 'FI', 'finland'),
  ...named('FRA', 'FR', 'france'),
  ...named('GBR', 'GB', 'united kingdom', 'uk'),
  ...named('IRL', 'IE', 'ireland'),
  ...named('ITA', 'IT', 'italy'),
  ...named('MEX', 'MX', 'mexico'),
  ...named('NOR', 'NO', 'norway'),
  ...named('POL', 'PL', 'poland'),
  ...named('PRT', 'PT', 'portugal'),
  ...named('SWE', 'SE', 'sweden'),
  ...named('USA', 'US', 'united states', 'usa'),
  ...named('VEN', 'VE', 'venezuela'),
};

function named(code: string, ...names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name.toLowerCase(), code]));
}

export const rewrittenCountry = (country: string): string => ALPHA_3[country.toLowerCase()] ?? country;
