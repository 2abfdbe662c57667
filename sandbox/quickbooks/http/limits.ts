import { z } from 'zod';
import { OpenRequests } from '../../core/open-requests.ts';
import type { Reply, Visit } from '../../oauth/exchange.ts';
import { throttled } from '../errors.ts';

/**
 * The stand-in's limits; zero means none. QuickBooks allows 500 requests a minute of a company, ten a second, ten at once, and 40 batches a minute of a company
 * and an app (https://developer.intuit.com/app/developer/qbo/docs/learn/limits-and-throttles, 2026-11); reads are metered by the
 * month for all companies of an app (https://blogs.intuit.com/2026/01/08/understanding-builder-tier-api-limits-for-you-and-your-customers, 2026-11).
 */
export interface Limits {
  readonly requestsPerMinute: number;
  readonly batchesPerMinute: number;
  readonly requestsPerSecond: number;
  readonly requestsAtOnce: number;
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
    requestsPerSecond: count,
    requestsAtOnce: count,
    readsPerMonth: count,
    latencyMs: z.int().min(0).max(60_000),
    throttleBody: z.enum(['json', 'xml', 'text']),
    throttleStatus: z.union([z.literal(429), z.literal(403)]),
  })
  .partial();

const NONE: Limits = {
  requestsPerMinute: 0,
  batchesPerMinute: 0,
  requestsPerSecond: 0,
  requestsAtOnce: 0,
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

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;

interface Window {
  readonly startedAtMs: number;
  calls: number;
}

/** Counts requests in windows of a second, a minute and a month, and those that are under way. */
export class Meter {
  #limits: Limits = NONE;
  readonly #windows = new Map<string, Window>();
  #metering: Metering = { month: '', corePlus: 0, core: 0 };
  readonly #requests = new OpenRequests();

  /** Most requests for one company that were under way at once. */
  get mostAtOnce(): number {
    return this.#requests.most;
  }

  open(company: string): Reply | null {
    const now = this.#requests.open(company);
    const { requestsAtOnce: most } = this.#limits;
    return most > 0 && now > most ? this.#refusal() : null;
  }

  close(company: string): void {
    this.#requests.close(company);
  }

  #refusal(): Reply {
    return throttled(this.#limits.throttleBody, this.#limits.throttleStatus);
  }

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
    this.#requests.reset();
    this.#windows.clear();
    this.#metering = { month: '', corePlus: 0, core: 0 };
    this.#limits = NONE;
  }

  /** Null where the request may pass. A refused one is counted nowhere. */
  refusalOf(company: string, visit: Visit): Reply | null {
    const { requestsPerMinute, requestsPerSecond, batchesPerMinute, readsPerMonth } = this.#limits;
    const month = new Date(visit.nowMs).toISOString().slice(0, 7);
    if (this.#metering.month !== month) this.#metering = { month, corePlus: 0, core: 0 };
    const isRead = visit.method === 'GET';
    const isBatch = visit.path.endsWith('/batch');
    const windows = [
      { key: company, limit: requestsPerMinute, lengthMs: MINUTE_MS },
      { key: `${company}/second`, limit: requestsPerSecond, lengthMs: SECOND_MS },
      ...(isBatch ? [{ key: `${company}/batch`, limit: batchesPerMinute, lengthMs: MINUTE_MS }] : []),
    ].map(({ key, limit, lengthMs }) => ({ limit, window: this.#window(key, { lengthMs, nowMs: visit.nowMs }) }));
    const isMetered = isRead && readsPerMonth > 0 && this.#metering.corePlus >= readsPerMonth;
    if (isMetered || windows.some(({ limit, window }) => limit > 0 && window.calls >= limit)) return this.#refusal();
    for (const { window } of windows) window.calls += 1;
    this.#metering = {
      ...this.#metering,
      ...(isRead ? { corePlus: this.#metering.corePlus + 1 } : { core: this.#metering.core + 1 }),
    };
    return null;
  }

  #window(key: string, { lengthMs, nowMs }: { readonly lengthMs: number; readonly nowMs: number }): Window {
    const known = this.#windows.get(key);
    if (known && known.startedAtMs + lengthMs > nowMs) return known;
    const window = { startedAtMs: nowMs, calls: 0 };
    this.#windows.set(key, window);
    return window;
  }
}
