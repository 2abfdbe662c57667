import type { CallbackParameter } from '../../providers/kit/connect-methods.ts';
import { ApiError } from '../errors/api-error.ts';

type CallbackParameters = Readonly<Record<string, string>>;

/** The parameters of a callback, before they are checked. */
export type CallbackQuery = { readonly state: string } & (
  | { readonly kind: 'approved'; readonly code: string; readonly parameters: CallbackParameters }
  | { readonly kind: 'denied' }
  /** `error`: a code of RFC 6749 section 4.1.2.1, or null for an unknown one. */
  | { readonly kind: 'failed'; readonly error: string | null }
);

const STATE = /^[A-Za-z0-9_-]{43}$/;
/** Codes are opaque. The longest known ones have about a hundred characters. */
const CODE = /^[\x21-\x7e]{1,2000}$/;
const ERROR = /^[\x20-\x7e]{1,200}$/;
const MAX_QUERY_LENGTH = 8_000;

const DEFINED_ERRORS = new Set([
  'invalid_request',
  'unauthorized_client',
  'unsupported_response_type',
  'invalid_scope',
  'server_error',
  'temporarily_unavailable',
]);

/**
 * Parses the query of a request target, with the parameters that the provider declares. Ignores what providers add
 * (`scope`, `response_type`, `error_description` …). Throws ApiError `callback-invalid`, and `authorization-not-found`
 * for a state that we have not made; neither quotes a value.
 */
export function readCallback(target: string, declared: Readonly<Record<string, CallbackParameter>>): CallbackQuery {
  const start = target.indexOf('?');
  const query = start === -1 ? '' : target.slice(start + 1);
  if (query.length > MAX_QUERY_LENGTH) throw invalid('The query is too long.');
  const parameters = new URLSearchParams(query);
  const state = one(parameters, 'state');
  if (state === null) throw invalid('`state` is missing.');
  if (!STATE.test(state))
    throw new ApiError('authorization-not-found', 'There is no attempt to connect with this `state`.');
  const [code, error] = [one(parameters, 'code'), one(parameters, 'error')];
  if ((code === null) === (error === null)) throw invalid('There must be either `code` or `error`.');
  if (error !== null) return { state, ...readError(error) };
  if (!CODE.test(code ?? '')) throw invalid('`code` is not of its shape.');
  return { state, kind: 'approved', code: code ?? '', parameters: readParameters(parameters, declared) };
}

function readError(
  error: string,
): { readonly kind: 'denied' } | { readonly kind: 'failed'; readonly error: string | null } {
  if (!ERROR.test(error)) throw invalid('`error` is not of its shape.');
  if (error === 'access_denied') return { kind: 'denied' };
  return { kind: 'failed', error: DEFINED_ERRORS.has(error) ? error : null };
}

function readParameters(
  query: URLSearchParams,
  declared: Readonly<Record<string, CallbackParameter>>,
): CallbackParameters {
  const given = Object.entries(declared).flatMap(([name, { pattern }]) => {
    const value = one(query, name);
    if (value !== null && !pattern.test(value)) throw invalid(`\`${name}\` is not of its shape.`);
    return value === null ? [] : [[name, value] as const];
  });
  return Object.fromEntries(given);
}

/**
 * Throws ApiError `callback-invalid` when a parameter is missing that the exchange needs, so that the code is not used
 * up.
 */
export function requireParameters(
  given: CallbackParameters,
  declared: Readonly<Record<string, CallbackParameter>>,
): void {
  const absent = Object.entries(declared).find(([name, { required }]) => required && given[name] === undefined);
  if (absent) throw invalid(`\`${absent[0]}\` is missing.`);
}

/** Throws for a repeated parameter, because either could be meant. */
function one(parameters: URLSearchParams, name: string): string | null {
  const values = parameters.getAll(name);
  if (values.length > 1) throw invalid(`\`${name}\` is given more than once.`);
  return values[0] ?? null;
}

const invalid = (detail: string): ApiError => new ApiError('callback-invalid', detail);
