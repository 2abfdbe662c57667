import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';
import { initialiseCluster, preparePostgresHome } from './postgres-home.ts';
import type { PostgresHome } from './postgres-home.ts';

export interface EmbeddedPostgresOptions {
  /** Kept between runs. Initialised when missing or empty. */
  readonly dataFolder: string;
  /** Password of the superuser `postgres`. The caller stores it: the data folder holds only a hash. */
  readonly password: string;
  /** When absent, a free port is used. */
  readonly port?: number | undefined;
  /** The database in `url`, created when missing. Default `postgres`. */
  readonly database?: string | undefined;
  readonly maxConnections?: number | undefined;
  /** Trades durability for speed, for tests with disposable data. */
  readonly disposable?: boolean | undefined;
  /** Stops a server that a killed run left on this data folder, instead of refusing to start. */
  readonly replaceLeftover?: boolean | undefined;
  /**
   * Receives the server's own messages line by line. They contain no rows, parameters or statements.
   * The lines come through a pipe: if this process blocks its event loop for long, the server blocks too.
   */
  readonly log: (line: string) => void;
}

export interface EmbeddedPostgres {
  /** Contains the password: never log it. */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Resolves when the server has exited for any reason. Never rejects. */
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  /** Disconnects every client and waits until the server has exited. */
  stop(): Promise<void>;
}

const RETRY_MS = 250;
const MAX_RETRIES = 120;
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 10_000;
const LAST_WORDS_TIMEOUT_MS = 1_000;

/**
 * Starts Postgres on 127.0.0.1 and returns when it accepts connections. Throws an Error whose one-line message says
 * what to do.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const home = await preparePostgresHome(options.dataFolder);
  await initialiseCluster(home, { password: options.password, disposable: options.disposable ?? false });
  const { server, port } = await startServer(home, options);
  try {
    const url = await openDatabaseOf(port, options);
    return { url, port, pid: server.pid, exited: server.exited, stop: () => stopServer(server) };
  } catch (error) {
    await stopServer(server);
    throw error;
  }
}

interface RunningServer {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly exited: EmbeddedPostgres['exited'];
}

/**
 * Retries while remains of a killed server are still being cleaned up, or when a free port is taken in the meantime.
 */
async function startServer(
  home: PostgresHome,
  options: EmbeddedPostgresOptions,
): Promise<{ readonly server: RunningServer; readonly port: number }> {
  let failure = '';
  for (let attempt = 0; attempt < MAX_RETRIES; attempt += 1) {
    const port = options.port ?? (await findFreePort());
    const outcome = await tryServer(home, port, options);
    if (typeof outcome !== 'string') return { server: outcome, port };
    failure = outcome;
    if (/could not bind|could not create any TCP/.test(failure)) {
      if (options.port !== undefined)
        throw new Error(`Port ${port} is in use or not permitted: choose another for Postgres, or stop what uses it`);
    } else if (failure.includes('postmaster.pid')) {
      await clearLeftover(home, options);
    } else if (!failure.includes('shared memory block')) {
      break;
    }
    await sleep(RETRY_MS);
  }
  throw new Error(`Postgres did not start in ${home.dataFolder}: ${failure}`);
}

/** Returns the running server, or the reason it gave for exiting. */
async function tryServer(
  home: PostgresHome,
  port: number,
  options: EmbeddedPostgresOptions,
): Promise<RunningServer | string> {
  const child = spawn(home.postgres, ['-D', home.dataFolder, '-p', String(port), ...settings(options)], {
    cwd: '/',
    env: { LC_ALL: 'C' },
    stdio: ['ignore', 'ignore', 'pipe'],
    // Use a separate process group, so that Ctrl-C reaches only the supervisor, which stops Postgres last.
    detached: true,
    ...home.identity,
  });
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('exit', (code, signal) => {
      resolve({ code, signal });
    });
    child.once('error', () => {
      resolve({ code: null, signal: null });
    });
  });
  const closed = new Promise<void>((resolve) => {
    child.once('close', () => {
      resolve();
    });
  });
  const lines: string[] = [];
  const ready = new Promise<'ready'>((resolve) => {
    forEachLine(child, (line) => {
      options.log(line);
      if (lines.length < 100) lines.push(line);
      if (line.includes('database system is ready to accept connections')) resolve('ready');
    });
  });
  const timeout = new AbortController();
  const first = await Promise.race([
    ready,
    exited,
    sleep(START_TIMEOUT_MS, 'timeout', { signal: timeout.signal, ref: false }).catch(() => 'timeout' as const),
  ]);
  timeout.abort();
  if (first === 'ready' && child.pid !== undefined) {
    const server = { child, pid: child.pid, exited };
    stopWithThisProcess(server);
    return server;
  }
  if (first === 'timeout') {
    child.kill('SIGKILL');
    return `it was not ready after ${START_TIMEOUT_MS / 1000} s`;
  }
  // `exit` may arrive before the last output is read. Bound the wait, because a child of a killed server may hold the
  // pipe open.
  await Promise.race([closed, sleep(LAST_WORDS_TIMEOUT_MS, null, { ref: false })]);
  const fatal = lines.filter((line) => /FATAL|could not bind/.test(line));
  return (fatal.length > 0 ? fatal : lines.slice(-1)).join('; ') || 'it ended without a message';
}

