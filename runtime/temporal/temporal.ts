import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SEARCH_ATTRIBUTES } from '../../contracts/temporal.ts';
import { answers } from '../start/ports.ts';
import { exitOf, lastLines } from '../processes/child-process.ts';
import { markOf, stopProcess } from '../processes/processes.ts';
import { messageOf, StartError } from '../start/start-error.ts';
import { waitForTemporal } from './temporal-readiness.ts';
import type { RunningChild } from '../processes/child-process.ts';

export { resolveTemporal } from './resolve-temporal.ts';

export interface TemporalOptions {
  /** Path of the `temporal` command-line tool. */
  readonly binary: string;
  /** SQLite file that stores workflows; null keeps them in memory only. */
  readonly dataFile: string | null;
  readonly port: number;
  /** Null disables the Web UI. */
  readonly uiPort: number | null;
  readonly namespace: string;
  /** Receives the server's output. */
  readonly logFile: string;
  /** Trades memory for processor time, for tests. */
  readonly disposable?: boolean;
  readonly limitMs?: number;
  readonly onSpawn?: (pid: number) => void;
  /** Aborts the start, and stops the server. */
  readonly stop?: AbortSignal;
}

export interface RunningTemporal extends RunningChild {
  /** host:port of the frontend. */
  readonly address: string;
  readonly uiUrl: string | null;
}

const LOOPBACK = '127.0.0.1';

/**
 * Starts a development server with fairness enabled, and returns when it answers and our search attributes are
 * registered.
 * @throws {StartError} when it exits early or does not answer within `limitMs` (60 s).
 */
export async function startTemporal(options: TemporalOptions): Promise<RunningTemporal> {
  for (const file of [options.dataFile, options.logFile])
    if (file !== null) mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  const output = openSync(options.logFile, 'a', 0o600);
  const server = spawn(options.binary, serverArguments(options), {
    stdio: ['ignore', output, output],
    // Go then collects garbage when the heap has grown fivefold, not when it has doubled.
    env: options.disposable === true ? { ...process.env, GOGC: '400' } : process.env,
    // Use a separate process group, so that Ctrl-C reaches only the supervisor, which stops its children in order.
    detached: true,
  });
  closeSync(output);
  const exited = exitOf(server);
  const mark = server.pid === undefined ? null : markOf(server.pid);
  if (mark === null)
    throw new StartError(`Temporal did not start: it ended with ${await exited}. ${lastLines(options.logFile)}`);
  options.onSpawn?.(mark.pid);
  const stop = async (): Promise<void> => {
    await stopProcess(mark, 10_000);
  };
  try {
    await waitUntilReady(options, exited);
  } catch (error) {
    await stop();
    throw new StartError(`Temporal did not start: ${messageOf(error)}. ${lastLines(options.logFile)}`, {
      cause: error,
    });
  }
  const uiUrl = options.uiPort === null ? null : `http://${LOOPBACK}:${options.uiPort}`;
  return { address: `${LOOPBACK}:${options.port}`, uiUrl, pid: mark.pid, exited, stop };
}

function serverArguments(options: TemporalOptions): string[] {
  const attributes = Object.entries(SEARCH_ATTRIBUTES).flatMap(([name, type]) => [
    '--search-attribute',
    `${name}=${type}`,
  ]);
  // With WAL, NORMAL survives a machine crash without corruption; FULL would add a disk flush to every transition.
  const file =
    options.dataFile === null
      ? []
      : [
          '--db-filename',
          options.dataFile,
          '--sqlite-pragma',
          'journal_mode=WAL',
          '--sqlite-pragma',
          'synchronous=NORMAL',
        ];
  const ui = options.uiPort === null ? ['--headless'] : ['--ui-port', String(options.uiPort)];
  return [
    ...[
      'server',
      'start-dev',
      '--ip',
      LOOPBACK,
      '--port',
      String(options.port),
      '--namespace',
      options.namespace,
      '--log-level',
      'warn',
    ],
    // Venues alternate only within a partition of a queue: with the usual four partitions, one venue's backlog may
    // still go first.
    ...[
      'matching.enableFairness=true',
      'matching.numTaskqueueReadPartitions=1',
      'matching.numTaskqueueWritePartitions=1',
    ].flatMap((setting) => ['--dynamic-config-value', setting]),
    ...file,
    ...ui,
    ...attributes,
  ];
}

async function waitUntilReady(options: TemporalOptions, exited: Promise<string>): Promise<void> {
  const limitMs = options.limitMs ?? 60_000;
  const deadline = performance.now() + limitMs;
  const ended = new AbortController();
  void exited.then((how) => {
    ended.abort(new Error(`it ended with ${how}`));
  });
  const stop = options.stop === undefined ? ended.signal : AbortSignal.any([ended.signal, options.stop]);
  while (!(await answers(options.port))) {
    stop.throwIfAborted();
    if (performance.now() > deadline)
      throw new Error(`port ${options.port} does not answer after ${limitMs / 1_000} s`);
    await sleep(50);
  }
  await waitForTemporal({
    address: `${LOOPBACK}:${options.port}`,
    namespace: options.namespace,
    limitMs: deadline - performance.now(),
    stop,
  });
}
