// eslint-disable-next-line no-restricted-imports -- derives a password; no provider's signature is checked.
import { createHmac } from 'node:crypto';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { migrateUp } from '../../db/core/migrate.ts';
import { ensureServiceLogin } from '../../db/core/service-login.ts';
import { isSet, webhooksUrl } from '../processes/child-environment.ts';
import { resolveTemporal, startTemporal } from '../temporal/temporal.ts';
import { lineLog } from './logs.ts';
import { messageOf, StartError } from './start-error.ts';
import { startEmbeddedPostgres } from '../postgres/postgres.ts';
import { startNodeChild } from '../processes/node-child.ts';
import { readReadyLine } from './sandbox.ts';
import { waitForTemporal } from '../temporal/temporal-readiness.ts';
import { cacheFolderOf, NODE_COMPILE_CACHE, REPOSITORY } from './home.ts';
import { runCommand } from '../processes/run-command.ts';
import type { Env, Home } from './home.ts';
import type { Instance, ServiceName } from './instance.ts';
import type { Supervisor } from '../processes/supervisor.ts';
import type { LocalSecrets } from './secrets.ts';
import type { Ports } from './service-ports.ts';
import type { RunningChild } from '../processes/child-process.ts';
import type { ReadySandbox } from './sandbox.ts';

/** Caches stripped and compiled code between starts, so that a killed service is back sooner. */
const COMPILED_ONCE = { NODE_COMPILE_CACHE };

/** The inputs to every service's start. */
export interface Stage {
  readonly env: Env;
  readonly home: Home;
  readonly secrets: LocalSecrets;
  readonly ports: Ports;
  readonly supervisor: Supervisor;
  readonly instance: Instance;
  readonly namespace: string;
  readonly log: (line: string) => void;
}

const logFile = ({ home }: Stage, name: ServiceName): string => path.join(home.logsFolder, `${name}.log`);

/**
 * Returns the URL of DATABASE_URL, or of a supervised embedded server, for the login that owns or may create the
 * tables.
 */
export async function bringUpPostgres(stage: Stage): Promise<string> {
  const given = stage.env['DATABASE_URL'];
  if (given !== undefined && given !== '') return given;
  const { url } = await stage.supervisor.keep('postgres', async () => {
    try {
      const server = await startEmbeddedPostgres({
        dataFolder: stage.home.postgresFolder,
        password: stage.secrets.databasePassword,
        port: stage.ports.postgres,
        database: 'interlock',
        replaceLeftover: true,
        log: lineLog(logFile(stage, 'postgres')),
      });
      const exited = server.exited.then(({ code, signal }) => signal ?? `exit code ${String(code)}`);
      return { url: server.url, pid: server.pid, exited, stop: () => server.stop() };
    } catch (error) {
      throw new StartError(messageOf(error), { cause: error });
    }
  });
  return url;
}

/**
 * Migrates the database and creates the login for API and worker, which has no rights of its own. Returns that login's
 * URL.
 */
export async function prepareDatabase(
  { home, secrets }: Pick<Stage, 'home' | 'secrets'>,
  ownerUrl: string,
  log: (line: string) => void,
): Promise<string> {
  await migrateUp({ url: ownerUrl, log });
  const database = decodeURIComponent(new URL(ownerUrl).pathname.slice(1));
  // Derive the login, so that homes of earlier versions have one too, and two homes that share a database have
  // different ones.
  const derive = (purpose: string) => createHmac('sha256', secrets.databasePassword).update(purpose).digest('hex');
  return ensureServiceLogin(ownerUrl, {
    name: `${database.slice(0, 40)}_service_${derive(`login of ${home.folder}`).slice(0, 8)}`,
    password: derive('password of the service login'),
  });
}

export interface TemporalPlace {
  readonly address: string;
  readonly uiUrl: string | null;
}

/** The server of TEMPORAL_ADDRESS, or a supervised development server. */
export async function bringUpTemporal(stage: Stage): Promise<TemporalPlace> {
  const { env, home, supervisor, log, namespace, ports } = stage;
  const source = await resolveTemporal({ cacheFolder: cacheFolderOf(env), env, log, stop: supervisor.stopping });
  if (source.kind === 'server') {
    await checkGivenTemporal(stage, source.address);
    return { address: source.address, uiUrl: env['TEMPORAL_UI_URL'] || null };
  }
  return supervisor.keep('temporal', (stop) =>
    startTemporal({
      stop,
      binary: source.path,
      dataFile: home.temporalFile,
      port: ports.temporal,
      uiPort: ports.temporalUi,
      namespace,
      logFile: logFile(stage, 'temporal'),
      onSpawn: (pid) => {
        stage.instance.setChild('temporal', pid);
      },
    }),
  );
}

