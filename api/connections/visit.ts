import type { Request } from 'express';
import { ApiError } from '../errors/api-error.ts';

/**
 * Rejects what browsers and chat programs prefetch, because it would use up the state before the account owner's visit.
 */
export function requireVisit({ headers }: Request): void {
  const purpose = [headers['sec-purpose'], headers['purpose'], headers['x-purpose'], headers['x-moz']].join(' ');
  const destination = headers['sec-fetch-dest'];
  if (/prefetch|prerender|preview/i.test(purpose) || (destination !== undefined && destination !== 'document')) {
    throw new ApiError('callback-not-visited', 'This was not a visit to the page.');
  }
}
