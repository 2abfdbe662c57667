import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { cacheFolderOf } from '../start/home.ts';
import { runCommand } from './run-command.ts';

const INSTALL_LIMIT_MS = 300_000;

export interface PythonPackages {
  /** Name of the cache folder: the installed package and its version. */
  readonly folder: string;
  /** A requirements file for pip that pins every package, so that later test runs use the same packages. */
  readonly requirements: string;
}

/**
 * Finds an interpreter with the packages, installing it into the cache on first use. Otherwise returns the reason it is
 * not available on this machine.
 */
export async function findPython({
  folder,
  requirements,
}: PythonPackages): Promise<{ readonly python: string } | { readonly missing: string }> {
  const cache = cacheFolderOf(process.env);
  const python = path.join(cache, folder, 'bin', 'python');
  if (existsSync(python)) return { python };
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(path.join(cache, `${folder}.`));
  try {
    const run = (program: string, ...args: string[]) => runCommand(program, args, { timeoutMs: INSTALL_LIMIT_MS });
    await run('python3', '-m', 'venv', work);
    await run(
      path.join(work, 'bin', 'python'),
      '-m',
      'pip',
      'install',
      '--quiet',
      '--disable-pip-version-check',
      '--no-deps',
      '-r',
      requirements,
    );
    // The rename is atomic. If another process was first, its identical copy stays.
    renameSync(work, path.join(cache, folder));
  } catch (error) {
    if (!existsSync(python)) return { missing: error instanceof Error ? error.message : String(error) };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return { python };
}
