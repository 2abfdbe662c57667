import { randomUUIDv7 } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { VenueId } from '../../contracts/ids.ts';
import type { ProviderId } from '../../contracts/providers.ts';
import type { Limit } from '../../telemetry/metrics.ts';
import type { ApiError } from '../errors/api-error.ts';

/** Identifies one request in answers, logs and the audit trail. */
export interface RequestContext {
  readonly requestId: string;
  /** The path's template, set when a route handles the request. The path itself may hold a customer's id. */
  route: string | null;
  /** `sub` of the token, set once the token is verified. */
  subject: string | null;
  /** The venue of the path, set once the token is known to reach it. */
  venueId: VenueId | null;
  /** The provider at whose webhook address the request is; null for any other path and for a provider that is none. */
  provider: ProviderId | null;
  /** Problem code of the answer; null when it is none. */
  code: ApiError['code'] | null;
  /**
   * The limit that rejected or cut something, as metrics name it. Null when the code identifies it, or when there was
   * none.
   */
  limit: Limit | null;
  /** The answer has a status and headers alone, whatever it says. */
  isWithoutBody: boolean;
}

const SANE_REQUEST_ID = /^[A-Za-z0-9._-]{1,128}$/;

/** On the request itself: an entry of a weak map for each request costs the garbage collector as much as the request. */
const CONTEXT = Symbol('request context');
type WithContext = IncomingMessage & { [CONTEXT]?: RequestContext };

/** What is done for a request before it is answered, by Express or without it. */
export type Middleware = (req: IncomingMessage, res: ServerResponse, next: () => void) => void;

/** Uses the caller's `X-Request-Id` if it has 1–128 letters, digits, `.`, `_` or `-`, otherwise a new UUIDv7. */
export function requestContext(req: IncomingMessage, res: ServerResponse, next: () => void): void {
  const given = req.headers['x-request-id'];
  const requestId = typeof given === 'string' && SANE_REQUEST_ID.test(given) ? given : randomUUIDv7();
  const context: RequestContext = {
    requestId,
    route: null,
    subject: null,
    venueId: null,
    provider: null,
    code: null,
    limit: null,
    isWithoutBody: false,
  };
  (req as WithContext)[CONTEXT] = context;
  res.setHeader('X-Request-Id', requestId);
  next();
}

export function contextOf(req: IncomingMessage): RequestContext {
  const context = (req as WithContext)[CONTEXT];
  if (!context) throw new Error('the request context middleware has not run');
  return context;
}

/** Records the limit that rejected or cut something of this request, for the access log and the metrics. */
export function noteLimit(req: IncomingMessage, limit: Limit): void {
  const context = (req as WithContext)[CONTEXT];
  if (context) context.limit = limit;
}
