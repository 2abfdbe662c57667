import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { homeOf } from '../../../runtime/start/home.ts';
import { Instance, readInstance, runningInstance } from '../../../runtime/start/instance.ts';
import { isAlive, markOf } from '../../../runtime/processes/processes.ts';
import { aFolder, anIdleProcess } from '../support.ts';
import type { Home } from '../../../runtime/start/home.ts';

const aHome = (): Home => homeOf({ INTERLOCK_HOME: aFolder() });
const silent = (): void => undefined;

test('a second start on a running home is rejected with the URL of the first', async () => {
  const home = aHome();
  const first = await Instance.claim(home, silent);
  await expect(Instance.claim(home, silent)).rejects.toThrow(/already runs and is starting/);
  first.setApiUrl('http://127.0.0.1:3999');
  await expect(Instance.claim(home, silent)).rejects.toThrow(
    `Interlock already runs at http://127.0.0.1:3999 on ${home.folder} (process ${process.pid})`,
  );
});

test('exactly one of ten concurrent starts claims the home', async () => {
  const home = aHome();
  const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => Instance.claim(home, silent)));
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
});

test('a released home can be claimed again', async () => {
  const home = aHome();
  (await Instance.claim(home, silent)).release();
  expect(runningInstance(home)).toBeNull();
  await expect(Instance.claim(home, silent)).resolves.toBeInstanceOf(Instance);
});

test('a new start first stops what a killed supervisor left running', async () => {
  const home = aHome();
  const [supervisor, temporal] = [await anIdleProcess(), await anIdleProcess()];
  writeFileSync(
    home.instanceFile,
    JSON.stringify({ supervisor: markOf(supervisor.pid), apiUrl: null, children: { temporal: markOf(temporal.pid) } }),
  );
  writeFileSync(home.startedFile, '{}');
  supervisor.child.kill('SIGKILL');
  await new Promise((resolve) => supervisor.child.once('exit', resolve));
  const lines: string[] = [];
  await Instance.claim(home, (line) => {
    lines.push(line);
  });
  expect(lines).toEqual([`stopping temporal (process ${temporal.pid}), left over from a run that was killed`]);
  expect(markOf(temporal.pid)).toBeNull();
  expect(() => statSync(home.startedFile)).toThrow(/ENOENT/);
});

test('a new start does not stop an unrelated process that has a recorded process id by now', async () => {
  const home = aHome();
  const stranger = await anIdleProcess();
  const old = { pid: stranger.pid, startTime: '1' };
  writeFileSync(home.instanceFile, JSON.stringify({ supervisor: old, apiUrl: null, children: { postgres: old } }));
  await Instance.claim(home, silent);
  expect(isAlive(markOf(stranger.pid)!)).toBe(true);
});

test('the instance record lists current process ids and is readable by its owner only', async () => {
  const home = aHome();
  const instance = await Instance.claim(home, silent);
  const { pid } = await anIdleProcess();
  instance.setChild('worker', pid);
  expect(instance.pids()).toEqual({
    supervisor: process.pid,
    api: null,
    worker: pid,
    temporal: null,
    postgres: null,
    sandbox: null,
  });
  expect(readInstance(home)?.children['worker']?.pid).toBe(pid);
  expect(statSync(home.instanceFile).mode & 0o777).toBe(0o600);
});

test('a damaged instance record does not prevent a claim', async () => {
  const home = aHome();
  writeFileSync(home.instanceFile, '{"supervisor":');
  await expect(Instance.claim(home, silent)).resolves.toBeInstanceOf(Instance);
  expect(readFileSync(home.instanceFile, 'utf8')).toContain(`"pid": ${process.pid}`);
});
