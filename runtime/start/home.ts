import { existsSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const REPOSITORY = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');

/** Node's compile cache for our sources and packages. */
export const NODE_COMPILE_CACHE = path.join(REPOSITORY, 'node_modules', '.cache', 'interlock', 'compiled');

/** The folder and files of one copy of the local runtime. Two copies with two homes never touch each other's files. */
export interface Home {
  readonly folder: string;
  readonly postgresFolder: string;
  readonly temporalFile: string;
  readonly sandboxFolder: string;
  readonly logsFolder: string;
  readonly secretsFile: string;
  /**
   * Process ids of the running copy, written from the first moment. A second start, or a start after a crash, finds the
   * copy through it.
   */
  readonly instanceFile: string;
  /** For outside programs. Exists only while everything is up. */
  readonly startedFile: string;
  readonly demoFile: string;
}

export type Env = Readonly<Record<string, string | undefined>>;

/** The folder of `INTERLOCK_HOME`, or `.interlock` in the repository. */
export function homeOf(env: Env): Home {
  const folder = path.resolve(REPOSITORY, env['INTERLOCK_HOME'] || '.interlock');
  return {
    folder,
    postgresFolder: path.join(folder, 'postgres'),
    temporalFile: path.join(folder, 'temporal', 'temporal.db'),
    sandboxFolder: path.join(folder, 'sandbox'),
    logsFolder: path.join(folder, 'logs'),
    secretsFile: path.join(folder, 'secrets.json'),
    instanceFile: path.join(folder, 'instance.json'),
    startedFile: path.join(folder, 'started.json'),
    demoFile: path.join(folder, 'demo.json'),
  };
}

/** Per user, not per copy, so that a fresh clone and `--fresh` reuse downloads. */
export function cacheFolderOf(env: Env): string {
  return path.join(env['XDG_CACHE_HOME'] || path.join(os.homedir(), '.cache'), 'interlock');
}

/**
 * Adds the repository's `.env` to this process's environment. Keeps variables that are already set, even to an empty
 * value.
 */
export function readEnvFile(): void {
  const file = path.join(REPOSITORY, '.env');
  if (existsSync(file)) process.loadEnvFile(file);
}
