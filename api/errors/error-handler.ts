import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ErrorRequestHandler } from 'express';
import { ApiError } from './api-error.ts';
import type { Log } from '../http/log.ts';
import { asDatabaseOutage, describeError } from './outage.ts';
import { PROBLEM_JSON, toProblem } from './problem-details.ts';
import { contextOf } from '../http/request-context.ts';

export interface ErrorHandlerDeps {
  readonly log: Log;
  readonly publicUrl: string;
}

/** Answers a request with the problem that an error is. */
export type AnswerError = (thrown: unknown, req: IncomingMessage, res: ServerResponse) => void;

/**
 * The only place where errors become problem details. An unexpected error is a plain 500 whose details are only logged.
 */
export function createErrorAnswer({ log, publicUrl }: ErrorHandlerDeps): AnswerError {
  return (thrown, req, res) => {
    const error = toApiError(thrown);
    logProblem(log, { req, thrown, error });
    if (res.headersSent) {
      // Part of the answer is sent already, so closing the connection is the only way to show that it is incomplete.
      res.destroy();
      return;
    }
    sendProblem(error, { req, res, publicUrl });
  };
}

/** The same for requests that Express handles. */
export function createErrorHandler(deps: ErrorHandlerDeps): ErrorRequestHandler {
  const answer = createErrorAnswer(deps);
  // eslint-disable-next-line max-params -- Express recognises an error handler by its four parameters.
  return (thrown: unknown, req, res, _next) => {
    answer(thrown, req, res);
  };
}

/** Expected limits; the access log has their code. */
const OWN_LIMITS: readonly ApiError['code'][] = ['too-many-loads', 'too-many-streams', 'too-many-deliveries'];

/**
 * Records the code for the access log, and logs errors on our side or in a service behind us, but not the caller's own
 * mistakes.
 */
export function logProblem(
  log: Log,
  { req, thrown, error }: { readonly req: IncomingMessage; readonly thrown: unknown; readonly error: ApiError },
): void {
  const context = contextOf(req);
  context.code = error.code;
  if (error.errorsOmitted > 0) context.limit = 'errors-cut';
  if (error.status < 500 || OWN_LIMITS.includes(error.code)) return;
  const { requestId, route } = context;
  const fields = { requestId, route, code: error.code, error: describeError(error.cause ?? thrown) };
  if (error.code === 'internal') log.error(fields, 'unexpected error');
  else if (error.code === 'temporal-refused')
    log.error(fields, 'Temporal refuses a request of ours for good: an operator has to look');
  else log.warn(fields, 'a service that this request needs is not available');
}

function sendProblem(
  error: ApiError,
  { req, res, publicUrl }: { req: IncomingMessage; res: ServerResponse; publicUrl: string },
): void {
  const { requestId, isWithoutBody } = contextOf(req);
  const body = JSON.stringify(toProblem(error, { requestId, publicUrl }));
  res.statusCode = error.status;
  for (const [name, value] of Object.entries(error.headers)) res.setHeader(name, value);
  res.setHeader('Cache-Control', 'no-store');
  if (isWithoutBody) {
    res.end();
    return;
  }
  res.setHeader('Content-Type', PROBLEM_JSON);
  res.end(req.method === 'HEAD' ? undefined : body);
}

/** Translates any error into a problem of docs/errors.md. */
export function toApiError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown;
  return (
    asDatabaseOutage(thrown) ??
    asHttpError(thrown) ??
    new ApiError('internal', 'Something went wrong on our side.', { cause: thrown })
  );
}

function asHttpError(thrown: unknown): ApiError | null {
  // Thrown by Express for a path that is not valid percent-encoding.
  return thrown instanceof URIError
    ? new ApiError('malformed-request', 'The path is not valid percent-encoding.', { cause: thrown })
    : null;
}
