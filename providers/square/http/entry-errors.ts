import { kindOfFault } from '../../http/error-table.ts';
import { textAt } from '../../items.ts';
import { ProviderError } from '../../provider-error.ts';
import { word } from '../../http/transport.ts';
import { SQUARE_ERRORS } from '../errors.ts';

/** What went wrong with one entry of a bulk answer, which has no status of its own; null where nothing did. */
export function faultOfEntry(response: unknown): ProviderError | null {
  const errors: unknown = typeof response === 'object' && response !== null && 'errors' in response && response.errors;
  if (!Array.isArray(errors) || errors.length === 0) return null;
  const [first] = errors as readonly unknown[];
  const code = textAt(first, 'code');
  const httpStatus = code === 'NOT_FOUND' ? 404 : 400;
  const fault = [code, textAt(first, 'category')].filter((told) => told !== null);
  return new ProviderError({
    provider: 'square',
    kind: kindOfFault(SQUARE_ERRORS, fault, httpStatus),
    httpStatus,
    code: word(code),
    field: word(textAt(first, 'field')),
  });
}
