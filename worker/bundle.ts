import path from 'node:path';
import { buildWorkerBundle, keepWorkerBundle } from './worker-bundle.ts';
import { buildWorkflowBundle } from './workflow-bundle.ts';

// Bundles the worker and its workflows, and prints the file to start: `node worker/bundle.ts [folder]`. With a folder, for the image, whose
// workers start without a bundler and without writing anything.
const [folder] = process.argv.slice(2);
const [entry] = await Promise.all([folder === undefined ? keepWorkerBundle() : buildWorkerBundle(path.resolve(folder)), buildWorkflowBundle()]);
process.stdout.write(`${entry}\n`);