function settings({ maxConnections = 200, disposable = false }: EmbeddedPostgresOptions): string[] {
  const values = [
    'listen_addresses=127.0.0.1',
    'unix_socket_directories=',
    `max_connections=${maxConnections}`,
    'lc_messages=C',
    'timezone=UTC',
    // Statements and constraint details would write personal data into the log.
    'log_min_error_statement=panic',
    'log_error_verbosity=terse',
    'log_checkpoints=off',
    ...(disposable
      ? ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off', 'wal_level=minimal', 'max_wal_senders=0']
      : []),
  ];
  return values.flatMap((value) => ['-c', value]);
}

function forEachLine(child: ChildProcess, handle: (line: string) => void): void {
  let rest = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n');
    rest = parts.pop() ?? '';
    for (const line of parts) if (line.trim() !== '') handle(line.trim());
  });
}

function stopWithThisProcess({ child, exited }: RunningServer): void {
  const interrupt = () => {
    child.kill('SIGINT');
  };
  process.once('exit', interrupt);
  void exited.then(() => process.off('exit', interrupt));
}

/**
 * Fast shutdown, then immediate, then SIGKILL: https://www.postgresql.org/docs/18/server-shutdown.html (2026-11-21).
 */
async function stopServer({ child, exited }: RunningServer): Promise<void> {
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    child.kill(signal);
    const timeout = new AbortController();
    const ended = await Promise.race([
      exited,
      sleep(STOP_TIMEOUT_MS, null, { signal: timeout.signal }).catch(() => null),
    ]);
    timeout.abort();
    if (ended) return;
  }
}

async function findFreePort(): Promise<number> {
  const probe = createServer();
  return new Promise((resolve, reject) => {
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => {
        resolve(port);
      });
    });
  });
}

/**
 * Clears the lock file of a killed server. Its process id belongs to that server, or by now to an unrelated process
 * that Postgres mistakes for it.
 */
async function clearLeftover(home: PostgresHome, options: EmbeddedPostgresOptions): Promise<void> {
  const lockFile = join(home.dataFolder, 'postmaster.pid');
  const pid = Number((await readFile(lockFile, 'utf8').catch(() => '')).split('\n')[0]);
  if (!Number.isInteger(pid) || pid <= 1) return;
  if (!(await commandLineOf(pid)).includes(home.dataFolder)) {
    await rm(lockFile, { force: true });
    return;
  }
  if (!options.replaceLeftover)
    throw new Error(`Another Postgres (process ${pid}) uses ${home.dataFolder}: stop it first`);
  options.log(`stopping the Postgres (process ${pid}) that an earlier run left behind`);
  signalQuietly(pid, 'SIGINT');
  for (let waitedMs = 0; waitedMs < STOP_TIMEOUT_MS; waitedMs += RETRY_MS) {
    await sleep(RETRY_MS);
    if ((await commandLineOf(pid)) === '') return;
  }
  signalQuietly(pid, 'SIGQUIT');
}

async function commandLineOf(pid: number): Promise<string> {
  const fromProc = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => null);
  if (fromProc !== null) return fromProc.replaceAll('\0', ' ');
  const { status, stdout } = spawnSync('ps', ['-o', 'args=', '-p', String(pid)], { encoding: 'utf8' });
  return status === 0 ? stdout : '';
}

function signalQuietly(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // The process has already exited.
  }
}

async function openDatabaseOf(
  port: number,
  { password, database = 'postgres' }: EmbeddedPostgresOptions,
): Promise<string> {
  const base = `postgres://postgres:${encodeURIComponent(password)}@127.0.0.1:${port}`;
  const sql = postgres(`${base}/postgres`, { max: 1, connect_timeout: 10, onnotice: () => undefined });
  try {
    const [known] = await sql`select 1 from pg_database where datname = ${database}`;
    if (!known) await sql`create database ${sql(database)}`;
    return `${base}/${encodeURIComponent(database)}`;
  } catch (error) {
    if ((error as { code?: string }).code === '28P01') {
      throw new Error(
        'The password does not fit the Postgres data folder: use the one that it was initialised with, or begin with an empty folder',
        { cause: error },
      );
    }
    throw error;
  } finally {
    await sql.end({ timeout: 5 }).catch(() => undefined);
  }
}
