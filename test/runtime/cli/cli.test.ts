import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { jwtVerify } from 'jose';
import { describe, expect, test } from 'vitest';
import { homeOf } from '../../../runtime/start/home.ts';
import { freePort } from '../../../runtime/start/ports.ts';
import { markOf } from '../../../runtime/processes/processes.ts';
import { loadSecrets } from '../../../runtime/start/secrets.ts';
import { aFolder, anIdleProcess, runNode } from '../support.ts';
import type { Outcome } from '../support.ts';

const VENUE = '0192f0a0-0000-7000-8000-000000000001';
const OTHER_VENUE = '0192f0a0-0000-7000-8000-000000000002';
const SECRET = 'a secret of the environment, 32 bytes or more';

const cli = (args: readonly string[], env: Record<string, string>): Promise<Outcome> =>
  runNode(['runtime/setup.mjs', 'runtime/cli.ts', ...args], { env: { PATH: process.env['PATH'], ...env } });

describe('the token command', () => {
  test('prints only a token that verifies against the secret of the home', async () => {
    const home = homeOf({ INTERLOCK_HOME: aFolder() });
    const { jwtSecret } = loadSecrets(home.secretsFile);
    const { code, stdout, stderr } = await cli(
      ['token', '--role', 'operator', '--venue', VENUE, '--venue', OTHER_VENUE, '--ttl', '60'],
      { INTERLOCK_HOME: home.folder },
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    const { payload } = await jwtVerify(stdout.trim(), Buffer.from(jwtSecret), { algorithms: ['HS256'] });
    expect(payload).toMatchObject({ sub: 'cli', role: 'operator', venues: [VENUE, OTHER_VENUE] });
    expect(payload.exp! - payload.iat!).toBe(60);
  });

  test('signs with JWT_SECRET for its issuer and audience when they are set, and an admin’s token covers all venues', async () => {
    const { stdout } = await cli(['token', '--role', 'admin'], {
      INTERLOCK_HOME: aFolder(),
      JWT_SECRET: SECRET,
      JWT_ISSUER: 'https://issuer.example',
      JWT_AUDIENCE: 'interlock',
    });
    const { payload } = await jwtVerify(stdout.trim(), Buffer.from(SECRET), {
      issuer: 'https://issuer.example',
      audience: 'interlock',
    });
    expect(payload['venues']).toBe('*');
  });

  test.each([
    [['--role', 'king', '--venue', VENUE], '--role must be viewer, operator, admin'],
    [['--role', 'viewer'], '--venue <id> is needed'],
    [['--venue', 'x'], '--venue must be the id of a venue'],
    [['--venue', VENUE, '--ttl', '0'], '--ttl must be a whole number of seconds'],
    [['--venue', VENUE, '--ttl', '1h'], '--ttl must be a whole number of seconds'],
    [['--venue', VENUE, '--colour', 'red'], "Unknown option '--colour'"],
    [['--venue', VENUE, 'extra'], 'extra'],
  ])('rejects %j in one line with exit code 2', async (args, message) => {
    const { code, stdout, stderr } = await cli(['token', ...args], { INTERLOCK_HOME: aFolder(), JWT_SECRET: SECRET });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(message);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  test('names the sources of a secret when there is none', async () => {
    const { code, stdout, stderr } = await cli(['token', '--role', 'admin'], { INTERLOCK_HOME: aFolder() });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toBe(
      'interlock: there is no secret to sign with: set JWT_SECRET, or run `npm start` once on this home\n',
    );
  });
});

describe('the queue command', () => {
  test.each([
    [['--rate', 'pause'], '--provider must be stripe'],
    [['--provider', 'paypal', '--rate', 'pause'], '--provider must be stripe'],
    [['--provider', 'stripe'], '--rate must be a number above 0, pause or release'],
    [['--provider', 'stripe', '--rate', '0'], '--rate must be'],
    [['--provider', 'stripe', '--rate', 'fast'], '--rate must be'],
    [['--provider', 'stripe', '--rate', '5', '--venue', VENUE], "Unknown option '--venue'"],
  ])('rejects %j in one line with exit code 2 and changes nothing', async (args, message) => {
    const { code, stdout, stderr } = await cli(['queue', ...args], { INTERLOCK_HOME: aFolder() });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(message);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  test('reports that the database does not answer, without its address', async () => {
    const url = `postgres://operator:a-password@127.0.0.1:${await freePort()}/interlock`;
    expect(
      await cli(['queue', '--provider', 'stripe', '--rate', 'pause'], {
        INTERLOCK_HOME: aFolder(),
        DATABASE_URL: url,
      }),
    ).toEqual({ code: 1, stdout: '', stderr: 'interlock: the database does not answer\n' });
  });
});

test.each([
  [['fly'], 2],
  [['status', 'now'], 2],
  [['help'], 0],
  [[], 0],
  [['--help'], 0],
])('the command line ends %j with exit code %i', async (args, code) => {
  expect((await cli(args, { INTERLOCK_HOME: aFolder() })).code).toBe(code);
});

test('status and stop report that nothing runs', async () => {
  const folder = aFolder();
  expect(await cli(['status'], { INTERLOCK_HOME: folder })).toEqual({
    code: 1,
    stdout: `nothing runs on ${folder}\n`,
    stderr: '',
  });
  expect(await cli(['stop'], { INTERLOCK_HOME: folder })).toEqual({
    code: 0,
    stdout: `nothing runs on ${folder}\n`,
    stderr: '',
  });
});

test('status lists running and stopped services, and stop ends the supervisor', async () => {
  const folder = aFolder();
  const supervisor = await anIdleProcess();
  const record = {
    supervisor: markOf(supervisor.pid),
    apiUrl: 'http://127.0.0.1:3999',
    children: { api: markOf(supervisor.pid), worker: { pid: supervisor.pid, startTime: '1' } },
  };
  writeFileSync(path.join(folder, 'instance.json'), JSON.stringify(record));
  const { code, stdout } = await cli(['status'], { INTERLOCK_HOME: folder });
  expect(code).toBe(0);
  expect(stdout).toContain('Interlock runs at http://127.0.0.1:3999');
  expect(stdout).toContain(`api        process ${supervisor.pid}`);
  expect(stdout).toContain('worker     down, being restarted');
  expect(await cli(['stop'], { INTERLOCK_HOME: folder })).toMatchObject({ code: 0, stdout: 'stopped\n' });
  expect(markOf(supervisor.pid)).toBeNull();
});
