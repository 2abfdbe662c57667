import { Context } from '@temporalio/activity';

/**
 * Far shorter than any activity's heartbeat timeout, so that a late beat does no harm. The SDK forwards only as many as
 * the timeout needs.
 */
const HEARTBEAT_EVERY_MS = 1_000;

/** Heartbeats while the work lasts, each time with the current result of `details`. */
export async function withHeartbeat<T>(work: () => Promise<T>, details?: () => unknown): Promise<T> {
  const context = Context.current();
  const beating = setInterval(() => {
    context.heartbeat(details?.());
  }, HEARTBEAT_EVERY_MS);
  try {
    return await work();
  } finally {
    clearInterval(beating);
  }
}
