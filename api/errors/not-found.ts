import type { RecordKind } from '../../records/record-kind.ts';
import { singularOf } from '../../records/record-kind.ts';
import { ApiError } from './api-error.ts';
import { recordNotFoundCode, recordNotFoundProblem } from './record-problems.ts';

const DETAIL = {
  'venue-not-found': 'No such venue.',
  'connection-not-found': 'No such connection.',
  'sync-not-found': 'No such sync run.',
  'provider-not-found': 'No such provider.',
  'schedule-not-found': 'No such schedule.',
  'mapping-not-found': 'No such mapping.',
  'reach-not-found': 'No such resource.',
  'report-not-found': 'No such report.',
  'job-not-found': 'No such job.',
  'conflict-not-found': 'No such conflict.',
  'reconciliation-not-found': 'No such reconciliation.',
  'discrepancy-not-found': 'No such discrepancy.',
  'event-not-found': 'No such event.',
  'dead-letter-not-found': 'No such dead letter.',
  'subscription-not-found': 'No such subscription.',
  'delivery-not-found': 'No such delivery.',
  'webhook-endpoint-not-found': 'The connection has no address for webhooks.',
} as const;

export type NotFoundCode = keyof typeof DETAIL;

/** Has the same text whether the object is missing, its id malformed or it belongs to somebody else. */
export function notFound(code: NotFoundCode): ApiError {
  return new ApiError(code, DETAIL[code]);
}

/** Like `notFound`, for a record. */
export function recordNotFound(kind: RecordKind): ApiError {
  return new ApiError(recordNotFoundCode(kind), `No such ${singularOf(kind)}.`, {
    problem: recordNotFoundProblem(kind),
  });
}
