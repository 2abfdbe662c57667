import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Bundles are cached beside the packages that they contain. */
const KEPT_IN = path.join(ROOT, 'node_modules', '.cache', 'interlock');

interface Sources {
  /** Relative to the repository's root, like `files`. */
  readonly folders: readonly string[];
  readonly files?: readonly string[];
}

/** Path where a bundle of these sources is cached. The file may not exist yet. */
export async function keptFile(name: string, sources: Sources, extension: string): Promise<string> {
  return path.join(KEPT_IN, `${name}-${await fingerprintOf(sources)}${extension}`);
}

/** Writes a file atomically, since other processes may read or write the same file. */
export async function writeWhole(file: string, text: string): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  const unfinished = `${file}.${randomUUID()}`;
  try {
    await writeFile(unfinished, text);
    await rename(unfinished, file);
  } finally {
    await rm(unfinished, { force: true }).catch(() => undefined);
  }
}

/**
 * Fingerprint of the code in these folders, the named files, the package lock and the repository’s path. Equal
 * fingerprints give equal bundles.
 */
async function fingerprintOf({ folders, files = [] }: Sources): Promise<string> {
  const listed = await Promise.all(
    folders.map(async (folder) =>
      (await readdir(path.join(ROOT, folder), { recursive: true })).map((name) => path.join(folder, name)),
    ),
  );
  const names = listed
    .flat()
    .filter((name) => /\.(ts|patch)$/.test(name))
    .sort();
  const hash = createHash('sha256').update(ROOT);
  for (const name of [...names, ...files, 'package-lock.json'])
    hash.update(`${name}\n`).update(await readFile(path.join(ROOT, name)).catch(() => ''));
  return hash.digest('hex').slice(0, 32);
}
