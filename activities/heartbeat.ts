import { Context } from '@temporalio/activity';

/** Shorter than any activity's heartbeat timeout by far: a beat or two may come late. The SDK sends no more of them on than the timeout asks for. */
const HEARTBEAT_EVERY_MS = 1_000;

/** Heartbeats for as long as the work lasts, each time with what `details` answers then. */
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
