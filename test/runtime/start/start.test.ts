import { spawn } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { REPOSITORY } from '../../../runtime/start/home.ts';
import { isAlive, markOf } from '../../../runtime/processes/processes.ts';
import { aFolder, eventually, runNode } from '../support.ts';
import type { ProcessMark } from '../../../runtime/processes/processes.ts';

const FREE_PORTS = {
  PORT: '0',
  TEMPORAL_PORT: '0',
  TEMPORAL_UI_PORT: '0',
  POSTGRES_PORT: '0',
  SANDBOX_STRIPE_PORT: '0',
  SANDBOX_STRIPE_CONTROL_PORT: '0',
};

interface Supervisor {
  output(): string;
  kill(signal: NodeJS.Signals): void;
  readonly exitCode: Promise<number | null>;
}

/** Uses the runtime's mode: under root, Postgres enters the folder as another user. */
function aHome(): string {
  const folder = aFolder();
  chmodSync(folder, 0o711);
  return folder;
}

/** Runs what `npm start` runs. */
function start(home: string, ...args: string[]): Supervisor {
  // An empty variable counts as absent, so this copy runs its own servers, whatever the test run uses.
  const env = { ...process.env, ...FREE_PORTS, DATABASE_URL: '', TEMPORAL_ADDRESS: '', INTERLOCK_HOME: home };
  const child = spawn(process.execPath, ['runtime/start.ts', ...args], {
    cwd: REPOSITORY,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text: Buffer) => {
      output += text.toString();
    });
  const exitCode = new Promise<number | null>((resolve) => child.once('exit', resolve));
  onTestFinished(async () => {
    child.kill('SIGTERM');
    await exitCode;
  });
  return {
    output: () => output,
    kill: (signal) => {
      child.kill(signal);
    },
    exitCode,
  };
}

const startedFile = (home: string): string => path.join(home, 'started.json');
const pidsOf = (home: string): Record<string, number> =>
  (JSON.parse(readFileSync(startedFile(home), 'utf8')) as { pids: Record<string, number> }).pids;

async function untilStarted(home: string, supervisor: Supervisor): Promise<ProcessMark[]> {
  await eventually(() => existsSync(startedFile(home)) || /^interlock: /m.test(supervisor.output()), 90_000);
  if (!existsSync(startedFile(home))) throw new Error(supervisor.output());
  return Object.values(pidsOf(home)).map((pid) => markOf(pid)!);
}

test('npm start turns an empty home into a running copy, rejects a second start, recovers a killed copy, and stops on SIGTERM', async () => {
  const home = aHome();
  const killed = start(home);
  const before = await untilStarted(home, killed);
  expect(before).toHaveLength(6);

  const refused = await runNode(['runtime/start.ts'], { env: { ...process.env, ...FREE_PORTS, INTERLOCK_HOME: home } });
  expect(refused).toMatchObject({ code: 1, stdout: '' });
  expect(refused.stderr).toMatch(/^interlock: Interlock already runs at http:\/\/127\.0\.0\.1:\d+ on .*\n$/);

  // Without their supervisor nothing stops Postgres and Temporal until the next start does.
  const { postgres, temporal } = pidsOf(home);
  killed.kill('SIGKILL');
  await killed.exitCode;
  const next = start(home);
  await eventually(() => !existsSync(startedFile(home)));
  const after = await untilStarted(home, next);
  expect(next.output()).toContain(`stopping temporal (process ${temporal!}), left over from a run that was killed`);
  expect(next.output()).toContain(`stopping postgres (process ${postgres!}), left over from a run that was killed`);
  expect(next.output()).toContain('venue and connection of the last run are still there');
  expect(before.filter(isAlive)).toEqual([]);

  next.kill('SIGTERM');
  expect(await next.exitCode).toBe(0);
  expect(after.filter(isAlive)).toEqual([]);
  expect(existsSync(startedFile(home))).toBe(false);
  expect(existsSync(path.join(home, 'instance.json'))).toBe(false);
}, 180_000);

test('npm start --fresh deletes only what the runtime created in the folder', async () => {
  const home = aHome();
  writeFileSync(path.join(home, 'mine.txt'), 'mine');
  writeFileSync(path.join(home, 'secrets.json'), 'damaged');
  const refused = await runNode(['runtime/start.ts'], { env: { ...process.env, ...FREE_PORTS, INTERLOCK_HOME: home } });
  expect(refused.stderr).toMatch(/^interlock: .*secrets\.json is damaged/);
  const supervisor = start(home, '--fresh');
  await eventually(() => readdirSync(home).includes('postgres'), 30_000);
  supervisor.kill('SIGTERM');
  expect(await supervisor.exitCode).toBe(0);
  expect(readFileSync(path.join(home, 'mine.txt'), 'utf8')).toBe('mine');
  expect(readFileSync(path.join(home, 'secrets.json'), 'utf8')).not.toBe('damaged');
}, 90_000);

test.each([
  [['--frsh'], 1, /Unknown option '--frsh'/],
  [['now'], 1, /now/],
  [['--help'], 0, /Usage: npm start/],
])('npm start with %j exits at once with code %i', async (args, code, message) => {
  const outcome = await runNode(['runtime/start.ts', ...args], { env: { ...process.env, INTERLOCK_HOME: aFolder() } });
  expect(outcome.code).toBe(code);
  expect(outcome.stdout + outcome.stderr).toMatch(message);
});
