import { z } from 'zod';
import type { Reply, Visit } from '../../oauth/exchange.ts';
import { throttled } from '../errors.ts';

/**
 * The stand-in's limits; zero means none. QuickBooks allows 500 requests a minute of a company, and 40 batches a minute of a company
 * and an app (https://developer.intuit.com/app/developer/qbo/docs/learn/limits-and-throttles, 2026-11); reads are metered by the
 * month for all companies of an app (https://blogs.intuit.com/2026/01/08/understanding-builder-tier-api-limits-for-you-and-your-customers, 2026-11).
 */
export interface Limits {
  readonly requestsPerMinute: number;
  readonly batchesPerMinute: number;
  readonly readsPerMonth: number;
  /** Added to every answer. */
  readonly latencyMs: number;
  /** The gateway has thrown XML and plain text at clients that accept JSON alone. */
  readonly throttleBody: 'json' | 'xml' | 'text';
  /** 429; the gateway has also sent 403. */
  readonly throttleStatus: 429 | 403;
}

const count = z.int().min(0).max(10_000_000);
export const limitsBody = z
  .strictObject({
    requestsPerMinute: count,
    batchesPerMinute: count,
    readsPerMonth: count,
    latencyMs: z.int().min(0).max(60_000),
    throttleBody: z.enum(['json', 'xml', 'text']),
    throttleStatus: z.union([z.literal(429), z.literal(403)]),
  })
  .partial();

const NONE: Limits = {
  requestsPerMinute: 0,
  batchesPerMinute: 0,
  readsPerMonth: 0,
  latencyMs: 0,
  throttleBody: 'json',
  throttleStatus: 429,
};

/** The calls of this month, by what Intuit bills: `corePlus` are reads, `core` are writes. */
export interface Metering {
  readonly month: string;
  readonly corePlus: number;
  readonly core: number;
}

const MINUTE_MS = 60_000;

/** Counts requests in windows of a minute and a month. */
export class Meter {
  #limits: Limits = NONE;
  readonly #windows = new Map<string, { startedAtMs: number; calls: number }>();
  #metering: Metering = { month: '', corePlus: 0, core: 0 };

  get limits(): Limits {
    return this.#limits;
  }

  /** Starts again with empty windows. */
  set limits(limits: Limits) {
    this.#limits = limits;
    this.#windows.clear();
  }

  get metering(): Metering {
    return this.#metering;
  }

  reset(): void {
    this.#windows.clear();
    this.#metering = { month: '', corePlus: 0, core: 0 };
    this.#limits = NONE;
  }

  /** Null where the request may pass. A refused one is counted nowhere. */
  refusalOf(company: string, visit: Visit): Reply | null {
    const { requestsPerMinute, batchesPerMinute, readsPerMonth } = this.#limits;
    const month = new Date(visit.nowMs).toISOString().slice(0, 7);
    if (this.#metering.month !== month) this.#metering = { month, corePlus: 0, core: 0 };
    const isRead = visit.method === 'GET';
    const isBatch = visit.path.endsWith('/batch');
    const isFull =
      this.#isFull(company, requestsPerMinute, visit.nowMs) ||
      (isBatch && this.#isFull(`${company}/batch`, batchesPerMinute, visit.nowMs)) ||
      (isRead && readsPerMonth > 0 && this.#metering.corePlus >= readsPerMonth);
    if (isFull) return throttled(this.#limits.throttleBody, this.#limits.throttleStatus);
    this.#take(company);
    if (isBatch) this.#take(`${company}/batch`);
    this.#metering = {
      ...this.#metering,
      ...(isRead ? { corePlus: this.#metering.corePlus + 1 } : { core: this.#metering.core + 1 }),
    };
    return null;
  }

  #isFull(key: string, limit: number, nowMs: number): boolean {
    const window = this.#windows.get(key);
    if (!window || window.startedAtMs + MINUTE_MS <= nowMs) {
      this.#windows.set(key, { startedAtMs: nowMs, calls: 0 });
      return false;
    }
    return limit > 0 && window.calls >= limit;
  }

  #take(key: string): void {
    const window = this.#windows.get(key);
    if (window) window.calls += 1;
  }
}
