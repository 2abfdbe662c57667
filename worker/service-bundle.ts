import { readFile, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import type { Plugin } from 'esbuild';
import { ROOT, keptFile, writeWhole } from './kept-bundles.ts';
import { LAZY_PACKAGES } from '../providers/lazy-packages.ts';

/** The services that run as one file. */
export const BUNDLED_SERVICES = ['api', 'worker'] as const;
export type BundledService = (typeof BUNDLED_SERVICES)[number];

const SHARED_FOLDERS = [
  'contracts',
  'domain',
  'records',
  'expressions',
  'telemetry',
  'vault',
  'config',
  'providers',
  'db',
  'patches',
  // Its bundler, for the API.
  'worker',
];
const OWN_FOLDERS: Readonly<Record<BundledService, readonly string[]>> = { api: ['api'], worker: ['activities'] };

/**
 * The SDK starts its workflow thread from a file of this name beside its own code. In the bundle that place is beside
 * the bundle.
 */
const WORKFLOW_THREAD = 'workflow-worker-thread.js';

/**
 * Bundles a service and all its packages into one file, which takes less memory than a thousand files and starts in a
 * third of the time (docs/decisions/0024). The bundle is cached beside the packages by a fingerprint of its sources.
 * @returns the file to start with Node.
 */
export async function keepServiceBundle(service: BundledService): Promise<string> {
  const file = await keptFile(service, { folders: [...SHARED_FOLDERS, ...OWN_FOLDERS[service]] }, '/main.cjs');
  if (!(await stat(file).catch(() => null))) await buildServiceBundle(service, file);
  return file;
}

/** Writes the bundle to `file`, a `.cjs` file in a folder of its own, below the packages or beside them. */
export async function buildServiceBundle(service: BundledService, file: string): Promise<void> {
  const folder = path.dirname(file);
  if (service === 'worker') {
    const sdk = createRequire(import.meta.url).resolve('@temporalio/worker/package.json');
    const thread = path.join(path.dirname(sdk), 'lib', 'workflow', WORKFLOW_THREAD);
    await writeWhole(path.join(folder, WORKFLOW_THREAD), await bundled(thread));
  }
  // Makes Node read the bundle as CommonJS even when the package around it is an ES module.
  await writeWhole(path.join(folder, 'package.json'), '{ "type": "commonjs" }\n');
  // Written last, because its presence means that the bundle is complete.
  await writeWhole(file, await bundled(path.join(ROOT, service, 'main.ts')));
}

async function bundled(entry: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [entry],
    write: false,
    bundle: true,
    // CommonJS, because Node keeps the source text of ES modules in memory more often.
    format: 'cjs',
    platform: 'node',
    target: `node${process.versions.node}`,
    // Minifies partly, because Node keeps the source text of its programs in memory. Function names and line breaks
    // stay: Node prints the line of an uncaught error.
    minifySyntax: true,
    minifyWhitespace: true,
    lineLimit: 200,
    legalComments: 'none',
    // With only Latin-1 characters, V8 needs one byte per character instead of two.
    charset: 'ascii',
    // A native module, a WebAssembly program that is looked up beside its package, and a large client that is loaded on
    // first use only.
    external: ['@temporalio/core-bridge', 'source-map', ...LAZY_PACKAGES],
    plugins: [ownAddresses, noBundlerInside, oneLanguage],
    // The SDK resolves its workflow thread, which stands beside the bundle, and a debugger that our workers never
    // start.
    logOverride: { 'require-resolve-not-external': 'silent' },
    logLevel: 'warning',
  });
  return outputFiles.map(({ text }) => text).join('');
}

/** Our files locate others relative to themselves, so each keeps the address of its source. */
const ownAddresses: Plugin = {
  name: 'own-addresses',
  setup(build) {
    build.onLoad({ filter: /\.ts$/ }, async ({ path: file }) => ({
      contents: (await readFile(file, 'utf8')).replaceAll('import.meta.url', JSON.stringify(pathToFileURL(file).href)),
      loader: 'ts',
    }));
  },
};

/**
 * Replaces the SDK's own bundler, which reads files of its package as soon as it is loaded. Our workers never use it;
 * see `bundleInChild`.
 */
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

/**
 * Zod exports its messages in fifty languages. The bundle keeps the one that Zod registers itself: Node compiles all
 * that stands at the top of a bundle at once, which takes eight times the size of its text while the service starts.
 */
const oneLanguage: Plugin = {
  name: 'one-language',
  setup(build) {
    build.onLoad({ filter: /[/\\]zod[/\\]v4[/\\]locales[/\\]index\.js$/ }, () => ({
      contents: "export { default as en } from './en.js';",
      loader: 'js',
    }));
  },
};
