import { isIP } from 'node:net';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { ipKeyGenerator, rateLimit } from 'express-rate-limit';
import type { RateLimitConfig } from '../../config/config.ts';
import type { VenueId } from '../../contracts/ids.ts';
import { ApiError } from '../errors/api-error.ts';
import { noteLimit } from '../http/request-context.ts';
import type { Caller } from './caller.ts';

export interface RateLimits {
  /**
   * Counts the request, adds `RateLimit` and `RateLimit-Policy` to the answer, and throws `rate-limited` (with
   * Retry-After) above the limit.
   */
  countCaller(exchange: Exchange, caller: Caller): Promise<void>;
  countVenue(exchange: Exchange, venueId: VenueId): Promise<void>;
  /** Counts requests that start something lasting and therefore cost more. */
  countEffort(exchange: Exchange, effort: Effort, venueId: VenueId): Promise<void>;
  /**
   * Counts requests without a token by the connection's address, or by the one that a trusted proxy names; visitors
   * behind other proxies share the proxy's address. `stranger`: presents nothing that we have made; `look`: asks for
   * the outcome of an attempt.
   */
  countVisitor(exchange: Exchange, kind: 'stranger' | 'look'): Promise<void>;
  /** Counts a visit with a state that we have made, by its attempt and from any address. */
  countReturn(exchange: Exchange, attempt: string): Promise<void>;
}

interface Exchange {
  readonly req: Request;
  readonly res: Response;
}

/**
 * `start`: something starts or changes in Temporal; `connect`: a provider is called, or an attempt to connect is
 * opened.
 */
export type Effort = 'start' | 'connect';

const MINUTE_MS = 60_000;
/** Each visit costs at most one request to Temporal. */
const VISITS_PER_MINUTE = 600;
/** An account owner returns once and may reload a few times. */
const RETURNS_PER_MINUTE = 60;
const IPV6_SUBNET_BITS = 56;

/** Counts in this process's memory: with several API processes behind one address, each allows the full limit. */
export function createRateLimits({
  perCallerPerMinute,
  perVenuePerMinute,
  startsPerVenuePerMinute,
  connectingPerVenuePerTenMinutes,
}: RateLimitConfig): RateLimits {
  const perCaller = limiter('caller', perCallerPerMinute);
  const perVenue = limiter('venue', perVenuePerMinute);
  const efforts = {
    start: limiter('venue-starts', startsPerVenuePerMinute),
    connect: limiter('venue-connecting', connectingPerVenuePerTenMinutes, 10),
  };
  const visits = { stranger: limiter('address', VISITS_PER_MINUTE), look: limiter('address', VISITS_PER_MINUTE) };
  const perAttempt = limiter('attempt', RETURNS_PER_MINUTE);
  return {
    countCaller: (exchange, caller) => perCaller(exchange, caller.subject),
    countVenue: (exchange, venueId) => perVenue(exchange, venueId),
    countEffort: (exchange, effort, venueId) => efforts[effort](exchange, venueId),
    countVisitor: (exchange, kind) => visits[kind](exchange, ipKeyGenerator(addressOf(exchange.req), IPV6_SUBNET_BITS)),
    countReturn: (exchange, attempt) => perAttempt(exchange, attempt),
  };
}

/** Some proxies add a port, which makes the text no address; then the proxy's own address counts. */
function addressOf({ ip, socket }: Request): string {
  return ip !== undefined && isIP(ip) !== 0 ? ip : (socket.remoteAddress ?? '');
}

/** What the library gets in place of a request, whose address it would ask the system for, and not use. */
interface Counted {
  readonly key: string;
  readonly req: Request;
}

type RateLimitName = 'caller' | 'venue' | 'venue-starts' | 'venue-connecting' | 'address' | 'attempt';

function limiter(name: RateLimitName, limit: number, minutes = 1): (exchange: Exchange, key: string) => Promise<void> {
  const middleware: RequestHandler = rateLimit({
    windowMs: minutes * MINUTE_MS,
    limit,
    identifier: name,
    standardHeaders: 'draft-8',
    legacyHeaders: false,
    // The library looks for mistakes of whoever counts by the address of a request, which its limiters here never see.
    validate: false,
    keyGenerator: (counted) => (counted as unknown as Counted).key,
    handler: (counted, _res, next: NextFunction) => {
      noteLimit((counted as unknown as Counted).req, `rate-limited-${name}`);
      next(
        new ApiError(
          'rate-limited',
          `More than ${limit} requests in ${minutes === 1 ? 'a minute' : `${minutes} minutes`} for this ${name}.`,
        ),
      );
    },
  });
  return ({ req, res }, key) => {
    const counted: Counted = { key, req };
    return new Promise((resolve, reject) => {
      void middleware(counted as unknown as Request, res, (error?: unknown) => {
        if (error === undefined) resolve();
        else reject(error instanceof Error ? error : new Error('rate limiter failed'));
      });
    });
  };
}
