import { DrizzleQueryError } from 'drizzle-orm';
import { causesOf, codesOf } from '../../domain/errors/error-codes.ts';
import { isConnectionError } from '../connections/connection-errors.ts';
import { VenueBusyError } from './venue-busy-error.ts';

/** postgres.js's codes for a connection that could not be opened or was lost (postgres 3.4.9, src/errors.js). */
const CONNECTION_CODES = new Set(['CONNECT_TIMEOUT', 'CONNECTION_CLOSED', 'CONNECTION_ENDED', 'CONNECTION_DESTROYED']);

/**
 * The system's codes. They count only in an error of the database, because providers and key services that are away
 * cause the same codes.
 */
const SOCKET_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EHOSTUNREACH',
]);

/**
 * SQLSTATE classes and codes of temporary failures: connection exceptions, shutdown, crash, start-up, too many
 * connections, and the end of a session that was idle in a transaction for too long.
 * https://www.postgresql.org/docs/18/errcodes-appendix.html (2025-09-25)
 */
const NOT_NOW = /^(08...|57P0[123]|53300|25P03)$/;

/** A lock or a statement that took too long. https://www.postgresql.org/docs/18/errcodes-appendix.html (2025-09-25) */
const TOO_LONG = new Set(['55P03', '57014']);

/** Whether the database answers but a statement took, or waited, too long. */
export function isDatabaseBusy(error: unknown): boolean {
  return error instanceof VenueBusyError || codesOf(error).some((code) => TOO_LONG.has(code));
}

/** Whether the database was unreachable or temporarily unavailable, however deeply the error is wrapped. */
export function isDatabaseAway(error: unknown): boolean {
  const causes = causesOf(error);
  if (causes.flatMap(codeOf).some((code) => CONNECTION_CODES.has(code) || NOT_NOW.test(code))) return true;
  // Drizzle wraps the failure of a statement; a failure before a transaction's first statement is marked.
  const own = causes.find((cause) => cause instanceof DrizzleQueryError || isConnectionError(cause));
  return codesOf(own).some((code) => SOCKET_CODES.has(code));
}

const codeOf = (cause: Error): readonly string[] =>
  'code' in cause && typeof cause.code === 'string' ? [cause.code] : [];
