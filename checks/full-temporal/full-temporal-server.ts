import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import path from 'node:path';
import { exitOf, lastLines } from '../../runtime/processes/child-process.ts';
import {
  DYNAMIC_CONFIG_FILE,
  NAMESPACE_SCRIPT,
  SCHEMA_SCRIPT,
  composeEnvironment,
  createDatabases,
} from './full-temporal-stack.ts';
import { freePort } from '../../runtime/start/ports.ts';
import { markOf, stopProcess } from '../../runtime/processes/processes.ts';
import { runCommand } from '../../runtime/processes/run-command.ts';
import { messageOf, StartError } from '../../runtime/start/start-error.ts';
import { waitForTemporal } from '../../runtime/temporal/temporal-readiness.ts';
import type { FullTemporalBinaries } from './full-temporal-binaries.ts';
import type { RunningTemporal } from '../../runtime/temporal/temporal.ts';

const LOOPBACK = '127.0.0.1';

/** Every port of the server's four services. */
const PORT_VARIABLES = [
  'FRONTEND_GRPC_PORT',
  'FRONTEND_MEMBERSHIP_PORT',
  'FRONTEND_HTTP_PORT',
  'HISTORY_GRPC_PORT',
  'HISTORY_MEMBERSHIP_PORT',
  'MATCHING_GRPC_PORT',
  'MATCHING_MEMBERSHIP_PORT',
  'WORKER_GRPC_PORT',
  'WORKER_MEMBERSHIP_PORT',
  'METRICS_PORT',
] as const;
type PortVariable = (typeof PORT_VARIABLES)[number];

/** A cluster of one server on a Postgres that somebody else runs: what is the same at each of its starts. */
export interface FullTemporal {
  readonly binaries: FullTemporalBinaries;
  /** The path of the `temporal` command-line tool that the namespace script calls. */
  readonly cli: string;
  readonly postgres: { readonly port: number; readonly password: string };
  readonly ports: Readonly<Record<PortVariable, number>>;
  readonly namespace: string;
  readonly logFile: string;
}

/**
 * Creates the databases and the schema on an empty Postgres with the files of temporal-docker/. `adminUrl` is a
 * superuser's. Every start uses the same ports, by which the cluster remembers its members.
 */
export async function prepareFullTemporal(
  options: Pick<FullTemporal, 'binaries' | 'cli' | 'namespace' | 'logFile'> & {
    readonly adminUrl: string;
    readonly grpcPort?: number;
  },
): Promise<FullTemporal> {
  const { adminUrl, grpcPort, ...kept } = options;
  mkdirSync(path.dirname(options.logFile), { recursive: true, mode: 0o700 });
  const password = randomBytes(24).toString('hex');
  await createDatabases(adminUrl, 'temporal.sql', { TEMPORAL_DB_PASSWORD: password });
  const port = Number(new URL(adminUrl).port);
  await setUpSchema(options.binaries, { port, password });
  return { ...kept, postgres: { port, password }, ports: await choosePorts(grpcPort) };
}

/** Does the work of the container `temporal-schema`. Changes nothing when the schema is current. */
export async function setUpSchema(
  { folder }: FullTemporalBinaries,
  { port, password }: FullTemporal['postgres'],
): Promise<void> {
  const env = {
    ...composeEnvironment('temporal-schema', { TEMPORAL_DB_PASSWORD: password }),
    SQL_HOST: LOOPBACK,
    SQL_PORT: String(port),
  };
  await runCommand('sh', [SCHEMA_SCRIPT], { timeoutMs: 120_000, env: { ...env, PATH: withProgramsOf(folder) } });
}

export interface FullTemporalStart {
  readonly onSpawn?: (pid: number) => void;
  /** Aborting cancels the start and ends the server. */
  readonly stop?: AbortSignal;
}

/**
 * Starts the server with the environment of compose.yaml, four shards and its own ports. Returns when it answers and
 * knows the namespace with our search attributes. @throws {StartError} with the end of its log when it exits early or
 * does not answer within 90 s.
 */
