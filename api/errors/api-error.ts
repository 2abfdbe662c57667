import { PROBLEMS } from './problems.ts';
import type { ProblemCode } from './problems.ts';

/** One wrong field: its dotted path, such as `records.3.email`, and what is wrong with it. Never its value. */
export interface FieldError {
  readonly path: string;
  readonly message: string;
}

export interface ApiErrorOptions extends ErrorOptions {
  readonly errors?: readonly FieldError[];
  /** How many errors there are besides `errors`. */
  readonly errorsOmitted?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Becomes `Retry-After`, in whole seconds, at least one. */
  readonly retryAfterMs?: number;
}

/** An answer the caller can act on. Everything else a handler throws becomes a plain 500. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: ProblemCode;
  readonly status: number;
  readonly errors: readonly FieldError[] | undefined;
  readonly errorsOmitted: number;
  readonly headers: Readonly<Record<string, string>>;

  /** `detail` is shown to the caller; what only we may see goes in `options.cause`. */
  constructor(code: ProblemCode, detail: string, options: ApiErrorOptions = {}) {
    super(detail, options);
    this.code = code;
    this.status = PROBLEMS[code].status;
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
