export type Coalesce = (key: string, work: () => Promise<void>) => Promise<void>;

/**
 * Runs `work` for a key at most once at a time. Callers that come while it runs share one further run, which begins after it: each of them resolves
 * when a run has ended that began after its call.
 */
export function createCoalescer(): Coalesce {
  const running = new Map<string, Promise<void>>();
  const waiting = new Map<string, Promise<void>>();
  const start = (key: string, work: () => Promise<void>): Promise<void> => {
    const run = work().finally(() => running.delete(key));
    running.set(key, run);
    return run;
  };
  return (key, work) => {
    const next = waiting.get(key);
    if (next) return next;
    const now = running.get(key);
    if (!now) return start(key, work);
    const further = now
      .catch(() => undefined)
      .then(() => {
        waiting.delete(key);
        return start(key, work);
      });
    waiting.set(key, further);
    return further;
  };
}
