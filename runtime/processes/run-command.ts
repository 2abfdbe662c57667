import { execFile } from 'node:child_process';
import { setInterval, clearInterval } from 'node:timers';

export interface CommandOptions {
  readonly timeoutMs: number;
  readonly env?: NodeJS.ProcessEnv;
  readonly stop?: AbortSignal | undefined;
  /** Called every 30 s while the command runs, with the elapsed seconds. */
  readonly onWaiting?: (seconds: number) => void;
}

const WAITING_EVERY_MS = 30_000;

/**
 * Runs a program and returns its standard output. @throws Error with its last line of output, or the reason it could
 * not run.
 */
export async function runCommand(program: string, args: readonly string[], options: CommandOptions): Promise<string> {
  const startedAt = performance.now();
  const ticker = setInterval(
    () => options.onWaiting?.(Math.round((performance.now() - startedAt) / 1_000)),
    WAITING_EVERY_MS,
  );
  try {
    return await new Promise((resolve, reject) => {
      const { timeoutMs, env = process.env, stop } = options;
      execFile(
        program,
        args,
        { env, timeout: timeoutMs, maxBuffer: 16 * 2 ** 20, ...(stop && { signal: stop }) },
        (error, stdout, stderr) => {
          if (error === null) resolve(stdout);
          else reject(new Error(reasonOf(error, stderr, timeoutMs)));
        },
      );
    });
  } finally {
    clearInterval(ticker);
  }
}

function reasonOf(error: Error & { killed?: boolean; code?: unknown }, stderr: string, timeoutMs: number): string {
  if (error.code === 'ENOENT') return 'not installed';
  if (error.killed === true) return `stopped after ${timeoutMs / 1_000} s`;
  return stderr.trim().split('\n').at(-1) || `exit code ${String(error.code)}`;
}
