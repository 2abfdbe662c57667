import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { WorkflowBundleWithSourceMap } from '@temporalio/worker';

/**
 * The workflows' code as the SDK runs it. Made in a process of its own: a bundler takes some 200 MB, which a worker that made it itself
 * would keep for as long as it lives.
 * @throws when that process ends without a bundle.
 */
export async function buildWorkflowBundle(): Promise<WorkflowBundleWithSourceMap> {
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