export async function startFullTemporal(
  cluster: FullTemporal,
  { onSpawn, stop: givenUp }: FullTemporalStart = {},
): Promise<RunningTemporal> {
  const output = openSync(cluster.logFile, 'a', 0o600);
  // A group of its own: Ctrl-C reaches the supervisor only, which stops its children in order.
  const server = spawn(cluster.binaries.server, ['start'], {
    cwd: path.dirname(cluster.logFile),
    env: environmentOf(cluster),
    stdio: ['ignore', output, output],
    detached: true,
  });
  closeSync(output);
  const exited = exitOf(server);
  const mark = server.pid === undefined ? null : markOf(server.pid);
  if (mark === null)
    throw new StartError(
      `the Temporal server did not start: it ended with ${await exited}. ${lastLines(cluster.logFile)}`,
    );
  onSpawn?.(mark.pid);
  const stop = async (): Promise<void> => {
    await stopProcess(mark, 20_000);
  };
  const interrupt = (): void => {
    server.kill('SIGTERM');
  };
  process.once('exit', interrupt);
  void exited.then(() => process.off('exit', interrupt));
  const address = `${LOOPBACK}:${cluster.ports.FRONTEND_GRPC_PORT}`;
  const ended = new AbortController();
  void exited.then((how) => {
    ended.abort(new Error(`it ended with ${how}`));
  });
  try {
    await setUpNamespace(
      cluster,
      address,
      givenUp === undefined ? ended.signal : AbortSignal.any([ended.signal, givenUp]),
    );
  } catch (error) {
    await stop();
    throw new StartError(
      `the Temporal server did not start: ${messageOf(ended.signal.aborted ? ended.signal.reason : error)}. ${lastLines(cluster.logFile)}`,
      { cause: error },
    );
  }
  return { address, uiUrl: null, pid: mark.pid, exited, stop };
}

/** Does the work of the container `temporal-namespace`. */
async function setUpNamespace({ cli, namespace }: FullTemporal, address: string, stop: AbortSignal): Promise<void> {
  const env = {
    ...composeEnvironment('temporal-namespace', {}),
    TEMPORAL_ADDRESS: address,
    TEMPORAL_NAMESPACE: namespace,
  };
  await runCommand('sh', [NAMESPACE_SCRIPT], {
    timeoutMs: 90_000,
    stop,
    env: { ...env, PATH: withProgramsOf(path.dirname(cli)) },
  });
  await waitForTemporal({ address, namespace, limitMs: 30_000, stop });
}

const withProgramsOf = (folder: string): string => `${folder}${path.delimiter}${process.env['PATH'] ?? ''}`;

function environmentOf({ postgres, ports }: FullTemporal): Record<string, string> {
  const own = Object.fromEntries(PORT_VARIABLES.map((name) => [name, String(ports[name])]));
  return {
    ...composeEnvironment('temporal', { TEMPORAL_DB_PASSWORD: postgres.password }),
    ...own,
    POSTGRES_SEEDS: LOOPBACK,
    DB_PORT: String(postgres.port),
    BIND_ON_IP: LOOPBACK,
    NUM_HISTORY_SHARDS: '4',
    DYNAMIC_CONFIG_FILE_PATH: DYNAMIC_CONFIG_FILE,
    PROMETHEUS_ENDPOINT: `${LOOPBACK}:${ports.METRICS_PORT}`,
  };
}

async function choosePorts(grpcPort: number | undefined): Promise<FullTemporal['ports']> {
  const chosen = new Set(grpcPort === undefined ? [] : [grpcPort]);
  while (chosen.size < PORT_VARIABLES.length) chosen.add(await freePort());
  // FRONTEND_GRPC_PORT is the first of the two.
  return Object.fromEntries([...chosen].map((port, index) => [PORT_VARIABLES[index], port])) as Record<
    PortVariable,
    number
  >;
}
