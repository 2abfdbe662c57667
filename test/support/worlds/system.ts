import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import postgres from 'postgres';
import { PROVIDERS } from '../../../providers/registry.ts';
import { serviceEnvironment } from '../../../runtime/processes/child-environment.ts';
import { lastLines } from '../../../runtime/processes/child-process.ts';
import { homeOf } from '../../../runtime/start/home.ts';
import { Instance, SERVICES } from '../../../runtime/start/instance.ts';
import { Supervisor } from '../../../runtime/processes/supervisor.ts';
import { freePort } from '../../../runtime/start/ports.ts';
import { isAlive, markOf } from '../../../runtime/processes/processes.ts';
import type { ProcessMark } from '../../../runtime/processes/processes.ts';
import { loadSecrets } from '../../../runtime/start/secrets.ts';
import { choosePorts } from '../../../runtime/start/service-ports.ts';
import {
  bringUpPostgres,
  bringUpSandbox,
  bringUpService,
  bringUpTemporal,
  prepareDatabase,
} from '../../../runtime/start/services.ts';
import { signToken } from '../../../runtime/start/tokens.ts';
import type { Env } from '../../../runtime/start/home.ts';
import type { ServiceName } from '../../../runtime/start/instance.ts';
import type { Sandbox } from '../../../runtime/start/sandbox.ts';
import type { Stage } from '../../../runtime/start/services.ts';
import type { TokenRequest } from '../../../runtime/start/tokens.ts';
import { createTestDatabase } from '../services/database.ts';
import { until } from '../eventually.ts';
import { bringUpFullTemporal, wantsFullTemporal } from '../services/full-temporal.ts';
import { ServiceClient } from '../service-client.ts';
import { stripeSandboxOf } from '../sandbox/stripe-account.ts';
import type { StripeSandboxControl } from '../sandbox/stripe-account.ts';
import { createTestNamespace } from '../services/temporal.ts';
import type { AppProvider } from '../test-providers.ts';

export interface SystemOptions {
  /** Uses its own Postgres and Temporal server, which `kill` can reach, instead of the shared ones. */
  readonly ownServers?: boolean;
  /** Additional environment of the API and the worker, such as STRIPE_REQUESTS_PER_SECOND. */
  readonly env?: Env;
}

/** The whole service as its users meet it: every part is a process, supervised like `npm start` does. */
export interface System {
  readonly apiUrl: string;
  /** An admin of all venues. */
  readonly api: ServiceClient;
  /** That admin's token. */
  readonly token: string;
  /** A caller with the given rights. */
  as(rights: Pick<TokenRequest, 'role' | 'venues'>): Promise<ServiceClient>;
  readonly stripe: StripeSandboxControl;
  /** The stand-ins of all providers. */
  readonly sandbox: Readonly<Record<AppProvider, Sandbox[string]>>;
  readonly temporal: Client;
  /** A superuser, who sees every venue: for assertions only. */
  readonly database: postgres.Sql;
  readonly databaseUrl: string;
  /** Sends SIGKILL. Resolves, with the time it took, when the supervisor has restarted the process. */
  kill(service: ServiceName): Promise<number>;
  /** Stops the process for a while with SIGSTOP. It does not notice. */
  pause(service: ServiceName, ms: number): Promise<void>;
  /** The end of a process's log, for the message of a failed test. */
  logOf(service: ServiceName): string;
  logFileOf(service: ServiceName): string;
  stop(): Promise<void>;
}

const PORTS = [
  'PORT',
  'HEALTH_PORT',
  'TEMPORAL_PORT',
  'TEMPORAL_UI_PORT',
  'POSTGRES_PORT',
  'SANDBOX_STRIPE_PORT',
  'SANDBOX_STRIPE_CONTROL_PORT',
] as const;
const FROM_THE_TEST_RUN = ['PATH', 'HOME', 'XDG_CACHE_HOME', 'TMPDIR'];
const RESTART_LIMIT_MS = 60_000;
const TOKEN_TTL_S = 3_600;

/** Starts Postgres, Temporal, sandbox, worker and API, and returns when all are ready. `stop` it in `afterAll`. */
export async function startSystem(options: SystemOptions = {}): Promise<System> {
  // Not created by mkdtemp, whose folder the user that runs Postgres under root could not enter.
  const folder = path.join(tmpdir(), `interlock_system_${randomBytes(4).toString('hex')}`);
  mkdirSync(folder);
  const undo: (() => Promise<unknown>)[] = [
    async () => {
      rmSync(folder, { recursive: true, force: true });
    },
  ];
  const stop = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    return await bringUp(folder, options, { undo, stop });
  } catch (error) {
    await stop();
    throw error;
  }
}

interface Teardown {
  /** Runs in reverse order. */
  readonly undo: (() => Promise<unknown>)[];
  readonly stop: () => Promise<void>;
}

