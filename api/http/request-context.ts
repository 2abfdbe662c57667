import type { IncomingMessage } from 'node:http';
import type { RequestHandler } from 'express';
import { v7 as uuidv7 } from 'uuid';
import type { VenueId } from '../../contracts/ids.ts';
import type { Limit } from '../../telemetry/metrics.ts';
import type { ApiError } from '../errors/api-error.ts';

/** What one request is known by in answers, logs and the audit trail. */
export interface RequestContext {
  readonly requestId: string;
  /** The path's template, never the path itself: that may hold a customer's id. Set when a route takes the request. */
  route: string | null;
  /** `sub` of the token. Set once the token is checked. */
  subject: string | null;
  /** Whose data the path is about. Set once the token is known to reach it. */
  venueId: VenueId | null;
  /** Problem code of the answer; null when it is none. */
  code: ApiError['code'] | null;
  /** The limit that has rejected or cut something, as metrics name it; null when it is told by the code, or when none has. */
  limit: Limit | null;
}

const SANE_REQUEST_ID = /^[A-Za-z0-9._-]{1,128}$/;

const contexts = new WeakMap<IncomingMessage, RequestContext>();

/** Takes the caller's `X-Request-Id` when it is 1–128 letters, digits, `.`, `_` or `-`; makes a UUIDv7 otherwise. */
export const requestContext: RequestHandler = (req, res, next) => {
  const given = req.headers['x-request-id'];
  const requestId = typeof given === 'string' && SANE_REQUEST_ID.test(given) ? given : uuidv7();
  contexts.set(req, { requestId, route: null, subject: null, venueId: null, code: null, limit: null });
  res.setHeader('X-Request-Id', requestId);
  next();
};

export function contextOf(req: IncomingMessage): RequestContext {
  const context = contexts.get(req);
  if (!context) throw new Error('the request context middleware has not run');
  return context;
}

/** Notes the limit that has rejected or cut something of this request, for the access log and the metrics. */
export function noteLimit(req: IncomingMessage, limit: Limit): void {
  const context = contexts.get(req);
  if (context) context.limit = limit;
}
