import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import type { Request, Response } from 'express';
import { ipKeyGenerator, MemoryStore } from 'express-rate-limit';
import type { Options } from 'express-rate-limit';
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

type RateLimitName = 'caller' | 'venue' | 'venue-starts' | 'venue-connecting' | 'address' | 'attempt';

/** Policies kept before all are made anew. */
const MAX_POLICIES = 10_000;

/**
 * Counts by the library's store. Its middleware is left out: for each request it hashes the key once more for the
 * header, and costs a twentieth of a read.
 */
function limiter(name: RateLimitName, limit: number, minutes = 1): (exchange: Exchange, key: string) => Promise<void> {
  const windowMs = minutes * MINUTE_MS;
  const store = new MemoryStore();
  // It reads nothing else.
  store.init({ windowMs } as Options);
  const policies = new Map<string, string>();

  /** As draft-ietf-httpapi-ratelimit-headers-08 has it, where `pk` tells keys apart without showing them. */
  function policyOf(key: string): string {
    const known = policies.get(key);
    if (known !== undefined) return known;
    if (policies.size >= MAX_POLICIES) policies.clear();
    const digest = createHash('sha256').update(key).digest('hex').slice(0, 12);
    const policy = `"${name}"; q=${limit}; w=${windowMs / 1_000}; pk=:${Buffer.from(digest).toString('base64')}:`;
    policies.set(key, policy);
    return policy;
  }

  return async ({ req, res }, key) => {
    const { totalHits, resetTime } = await store.increment(key);
    const secondsLeft = Math.max(0, Math.ceil(((resetTime?.getTime() ?? 0) - Date.now()) / 1_000));
    res.appendHeader('RateLimit', `"${name}"; r=${Math.max(0, limit - totalHits)}; t=${secondsLeft}`);
    res.appendHeader('RateLimit-Policy', policyOf(key));
    if (totalHits <= limit) return;
    res.setHeader('Retry-After', String(secondsLeft));
    noteLimit(req, `rate-limited-${name}`);
    throw new ApiError(
      'rate-limited',
      `More than ${limit} requests in ${minutes === 1 ? 'a minute' : `${minutes} minutes`} for this ${name}.`,
    );
  };
}
