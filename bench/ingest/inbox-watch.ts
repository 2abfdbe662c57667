import { setTimeout as sleep } from 'node:timers/promises';
import type postgres from 'postgres';

const DRAINED_LIMIT_MS = 300_000;
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

/** Milliseconds until the event is handled and that is committed. */
export async function untilHandled(sql: postgres.Sql, eventKey: string): Promise<number> {
  const startedAt = performance.now();
  for (;;) {
    const [row] = await sql<{ handled: boolean }[]>`
      select state not in ('waiting', 'retrying') as handled from webhook_events
      where provider = 'stripe' and endpoint = 'app' and event_key = ${eventKey}`;
    if (row?.handled === true) return performance.now() - startedAt;
    if (performance.now() - startedAt > DRAINED_LIMIT_MS) throw new Error('an event is not handled');
    await sleep(LOOK_EVERY_MS);
  }
}

export async function countWaiting(sql: postgres.Sql): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select count(*)::int as count from webhook_events where state in ('waiting', 'retrying')`;
  return row?.count ?? 0;
}

export async function until(holds: () => Promise<boolean>, limitMs: number): Promise<void> {
  const deadlineMs = performance.now() + limitMs;
  while (!(await holds())) {
    if (performance.now() > deadlineMs) throw new Error(`events are still open after ${limitMs / 1_000} s`);
    await sleep(20);
  }
}
