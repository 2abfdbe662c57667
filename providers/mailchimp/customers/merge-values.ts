import type { Address } from '../../../records/customers.ts';
import type { ExternalState } from '../../provider.ts';
import { OWN_TAGS } from './customer-fields.ts';
import type { SentMember } from './customer-mapping.ts';

type Values = Readonly<Record<string, unknown>>;

/**
 * The merge fields of a payload; others stay as they are. With `clears`, an empty value clears what is there. A name is
 * cut where the last reading was, so that a name that did not change is written as it is.
 */
export function mergeValuesOf(
  { name, phone, address }: SentMember,
  { clears, state }: { readonly clears: boolean; readonly state: ExternalState | null },
): Values {
  const values: Record<string, unknown> = {};
  const put = (tag: string, value: unknown) => {
    if (clears || value !== '') values[tag] = value;
  };
  if (name !== undefined) {
    const [given, family] = partsOf(name ?? '', state);
    put(OWN_TAGS.given, given);
    put(OWN_TAGS.family, family);
  }
  if (phone !== undefined) put(OWN_TAGS.phone, phone ?? '');
  if (address !== undefined) put(OWN_TAGS.address, address === null ? '' : addressBody(address));
  return values;
}

function partsOf(name: string, state: ExternalState | null): readonly [given: string, family: string] {
  const at = cutOf(name, state);
  return at === -1 ? [name, ''] : [name.slice(0, at), name.slice(at + 1)];
}

/** Where the given name ends. Without a reading the last word is the family name, as in most languages. */
function cutOf(name: string, state: ExternalState | null): number {
  const length = state?.['givenLength'];
  return typeof length === 'number' && length > 0 && name[length] === ' ' ? length : name.lastIndexOf(' ');
}

/** Mailchimp takes an address without a country for one in the United States. */
const addressBody = ({ line1, line2, city, region, postalCode, country }: Address): Values => ({
  addr1: line1,
  addr2: line2 ?? '',
  city,
  state: region,
  zip: postalCode,
  ...(country !== null && { country }),
});
