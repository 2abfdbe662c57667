import { z } from 'zod';
import { OpenRequests } from '../../core/open-requests.ts';
import type { Reply, Visit } from '../../oauth/exchange.ts';
import { throttled } from '../errors.ts';

/**
 * The stand-in’s limits; zero means none. Xero allows an organisation 60 requests a minute, 5 at once and 1,000 or 5,000 a
 * day, and an app 10,000 a minute (https://developer.xero.com/faq/limits, 2026-11).
 */
export interface Limits {
  readonly requestsPerMinute: number;
  readonly requestsPerDay: number;
  readonly appRequestsPerMinute: number;
  readonly requestsAtOnce: number;
  /** Added to every answer. */
  readonly latencyMs: number;
}

const count = z.int().min(0).max(10_000_000);
export const limitsBody = z
  .strictObject({
    requestsPerMinute: count,
    requestsPerDay: count,
    appRequestsPerMinute: count,
    requestsAtOnce: count,
    latencyMs: z.int().min(0).max(60_000),
  })
  .partial();

const NONE: Limits = {
  ...{ requestsPerMinute: 0, requestsPerDay: 0, appRequestsPerMinute: 0, requestsAtOnce: 0 },
  latencyMs: 0,
};
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

interface Window {
  readonly startedAtMs: number;
  calls: number;
}

/** Counts requests in windows that begin with their first request, and the bytes that are billed. */
export class Meter {
  limits: Limits = NONE;
  /** Bytes of answers by organisation: Xero bills what leaves it. */
  readonly egress = new Map<string, number>();
  readonly #windows = new Map<string, Window>();
  readonly #requests = new OpenRequests();

  /** Most requests for one organisation that were under way at once. */
  get mostAtOnce(): number {
    return this.#requests.most;
  }

  reset(): void {
    this.#requests.reset();
    this.#windows.clear();
    this.egress.clear();
    this.limits = NONE;
  }

  /** Of a refusal for too many at once no header says when the next may come. */
  open(organisation: string): Reply | null {
    const now = this.#requests.open(organisation);
    const { requestsAtOnce: most } = this.limits;
    return most > 0 && now > most ? throttled('concurrent', null) : null;
  }

  close(organisation: string): void {
    this.#requests.close(organisation);
  }

  /** Null where the request may pass. A refused one is counted nowhere. */
  refusalOf(tenant: string, { nowMs }: Visit): Reply | null {
    const windows = this.#windowsOf(tenant, nowMs);
    for (const { problem, limit, window, lengthMs } of windows)
      if (limit > 0 && window.calls >= limit)
        return throttled(problem, Math.ceil((window.startedAtMs + lengthMs - nowMs) / 1_000));
    for (const { window } of windows) window.calls += 1;
    return null;
  }

  /** What the headers of an answer say is left. */
  remaining(tenant: string, nowMs: number): Readonly<Record<string, string>> {
    const { requestsPerMinute, requestsPerDay, appRequestsPerMinute } = this.limits;
    const [app, minute, day] = this.#windowsOf(tenant, nowMs);
    const left = (limit: number, { calls }: Window) => String(Math.max(0, limit - calls));
    return {
      'x-appminlimit-remaining': left(appRequestsPerMinute || 10_000, app.window),
      'x-minlimit-remaining': left(requestsPerMinute || 60, minute.window),
      'x-daylimit-remaining': left(requestsPerDay || 5_000, day.window),
    };
  }

  #windowsOf(tenant: string, nowMs: number) {
    const { requestsPerMinute, requestsPerDay, appRequestsPerMinute } = this.limits;
    const of = (problem: 'appminute' | 'minute' | 'day', limit: number, key: string) => {
      const lengthMs = problem === 'day' ? DAY_MS : MINUTE_MS;
      return { problem, limit, lengthMs, window: this.#window(`${problem}/${key}`, nowMs, lengthMs) };
    };
    return [
      of('appminute', appRequestsPerMinute, ''),
      of('minute', requestsPerMinute, tenant),
      of('day', requestsPerDay, tenant),
    ] as const;
  }

  #window(key: string, nowMs: number, lengthMs: number): Window {
    const known = this.#windows.get(key);
    if (known && known.startedAtMs + lengthMs > nowMs) return known;
    const window = { startedAtMs: nowMs, calls: 0 };
    this.#windows.set(key, window);
    return window;
  }
}
