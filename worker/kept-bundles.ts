import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Beside the packages that they are made with. */
export const KEPT_IN = path.join(ROOT, 'node_modules', '.cache', 'interlock');

/** Of the code in these folders, the named files, the packages and where they are: what has the same fingerprint is bundled to the same. */
export async function fingerprintOf({ folders, files }: { readonly folders: readonly string[]; readonly files: readonly string[] }): Promise<string> {
  const listed = await Promise.all(folders.map(async (folder) => (await readdir(path.join(ROOT, folder), { recursive: true })).map((name) => path.join(folder, name))));
  const names = listed.flat().filter((name) => /\.(ts|patch)$/.test(name)).sort();
  const hash = createHash('sha256').update(ROOT);
  for (const name of [...names, ...files, 'package-lock.json']) hash.update(`${name}\n`).update(await readFile(path.join(ROOT, name)).catch(() => ''));
  return hash.digest('hex').slice(0, 32);
}
