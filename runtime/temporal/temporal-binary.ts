import { createHash } from 'node:crypto';
import {
  access,
  chmod,
  constants,
  mkdir,
  mkdtemp,
  open,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { runCommand } from '../processes/run-command.ts';

/** The `temporal` command-line tool, which includes the development server. */
export interface TemporalBinary {
  readonly path: string;
  /** As it reports itself, such as "1.9.1 (Server 1.32.0, UI 2.54.1)". */
  readonly version: string;
}

/** The first server with fairness keys: https://docs.temporal.io/task-queue-priority-fairness (read 2026-11-21). */
const OLDEST_SERVER = [1, 29] as const;

const PLATFORM = `${process.platform}-${process.arch}`;
const sourceNote = z.object({ from: z.string(), sha256: z.string() });

/**
 * Asks the program for its version. @throws Error when it does not run, is not Temporal's, or contains a server older
 * than 1.29.
 */
export async function inspectBinary(file: string): Promise<TemporalBinary> {
  const output = await runCommand(file, ['--version'], { timeoutMs: 20_000 });
  const match = /^temporal version (.*\(Server (\d+)\.(\d+)\..*\))/m.exec(output);
  if (match === null) throw new Error('it does not name a Temporal server in its --version');
  const [major, minor] = [Number(match[2]), Number(match[3])];
  if (major < OLDEST_SERVER[0] || (major === OLDEST_SERVER[0] && minor < OLDEST_SERVER[1])) {
    throw new Error(`server ${major}.${minor} is too old: ${OLDEST_SERVER.join('.')} or later is needed`);
  }
  return { path: file, version: match[1] ?? '' };
}

/** @throws Error when the cache is empty, or its file is not the one that was stored. */
export async function cachedBinary(cacheFolder: string): Promise<TemporalBinary> {
  const folder = cacheEntry(cacheFolder);
  const file = path.join(folder, 'temporal');
  if (!(await exists(file))) throw new Error('nothing there yet');
  try {
    const note = sourceNote.parse(JSON.parse(await readFile(path.join(folder, 'source.json'), 'utf8')));
    await requireSha256(file, note.sha256);
    return await inspectBinary(file);
  } catch (error) {
    await rm(folder, { recursive: true, force: true }).catch(() => undefined);
    throw new Error(
      `damaged and deleted: ${error instanceof z.ZodError ? 'source.json is incomplete' : (error as Error).message}`,
      { cause: error },
    );
  }
}

/** Calls `use` with an empty folder on the cache's file system, and removes it afterwards. */
export async function inWorkFolder<Result>(
  cacheFolder: string,
  use: (folder: string) => Promise<Result>,
): Promise<Result> {
  await mkdir(cacheFolder, { recursive: true, mode: 0o755 });
  const folder = await mkdtemp(path.join(cacheFolder, 'download-'));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true }).catch(() => undefined);
  }
}

/** Moves a verified program into the cache. If another process was first, keeps that one. `from` names its origin. */
export async function putIntoCache(cacheFolder: string, file: string, from: string): Promise<TemporalBinary> {
  await chmod(file, 0o755);
  await inspectBinary(file);
  const entry = cacheEntry(cacheFolder);
  await inWorkFolder(cacheFolder, async (folder) => {
    await writeFile(path.join(folder, 'source.json'), JSON.stringify({ from, sha256: await sha256Of(file) }));
    await rename(file, path.join(folder, 'temporal'));
    await chmod(folder, 0o755);
    await rename(folder, entry).catch((error: unknown) => {
      if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    });
  });
  return cachedBinary(cacheFolder);
}

/** @throws Error that names the file and both hashes. */
export async function requireSha256(file: string, expected: string): Promise<void> {
  const actual = await sha256Of(file);
  if (actual !== expected)
    throw new Error(`refused: SHA-256 of ${path.basename(file)} is ${actual}, ${expected} was expected`);
}

export async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  // One buffer for the whole file: a stream would allocate the 150 MB of a server's program, at every start.
  const buffer = Buffer.allocUnsafe(2 ** 20);
  const handle = await open(file);
  try {
    for (;;) {
      const { bytesRead } = await handle.read(buffer);
      if (bytesRead === 0) return hash.digest('hex');
      hash.update(buffer.subarray(0, bytesRead));
    }
  } finally {
    await handle.close().catch(() => undefined);
  }
}

/** The first program with that name on `searchPath`. */
export async function findOnPath(name: string, searchPath: string): Promise<string | null> {
  for (const folder of searchPath.split(path.delimiter).filter((entry) => path.isAbsolute(entry))) {
    const file = path.join(folder, name);
    if (await isProgram(file)) return file;
  }
  return null;
}

async function isProgram(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return (await stat(file)).isFile();
  } catch {
    return false;
  }
}

const cacheEntry = (cacheFolder: string): string => path.join(cacheFolder, `temporal-${PLATFORM}`);

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
