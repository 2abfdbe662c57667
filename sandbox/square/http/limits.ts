import { z } from 'zod';
import { TokenBucket } from '../../core/token-bucket.ts';
import type { Reply } from '../../oauth/exchange.ts';
import { ofStatus } from '../errors.ts';

/**
 * The stand-in's rate limits and delays; zero per second means no limit. Square tells no figures: its answers alone say
 * that there is a limit, https://developer.squareup.com/docs/build-basics/general-considerations/handling-errors
 * (2026-11).
 */
export interface Limits {
  /** Per merchant. */
  readonly requestsPerSecond: number;
  /** Requests admitted at once before the rate applies; null for one second's worth. */
  readonly burst: number | null;
  /** Added to every answer. */
  readonly latencyMs: number;
  /** How long what is new is missing from searches. */
  readonly searchDelayMs: number;
}

export const limitsBody = z
  .strictObject({
    requestsPerSecond: z.number().min(0).max(1_000_000),
    burst: z.int().min(1).nullable(),
    latencyMs: z.int().min(0).max(60_000),
    searchDelayMs: z.int().min(0).max(600_000),
  })
  .partial();

export class RateLimiter {
  #limits: Limits = { requestsPerSecond: 0, burst: null, latencyMs: 0, searchDelayMs: 0 };
  readonly #buckets = new Map<string, TokenBucket>();

  get limits(): Limits {
    return this.#limits;
  }

  /** Starts again with full buckets. */
  set limits(limits: Limits) {
    this.#limits = limits;
    this.#buckets.clear();
  }

  /** Null where the merchant's request may pass. */
  refusalOf(merchant: string): Reply | null {
    const { requestsPerSecond, burst } = this.#limits;
    const bucket =
      this.#buckets.get(merchant) ?? new TokenBucket(requestsPerSecond, Math.max(1, burst ?? requestsPerSecond));
    this.#buckets.set(merchant, bucket);
    return bucket.take() ? null : ofStatus(429);
  }
}
