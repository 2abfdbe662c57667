import { ApiError } from './api-error.ts';

const DETAIL = {
  'venue-not-found': 'No such venue.',
  'connection-not-found': 'No such connection.',
  'customer-not-found': 'No such customer.',
  'sync-not-found': 'No such sync run.',
} as const;

export type NotFoundCode = keyof typeof DETAIL;

/** The same words whether the thing is missing, malformed or somebody else's. */
export function notFound(code: NotFoundCode): ApiError {
  return new ApiError(code, DETAIL[code]);
}
