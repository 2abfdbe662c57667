import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheFolderOf } from '../../runtime/home.ts';
import { freePort } from '../../runtime/ports.ts';
import { runCommand } from '../../runtime/run-command.ts';
import { until } from './eventually.ts';

/** Every package pinned, so that a test of next year meets the server of today. */
const REQUIREMENTS = fileURLToPath(new URL('moto-requirements.txt', import.meta.url));
const FOLDER = 'moto-5.2.5';
const INSTALL_LIMIT_MS = 300_000;
const START_LIMIT_MS = 60_000;

/** Where moto's interpreter is, installed into the cache on first use; or why it cannot be had on this machine. */
export async function findMoto(): Promise<{ readonly python: string } | { readonly missing: string }> {
  const cache = cacheFolderOf(process.env);
  const python = path.join(cache, FOLDER, 'bin', 'python');
  if (existsSync(python)) return { python };
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(path.join(cache, `${FOLDER}.`));
  try {
    const run = (program: string, ...args: string[]) => runCommand(program, args, { timeoutMs: INSTALL_LIMIT_MS });
    await run('python3', '-m', 'venv', work);
    await run(path.join(work, 'bin', 'python'), '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps', '-r', REQUIREMENTS);
    // Whole or not at all; whoever was faster has put the same there.
    renameSync(work, path.join(cache, FOLDER));
  } catch (error) {
    if (!existsSync(python)) return { missing: error instanceof Error ? error.message : String(error) };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return { python };
}

export interface MotoServer {
  readonly endpoint: string;
  stop(): Promise<void>;
}

/** A KMS that others wrote, on 127.0.0.1: https://docs.getmoto.org/en/latest/docs/services/kms.html (2026-11-21). */
export async function startMoto(python: string): Promise<MotoServer> {
  const endpoint = `http://127.0.0.1:${await freePort()}`;
  const child = spawn(python, ['-m', 'moto.server', '-H', '127.0.0.1', '-p', new URL(endpoint).port], { stdio: 'ignore' });
  const ended = once(child, 'exit');
  const answers = () => fetch(`${endpoint}/moto-api/data.json`).then(({ ok }) => ok, () => false);
  await until(async () => child.exitCode !== null || (await answers()), { limitMs: START_LIMIT_MS, what: 'moto answers', everyMs: 200 });
  if (child.exitCode !== null) throw new Error(`moto ended with ${child.exitCode}`);
  return {
    endpoint,
    async stop() {
      child.kill();
      await ended;
    },
  };
}
