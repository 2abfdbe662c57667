import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readFile, readdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { WorkflowBundleWithSourceMap } from '@temporalio/worker';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** What workflow code may be made of. */
const ROOMS = ['workflows', 'contracts', 'domain'];
/** What the bundler and the SDK make of it. */
const TOOLS = ['package-lock.json', 'worker/bundle-workflows.ts'];
const KEPT_IN = path.join(ROOT, 'node_modules', '.cache', 'interlock');

/**
 * The workflows' code as the SDK runs it. Made once for the same sources and kept beside the packages, so that a worker that was killed is
 * back sooner; where nothing can be written it is made anew.
 * @throws when it cannot be made.
 */
export async function buildWorkflowBundle(): Promise<{ readonly code: string }> {
  const file = path.join(KEPT_IN, `workflows-${await fingerprintOfSources()}.js`);
  const kept = await readFile(file, 'utf8').catch(() => null);
  if (kept !== null) return { code: kept };
  const { code } = await bundleInChild();
  // A read-only file system is no reason not to start.
  await keep(file, code).catch(() => undefined);
  return { code };
}

async function fingerprintOfSources(): Promise<string> {
  const listed = await Promise.all(ROOMS.map(async (room) => (await readdir(path.join(ROOT, room))).map((name) => `${room}/${name}`)));
  const hash = createHash('sha256');
  for (const name of [...listed.flat().sort(), ...TOOLS]) hash.update(`${name}\n`).update(await readFile(path.join(ROOT, name)).catch(() => ''));
  return hash.digest('hex').slice(0, 32);
}

/** Whole or not at all: others may be reading. */
async function keep(file: string, code: string): Promise<void> {
  await mkdir(KEPT_IN, { recursive: true });
  const unfinished = `${file}.${process.pid}`;
  await writeFile(unfinished, code);
  await rename(unfinished, file);
}

/** In a process of its own: a bundler takes some 200 MB, which a worker that made it itself would keep for as long as it lives. */
async function bundleInChild(): Promise<WorkflowBundleWithSourceMap> {
  // It needs nothing of our environment, which holds secrets.
  const child = fork(fileURLToPath(new URL('bundle-workflows.ts', import.meta.url)), { env: {}, stdio: ['ignore', 'inherit', 'inherit', 'ipc'], serialization: 'advanced' });
  const ended = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`the workflows could not be bundled: that process ended with ${String(code ?? signal)}`);
  });
  const [bundle] = (await Promise.race([once(child, 'message'), ended])) as [WorkflowBundleWithSourceMap];
  ended.catch(() => undefined);
  child.disconnect();
  return bundle;
}
