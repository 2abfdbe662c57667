import { DrizzleQueryError } from 'drizzle-orm';
import { causesOf, codesOf } from '../../domain/errors/error-codes.ts';
import { isConnectionError } from '../connections/connection-errors.ts';
import { VenueBusyError } from './venue-busy-error.ts';

/** postgres.js's own codes for a connection that could not be had or was lost (postgres 3.4.9, src/errors.js). */
const CONNECTION_CODES = new Set(['CONNECT_TIMEOUT', 'CONNECTION_CLOSED', 'CONNECTION_ENDED', 'CONNECTION_DESTROYED']);

/** The system's. They count only in an error that comes from the database: the same codes tell of providers, of key services, of whoever else is away. */
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
 * SQLSTATE classes and codes that mean "not now": connection exceptions, shutting down, crashed, starting up, too many connections;
 * and the end of a session that was idle in a transaction for too long.
 * https://www.postgresql.org/docs/18/errcodes-appendix.html (2025-09-25)
 */
const NOT_NOW = /^(08...|57P0[123]|53300|25P03)$/;

/** What it takes too long to wait for: a lock, and a statement's end. https://www.postgresql.org/docs/18/errcodes-appendix.html (2025-09-25) */
const TOO_LONG = new Set(['55P03', '57014']);

/** Whether the database is there, and what was asked of it took longer than anything may, or waited for too long. */
export function isDatabaseBusy(error: unknown): boolean {
  return error instanceof VenueBusyError || codesOf(error).some((code) => TOO_LONG.has(code));
}

/** Whether the database could not be reached, or not now, however deeply that is wrapped. */
export function isDatabaseAway(error: unknown): boolean {
  const causes = causesOf(error);
  if (causes.flatMap(codeOf).some((code) => CONNECTION_CODES.has(code) || NOT_NOW.test(code))) return true;
  // Drizzle wraps what a statement fails with; what fails before a transaction's first statement is marked.
  const own = causes.find((cause) => cause instanceof DrizzleQueryError || isConnectionError(cause));
  return codesOf(own).some((code) => SOCKET_CODES.has(code));
}

const codeOf = (cause: Error): readonly string[] =>
  'code' in cause && typeof cause.code === 'string' ? [cause.code] : [];
