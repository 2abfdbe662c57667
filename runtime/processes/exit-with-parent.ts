// Loaded into every child before its own code: a supervisor that is killed cannot stop its children, so they watch for its end.
import { setTimeout } from 'node:timers';

const GRACE_MS = 10_000;

process.once('disconnect', () => {
  // Through the signal that the child handles anyway: it ends in good order.
  process.kill(process.pid, 'SIGTERM');
  setTimeout(() => {
    process.kill(process.pid, 'SIGKILL');
  }, GRACE_MS).unref();
});
// The listener alone would keep a finished child alive.
process.channel?.unref();
