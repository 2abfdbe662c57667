import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';

/**
 * Writes atomically: readers see the old or the new content, never a part. Mode 600, because these files hold secrets
 * and process ids.
 */
export function writeJsonAtomically(file: string, value: unknown): void {
  renameSync(writeBeside(file, value), file);
}

/** Like `writeJsonAtomically`, but returns false and changes nothing when the file exists. */
export function createJson(file: string, value: unknown): boolean {
  const temporary = writeBeside(file, value);
  try {
    linkSync(temporary, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** Null when the file is absent or is not JSON. */
export function readJson(file: string): unknown {
  if (!existsSync(file)) return null;
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as unknown;
  } catch {
    return null;
  }
}

function writeBeside(file: string, value: unknown): string {
  // Other users may enter but not list or read: under root, Postgres runs as another user.
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o711 });
  const temporary = `${file}.${process.pid}.new`;
  rmSync(temporary, { force: true });
  const handle = openSync(temporary, 'wx', 0o600);
  try {
    writeSync(handle, `${JSON.stringify(value, null, 2)}\n`);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  return temporary;
}