async function bringUp(folder: string, options: SystemOptions, { undo, stop }: Teardown): Promise<System> {
  const { stage, starts } = await setStage(folder, options, undo);
  const postgresUp = bringUpPostgres(stage);
  const temporalUp =
    options.ownServers && wantsFullTemporal()
      ? postgresUp.then((url) => bringUpFullTemporal(stage, url))
      : bringUpTemporal(stage);
  const [databaseUrl, temporal, { sandbox: announced, settings }] = await Promise.all([
    postgresUp,
    temporalUp,
    bringUpSandbox(stage),
  ]);
  const serviceUrl = await prepareDatabase(stage, databaseUrl, () => undefined);
  const { ports, instance, secrets, namespace } = stage;
  const addresses = {
    databaseUrl: serviceUrl,
    temporalAddress: temporal.address,
    temporalUiUrl: temporal.uiUrl,
    sandboxSettings: settings,
    apiPort: ports.api,
    workerHealthPort: ports.workerHealth,
  };
  const env = serviceEnvironment(stage.env, addresses, secrets);
  const sandbox = announced as System['sandbox'];
  const apiUrl = `http://127.0.0.1:${ports.api}`;
  await Promise.all([
    bringUpService(stage, { name: 'worker', env, healthUrl: `http://127.0.0.1:${ports.workerHealth}/health/ready` }),
    bringUpService(stage, { name: 'api', env, healthUrl: `${apiUrl}/health/ready` }),
  ]);
  const connection = await Connection.connect({ address: temporal.address });
  // As the service's own clients, for tests that kill Postgres: nothing handles the failure of a new connection's look at the types.
  const database = postgres(databaseUrl, { max: 2, fetch_types: false, onnotice: () => undefined });
  undo.push(
    () => connection.close(),
    () => database.end({ timeout: 5 }),
  );
  const logFileOf: System['logFileOf'] = (service) => path.join(stage.home.logsFolder, `${service}.log`);
  const tokenOf = (rights: Parameters<System['as']>[0]) =>
    signToken({ ...rights, subject: 'test', ttlSeconds: TOKEN_TTL_S }, secrets.jwtSecret);
  const as: System['as'] = async (rights) => new ServiceClient(apiUrl, await tokenOf(rights));
  const token = await tokenOf({ role: 'admin', venues: '*' });
  return {
    apiUrl,
    api: new ServiceClient(apiUrl, token),
    token,
    as,
    stripe: stripeSandboxOf(sandbox.stripe),
    sandbox,
    temporal: new Client({ connection, namespace }),
    database,
    databaseUrl,
    kill: (service) => kill({ pid: instance.pids()[service], starts, service }),
    pause: (service, ms) => pause({ pid: instance.pids()[service], service }, ms),
    logOf: (service) => lastLines(logFileOf(service), 60),
    logFileOf,
    stop,
  };
}

/** `starts` counts the starts of each service. */
async function setStage(
  folder: string,
  { ownServers = false, env: more = {} }: SystemOptions,
  undo: Teardown['undo'],
): Promise<{ stage: Stage; starts: Map<string, number> }> {
  const given = Object.fromEntries(FROM_THE_TEST_RUN.map((name) => [name, process.env[name]]));
  const { databaseUrl, address, namespace } = ownServers ? OWN_SERVERS : await useSharedServers(undo);
  const servers = { DATABASE_URL: databaseUrl, TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace };
  const env: Env = {
    ...given,
    ...(await choosePortNumbers()),
    LOG_LEVEL: 'warn',
    // Short, so that tests that break a provider need not wait for a minute.
    PROVIDER_CIRCUIT_SECONDS: '1',
    INTERLOCK_HOME: folder,
    ...servers,
    ...more,
  };
  const home = homeOf(env);
  const instance = await Instance.claim(home, () => undefined);
  const starts = new Map<string, number>();
  const supervisor = new Supervisor({
    log: () => undefined,
    onUp: (name, pid) => {
      starts.set(name, (starts.get(name) ?? 0) + 1);
      const service = SERVICES.find((known) => known === name);
      if (service !== undefined) instance.setChild(service, pid);
    },
    backoff: { firstMs: 500, maxMs: 2_000, forgottenAfterMs: 5_000 },
  });
  undo.push(() => supervisor.stopAll(SERVICES));
  const log = (): void => undefined;
  const stage = {
    env,
    home,
    secrets: loadSecrets(home.secretsFile),
    ports: await choosePorts(env, log, PROVIDERS),
    supervisor,
    instance,
    namespace,
    log,
  };
  return { stage, starts };
}

async function choosePortNumbers(): Promise<Env> {
  const chosen = new Set<number>();
  while (chosen.size < PORTS.length) {
    chosen.add(await freePort());
  }
  const ports = [...chosen].map(String);
  return Object.fromEntries(PORTS.map((name, index) => [name, ports[index]]));
}

interface Servers {
  readonly databaseUrl: string;
  readonly address: string;
  readonly namespace: string;
}

/** An empty value counts as absent: the copy then runs its own. */
const OWN_SERVERS: Servers = { databaseUrl: '', address: '', namespace: 'default' };

async function useSharedServers(undo: Teardown['undo']): Promise<Servers> {
  const [database, temporal] = await Promise.all([createTestDatabase(), createTestNamespace()]);
  undo.push(() => database.drop());
  return { databaseUrl: database.ownerUrl, ...temporal };
}

async function kill({
  pid,
  starts,
  service,
}: {
  pid: number | null;
  starts: ReadonlyMap<string, number>;
  service: ServiceName;
}): Promise<number> {
  const mark = runningMark(pid, service);
  const before = starts.get(service);
  const killedAt = performance.now();
  process.kill(mark.pid, 'SIGKILL');
  await until(() => !isAlive(mark) && starts.get(service) !== before, {
    limitMs: RESTART_LIMIT_MS,
    what: `${service} is up again`,
  });
  return performance.now() - killedAt;
}

async function pause(
  { pid, service }: { readonly pid: number | null; readonly service: ServiceName },
  ms: number,
): Promise<void> {
  const mark = runningMark(pid, service);
  process.kill(mark.pid, 'SIGSTOP');
  try {
    await sleep(ms);
  } finally {
    if (isAlive(mark)) process.kill(mark.pid, 'SIGCONT');
  }
}

function runningMark(pid: number | null, service: ServiceName): ProcessMark {
  const mark = pid === null ? null : markOf(pid);
  if (mark === null) throw new Error(`this system does not run ${service} itself, or it is down`);
  return mark;
}
