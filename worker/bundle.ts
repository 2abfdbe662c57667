import path from 'node:path';
import { buildWorkerBundle, keepWorkerBundle } from './worker-bundle.ts';
import { buildWorkflowBundle } from './workflow-bundle.ts';

// Bundles the worker and its workflows and prints the path of the file to start: `node worker/bundle.ts [file.cjs]`.
// The container image names a file, so that its workers start without a bundler and without writing anything.
const [named] = process.argv.slice(2);
const worker = named === undefined ? keepWorkerBundle() : buildWorkerBundle(path.resolve(named)).then(() => named);
const [entry] = await Promise.all([worker, buildWorkflowBundle()]);
process.stdout.write(`${entry}\n`);
