import { existsSync, readFileSync } from 'node:fs';
import type { ChildProcess } from 'node:child_process';

/** A running process of any kind. */
export interface RunningChild {
  readonly pid: number;
  /** Resolves with how the process ended, such as "exit code 1" or "SIGKILL". Never rejects. */
  readonly exited: Promise<string>;
  /** Sends SIGTERM, then SIGKILL after a bound. Safe to call twice. */
  readonly stop: () => Promise<void>;
}

export function exitOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => {
      resolve(error.message);
    });
    child.once('exit', (code, signal) => {
      resolve(signal ?? `exit code ${String(code)}`);
    });
  });
}

/** The end of a log file, for the message about a child that failed to start. */
export function lastLines(logFile: string, count = 20): string {
  if (!existsSync(logFile)) return '';
  const lines = readFileSync(logFile, 'utf8')
    .trimEnd()
    .split('\n')
    .slice(-count)
    .map((line) => `\n  ${line}`)
    .join('');
  return `The end of ${logFile}:${lines}`;
}
