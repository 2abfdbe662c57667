import { spawn } from 'node:child_process';
import path from 'node:path';
import { readFileSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { REPOSITORY } from '../../../runtime/start/home.ts';
import { Supervisor } from '../../../runtime/processes/supervisor.ts';
import { startNodeChild } from '../../../runtime/processes/node-child.ts';
import { isAlive, markOf } from '../../../runtime/processes/processes.ts';
import { aFolder, aProgram, eventually } from '../support.ts';
import type { NodeChildOptions } from '../../../runtime/processes/node-child.ts';

const READY = { line: (line: string): boolean => line === 'ready' };
const BACKOFF = { firstMs: 20, maxMs: 80, forgottenAfterMs: 60_000 };

function aChild(source: string, options: Partial<NodeChildOptions> = {}): NodeChildOptions {
  const folder = aFolder();
  return {
    name: 'child',
    entry: aProgram(folder, 'child.ts', source),
    env: process.env,
    logFile: path.join(folder, 'child.log'),
    readyWhen: READY,
    graceMs: 2_000,
    ...options,
  };
}

function aSupervisor(): { supervisor: Supervisor; lines: string[]; ups: { name: string; pid: number }[] } {
  const lines: string[] = [];
  const ups: { name: string; pid: number }[] = [];
  const supervisor = new Supervisor({
    log: (line) => {
      lines.push(line);
    },
    onUp: (name, pid) => {
      ups.push({ name, pid });
    },
    backoff: BACKOFF,
  });
  onTestFinished(() => supervisor.stopAll([]));
  return { supervisor, lines, ups };
}

const gone = (pid: number): boolean => markOf(pid) === null;
const IDLE = "console.log('ready'); setInterval(() => {}, 1000);";

test('the supervisor restarts a killed child and reports its new process id', async () => {
  const { supervisor, lines, ups } = aSupervisor();
  const options = aChild(IDLE);
  const first = await supervisor.keep('worker', () => startNodeChild(options));
  process.kill(first.pid, 'SIGKILL');
  await eventually(() => ups.length === 2);
  expect(ups[1]?.pid).not.toBe(first.pid);
  expect(gone(ups[1]!.pid)).toBe(false);
  expect(lines).toContain('worker ended with SIGKILL: starting it again in 0.02 s');
});

test('the supervisor restarts a crashing child with exponential backoff up to a bound', async () => {
  const { supervisor, lines } = aSupervisor();
  const options = aChild("console.log('ready'); setTimeout(() => process.exit(3), 20);");
  await supervisor.keep('api', () => startNodeChild(options));
  await eventually(() => lines.filter((line) => line.includes('in 0.08 s')).length >= 2);
  const pauses = lines
    .filter((line) => line.startsWith('api ended with exit code 3'))
    .map((line) => /again in (.*) s$/.exec(line)?.[1]);
  expect(pauses.slice(0, 4)).toEqual(['0.02', '0.04', '0.08', '0.08']);
});

test('the supervisor retries a failed restart', async () => {
  const { supervisor, lines, ups } = aSupervisor();
  const options = aChild(IDLE);
  let attempts = 0;
  const first = await supervisor.keep('api', () => {
    attempts += 1;
    return attempts === 2 ? Promise.reject(new Error('the port is still taken')) : startNodeChild(options);
  });
  process.kill(first.pid, 'SIGKILL');
  await eventually(() => ups.length === 2);
  expect(lines.join('\n')).toContain('the port is still taken\napi will be tried again in');
});

test('the supervisor stops every child in the given order and starts none again', async () => {
  const { supervisor, ups } = aSupervisor();
  const ended: string[] = [];
  for (const name of ['postgres', 'worker', 'api']) {
    const child = await supervisor.keep(name, () => startNodeChild(aChild(IDLE)));
    void child.exited.then(() => ended.push(name));
  }
  await supervisor.stopAll(['api', 'worker', 'postgres']);
  expect(ended).toEqual(['api', 'worker', 'postgres']);
  expect(ups).toHaveLength(3);
  expect(ups.every(({ pid }) => gone(pid))).toBe(true);
});

test('the supervisor aborts a running start on stop, and leaves no process behind', async () => {
  const { supervisor } = aSupervisor();
  let pid = 0;
  const options = aChild('setInterval(() => {}, 1000);', {
    onSpawn: (spawned) => {
      pid = spawned;
    },
  });
  const started = expect(supervisor.keep('worker', (stop) => startNodeChild({ ...options, stop }))).rejects.toThrow(
    'stopping',
  );
  await eventually(() => pid > 0);
  await supervisor.stopAll([]);
  await started;
  expect(gone(pid)).toBe(true);
});

test('the supervisor kills a child that ignores SIGTERM', async () => {
  const child = await startNodeChild(aChild(`process.on('SIGTERM', () => {}); ${IDLE}`, { graceMs: 100 }));
  await child.stop();
  expect(await child.exited).toBe('SIGKILL');
});

test('the supervisor reports a child that exits before it is ready, with the end of its log', async () => {
  const options = aChild("console.error('the reason'); process.exit(78);");
  await expect(startNodeChild(options)).rejects.toThrow(
    /child did not start: it ended with exit code 78\. The end of .*child\.log:\n {2}the reason/,
  );
});

test('the supervisor stops a child that is not ready within its limit', async () => {
  let pid = 0;
  const options = aChild('setInterval(() => {}, 1000);', {
    limitMs: 300,
    onSpawn: (spawned) => {
      pid = spawned;
    },
  });
  await expect(startNodeChild(options)).rejects.toThrow('child did not start: it was not ready after 0.3 s');
  expect(gone(pid)).toBe(true);
});

test('the supervisor logs every line except the ready line, which may contain secrets', async () => {
  const options = aChild(
    "console.log('before'); console.log('ready'); console.log('after'); setInterval(() => {}, 1000);",
  );
  const child = await startNodeChild(options);
  await eventually(() => readFileSync(options.logFile, 'utf8').includes('after'));
  await child.stop();
  expect(readFileSync(options.logFile, 'utf8')).toBe('before\nafter\n');
});

test('the supervisor’s children exit when it is killed', async () => {
  const folder = aFolder();
  const child = aProgram(folder, 'child.ts', IDLE);
  const supervisor = aProgram(
    folder,
    'supervisor.ts',
    `
    import { startNodeChild } from ${JSON.stringify(path.join(REPOSITORY, 'runtime/processes/node-child.ts'))};
    const child = await startNodeChild({ name: 'child', entry: ${JSON.stringify(child)}, env: process.env, logFile: ${JSON.stringify(path.join(folder, 'child.log'))}, readyWhen: { line: (line) => line === 'ready' } });
    console.log(child.pid);`,
  );
  const running = spawn(process.execPath, [supervisor], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => {
    running.kill('SIGKILL');
  });
  const pid = await new Promise<number>((resolve) =>
    running.stdout.once('data', (text) => {
      resolve(Number(text));
    }),
  );
  const mark = markOf(pid)!;
  expect(isAlive(mark)).toBe(true);
  running.kill('SIGKILL');
  await eventually(() => !isAlive(mark));
});
