import type { ApiError } from './api-error.ts';
import { PROBLEM_PAGE } from './problems.ts';

export const PROBLEM_JSON = 'application/problem+json; charset=utf-8';

/**
 * The body of every error: RFC 9457 (https://www.rfc-editor.org/rfc/rfc9457, July 2023) plus our `code`, `requestId`
 * and `errors`.
 */
export function toProblem(
  error: ApiError,
  context: { readonly requestId: string; readonly publicUrl: string },
): Record<string, unknown> {
  return {
    type: `${context.publicUrl}${PROBLEM_PAGE}#${error.code}`,
    title: error.problem.title,
    status: error.status,
    code: error.code,
    detail: error.message,
    requestId: context.requestId,
    ...(error.errors ? { errors: error.errors } : {}),
    ...(error.errorsOmitted > 0 ? { errorsOmitted: error.errorsOmitted } : {}),
  };
}
