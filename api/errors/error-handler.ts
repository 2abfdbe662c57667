import type { ErrorRequestHandler, Request, Response } from 'express';
import { ApiError } from './api-error.ts';
import type { Log } from '../http/log.ts';
import { asDatabaseOutage, describeError } from './outage.ts';
import { PROBLEM_JSON, toProblem } from './problem-details.ts';
import { contextOf } from '../http/request-context.ts';

export interface ErrorHandlerDeps {
  readonly log: Log;
  readonly publicUrl: string;
}

/** Every error becomes problem details here and nowhere else. What we did not foresee is a plain 500; its details are for the log. */
export function createErrorHandler({ log, publicUrl }: ErrorHandlerDeps): ErrorRequestHandler {
  // eslint-disable-next-line max-params -- Express recognises an error handler by its four parameters.
  return (thrown: unknown, req, res, _next) => {
    const error = toApiError(thrown);
    logProblem(log, { req, thrown, error });
    if (res.headersSent) {
      // Half an answer is on its way: cutting the connection is the only way left to say that it is not whole.
      res.destroy();
      return;
    }
    sendProblem(error, { req, res, publicUrl });
  };
}

/** Nothing is wrong then: the access log has the code. */
const OWN_LIMITS: readonly ApiError['code'][] = ['too-many-loads', 'too-many-streams', 'too-many-deliveries'];

/** Notes the code for the access log, and logs what is our side's, or a service's behind us. A caller's own mistakes are for the caller. */
export function logProblem(
  log: Log,
  { req, thrown, error }: { readonly req: Request; readonly thrown: unknown; readonly error: ApiError },
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

export function sendProblem(
  error: ApiError,
  { req, res, publicUrl }: { req: Request; res: Response; publicUrl: string },
): void {
  const body = JSON.stringify(toProblem(error, { requestId: contextOf(req).requestId, publicUrl }));
  res.status(error.status).set(error.headers).setHeader('Content-Type', PROBLEM_JSON);
  res.setHeader('Cache-Control', 'no-store');
  res.end(req.method === 'HEAD' ? undefined : body);
}

/** What was thrown, in the words of docs/errors.md. */
export function toApiError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown;
  return (
    asDatabaseOutage(thrown) ??
    asHttpError(thrown) ??
    new ApiError('internal', 'Something went wrong on our side.', { cause: thrown })
  );
}

function asHttpError(thrown: unknown): ApiError | null {
  // Express's own, of a path that is not valid percent-encoding.
  return thrown instanceof URIError
    ? new ApiError('malformed-request', 'The path is not valid percent-encoding.', { cause: thrown })
    : null;
}
