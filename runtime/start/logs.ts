import { appendFileSync, existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import path from 'node:path';

/** Keeps the logs of the run before beside those of this one. */
export function rotateLogs(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(folder).filter((entry) => entry.endsWith('.log'))) {
    renameSync(path.join(folder, name), path.join(folder, `${name}.1`));
  }
}

/** Appends one line at a time: for what arrives as lines instead of a stream. */
export function lineLog(file: string): (line: string) => void {
  return (line) => {
    // A home that was deleted under a running copy must not bring the copy down.
    if (existsSync(path.dirname(file))) appendFileSync(file, `${line}\n`, { mode: 0o600 });
  };
}
