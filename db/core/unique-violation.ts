import { causesOf, codesOf } from '../../domain/errors/error-codes.ts';

/** https://www.postgresql.org/docs/18/errcodes-appendix.html (2025-09-25) */
const UNIQUE_VIOLATION = '23505';

/**
 * Whether a statement failed because of a unique constraint. The code is in Drizzle's `cause` when a statement fails,
 * and in the error itself when the commit does (drizzle-orm 0.45.4, postgres 3.4.9).
 */
export const isUniqueViolation = (error: unknown): boolean => codesOf(error).includes(UNIQUE_VIOLATION);

/** Whether it failed because of this unique constraint. */
export const violatesUnique = (error: unknown, constraint: string): boolean =>
  isUniqueViolation(error) &&
  causesOf(error).some((cause) => 'constraint_name' in cause && cause.constraint_name === constraint);
