import { TokenBucket } from '../../core/token-bucket.ts';
import { rateLimited } from './failure.ts';

/** The stand-in's rate limits and delays. Zero per second means no limit. */
export interface Limits {
  /** Per account. Stripe: 100 in live mode, 25 in a sandbox, https://docs.stripe.com/rate-limits (2026-11). */
  readonly requestsPerSecond: number;
  /** Requests admitted at once before the rate applies; null for one second's worth. */
  readonly burst: number | null;
  /** Per account and endpoint (Stripe: 25). Off by default. */
  readonly endpointRequestsPerSecond: number;
  /** Added to every answer of the API. */
  readonly latencyMs: number;
  /** How long search does not show a write. Stripe: usually under a minute. */
  readonly searchDelayMs: number;
}

export const DEFAULT_LIMITS: Limits = {
  requestsPerSecond: 100,
  burst: null,
  endpointRequestsPerSecond: 0,
  latencyMs: 0,
  searchDelayMs: 1_000,
};

/** Token buckets for accounts and their endpoints. */
export class RateLimiter {
  readonly #buckets = new Map<string, TokenBucket>();

  /** Throws a `Failure` with status 429 when the account, or this endpoint of it, has no request left. */
  admit(limits: Limits, account: string, endpoint: string): void {
    if (!this.#bucket(account, limits.requestsPerSecond, limits.burst).take()) throw rateLimited('global-rate');
    if (!this.#bucket(`${account} ${endpoint}`, limits.endpointRequestsPerSecond, null).take())
      throw rateLimited('endpoint-rate');
  }

  /** Starts again with full buckets. Called when the limits change. */
  clear(): void {
    this.#buckets.clear();
  }

  #bucket(name: string, perSecond: number, burst: number | null): TokenBucket {
    const known = this.#buckets.get(name);
    if (known) return known;
    const bucket = new TokenBucket(perSecond, Math.max(1, burst ?? perSecond));
    this.#buckets.set(name, bucket);
    return bucket;
  }
}
