import { readConfig } from './config.ts';
import { startSandboxes } from './sandboxes.ts';
import { STAND_INS } from './stand-ins.ts';

// The sandbox process: stand-in providers on loopback, for development and tests. Writes one line to standard output
// once every stand-in is ready.
try {
  const { sandbox, settings, close } = await startSandboxes(readConfig(process.env, STAND_INS));
  const stop = () => {
    void close().then(() => process.exit(0));
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  // Fires only with an IPC channel, when the parent process has gone.
  process.once('disconnect', stop);
  process.stdout.write(`${JSON.stringify({ ready: true, sandbox, settings })}\n`);
} catch (error) {
  process.stderr.write(`sandbox: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
