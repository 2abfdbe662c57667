import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { exitOf } from '../../runtime/processes/child-process.ts';
import { fullTemporalBinaries, FULL_TEMPORAL_VERSION } from './full-temporal-binaries.ts';
import { dashboardMetrics, failOneWorkflow, metricsAt } from './full-temporal-metrics.ts';
import { prepareFullTemporal, setUpSchema, startFullTemporal } from './full-temporal-server.ts';
import { DYNAMIC_CONFIG_FILE } from './full-temporal-stack.ts';
import { cacheFolderOf, REPOSITORY } from '../../runtime/start/home.ts';
import { startEmbeddedPostgres } from '../../runtime/postgres/postgres.ts';
import { runCommand } from '../../runtime/processes/run-command.ts';
import { messageOf } from '../../runtime/start/start-error.ts';
import { resolveTemporal } from '../../runtime/temporal/temporal.ts';
import type { FullTemporalBinaries } from './full-temporal-binaries.ts';

// The production-shaped stack of temporal-docker/ without containers: the full Temporal server on Postgres, made by the same SQL, scripts,
// environment and dynamic configuration, under the end-to-end and fault tests. Arguments go to vitest instead of the default files.
const DEFAULT_TESTS = ['test/end-to-end', 'test/faults'];
const NAMESPACE = 'default';

/** Runs in reverse order at the end, after success or failure. */
const undo: (() => Promise<unknown>)[] = [];
const steps: { readonly name: string; readonly seconds: string; readonly outcome: string }[] = [];
const interrupted = new AbortController();
const log = (line: string): void => {
  console.log(line);
};

async function main(args: readonly string[]): Promise<number> {
  const folder = path.join(tmpdir(), `interlock_full_${randomBytes(4).toString('hex')}`);
  mkdirSync(folder);
  undo.push(async () => {
    rmSync(folder, { recursive: true, force: true });
    return Promise.resolve();
  });
  const cacheFolder = cacheFolderOf(process.env);
  const stop = interrupted.signal;

  const binaries = await step(
    'server and schema tool',
    () => fullTemporalBinaries({ cacheFolder, log, stop }),
    () => FULL_TEMPORAL_VERSION,
  );
  await step('dynamic configuration is valid', () => validateDynamicConfig(binaries));
  const cli = await step('temporal command-line tool', () =>
    resolveTemporal({ cacheFolder, log, stop, env: { ...process.env, TEMPORAL_ADDRESS: '' } }),
  );
  if (cli.kind !== 'binary') throw new Error('a running server is no command-line tool');

  const postgres = await step('Postgres', () =>
    startEmbeddedPostgres({
      dataFolder: path.join(folder, 'postgres'),
      password: randomBytes(24).toString('hex'),
      log: () => undefined,
    }),
  );
  undo.push(() => postgres.stop());
  const cluster = await step('databases and schema', () =>
    prepareFullTemporal({
      binaries,
      cli: cli.path,
      adminUrl: postgres.url,
      namespace: NAMESPACE,
      logFile: path.join(folder, 'temporal', 'temporal.log'),
    }),
  );
  await step('schema again, unchanged', () => setUpSchema(binaries, cluster.postgres));
  const server = await step('server, namespace, search attributes', () => startFullTemporal(cluster, { stop }));
  undo.push(() => server.stop());

  const env = {
    TEMPORAL_ADDRESS: server.address,
    TEST_DATABASE_URL: postgres.url,
    INTERLOCK_TEST_FULL_TEMPORAL: 'true',
  };
  const how = await step(
    'tests',
    () => runTests(args.length === 0 ? DEFAULT_TESTS : args, env),
    (outcome) => outcome,
  );
  // Other tests need not reach all of them.
  if (args.length === 0)
    await step('a workflow that fails', () => failOneWorkflow({ address: server.address, namespace: NAMESPACE }));
  const missing = args.length === 0 ? await missingMetrics(cluster.ports.METRICS_PORT) : [];
  log(`Temporal's resident memory after the tests: ${residentMib(server.pid)} MiB`);
  return how === 'exit code 0' && missing.length === 0 ? 0 : 1;
}

async function missingMetrics(port: number): Promise<readonly string[]> {
  const offered = await metricsAt(`http://127.0.0.1:${port}/metrics`);
  const missing = dashboardMetrics().filter((name) => !offered.has(name));
  return step(
    'every metric of the dashboard exists',
    () => Promise.resolve(missing),
    () => (missing.length === 0 ? 'yes' : `no: ${missing.join(', ')}`),
  );
}

/** Runs one step and remembers how long it took. */
async function step<Result>(
  name: string,
  work: () => Promise<Result>,
  outcomeOf: (result: Result) => string = () => 'done',
): Promise<Result> {
  interrupted.signal.throwIfAborted();
  const startedAt = performance.now();
  const note = (outcome: string): void => {
    steps.push({ name, seconds: ((performance.now() - startedAt) / 1_000).toFixed(1), outcome });
  };
  try {
    const result = await work();
    note(outcomeOf(result));
    return result;
  } catch (error) {
    note(`failed: ${messageOf(error).split('\n')[0] ?? ''}`);
    throw error;
  }
}

/** The server's own check ends well also when it warns of a key that it does not know. */
async function validateDynamicConfig({ server }: FullTemporalBinaries): Promise<void> {
  const output = await runCommand(server, ['validate-dynamic-config', DYNAMIC_CONFIG_FILE], { timeoutMs: 20_000 });
  if (/^\s*(error|warning):/m.test(output)) throw new Error(output.trim());
}

async function runTests(args: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  const child = spawn(process.execPath, [path.join(REPOSITORY, 'runtime', 'test.ts'), ...args], {
    cwd: REPOSITORY,
    env: { ...process.env, ...env },
    stdio: 'inherit',
  });
  interrupted.signal.addEventListener('abort', () => {
    child.kill('SIGTERM');
  });
  return exitOf(child);
}

function residentMib(pid: number): string {
  try {
    const pages = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return pages === undefined ? 'unknown' : String(Math.round(Number(pages) / 1_024));
  } catch {
    return 'unknown';
  }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    interrupted.abort(new Error('interrupted'));
  });
try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(`full-stack test: ${messageOf(error)}`);
  process.exitCode = 1;
} finally {
  for (const last of undo.splice(0).reverse())
    await last().catch((error: unknown) => {
      console.error(messageOf(error));
    });
  for (const { name, seconds, outcome } of steps) log(`${seconds.padStart(7)} s  ${name}: ${outcome}`);
}
