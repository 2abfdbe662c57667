import { z } from 'zod';
import { OpenRequests } from '../../core/open-requests.ts';
import type { Reply } from '../../oauth/exchange.ts';
import { problem } from '../errors.ts';

/**
 * Ten connections at once, of all apps of a user; no rate and no header that tells one
 * (https://mailchimp.com/developer/marketing/docs/fundamentals/#throttling, 2026-11).
 */
export interface Limits {
  /** Zero means none. */
  readonly connections: number;
  /** Added to every answer. */
  readonly latencyMs: number;
}

export const limitsBody = z
  .strictObject({ connections: z.int().min(0).max(1_000), latencyMs: z.int().min(0).max(60_000) })
  .partial();

const USUAL: Limits = { connections: 10, latencyMs: 0 };

/** Counts the requests that are under way. */
export class Connections {
  limits: Limits = USUAL;
  readonly #requests = new OpenRequests();

  /** Most requests of one account that were under way at once. */
  get most(): number {
    return this.#requests.most;
  }

  reset(): void {
    this.limits = USUAL;
    this.#requests.reset();
  }

  open(account: string): Reply | null {
    const now = this.#requests.open(account);
    const { connections } = this.limits;
    return connections > 0 && now > connections
      ? problem(429, `You have exceeded the limit of ${connections} simultaneous connections.`)
      : null;
  }

  close(account: string): void {
    this.#requests.close(account);
  }
}
