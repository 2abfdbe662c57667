import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { ROOT, keptFile, writeWhole } from './kept-bundles.ts';

const BUNDLER = 'worker/bundle-workflows.ts';
const SOURCES = { folders: ['workflows', 'contracts', 'domain'], files: [BUNDLER] };

/**
 * The workflows' code as the SDK runs it. Made once for the same sources and kept beside the packages, so that a worker that was killed is
 * back sooner; where nothing can be written it is made anew.
 * @throws when it cannot be made.
 */
export async function buildWorkflowBundle(): Promise<{ readonly code: string }> {
  const file = await keptFile('workflows', SOURCES, '.js');
  const kept = await readFile(file, 'utf8').catch(() => null);
  if (kept !== null) return { code: kept };
  const { code } = await bundleInChild();
  // A read-only file system is no reason not to start.
  await writeWhole(file, code).catch(() => undefined);
  return { code };
}

/** In a process of its own: a bundler takes some 200 MB, which a worker that made it itself would keep for as long as it lives. */
async function bundleInChild(): Promise<WorkflowBundleWithSourceMap> {
  // It needs nothing of our environment, which holds secrets.
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
