import { json, Refusal } from '../oauth/exchange.ts';
import type { Reply } from '../oauth/exchange.ts';

// https://developer.squareup.com/docs/build-basics/general-considerations/handling-errors (2026-11)
type Category = 'API_ERROR' | 'AUTHENTICATION_ERROR' | 'INVALID_REQUEST_ERROR' | 'RATE_LIMIT_ERROR';

interface SquareError {
  readonly category: Category;
  readonly code: string;
  readonly detail: string;
  readonly field?: string;
}

export function squareError(status: number, error: SquareError): Reply {
  return json({ errors: [error] }, { status });
}

export function invalidRequest(code: string, detail: string, field?: string): Refusal {
  return new Refusal(
    squareError(400, { category: 'INVALID_REQUEST_ERROR', code, detail, ...(field !== undefined && { field }) }),
  );
}

/** An object that does not exist, or does no longer. */
export function notFound(detail: string): Refusal {
  return new Refusal(squareError(404, { category: 'INVALID_REQUEST_ERROR', code: 'NOT_FOUND', detail }));
}

/** The stored object has another version than the one given. */
export function staleVersion(detail: string): Refusal {
  return new Refusal(squareError(409, { category: 'INVALID_REQUEST_ERROR', code: 'CONFLICT', detail }));
}

export function unauthorised(detail: string, code = 'UNAUTHORIZED'): Refusal {
  return new Refusal(squareError(401, { category: 'AUTHENTICATION_ERROR', code, detail }));
}

/**
 * An application id and secret that do not match. The token endpoint then answers in the form of an older API, as users
 * report (2026-11). Only that form distinguishes it from an invalid code or token.
 */
export function unknownApplication(): Refusal {
  return new Refusal(json({ message: 'Not Authorized', type: 'service.not_authorized' }, { status: 401 }));
}

/** Square's generic error for a status. */
export function ofStatus(status: number, code?: string): Reply {
  const usual: Partial<Record<number, SquareError>> = {
    401: { category: 'AUTHENTICATION_ERROR', code: 'UNAUTHORIZED', detail: 'This request could not be authorized.' },
    403: {
      category: 'AUTHENTICATION_ERROR',
      code: 'FORBIDDEN',
      detail: 'You have insufficient permissions to perform that action.',
    },
    404: {
      category: 'INVALID_REQUEST_ERROR',
      code: 'NOT_FOUND',
      detail: 'API endpoint for URL path and HTTP method is not found.',
    },
    429: { category: 'RATE_LIMIT_ERROR', code: 'RATE_LIMITED', detail: 'Rate limited.' },
    503: { category: 'API_ERROR', code: 'SERVICE_UNAVAILABLE', detail: 'Service Unavailable' },
  };
  const serverSide: SquareError = {
    category: 'API_ERROR',
    code: 'INTERNAL_SERVER_ERROR',
    detail: 'An internal error has occurred, and the API was unable to service your request.',
  };
  const callerSide: SquareError = { category: 'INVALID_REQUEST_ERROR', code: 'BAD_REQUEST', detail: 'Bad request.' };
  const error = usual[status] ?? (status >= 500 ? serverSide : callerSide);
  return squareError(status, code === undefined ? error : { ...error, code });
}
