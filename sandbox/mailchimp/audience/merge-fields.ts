import { problem } from '../errors.ts';
import { Refusal } from '../../oauth/exchange.ts';
import type { Endpoint } from '../http/endpoint.ts';
import { pageOf } from '../http/endpoint.ts';
import { fieldsOf } from '../state/mailchimp-state.ts';
import type { MergeField, Owner } from '../state/mailchimp-state.ts';
import { countryCodeOf } from './countries.ts';

type Values = Readonly<Record<string, unknown>>;

/** https://mailchimp.com/developer/marketing/api/list-merges/list-merge-fields/ (2026-11). */
export const MERGE_FIELD_ENDPOINTS: readonly Endpoint[] = [
  {
    method: 'GET',
    path: /^\/[^/]+\/merge-fields$/,
    run(request) {
      const fields = fieldsOf(request.owner, request.list);
      return { merge_fields: pageOf(request, fields), list_id: request.list, total_items: fields.length };
    },
  },
];

/** A field that a value does not fit, in Mailchimp's words. */
interface FieldError {
  readonly field: string;
  readonly message: string;
}

/**
 * The values after a write, for every field of the audience. Tags that the audience does not have are ignored. Throws a
 * `Refusal` for a value that does not fit its field, or for a required field without one
 * (https://mailchimp.com/developer/marketing/docs/merge-fields/, 2026-11).
 */
export function mergedValues(
  owner: Owner,
  list: string,
  { known, given, skipsRequired }: { readonly known: Values; readonly given: Values; readonly skipsRequired: boolean },
): Values {
  const fields = fieldsOf(owner, list);
  const values = Object.fromEntries(
    fields.map((field) => {
      const { tag } = field;
      const value = Object.hasOwn(given, tag) ? given[tag] : (known[tag] ?? '');
      return [tag, field.type === 'address' ? asAddress(value) : value];
    }),
  );
  const errors = fields.flatMap((field) => {
    const message = problemOf(field, values[field.tag], { isGiven: Object.hasOwn(given, field.tag), skipsRequired });
    return message === null ? [] : [{ field: field.tag, message }];
  });
  if (errors.length > 0) throw invalidFields(errors);
  return values;
}

const invalidFields = (errors: readonly FieldError[]): Refusal =>
  new Refusal(problem(400, 'Your merge fields were invalid.', { title: 'Invalid Resource', errors }));

interface Given {
  readonly isGiven: boolean;
  readonly skipsRequired: boolean;
}

function problemOf({ type, required }: MergeField, value: unknown, { isGiven, skipsRequired }: Given): string | null {
  if (value === '' || value == null) return required && !skipsRequired ? missingIn(type) : null;
  if (!isGiven) return null;
  return FORMS[type]?.(value) ?? (type !== 'address' && typeof value === 'object' ? 'Please enter a value' : null);
}

const missingIn = (type: string): string =>
  type === 'address' ? 'Please enter a complete address' : 'Please enter a value';

const COMPLETE = ['addr1', 'city', 'state', 'zip'] as const;

const FORMS: Readonly<Record<string, (value: unknown) => string | null>> = {
  // All four have to be there (https://github.com/drewm/mailchimp-api/issues/262, https://github.com/amro/gibbon/issues/272, 2026-11).
  address: (value) =>
    typeof value === 'object' && value !== null && COMPLETE.every((part) => isText((value as Values)[part]))
      ? null
      : 'Please enter a complete address',
  number: (value) => (/^-?\d+(\.\d+)?$/.test(String(value)) ? null : 'Please enter a number'),
  birthday: (value) => (/^\d{2}\/\d{2}$/.test(String(value)) ? null : 'Please enter a month (01-12) and a day (01-31)'),
  date: (value) => (Number.isNaN(Date.parse(String(value))) ? 'Please enter the date' : null),
  url: (value) => (URL.canParse(String(value)) ? null : 'Please enter a valid URL'),
  zip: (value) => (/^\d{5}$/.test(String(value)) ? null : 'Please enter a valid zip code'),
  text: (value) => (String(value).length > 255 ? 'Please enter a value of at most 255 characters' : null),
};

const isText = (value: unknown) => typeof value === 'string' && value !== '';

/** The country becomes a code of two letters, and the United States where none is given. */
function asAddress(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const { addr1 = '', addr2 = '', city = '', state = '', zip = '', country } = value as Record<string, unknown>;
  const named = typeof country === 'string' && country !== '' ? country : 'US';
  return { addr1, addr2, city, state, zip, country: countryCodeOf(named) };
}
