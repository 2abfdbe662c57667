import { countryCodeOf } from '../domain/reference/countries.ts';
import type { Address } from '../records/customers.ts';

/**
 * An address in the form in which two readings of it are equal: empty parts are null, the country is a code where it is
 * known, and an address without any part is null.
 */
export function comparableAddress({ line1, line2, city, region, postalCode, country }: Address): Address | null {
  const parts: Address = {
    line1: line1 || null,
    line2: line2 || null,
    city: city || null,
    region: region || null,
    postalCode: postalCode || null,
    country: country ? (countryCodeOf(country) ?? country) : null,
  };
  return Object.values(parts).every((part) => part === null) ? null : parts;
}
