import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { ROOT, keptFile, writeWhole } from './kept-bundles.ts';

const BUNDLER = 'worker/bundle-workflows.ts';
const SOURCES = { folders: ['workflows', 'contracts', 'domain'], files: [BUNDLER] };

/**
 * Returns the workflow code as the SDK runs it. It is cached beside the packages by a fingerprint of its sources, so
 * that a restarted worker is back sooner; on a read-only file system it is built anew.
 * @throws when the bundle cannot be built.
 */
export async function buildWorkflowBundle(): Promise<{ readonly code: string }> {
  const file = await keptFile('workflows', SOURCES, '.js');
  const kept = await readFile(file, 'utf8').catch(() => null);
  if (kept !== null) return { code: kept };
  const { code } = await bundleInChild();
  // A read-only file system must not prevent the start.
  await writeWhole(file, code).catch(() => undefined);
  return { code };
}

/** Bundles in a child process: the bundler takes about 200 MB, which a worker would keep for its whole life. */
async function bundleInChild(): Promise<WorkflowBundleWithSourceMap> {
  // The child gets none of our environment variables, because they hold secrets.
  const child = fork(path.join(ROOT, BUNDLER), {
    env: {},
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    serialization: 'advanced',
  });
  const ended = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`the workflows could not be bundled: that process ended with ${String(code ?? signal)}`);
  });
  const [bundle] = (await Promise.race([once(child, 'message'), ended])) as [WorkflowBundleWithSourceMap];
  ended.catch(() => undefined);
  child.disconnect();
  return bundle;
}
