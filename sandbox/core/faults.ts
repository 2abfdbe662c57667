import { z } from 'zod';

/**
 * A fault to inject. A request must satisfy every field of `match`.
 * `path` is a prefix of the path, or a regular expression for the whole path. `nth` starts at the nth matching request
 * and, without `times`, strikes once. Without `times` a fault otherwise lasts until the faults are deleted.
 * `probability` draws from `seed`, so a run can be repeated.
 *
 * - `status`: answers `status` before anything runs. `stored` also keeps the answer under the idempotency key, as a
 * provider does once execution has begun.
 * - `slow`: waits `delayMs`, then continues normally.
 * - `reset`: cuts the connection before anything runs.
 * - `truncate`: runs the request, then sends half of the answer and cuts the connection.
 * - `commit-then-fail`: runs the request, then answers `status`, which the idempotency key keeps. Without `status` it
 * cuts the connection.
 * - `revoke`: refuses the account's keys from now on, until the faults are deleted.
 * - `html`: answers a web page with `status` (default 200) before anything runs, as a proxy does.
 * - `page-repeat`: answers the previous page again instead of the requested one. Strikes only requests with a cursor.
 * - `page-skip`: skips the requested page and answers the next one.
 * - `page-shrink`: answers half of the requested page and reports that there is more.
 */
export const faultSchema = z
  .strictObject({
    match: z
      .strictObject({
        method: z.string().min(1).optional(),
        path: z.string().min(1).refine(isPattern, 'is not a regular expression').optional(),
        account: z.string().optional(),
        nth: z.int().min(1).optional(),
        probability: z.number().min(0).max(1).optional(),
        seed: z.int().optional(),
      })
      .default({}),
    kind: z.enum([
      'status',
      'slow',
      'reset',
      'truncate',
      'commit-then-fail',
      'revoke',
      'html',
      'page-repeat',
      'page-skip',
      'page-shrink',
    ]),
    times: z.int().min(1).optional(),
    status: z.int().min(200).max(599).optional(),
    delayMs: z.int().min(0).max(600_000).default(0),
    /** Seconds, sent as Retry-After. */
    retryAfter: z.number().min(0).optional(),
    /** For a 429, the value of Stripe-Rate-Limited-Reason. The default is `global-rate`; null sends no header. */
    rateLimitedReason: z.string().min(1).nullable().optional(),
    stored: z.boolean().default(false),
    /** The provider's error code for the body. The default is the usual code for the status. */
    code: z.string().optional(),
    /**
     * `empty` sends `{}` and `html` a page, as proxies do: neither says what went wrong. `inside-success` sends the
     * failure inside a 200, for providers that have such answers.
     */
    body: z.enum(['error', 'empty', 'html', 'inside-success']).default('error'),
  })
  .refine(({ kind, status }) => kind === 'html' || status === undefined || status >= 400, {
    path: ['status'],
    message: 'must be at least 400',
  });

export type Fault = z.infer<typeof faultSchema>;

/** How a fault changes a page of a list. */
export type PageFault = 'page-repeat' | 'page-skip' | 'page-shrink';

export function pageFaultOf(fault: Fault | null): PageFault | null {
  return fault?.kind === 'page-repeat' || fault?.kind === 'page-skip' || fault?.kind === 'page-shrink'
    ? fault.kind
    : null;
}

export interface FaultTarget {
  readonly method: string;
  readonly path: string;
  readonly account: string | null;
  /** Whether the request reads the first page of a list or continues from a cursor; null for any other request. */
  readonly page: 'first' | 'later' | null;
}

interface Installed {
  readonly fault: Fault;
  readonly pattern: RegExp | null;
  readonly draw: () => number;
  seen: number;
  struck: number;
}

export class Faults {
  #installed: Installed[] = [];

  install(fault: Fault): void {
    const { path, seed } = fault.match;
    this.#installed.push({
      fault,
      pattern: path === undefined ? null : new RegExp(`^(?:${path})$`),
      draw: seed === undefined ? Math.random : seeded(seed),
      seen: 0,
      struck: 0,
    });
  }

  /** Removes all faults, or only those that name this account. */
  clear(account?: string): void {
    this.#installed =
      account === undefined ? [] : this.#installed.filter(({ fault }) => fault.match.account !== account);
  }

  list(): (Fault & { struck: number })[] {
    return this.#installed.map(({ fault, struck }) => ({ ...fault, struck }));
  }

  /**
   * Returns the first fault that strikes this request, or null. Every matching fault counts the request, even when
   * another one strikes.
   */
  strike(target: FaultTarget): Fault | null {
    let striking: Fault | null = null;
    for (const installed of this.#installed) {
      if (!fits(installed, target)) continue;
      installed.seen += 1;
      if (striking || !isDue(installed)) continue;
      installed.struck += 1;
      striking = installed.fault;
    }
    return striking;
  }
}

function fits({ fault, pattern }: Installed, target: FaultTarget): boolean {
  const { match } = fault;
  if (!fitsPage(pageFaultOf(fault), target)) return false;
  if (match.method && match.method.toUpperCase() !== target.method) return false;
  if (match.account && match.account !== target.account) return false;
  return match.path === undefined || target.path.startsWith(match.path) || (pattern?.test(target.path) ?? false);
}

/** Page faults apply to lists only, and `page-repeat` needs a previous page. */
function fitsPage(fault: PageFault | null, { page }: FaultTarget): boolean {
  return fault === null || (page !== null && (fault !== 'page-repeat' || page === 'later'));
}

function isDue(installed: Installed): boolean {
  const { match, times } = installed.fault;
  if (match.nth !== undefined && installed.seen < match.nth) return false;
  if (installed.struck >= (times ?? (match.nth === undefined ? Infinity : 1))) return false;
  return match.probability === undefined || installed.draw() < match.probability;
}

function isPattern(path: string): boolean {
  try {
    new RegExp(`^(?:${path})$`);
    return true;
  } catch {
    return false;
  }
}

/** A small deterministic generator (mulberry32), so that the same seed strikes the same requests. */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
