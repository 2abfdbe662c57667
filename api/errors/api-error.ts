import { PROBLEMS } from './problems.ts';
import type { ProblemCode } from './problems.ts';
import type { RecordProblemCode } from './record-problems.ts';
import type { Problem } from './service-problems.ts';

/** One wrong field: its dotted path, such as `records.3.email`, and what is wrong with it. Never its value. */
export interface FieldError {
  readonly path: string;
  readonly message: string;
}

export interface ApiErrorOptions extends ErrorOptions {
  readonly errors?: readonly FieldError[];
  /** Number of errors besides `errors`. */
  readonly errorsOmitted?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Becomes `Retry-After`, in whole seconds and at least one. */
  readonly retryAfterMs?: number;
  /** The code's problem, for a code that belongs to a kind of record. */
  readonly problem?: Problem;
}

/** An answer that the caller can act on. Any other error of a handler becomes a plain 500. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: ProblemCode | RecordProblemCode;
  readonly problem: Problem;
  readonly status: number;
  readonly errors: readonly FieldError[] | undefined;
  readonly errorsOmitted: number;
  readonly headers: Readonly<Record<string, string>>;

  /** `detail` is shown to the caller; `options.cause` is only logged. */
  constructor(code: ProblemCode | RecordProblemCode, detail: string, options: ApiErrorOptions = {}) {
    super(detail, options);
    this.code = code;
    this.problem = options.problem ?? problemOf(code);
    this.status = this.problem.status;
    this.errors = options.errors;
    this.errorsOmitted = options.errorsOmitted ?? 0;
    this.headers = {
      ...options.headers,
      ...(options.retryAfterMs === undefined
        ? {}
        : { 'Retry-After': String(Math.max(1, Math.ceil(options.retryAfterMs / 1000))) }),
    };
  }
}

function problemOf(code: string): Problem {
  const problem = (PROBLEMS as Readonly<Partial<Record<string, Problem>>>)[code];
  if (!problem) throw new Error(`no problem has the code ${code}`);
  return problem;
}
