import { readConfig } from './config.ts';
import { startSandboxes } from './sandboxes.ts';

// The sandbox process: stand-in providers on loopback, for development and tests. Standard output carries one line, when all is ready.
try {
  const { announcement, close } = await startSandboxes(readConfig(process.env));
  const stop = () => {
    void close().then(() => process.exit(0));
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  // Fires only with an IPC channel: the parent that opened it has gone.
  process.once('disconnect', stop);
  process.stdout.write(`${JSON.stringify({ ready: true, ...announcement })}\n`);
} catch (error) {
  process.stderr.write(`sandbox: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
