import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { NODE_COMPILE_CACHE } from '../../runtime/start/home.ts';
import { freePort } from '../../runtime/start/ports.ts';
import { keepServiceBundle } from '../../worker/service-bundle.ts';

export interface WorkerProcess {
  readonly pid: number;
  /** Everything the process has printed so far. */
  output(): string;
  /** Status code of its health endpoint. Null while the endpoint does not answer. */
  health(probe: 'live' | 'ready'): Promise<number | null>;
  stop(signal?: NodeJS.Signals): void;
  /** Waits for the exit code, at most `limitMs`. */
  exitCode(limitMs?: number): Promise<number | null>;
}

/** Starts a worker as `npm start` does, with a complete environment, except for what the test overrides; undefined leaves a variable out. */
export async function aWorkerProcess(env: Record<string, string | undefined>): Promise<WorkerProcess> {
  const port = await freePort();
  const complete = {
    PATH: process.env['PATH'],
    NODE_COMPILE_CACHE,
    MOCK_KMS: 'true',
    ENCRYPTION_KEY: randomBytes(32).toString('base64'),
    HEALTH_PORT: String(port),
    ...env,
  };
  const child = spawn(process.execPath, [await keepServiceBundle('worker')], {
    env: complete,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  const printed: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => printed.push(chunk.toString()));
  const exited = once(child, 'close') as Promise<[number | null]>;
  return {
    pid: child.pid ?? 0,
    output: () => printed.join(''),
    health: (probe) =>
      fetch(`http://127.0.0.1:${port}/health/${probe}`).then(
        (response) => response.status,
        () => null,
      ),
    stop: (signal = 'SIGTERM') => {
      child.kill(signal);
    },
    async exitCode(limitMs = 50_000) {
      const outcome = await Promise.race([exited, sleep(limitMs).then(() => null)]);
      if (outcome === null) throw new Error(`the worker still runs after ${limitMs} ms: ${printed.join('')}`);
      return outcome[0];
    },
  };
}

/** Waits until `condition` holds, at most `limitMs`. */
export async function eventually(condition: () => boolean | Promise<boolean>, limitMs = 50_000): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not true after ${limitMs} ms: ${condition.toString()}`);
    await sleep(50);
  }
}
