import { ApiError } from './api-error.ts';

/** postgres.js's own codes for a connection that could not be had or was lost, and the system's. */
const CONNECTION_CODES = new Set([
  'CONNECT_TIMEOUT',
  'CONNECTION_CLOSED',
  'CONNECTION_ENDED',
  'CONNECTION_DESTROYED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EHOSTUNREACH',
]);

/**
 * SQLSTATE classes and codes that mean "not now": connection exceptions, shutting down, crashed, starting up, too many connections.
 * https://www.postgresql.org/docs/18/errcodes-appendix.html (2025-09-25)
 */
const NOT_NOW = /^(08...|57P0[123]|53300)$/;

const RETRY_AFTER_MS = 2_000;
const MAX_CAUSES = 8;

/** 503 when the database is the cause, however deeply it is wrapped; null otherwise. */
export function asDatabaseOutage(error: unknown): ApiError | null {
  for (const code of codesOf(error)) {
    if (CONNECTION_CODES.has(code) || NOT_NOW.test(code)) {
      return new ApiError('database-unavailable', 'The database cannot be reached at the moment.', { cause: error, retryAfterMs: RETRY_AFTER_MS });
    }
  }
  return null;
}

/** The codes of an error and its causes, outermost first. */
function codesOf(error: unknown): string[] {
  const codes: string[] = [];
  let current: unknown = error;
  for (let depth = 0; depth < MAX_CAUSES && current instanceof Error; depth += 1) {
    if ('code' in current && typeof current.code === 'string') codes.push(current.code);
    current = current.cause ?? (current instanceof AggregateError ? current.errors[0] : undefined);
  }
  return codes;
}

/**
 * What the log may know of an unexpected error. Messages of database errors and of their wrappers quote statements and their
 * parameters, which are customers' data, so only the innermost error that is not one of them keeps its message.
 */
export function describeError(error: unknown): object {
  if (!(error instanceof Error)) return { name: typeof error };
  const frames = error.stack?.split('\n').filter((line) => /^\s+at /.test(line)).slice(0, 12);
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
  return { name: cause.name, ...(quotesData(cause) ? {} : { message: cause.message }), ...('constraint_name' in cause ? { constraint: cause.constraint_name } : {}) };
}

function quotesData(error: Error): boolean {
  return error.name === 'PostgresError' || 'query' in error || 'params' in error || 'parameters' in error;
}
