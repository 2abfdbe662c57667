import { appendFileSync, existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import path from 'node:path';

/** Keeps the previous run's logs beside the current ones. */
export function rotateLogs(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(folder).filter((entry) => entry.endsWith('.log'))) {
    renameSync(path.join(folder, name), path.join(folder, `${name}.1`));
  }
}

/** Appends one line at a time, for output that arrives as lines rather than a stream. */
export function lineLog(file: string): (line: string) => void {
  return (line) => {
    // Deleting the home of a running copy must not crash the copy.
    if (existsSync(path.dirname(file))) appendFileSync(file, `${line}\n`, { mode: 0o600 });
  };
}
