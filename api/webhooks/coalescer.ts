export type Coalesce = (work: () => Promise<void>) => Promise<void>;

/**
 * Runs `work` at most once at a time. Callers that come while it runs share one further run, which begins after it: each
 * of them resolves when a run has ended that began after its call.
 */
export function createCoalescer(): Coalesce {
  let running: Promise<void> | null = null;
  let waiting: Promise<void> | null = null;
  const start = (work: () => Promise<void>): Promise<void> => {
    running = work().finally(() => {
      running = null;
    });
    return running;
  };
  return (work) => {
    if (waiting) return waiting;
    if (!running) return start(work);
    waiting = running
      .catch(() => undefined)
      .then(() => {
        waiting = null;
        return start(work);
      });
    return waiting;
  };
}
