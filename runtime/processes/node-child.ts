import { spawn } from 'node:child_process';
import { closeSync, createWriteStream, mkdirSync, openSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { exitOf, lastLines } from './child-process.ts';
import { REPOSITORY } from '../start/home.ts';
import { markOf, stopProcess } from './processes.ts';
import { messageOf, StartError } from '../start/start-error.ts';
import type { ChildProcess } from 'node:child_process';
import type { Env } from '../start/home.ts';
import type { RunningChild } from './child-process.ts';

export interface NodeChildOptions {
  /** Used in messages. */
  readonly name: string;
  /** A program for Node, relative to the repository's root or absolute. */
  readonly entry: string;
  readonly env: Env;
  readonly logFile: string;
  /** Node's own options. */
  readonly nodeArguments?: readonly string[];
  readonly readyWhen: ReadyWhen;
  readonly onSpawn?: (pid: number) => void;
  /** Aborts the start, and stops the child. */
  readonly stop?: AbortSignal;
  readonly limitMs?: number;
  /** Time between SIGTERM and SIGKILL. */
  readonly graceMs?: number;
}

/**
 * A URL that answers 200, or a line of standard output that `line` accepts. That line is not logged because it may
 * contain secrets.
 */
export type ReadyWhen = { readonly url: string } | { readonly line: (line: string) => boolean };

const EXIT_WITH_PARENT = path.join(REPOSITORY, 'runtime', 'processes', 'exit-with-parent.cjs');

/**
 * Starts a TypeScript program under this Node and returns when it reports that it is ready.
 * @throws {StartError} with the end of its log when it exits early or is not ready within `limitMs` (60 s).
 */
export async function startNodeChild(options: NodeChildOptions): Promise<RunningChild> {
  mkdirSync(path.dirname(options.logFile), { recursive: true, mode: 0o700 });
  const child = spawnChild(options);
  const exited = exitOf(child);
  const mark = child.pid === undefined ? null : markOf(child.pid);
  if (mark === null)
    throw new StartError(`${options.name} did not start: it ended with ${await exited}. ${lastLines(options.logFile)}`);
  options.onSpawn?.(mark.pid);
  const stop = async (): Promise<void> => {
    await stopProcess(mark, options.graceMs ?? 10_000);
  };
  const limitMs = options.limitMs ?? 60_000;
  const ended = new AbortController();
  void exited.then((how) => {
    ended.abort(new Error(`it ended with ${how}`));
  });
  const givenUp = options.stop === undefined ? ended.signal : AbortSignal.any([ended.signal, options.stop]);
  const ready = 'url' in options.readyWhen ? answersOk(options.readyWhen.url, givenUp) : lineSeen(child, options);
  try {
    await Promise.race([ready, whenAborted(givenUp), refuseAfter(limitMs, givenUp)]);
  } catch (error) {
    await stop().catch(() => undefined);
    throw new StartError(`${options.name} did not start: ${messageOf(error)}. ${lastLines(options.logFile)}`, {
      cause: error,
    });
  }
  return { pid: mark.pid, exited, stop };
}

function spawnChild({ entry, env, logFile, readyWhen, nodeArguments = [] }: NodeChildOptions): ChildProcess {
  const output = openSync(logFile, 'a', 0o600);
  try {
    return spawn(
      process.execPath,
      [
        '--disable-warning=ExperimentalWarning',
        ...nodeArguments,
        '--require',
        EXIT_WITH_PARENT,
        path.resolve(REPOSITORY, entry),
      ],
      {
        cwd: REPOSITORY,
        env,
        // Use a separate process group, so that Ctrl-C reaches only the supervisor, which stops its children in order.
        detached: true,
        stdio: ['ignore', 'line' in readyWhen ? 'pipe' : output, output, 'ipc'],
      },
    );
  } finally {
    closeSync(output);
  }
}

async function answersOk(url: string, ended: AbortSignal): Promise<void> {
  while (!ended.aborted) {
    const response = await fetch(url, { signal: AbortSignal.timeout(5_000) }).catch(() => null);
    await response?.body?.cancel();
    if (response?.status === 200) return;
    await sleep(50);
  }
}

function lineSeen(child: ChildProcess, { readyWhen, logFile }: NodeChildOptions): Promise<void> {
  const { stdout } = child;
  if (stdout === null || 'url' in readyWhen) return Promise.reject(new Error('its output is not read'));
  // Open the file now: a stream opens it later and then fails without a listener if the folder is gone.
  const log = createWriteStream(logFile, { fd: openSync(logFile, 'a', 0o600) });
  return new Promise((resolve) => {
    const lines = createInterface({ input: stdout });
    lines.on('line', (line) => {
      if (readyWhen.line(line)) resolve();
      else log.write(`${line}\n`);
    });
    lines.once('close', () => {
      log.end();
    });
  });
}

function whenAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason as Error);
    signal.addEventListener(
      'abort',
      () => {
        reject(signal.reason as Error);
      },
      { once: true },
    );
  });
}

async function refuseAfter(limitMs: number, ended: AbortSignal): Promise<never> {
  await sleep(limitMs, null, { signal: ended, ref: false });
  throw new Error(`it was not ready after ${limitMs / 1_000} s`);
}
