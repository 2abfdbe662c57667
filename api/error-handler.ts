import type { ErrorRequestHandler, Request, Response } from 'express';
import { ApiError } from './api-error.ts';
import type { Log } from './log.ts';
import { asDatabaseOutage, describeError } from './outage.ts';
import { PROBLEM_JSON, toProblem } from './problem-details.ts';
import { contextOf } from './request-context.ts';

export interface ErrorHandlerDeps {
  readonly log: Log;
  readonly publicUrl: string;
}

/** Every error becomes problem details here and nowhere else. What we did not foresee is a plain 500; its details are for the log. */
export function createErrorHandler({ log, publicUrl }: ErrorHandlerDeps): ErrorRequestHandler {
  // eslint-disable-next-line max-params -- Express recognises an error handler by its four parameters.
  return (thrown: unknown, req, res, _next) => {
    const { requestId, route } = contextOf(req);
    const error = toApiError(thrown);
    if (error.status >= 500) {
      const fields = { requestId, route, code: error.code, error: describeError(error.cause ?? thrown) };
      if (error.code === 'internal') log.error(fields, 'unexpected error');
      else log.warn(fields, 'a service that this request needs is not available');
    }
    if (res.headersSent) {
      // Half an answer is on its way: cutting the connection is the only way left to say that it is not whole.
      res.destroy();
      return;
    }
    sendProblem(error, { req, res, publicUrl });
  };
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

/** Errors of Express and its body reader carry a status and, mostly, a type. */
function asHttpError(thrown: unknown): ApiError | null {
  if (!(thrown instanceof Error) || !('status' in thrown)) return null;
  const type = 'type' in thrown ? thrown.type : undefined;
  if (type === 'entity.too.large') return new ApiError('body-too-large', 'The body is larger than this path takes.', { cause: thrown });
  if (type === 'encoding.unsupported') return new ApiError('unsupported-media-type', 'This Content-Encoding is not supported.', { cause: thrown });
  if (thrown.status === 400 && thrown instanceof URIError) return new ApiError('malformed-request', 'The path is not valid percent-encoding.', { cause: thrown });
  if (thrown.status === 400 && (type === 'request.aborted' || type === 'request.size.invalid')) {
    return new ApiError('malformed-request', 'The body ended early or has another length than announced.', { cause: thrown });
  }
  // What is left of the reader's 400s comes from decompression.
  return thrown.status === 400 ? new ApiError('invalid-encoding', 'The body could not be decompressed.', { cause: thrown }) : null;
}
