// Loaded into every child before its own code. A killed supervisor cannot stop its children, so they watch for its end.
import { setTimeout } from 'node:timers';

const GRACE_MS = 10_000;

process.once('disconnect', () => {
  // Use the signal that the child handles anyway, so that it shuts down in order.
  process.kill(process.pid, 'SIGTERM');
  setTimeout(() => {
    process.kill(process.pid, 'SIGKILL');
  }, GRACE_MS).unref();
});
// Without unref, the listener would keep a finished child alive.
process.channel?.unref();
