import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { ipKeyGenerator, rateLimit } from 'express-rate-limit';
import type { RateLimitConfig } from '../config/config.ts';
import type { VenueId } from '../contracts/ids.ts';
import { ApiError } from './api-error.ts';
import type { Caller } from './caller.ts';

export interface RateLimits {
  /** Counts the request, adds `RateLimit` and `RateLimit-Policy` to the answer, and throws `rate-limited` (with Retry-After) past the limit. */
  countCaller(exchange: Exchange, caller: Caller): Promise<void>;
  countVenue(exchange: Exchange, venueId: VenueId): Promise<void>;
  /** What costs more than a request: it starts something that lasts. */
  countEffort(exchange: Exchange, effort: Effort, venueId: VenueId): Promise<void>;
  /** For paths without a token. Counted by the address that the connection comes from: behind a proxy all visitors share one. */
  countVisitor(exchange: Exchange): Promise<void>;
}

interface Exchange {
  readonly req: Request;
  readonly res: Response;
}

/** `start`: something begins or changes in Temporal; `connect`: a provider is asked, or an attempt to connect is opened. */
export type Effort = 'start' | 'connect';

const MINUTE_MS = 60_000;
/** Each visit costs the workflow service one question; so many owners do not come back from their providers in a minute. */
const VISITS_PER_MINUTE = 600;
const IPV6_SUBNET_BITS = 56;

/** Counted in this process's memory: with several API processes behind one address, each allows the whole limit. */
export function createRateLimits({ perCallerPerMinute, perVenuePerMinute, startsPerVenuePerMinute, connectingPerVenuePerTenMinutes }: RateLimitConfig): RateLimits {
  const perCaller = limiter('caller', perCallerPerMinute);
  const perVenue = limiter('venue', perVenuePerMinute);
  const efforts = { start: limiter('venue-starts', startsPerVenuePerMinute), connect: limiter('venue-connecting', connectingPerVenuePerTenMinutes, 10) };
  const perAddress = limiter('address', VISITS_PER_MINUTE);
  return {
    countCaller: (exchange, caller) => perCaller(exchange, caller.subject),
    countVenue: (exchange, venueId) => perVenue(exchange, venueId),
    countEffort: (exchange, effort, venueId) => efforts[effort](exchange, venueId),
    countVisitor: (exchange) => perAddress(exchange, ipKeyGenerator(exchange.req.ip ?? '', IPV6_SUBNET_BITS)),
  };
}

function limiter(name: string, limit: number, minutes = 1): (exchange: Exchange, key: string) => Promise<void> {
  const keys = new WeakMap<Request, string>();
  const middleware: RequestHandler = rateLimit({
    windowMs: minutes * MINUTE_MS,
    limit,
    identifier: name,
    standardHeaders: 'draft-8',
    legacyHeaders: false,
    // Forwarding headers play no part here: the key is the token's, never an address.
    validate: { xForwardedForHeader: false, forwardedHeader: false },
    keyGenerator: (req) => keys.get(req) ?? '',
    handler: (_req, _res, next: NextFunction) => {
      next(new ApiError('rate-limited', `More than ${limit} requests in ${minutes === 1 ? 'a minute' : `${minutes} minutes`} for this ${name}.`));
    },
  });
  return ({ req, res }, key) => {
    keys.set(req, key);
    return new Promise((resolve, reject) => {
      void middleware(req, res, (error?: unknown) => {
        if (error === undefined) resolve();
        else reject(error instanceof Error ? error : new Error('rate limiter failed'));
      });
    });
  };
}
