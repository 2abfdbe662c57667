import { readFile, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import type { Plugin } from 'esbuild';
import { ROOT, keptFile, writeWhole } from './kept-bundles.ts';
import { LAZY_PACKAGES } from '../providers/lazy-packages.ts';

const SOURCES = {
  folders: [
    'contracts',
    'domain',
    'telemetry',
    'vault',
    'config',
    'providers',
    'db',
    'activities',
    'worker',
    'patches',
  ],
};

/** The SDK starts its thread for workflow code from the file of this name beside its own code, which is then the bundle. */
const WORKFLOW_THREAD = 'workflow-worker-thread.js';

/**
 * The worker with all its packages in one file, which needs a fifth less memory than a thousand files do, and starts sooner
 * (docs/decisions/0024). Made once for the same sources and kept beside the packages.
 * @returns the file to start with Node.
 */
export async function keepWorkerBundle(): Promise<string> {
  const file = await keptFile('worker', SOURCES, '/main.cjs');
  if (!(await stat(file).catch(() => null))) await buildWorkerBundle(file);
  return file;
}

/** Makes the bundle: a file `.cjs` in a folder of its own, below the packages or beside them. */
export async function buildWorkerBundle(file: string): Promise<void> {
  const folder = path.dirname(file);
  const sdk = createRequire(import.meta.url).resolve('@temporalio/worker/package.json');
  const thread = path.join(path.dirname(sdk), 'lib', 'workflow', WORKFLOW_THREAD);
  await writeWhole(path.join(folder, WORKFLOW_THREAD), await bundled(thread));
  // Node reads the thread's file as a script also where the package around it is one of modules.
  await writeWhole(path.join(folder, 'package.json'), '{ "type": "commonjs" }\n');
  // Last, since it tells that the bundle is whole.
  await writeWhole(file, await bundled(path.join(ROOT, 'worker', 'main.ts')));
}

async function bundled(entry: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [entry],
    write: false,
    bundle: true,
    // Of a module Node keeps the text more often than of a script.
    format: 'cjs',
    platform: 'node',
    target: `node${process.versions.node}`,
    // Node keeps the text of its programs in memory. Functions keep their names, and lines a readable length: of an error that
    // nobody catches Node prints the line.
    minifySyntax: true,
    minifyWhitespace: true,
    lineLimit: 200,
    legalComments: 'none',
    // Without a character beyond Latin-1 V8 needs one byte for each instead of two.
    charset: 'ascii',
    // Native code; a program in WebAssembly that is looked for beside its package; and a client that is large and loaded on first use only.
    external: ['@temporalio/core-bridge', 'source-map', ...LAZY_PACKAGES],
    plugins: [ownAddresses, noBundlerInside],
    // The SDK looks for its workflow thread, which stands beside the bundle, and for a debugger that our workers never start.
    logOverride: { 'require-resolve-not-external': 'silent' },
    logLevel: 'warning',
  });
  return outputFiles.map(({ text }) => text).join('');
}

/** Our files find others from where they are, and that is still where their source is. */
const ownAddresses: Plugin = {
  name: 'own-addresses',
  setup(build) {
    build.onLoad({ filter: /\.ts$/ }, async ({ path: file }) => ({
      contents: (await readFile(file, 'utf8')).replaceAll('import.meta.url', JSON.stringify(pathToFileURL(file).href)),
      loader: 'ts',
    }));
  },
};

/** The SDK’s own bundler, which our workers never use (`bundleInChild`), looks for files of its package as soon as it is loaded. */
const noBundlerInside: Plugin = {
  name: 'no-bundler-inside',
  setup(build) {
    build.onLoad({ filter: /@temporalio[/\\]worker[/\\]lib[/\\]workflow[/\\]bundler\.js$/ }, () => ({
      contents: NO_BUNDLER,
      loader: 'js',
    }));
  },
};
const NO_BUNDLER = `
  const refuse = () => { throw new Error('this worker takes bundled workflows only'); };
  module.exports = { defaultWorkflowInterceptorModules: [], bundleWorkflowCode: refuse, WorkflowCodeBundler: class { constructor() { refuse(); } } };
`;
