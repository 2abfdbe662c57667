import path from 'node:path';
import { BUNDLED_SERVICES, buildServiceBundle, keepServiceBundle } from './service-bundle.ts';
import { buildWorkflowBundle } from './workflow-bundle.ts';

// Bundles a service, the worker with its workflows, and prints the path of the file to start:
// `node worker/bundle.ts api|worker [file.cjs]`. The container image names the files, so that its processes start without
// a bundler and without writing anything.
const [name, named] = process.argv.slice(2);
const service = BUNDLED_SERVICES.find((known) => known === name);
if (service === undefined) throw new Error('usage: node worker/bundle.ts api|worker [file.cjs]');
const bundle =
  named === undefined ? keepServiceBundle(service) : buildServiceBundle(service, path.resolve(named)).then(() => named);
const [entry] = await Promise.all([bundle, service === 'worker' ? buildWorkflowBundle() : null]);
process.stdout.write(`${entry}\n`);
