const TICK_MS = 10;
/** Of the wait for a tick, which comes up to two milliseconds late on a quiet machine. */
const LONGEST_WAIT_MS = 12;

/**
 * Starts to measure how long something takes in this process, and returns what reads it, in milliseconds. Leaves out the
 * time for which a busy machine runs other processes instead: between two ticks it counts the processor time that was
 * used and the wait for one tick.
 */
export function startStopwatch(): () => number {
  let totalMs = 0;
  let tickedAt = performance.now();
  let usedMs = processorMs();
  const tick = (): void => {
    const [now, used] = [performance.now(), processorMs()];
    totalMs += Math.min(now - tickedAt, LONGEST_WAIT_MS + used - usedMs);
    [tickedAt, usedMs] = [now, used];
  };
  const timer = setInterval(tick, TICK_MS).unref();
  return () => {
    clearInterval(timer);
    tick();
    return totalMs;
  };
}

function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
