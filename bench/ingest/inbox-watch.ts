import { setTimeout as sleep } from 'node:timers/promises';
import type postgres from 'postgres';

export const DRAINED_LIMIT_MS = 300_000;
/** Often enough for goals of 100 ms, and too seldom to cost the service its CPU. */
const LOOK_EVERY_MS = 5;

/** Resolves when no event waits, with how many seconds that took. */
export async function untilDrained(sql: postgres.Sql): Promise<number> {
  const startedAt = performance.now();
  await until(async () => {
    const [row] = await sql<{ open: boolean }[]>`
      select exists (select from webhook_events where state in ('waiting', 'retrying')) as open`;
    return row?.open === false;
  }, DRAINED_LIMIT_MS);
  return (performance.now() - startedAt) / 1_000;
}

/** Resolves when the drainers have fallen asleep. */
export const untilIdle = (sql: postgres.Sql): Promise<void> =>
  until(async () => {
    const [row] = await sql<{ awake: boolean }[]>`select bool_or(awake) as awake from webhook_inbox`;
    return row?.awake === false;
  }, DRAINED_LIMIT_MS);

interface Watched {
  readonly eventKey: string;
  readonly fromMs: number;
  readonly resolve: (tookMs: number) => void;
}

/**
 * Tells of events when they are handled, by one query for all that are open: a query for each would use more of the
 * machine than what is measured.
 */
export class HandledWatch {
  readonly #sql: postgres.Sql;
  #open: Watched[] = [];
  #isLooking = false;

  constructor(sql: postgres.Sql) {
    this.#sql = sql;
  }

  /** Milliseconds until the event is handled and that is committed. */
  async tookMs(eventKey: string): Promise<number> {
    const fromMs = performance.now();
    return new Promise((resolve, reject) => {
      this.#open.push({ eventKey, fromMs, resolve });
      this.#look().catch(reject);
    });
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    while (this.#open.length > 0) {
      const keys = this.#open.map(({ eventKey }) => eventKey);
      const rows = await this.#sql<{ key: string }[]>`
        select event_key as key from webhook_events
        where provider = 'stripe' and endpoint = 'app' and event_key = any (${keys}) and state not in ('waiting', 'retrying')`;
      const handled = new Set(rows.map(({ key }) => key));
      const nowMs = performance.now();
      for (const { eventKey, fromMs, resolve } of this.#open) if (handled.has(eventKey)) resolve(nowMs - fromMs);
      this.#open = this.#open.filter(({ eventKey }) => !handled.has(eventKey));
      if (this.#open.some(({ fromMs }) => nowMs - fromMs > DRAINED_LIMIT_MS))
        throw new Error('an event is not handled');
      await sleep(LOOK_EVERY_MS);
    }
    this.#isLooking = false;
  }
}

export async function until(holds: () => Promise<boolean>, limitMs: number): Promise<void> {
  const deadlineMs = performance.now() + limitMs;
  while (!(await holds())) {
    if (performance.now() > deadlineMs) throw new Error(`events are still open after ${limitMs / 1_000} s`);
    await sleep(20);
  }
}
