import { existsSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import inspector from 'node:inspector/promises';
import path from 'node:path';
import v8 from '@vitest/coverage-v8';
import { V8CoverageProvider } from '@vitest/coverage-v8/dist/provider.js';
import type { CoverageProviderModule, ReportContext } from 'vitest/node';
import { until } from './eventually.ts';

// Vitest's own provider takes the coverage of all loaded code after every test file, and reads and merges every one of
// these at the end. V8 counts on until it is asked, and with `isolate: false` a worker runs many files, so this provider
// asks once, when the worker is stopped (docs/decisions/0118-coverage-is-taken-once-a-worker.md).

type TakeOptions = Parameters<NonNullable<CoverageProviderModule['takeCoverage']>>[0];

let fileOfWorker: string | null = null;
let isStarted = false;

/**
 * Counts functions. Counting each of their branches too took a third of the processor time of unit tests: V8 then calls a
 * counter at every branch, also from optimised code.
 */
async function startCoverage(): Promise<void> {
  if (isStarted) return;
  isStarted = true;
  const session = new inspector.Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.startPreciseCoverage', { callCount: false, detailed: false });
  // Vitest's provider takes the coverage from the session that it finds here.
  Object.assign(v8, { session });
}

/** Returns the name of the file that this worker will write. */
async function takeCoverage(options: TakeOptions): Promise<string> {
  if (options === undefined) throw new Error('vitest did not say where coverage is stored');
  if (fileOfWorker !== null) return fileOfWorker;
  const file = path.join(options.coverageFilesDirectory, `worker-${process.pid}.json`);
  fileOfWorker = file;
  whenWorkerStops(async () => {
    // Renamed, so that nobody reads half a file.
    await rename((await v8.takeCoverage?.(options)) as string, file);
  });
  return file;
}

/** Vitest awaits what is registered here when it stops a worker, after its last test file. */
function whenWorkerStops(work: () => Promise<void>): void {
  const worker = Reflect.get(globalThis, '__vitest_worker__') as { onCleanup(work: () => unknown): void };
  worker.onCleanup(work);
}

const STOP_LIMIT_MS = 60_000;

class CoveragePerWorker extends V8CoverageProvider {
  readonly #files = new Set<string>();

  override resolveOptions(): ReturnType<V8CoverageProvider['resolveOptions']> {
    // Workers would load V8's own provider by its name.
    return { ...super.resolveOptions(), provider: 'custom' };
  }

  override onAfterSuiteRun(meta: Parameters<V8CoverageProvider['onAfterSuiteRun']>[0]): void {
    this.#files.add(meta.coverage as string);
    // Under the name of its file each is read once, and not once for every test file.
    super.onAfterSuiteRun({ ...meta, testFiles: [meta.coverage as string] });
  }

  override async generateCoverage(context: ReportContext): ReturnType<V8CoverageProvider['generateCoverage']> {
    // Vitest does not await the end of the workers before it reports.
    await until(() => [...this.#files].every((file) => existsSync(file)), {
      limitMs: STOP_LIMIT_MS,
      what: 'every worker has written its coverage',
    });
    return super.generateCoverage(context);
  }
}

const provider: CoverageProviderModule = {
  getProvider: () => new CoveragePerWorker(),
  startCoverage,
  takeCoverage,
  stopCoverage: (options) => v8.stopCoverage?.(options),
};

export default provider;
