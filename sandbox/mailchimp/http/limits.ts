import { z } from 'zod';
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
  readonly #open = new Map<string, number>();
  #most = 0;

  /** Most requests of one account that were under way at once. */
  get most(): number {
    return this.#most;
  }

  reset(): void {
    this.limits = USUAL;
    this.#most = 0;
  }

  open(account: string): Reply | null {
    const now = (this.#open.get(account) ?? 0) + 1;
    this.#open.set(account, now);
    this.#most = Math.max(this.#most, now);
    const { connections } = this.limits;
    return connections > 0 && now > connections
      ? problem(429, `You have exceeded the limit of ${connections} simultaneous connections.`)
      : null;
  }

  close(account: string): void {
    this.#open.set(account, Math.max(0, (this.#open.get(account) ?? 0) - 1));
  }
}
