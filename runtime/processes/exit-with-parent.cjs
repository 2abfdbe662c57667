// Loaded into every child before its own code. A killed supervisor cannot stop its children, so they watch for its end.
// Loaded by `--require` and in plain JavaScript: with `--import`, Node keeps more copies of the source of a bundled
// service, and the compiler that removes types stays in memory.
const { setTimeout } = require('node:timers');

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
