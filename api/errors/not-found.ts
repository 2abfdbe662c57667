import { ApiError } from './api-error.ts';

const DETAIL = {
  'venue-not-found': 'No such venue.',
  'connection-not-found': 'No such connection.',
  'product-not-found': 'No such product.',
  'customer-not-found': 'No such customer.',
  'inventory-not-found': 'No such inventory level.',
  'transaction-not-found': 'No such transaction.',
  'invoice-not-found': 'No such invoice.',
  'sync-not-found': 'No such sync run.',
  'provider-not-found': 'No such provider.',
  'schedule-not-found': 'No such schedule.',
  'job-not-found': 'No such job.',
} as const;

export type NotFoundCode = keyof typeof DETAIL;

/** The same words whether the thing is missing, malformed or somebody else's. */
export function notFound(code: NotFoundCode): ApiError {
  return new ApiError(code, DETAIL[code]);
}