async function checkGivenTemporal({ env, namespace, supervisor }: Stage, address: string): Promise<void> {
  const protectedServer = ['TEMPORAL_API_KEY', 'TEMPORAL_TLS_CA_FILE', 'TEMPORAL_TLS_CERT_FILE'].some((name) =>
    isSet(env, name),
  );
  // Only api and worker hold the credentials of such a server, and they report its problems themselves. Its operator
  // registers search attributes.
  if (protectedServer) return;
  try {
    await waitForTemporal({ address, namespace, limitMs: 10_000, stop: supervisor.stopping });
  } catch (error) {
    throw new StartError(
      `TEMPORAL_ADDRESS=${address}, namespace ${namespace}: ${messageOf(error)}. Unset it to run a development server.`,
      { cause: error },
    );
  }
}

export async function bringUpSandbox(stage: Stage): Promise<ReadySandbox> {
  const { env, home, supervisor, ports } = stage;
  const told: { sandbox: ReadySandbox | null } = { sandbox: null };
  await supervisor.keep('sandbox', (stop) =>
    startNodeChild({
      stop,
      name: 'sandbox',
      entry: 'sandbox/main.ts',
      env: {
        // Pass none of the services' own environment: the stand-in has no use for their secrets.
        PATH: env['PATH'],
        ...COMPILED_ONCE,
        ...Object.fromEntries(Object.entries(env).filter(([name]) => name.startsWith('SANDBOX_'))),
        SANDBOX_HOME: home.sandboxFolder,
        ...Object.fromEntries(Object.entries(ports.standIns).map(([name, port]) => [name, String(port)])),
        SANDBOX_WEBHOOKS_URL: webhooksUrl(env, ports.api),
      },
      logFile: logFile(stage, 'sandbox'),
      readyWhen: {
        line: (line) => {
          const found = readReadyLine(line);
          told.sandbox = found ?? told.sandbox;
          return found !== null;
        },
      },
      onSpawn: (pid) => {
        stage.instance.setChild('sandbox', pid);
      },
      graceMs: 5_000,
    }),
  );
  if (told.sandbox === null) throw new StartError('the sandbox reported no addresses.');
  return told.sandbox;
}

/**
 * By default Node's young generation grows to a hundred megabytes that are never returned, and the old one to a
 * multiple of its live data before a collection. With these flags our services need half the memory and no more time
 * (`bench million`).
 */
const SMALL_HEAP = ['--max-semi-space-size=2', '--heap-growing-percent=50'];
/**
 * Like the worker's, with a larger young generation, because most objects of a request die young. Holds the API's peak
 * under `bench hostile`.
 */
const API_HEAP = ['--max-semi-space-size=16', '--heap-growing-percent=50'];
/**
 * Limits native memory likewise: glibc keeps a pool per thread, and raises its trim and mmap thresholds with the
 * largest freed blocks, which keeps freed memory.
 */
const FEW_POOLS = { MALLOC_ARENA_MAX: '1', MALLOC_TRIM_THRESHOLD_: '131072', MALLOC_MMAP_THRESHOLD_: '131072' };

/** Starts api or worker. `healthUrl` answers 200 when it is ready. */
export async function bringUpService(
  stage: Stage,
  options: { name: 'api' | 'worker'; env: Env; healthUrl: string },
): Promise<RunningChild> {
  const { name, env, healthUrl } = options;
  const entry = await bundleService(stage, name);
  return stage.supervisor.keep(name, (stop) =>
    startNodeChild({
      stop,
      name,
      entry,
      nodeArguments: name === 'worker' ? SMALL_HEAP : API_HEAP,
      env: { ...FEW_POOLS, ...COMPILED_ONCE, ...env },
      logFile: logFile(stage, name),
      readyWhen: { url: healthUrl },
      onSpawn: (pid) => {
        stage.instance.setChild(name, pid);
      },
      // Longer than either needs to finish its running work.
      graceMs: 30_000,
    }),
  );
}

/** Bundles a service into one file, as in the image. */
async function bundleService({ supervisor }: Stage, name: 'api' | 'worker'): Promise<string> {
  const program = ['--disable-warning=ExperimentalWarning', path.join(REPOSITORY, 'worker', 'bundle.ts'), name];
  try {
    // Pass no secrets, because the bundler needs none.
    return (
      await runCommand(process.execPath, program, { timeoutMs: 120_000, env: COMPILED_ONCE, stop: supervisor.stopping })
    ).trim();
  } catch (error) {
    throw new StartError(`The ${name} could not be bundled: ${messageOf(error)}.`, { cause: error });
  }
}

/** Logs every 10 s that something slow is still running, until `work` settles. */
export async function withProgress<Result>(
  what: string,
  log: (line: string) => void,
  work: Promise<Result>,
): Promise<Result> {
  const done = new AbortController();
  const startedAt = performance.now();
  const tell = async (): Promise<void> => {
    for (;;) {
      await sleep(10_000, null, { signal: done.signal, ref: false });
      log(`still waiting for ${what}… ${Math.round((performance.now() - startedAt) / 1_000)} s`);
    }
  };
  void tell().catch(() => null);
  try {
    return await work;
  } finally {
    done.abort();
  }
}
