import { isDatabaseAway, isDatabaseBusy } from '../../db/core/outage.ts';
import { codesOf } from '../../domain/errors/error-codes.ts';
import { ApiError } from './api-error.ts';

const RETRY_AFTER_MS = 2_000;

/** A 503 when the database is the cause, however deeply it is wrapped; null otherwise. */
export function asDatabaseOutage(error: unknown): ApiError | null {
  if (isDatabaseBusy(error))
    return new ApiError('database-busy', 'The database has let this request wait for as long as it may.', {
      cause: error,
      retryAfterMs: RETRY_AFTER_MS,
    });
  if (isDatabaseAway(error))
    return new ApiError('database-unavailable', 'The database cannot be reached at the moment.', {
      cause: error,
      retryAfterMs: RETRY_AFTER_MS,
    });
  return null;
}

/**
 * What may be logged of an unexpected error. Messages of database errors and of their wrappers quote statements and
 * parameters, which are customers' data, so only the innermost error of another type keeps its message.
 */
export function describeError(error: unknown): object {
  if (!(error instanceof Error)) return { name: typeof error };
  const frames = error.stack
    ?.split('\n')
    .filter((line) => /^\s+at /.test(line))
    .slice(0, 12);
  return {
    name: error.name,
    codes: codesOf(error),
    ...(quotesData(error) ? {} : { message: error.message }),
    ...('constraint_name' in error ? { constraint: error.constraint_name } : {}),
    ...(error.cause instanceof Error ? { cause: describeCause(error.cause) } : {}),
    stack: frames,
  };
}

function describeCause(cause: Error): object {
  return {
    name: cause.name,
    ...(quotesData(cause) ? {} : { message: cause.message }),
    ...('constraint_name' in cause ? { constraint: cause.constraint_name } : {}),
  };
}

function quotesData(error: Error): boolean {
  return error.name === 'PostgresError' || 'query' in error || 'params' in error || 'parameters' in error;
}
