import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Waits until `condition` returns something other than false or null, and returns it. After `limitMs` it throws and
 * names what it waited for.
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  { limitMs, what, everyMs = 25 }: { limitMs: number; what: string; everyMs?: number },
): Promise<Exclude<T, false | null>> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const found = await condition();
    if (found !== false && found !== null) return found as Exclude<T, false | null>;
    if (performance.now() > deadline) throw new Error(`after ${limitMs} ms it is still not so that ${what}`);
    await sleep(everyMs);
  }
}
