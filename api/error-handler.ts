import type { ErrorRequestHandler, Request, Response } from 'express';
import { ApiError } from './api-error.ts';
import type { Log } from './log.ts';
import { asDatabaseOutage, describeError } from './outage.ts';
import { PROBLEM_JSON, toProblem } from './problem-details.ts';
import type { ProblemCode } from './problems.ts';
import { contextOf } from './request-context.ts';

export interface ErrorHandlerDeps {
  readonly log: Log;
  readonly publicUrl: string;
}

/** Every error becomes problem details here and nowhere else. What we did not foresee is a plain 500; its details are for the log. */
export function createErrorHandler({ log, publicUrl }: ErrorHandlerDeps): ErrorRequestHandler {
  // eslint-disable-next-line max-params -- Express recognises an error handler by its four parameters.
  return (thrown: unknown, req, res, _next) => {
    const error = toApiError(thrown);
    logOutage(log, { req, thrown, error });
    if (res.headersSent) {
      // Half an answer is on its way: cutting the connection is the only way left to say that it is not whole.
      res.destroy();
      return;
    }
    sendProblem(error, { req, res, publicUrl });
  };
}

/** What is our side's, or a service's behind us. A caller's own mistakes are for the caller. */
export function logOutage(log: Log, { req, thrown, error }: { readonly req: Request; readonly thrown: unknown; readonly error: ApiError }): void {
  if (error.status < 500) return;
  const { requestId, route } = contextOf(req);
  const fields = { requestId, route, code: error.code, error: describeError(error.cause ?? thrown) };
  if (error.code === 'internal') log.error(fields, 'unexpected error');
  else if (error.code === 'temporal-refused') log.error(fields, 'Temporal refuses a request of ours for good: an operator has to look');
  else log.warn(fields, 'a service that this request needs is not available');
}

export function sendProblem(error: ApiError, { req, res, publicUrl }: { req: Request; res: Response; publicUrl: string }): void {
  const body = JSON.stringify(toProblem(error, { requestId: contextOf(req).requestId, publicUrl }));
  res.status(error.status).set(error.headers).setHeader('Content-Type', PROBLEM_JSON);
  res.setHeader('Cache-Control', 'no-store');
  res.end(req.method === 'HEAD' ? undefined : body);
}

/** What was thrown, in the words of docs/errors.md. */
export function toApiError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown;
  return asDatabaseOutage(thrown) ?? asHttpError(thrown) ?? new ApiError('internal', 'Something went wrong on our side.', { cause: thrown });
}

/** What Express and its body reader throw, by the `type` that the reader gives its errors. */
const READER_PROBLEMS: Partial<Record<string, readonly [ProblemCode, string]>> = {
  'entity.too.large': ['body-too-large', 'The body is larger than this path takes.'],
  'encoding.unsupported': ['unsupported-media-type', 'This Content-Encoding is not supported.'],
  'request.aborted': ['malformed-request', 'The body ended early.'],
  'request.size.invalid': ['malformed-request', 'The body has another length than announced.'],
};

function asHttpError(thrown: unknown): ApiError | null {
  if (!(thrown instanceof Error) || !('status' in thrown)) return null;
  const type = 'type' in thrown ? String(thrown.type) : '';
  const known = READER_PROBLEMS[type];
  if (known) return new ApiError(...known, { cause: thrown });
  if (thrown.status !== 400) return null;
  if (thrown instanceof URIError) return new ApiError('malformed-request', 'The path is not valid percent-encoding.', { cause: thrown });
  // What is left of the reader's 400s comes from decompression.
  return new ApiError('invalid-encoding', 'The body could not be decompressed.', { cause: thrown });
}
